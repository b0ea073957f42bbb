"""Archwright: neural architecture search for PyTorch."""
