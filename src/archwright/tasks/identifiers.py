"""Columns of a table that number or name its rows, so that nothing can be learned from them."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["IDENTIFYING", "groups_of", "identifies", "step_of"]

IDENTIFYING = (
    "identifies rows by its name, and no value comes twice",
    "numbers the rows: it changes by 1 from each to the next",
)
"""Why a column is left out."""

LEAST = 10
"""Rows from which on consecutive numbers are taken to be no coincidence."""

_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
"""A word of a name: `customer` and `ID` in both `customer_id` and `customerID`."""

_IDENTIFIERS = frozenset({"id", "ids", "uid", "uuid", "guid", "rowid", "userid", "customerid"})
"""Last words of the names of what identifies."""

_NUMBERS = frozenset({"index", "idx", "key", "no", "nr", "num", "number"})
"""Words that do so behind one of `_THINGS`: `customer_number`, but neither `steps_number` nor `price_index`."""

_THINGS = frozenset({
    "account", "case", "client", "customer", "employee", "id", "invoice", "member", "order", "passenger", "patient",
    "record", "row", "serial", "ticket", "transaction", "user",
})  # fmt: skip

_ALONE = frozenset({"index", "idx", "row", "rownum", "nr", "no", "key"})
"""Words that do so where a name has no other."""

_TIMES = frozenset({
    "time", "timestamp", "date", "datetime", "year", "years", "yr", "season", "quarter", "month", "months", "week",
    "weeks", "day", "days", "hour", "hours", "hr", "minute", "minutes", "min", "second", "seconds", "sec", "ms", "t",
    "epoch", "age",
})  # fmt: skip
"""Words of a name by which numbers that run from row to row are a time."""

_DIGITS = re.compile(r"[+-]?\d+")


def identifies(name: str, values: NDArray[Any]) -> str:
    """Why a column of numbers can only tell rows apart; "" where it may be a measurement.

    It must hold whole numbers, without a gap and each once. Either its name says that it identifies, or the numbers
    run by one from row to row and are no time: neither by name nor, as years or as seconds since 1970, by size. Floats
    are never taken for it, nor whole numbers that run by another step, such as 0, 5, 10.

    Args:
        name: Of the column.
        values: Of all rows in their order; numbers, or texts as they were read.
    """
    numbers = _whole(values)
    if numbers is None or len(numbers) < 2 or len(np.unique(numbers)) < len(numbers):
        return ""
    words = _words(name)
    time = _may_be_time(words, numbers)
    if _names_rows(words) or (_is_index(words) and not time):
        return IDENTIFYING[0]
    return IDENTIFYING[1] if abs(_step(numbers)) == 1 and not time else ""


def step_of(name: str, values: NDArray[Any]) -> float:
    """By how much whole numbers change from each row to the next, where that may number the rows; 0 where not.

    Args:
        name: Of the column.
        values: As for `identifies`.
    """
    numbers = _whole(values)
    return 0 if numbers is None or _TIMES & set(_words(name)) else _step(numbers)


def groups_of(name: str, values: NDArray[Any]) -> int:
    """How many things a column of whole numbers names, by its name, where some stand in several rows; 0 where not.

    Args:
        name: Of the column.
        values: As for `identifies`.
    """
    numbers = _whole(values)
    if numbers is None or not _names_rows(_words(name)):
        return 0
    different = len(np.unique(numbers))
    return different if different < len(numbers) else 0


def _whole(values: NDArray[Any]) -> NDArray[Any] | None:
    """Values as whole numbers; None where one is none, or missing."""
    if values.dtype.kind in "iu":
        return values
    if values.dtype.kind != "O" or not all(
        isinstance(value, str) and _DIGITS.fullmatch(value) for value in values
    ):
        return None
    return np.array([int(value) for value in values], object)


def _step(numbers: NDArray[Any]) -> float:
    """By how much numbers change from row to row; 0 where the change is not the same, or rows are too few to say."""
    if len(numbers) < LEAST:
        return 0
    first = int(numbers[1]) - int(numbers[0])
    exact = numbers.astype(object) if numbers.dtype.kind == "u" else numbers
    return first if (np.diff(exact) == first).all() else 0


def _words(name: str) -> list[str]:
    return [word.lower() for word in _WORD.findall(name)]


def _names_rows(words: list[str]) -> bool:
    """Whether a name says that its column identifies rows: `ID`, `customerId`, `order no`."""
    numbered = len(words) == 2 and words[0] in _THINGS and words[1] in _NUMBERS
    return numbered or bool(_IDENTIFIERS & set(words[-1:]))


def _is_index(words: list[str]) -> bool:
    """Whether a name is that of a frame's index, which may hold years: `index`, or `Unnamed: 0` as pandas reads it."""
    return words[:1] == ["unnamed"] or (len(words) == 1 and words[0] in _ALONE)


def _may_be_time(words: list[str], numbers: NDArray[Any]) -> bool:
    """Whether consecutive numbers may be times: by their name, as years, or as seconds since 1970."""
    low, high = int(numbers.min()), int(numbers.max())
    return bool(_TIMES & set(words)) or (low >= 1500 and high <= 2500) or low >= 10**8
