"""How the command says by its exit code what came of it, beside 0, 1 and 2."""

__all__ = ["INTERRUPTED"]

INTERRUPTED = 130
"""Ctrl-C: as a shell tells of a process that the interrupt ended."""
