"""What kind of values stand in the columns of a table, and how its training rows say they are encoded."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archwright.errors import TaskError
from archwright.tasks.columns import BOOLEANS, PARTS, Column, gaps_of, is_gap, moment, spelled
from archwright.tasks.preprocessing import rounded

__all__ = ["date_format", "fit_column", "number_of", "recognize"]

WORDS = 64
"""Numbers that a text becomes."""

MOST_CATEGORIES = 1000
"""More than these share a code with the rare ones."""

_CODE = re.compile(r"[+-]?0\d+")
"""A number that is written with zeros before it, which tell codes apart: 007 and 7."""

_WORDS_OF_BOOLEANS = frozenset(BOOLEANS) - {"0", "1"}

_DAYS = ("%Y/%m/%d", "%d.%m.%Y", "%m/%d/%Y", "%d/%m/%Y", "%d-%m-%Y", "%m/%d/%y", "%d/%m/%y", "%d %b %Y", "%d %B %Y",
         "%b %d, %Y", "%B %d, %Y")  # fmt: skip
_TIMES = ("", " %H:%M", " %H:%M:%S", " %I:%M %p", " %I:%M:%S %p")
_FORMATS = ("iso", *(day + time for day in _DAYS for time in _TIMES))


def recognize(where: str, name: str, values: NDArray[Any]) -> tuple[str, str]:
    """The kind of a column, and the format of its dates.

    Numbers are numeric, but those written with leading zeros are categories: codes keep their spelling. Of text, what
    is a date in one format throughout is a date; several words that mostly differ from row to row are text; all else
    are categories.

    Args:
        where: What begins an error: the file.
        name: The column.
        values: Its raw values, numbers or text.

    Returns:
        One of `header.KINDS`, or "" where there is no value; and a format of `Column`.

    Raises:
        TaskError: When most values, but not all, are numbers, so that a kind must be said.
    """
    if values.dtype.kind in "biuf":
        return ("boolean" if values.dtype.kind == "b" else "numeric"), ""
    present = Counter(spelled(value) for value in values.tolist() if not is_gap(value))
    total = sum(present.values())
    if not present:
        return "", ""
    if all(text.lower() in BOOLEANS for text in present) and not all(text.isdigit() for text in present):
        return "boolean", ""
    numbers = {text: count for text, count in present.items() if _is_number(text)}
    if len(numbers) == len(present):
        return ("categorical" if any(map(_CODE.fullmatch, present)) else "numeric"), ""
    if sum(numbers.values()) > total / 2:
        rows = [row for row, v in enumerate(values.tolist()) if not is_gap(v) and spelled(v) not in numbers]
        raise TaskError(
            f"{where}: expected numbers in column {name!r}, got {spelled(values[rows[0]])!r} in row {rows[0] + 1} "
            f"({len(rows)} of {len(values)} rows are no numbers); correct them, or say what the column is: --column "
            f"{name}=numeric takes them as missing, {name}=categorical the numbers as names (from Python: "
            f"columns={{{name!r}: 'numeric'}}), or leave it out with --drop {name} (drop=[{name!r}])"
        )
    if all(_is_number(text.replace(",", ".", 1)) for text in present):
        raise TaskError(
            f"{where}: the numbers in column {name!r} have a decimal comma, such as {next(iter(present))!r}; write "
            f"them with a point, or say --column {name}=categorical (from Python: columns={{{name!r}: 'categorical'}})"
        )
    if form := date_format(present):
        return "date", form
    words = sum(len(text.split()) * count for text, count in present.items()) / total
    return ("text" if words >= 2 and len(present) > total / 2 else "categorical"), ""


def date_format(texts: Iterable[str]) -> str:
    """The first format in which all texts are dates; "" where there is none."""
    texts = list(texts)
    return next((form for form in _FORMATS if all(_is_date(text, form) for text in texts)), "")


def _is_date(text: str, form: str) -> bool:
    try:
        moment(text, form)
    except ValueError:
        return False
    return True


def number_of(text: str) -> float:
    """A text as a number, yes as 1 and no as 0; NaN where it is none."""
    try:
        return BOOLEANS[text.lower()] if text.lower() in BOOLEANS else float(text)
    except ValueError:
        return math.nan


def _is_number(text: str) -> bool:
    return text.lower() not in _WORDS_OF_BOOLEANS and not math.isnan(number_of(text))


def fit_column(name: str, kind: str, form: str, lenient: bool, values: Sequence[Any]) -> Column | str:
    """How a column is encoded, by the values of the training rows alone.

    Args:
        name: Its name.
        kind: One of `header.KINDS`; "" where it has no values.
        form: The format of its dates.
        lenient: Whether what is no number counts as missing.
        values: Of the training rows.

    Returns:
        The column, or why it is left out.
    """
    missing = gaps_of(values)
    if kind == "" or missing.all():
        return "has no values"
    gaps = bool(missing.any())
    if kind == "categorical":
        return _categories(name, gaps, values)
    if kind == "text":
        return _text(name, values)
    parts, width = (PARTS, len(PARTS)) if kind == "date" else ((), 1)
    column = Column(name, kind, fill=(float("nan"),) * width, format=form, parts=parts, lenient=lenient)
    encoded = column.encode(values)
    known = encoded[~np.isnan(encoded[:, 0])]
    gaps = len(known) < len(encoded)
    varies = (known.min(axis=0) < known.max(axis=0)) if len(known) else np.zeros(width, bool)
    if not varies.any():
        if not gaps or not len(known):
            return "never changes" if len(known) else "has no values"
        varies[0] = True  # what is missing varies
    means, spreads = known.mean(axis=0), known.std(axis=0)
    fill = tuple(
        rounded(float(m), float(s) or 1.0) for m, s in zip(means[varies], spreads[varies], strict=True)
    )
    kept = tuple(part for part, does in zip(parts, varies, strict=True) if does) if parts else ()
    return Column(name, kind, fill=fill, gaps=gaps, format=form, parts=kept, lenient=lenient)


def _categories(name: str, gaps: bool, values: Sequence[Any]) -> Column | str:
    """Categories that are frequent enough to be learned: with 500 rows twice, with 5,000 ten times."""
    counts = Counter(spelled(value) for value in values if not is_gap(value))
    enough = max(2, min(10, len(values) // 500))
    known = [text for text, count in counts.most_common(MOST_CATEGORIES) if count >= enough]
    if len(counts) == counts.total() > 1:
        return "has another value in every row"
    if not known:
        return "has values that hardly ever come twice"
    if len(counts) == 1 and not gaps:
        return "never changes"
    return Column(name, "categorical", gaps=gaps, categories=tuple(sorted(known)))


def _text(name: str, values: Sequence[Any]) -> Column | str:
    """Weights of the hashed words: scikit-learn's smoothed inverse document frequencies, log((1 + n)/(1 + df)) + 1."""
    counted = Column(name, "text", weights=(1.0,) * WORDS).encode(values)
    if not counted.any():
        return "has no words"
    frequency = (counted > 0).sum(axis=0)
    weights = np.log((1 + len(values)) / (1 + frequency)) + 1
    return Column(name, "text", weights=tuple(rounded(weight, 1.0) for weight in weights.tolist()))
