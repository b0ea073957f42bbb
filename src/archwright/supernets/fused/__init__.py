"""Cells of mixed operations by compiled kernels, several times faster and smaller than by one module an operation.

- `accelerate`: gives a network's cells to the kernels, for as long as their gates mix.
- `FusedCell`: such a cell.

The kernels are compiled by numba the first time that a machine runs them, and kept for the next.
"""

from archwright.supernets.fused.accelerate import FusedCell, accelerate

__all__ = ["FusedCell", "accelerate"]
