"""Compiling by numba, where the extra `cpu` is installed; else the same functions run as plain Python."""

from __future__ import annotations

import contextlib
from importlib.util import find_spec
from typing import Any

import numpy as np

__all__ = ["COMPILED", "compiled", "inlined", "quiet"]

COMPILED = find_spec("numba") is not None
"""Whether programs run compiled. If not, each instruction is a call of NumPy, over a thousand times slower."""


def compiled(function: Any, **options: Any) -> Any:
    """A function of arrays and numbers, compiled the first time that a machine runs it, and kept for the next.

    It can make no array, since references to arrays are not counted: counting takes ten times as long as an instruction
    of a program.
    """
    if not COMPILED:
        return function
    from numba import njit

    # Division by zero is infinite or NaN, as in IEEE 754, and no error. The stubs of numba lack _nrt.
    untyped: Any = njit
    return untyped(cache=True, nogil=True, error_model="numpy", _nrt=False, **options)(function)


def inlined(function: Any) -> Any:
    """As `compiled`, into whoever calls it."""
    return compiled(function, forceinline=True)


def quiet() -> contextlib.AbstractContextManager[Any]:
    """While a block runs, NumPy does not warn of infinity, NaN and of whole numbers that wrap around."""
    return np.errstate(all="ignore")
