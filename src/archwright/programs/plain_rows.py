"""Rows of memory as arrays of NumPy: what stands in for `archwright.programs.rows` without numba."""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["absolute", "any_less", "load", "spread", "store", "where_less"]

absolute: Any = np.abs


def load(array: Any, row: Any, lanes: Any) -> Any:
    """The row of an array at a place; `lanes` are as many zeros as there are tasks."""
    return array.reshape(-1, len(lanes))[row].copy()


def store(array: Any, row: Any, value: Any) -> None:
    """Write a row into an array."""
    array.reshape(-1, len(value))[row] = value


def spread(number: Any, lanes: Any) -> Any:
    """A row of one number."""
    return np.full(len(lanes), number)


def where_less(x: Any, y: Any, then: Any, other: Any) -> Any:
    """The numbers of `then` where those of x are less than those of y, else of `other`; so where one is NaN."""
    return np.where(x < y, then, other)


def any_less(x: Any, y: Any) -> bool:
    """Whether a number of x is less than that of y."""
    return bool((x < y).any())
