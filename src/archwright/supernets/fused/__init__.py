"""Cells of mixed operations by compiled kernels, several times faster and smaller than by one module an operation.

- `accelerate`: gives a network's cells to the kernels, for as long as their gates mix.
- `FusedCell`: such a cell.

The kernels are compiled by numba the first time that a machine runs them, and kept for the next. Importing this room
without numba raises `MissingExtraError`.
"""

from importlib.util import find_spec

from archwright.errors import MissingExtraError

for _package in ("numba", "llvmlite"):
    if find_spec(_package) is None:
        raise MissingExtraError(_package, "cpu", "a supernet's compiled CPU kernels")

from archwright.supernets.fused.accelerate import FusedCell, accelerate  # noqa: E402

__all__ = ["FusedCell", "accelerate"]
