"""Cells of mixed operations by compiled kernels, several times faster and smaller than by one module an operation."""
