"""Cells of mixed operations by compiled kernels, several times faster and smaller than by one module an operation.

- `accelerate`: gives a network's cells to the kernels, for as long as their gates mix.
- `FusedCell`: such a cell.

The kernels are compiled by numba the first time that a machine runs them, and kept for the next. Importing this room
without numba raises `MissingExtraError`, with a numba that does not work here `UsageError`.
"""

from importlib.util import find_spec

from archwright.errors import MissingExtraError, UsageError

for _package in ("numba", "llvmlite"):
    if find_spec(_package) is None:
        raise MissingExtraError(_package, "cpu", "a supernet's compiled CPU kernels")

try:
    from archwright.supernets.fused.accelerate import FusedCell, accelerate
except Exception as _error:  # whatever an installation that does not fit together raises
    raise UsageError(
        f"a supernet's compiled CPU kernels cannot be loaded, though numba is installed ({type(_error).__name__}: "
        f"{_error}); install versions that fit together: pip install --upgrade 'archwright[cpu]'"
    ) from _error

__all__ = ["FusedCell", "accelerate"]
