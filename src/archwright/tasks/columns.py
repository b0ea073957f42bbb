"""From the raw rows of a table to a network's inputs, and from its outputs to answers.

An exported table network brings this file along as the beginning of its `preprocessing.py`: it needs numpy alone, and
scikit-learn where a column is text.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np

__all__ = [
    "BOOLEANS",
    "MISSING",
    "PARTS",
    "Column",
    "Table",
    "encode",
    "gaps_of",
    "is_gap",
    "moment",
    "spelled",
]

# fmt: off
MISSING = frozenset({
    "", "?", "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN", "<NA>", "N/A",
    "NA", "NULL", "NaN", "None", "n/a", "nan", "null",
})
"""What stands in a table where there is no value."""

BOOLEANS = {
    "true": 1.0, "yes": 1.0, "y": 1.0, "t": 1.0, "1": 1.0,
    "false": 0.0, "no": 0.0, "n": 0.0, "f": 0.0, "0": 0.0,
}
"""Spellings of yes and no, in small letters."""
# fmt: on

PARTS = ("days", "month", "weekday", "hour")
"""What a date becomes: days since 1970-01-01, month from 1, weekday from 0 for Monday, hour with its fraction."""


@dataclass(frozen=True)
class Column:
    """A column of a table, and what it becomes, by what its training rows held.

    - numeric, boolean: a number (yes is 1), or `fill` where there is none; then, if `gaps`, 1 where there is none.
    - categorical: a code. Code 0 is shared by rare categories and those never seen, code i + 1 is `categories[i]`,
      and the last, if `gaps`, says that there is no value.
    - date: its `parts`, or `fill` where there is none; then, if `gaps`, 1 where there is none.
    - text: TF-IDF of its words, hashed: the counts of scikit-learn's `HashingVectorizer` times `weights`, the inverse
      document frequencies, brought to length 1.

    Args:
        name: Its name.
        kind: "numeric", "boolean", "categorical", "date" or "text".
        fill: The numbers that stand for a missing value.
        gaps: Whether training rows missed values.
        categories: As they are spelled.
        format: Of a date, as for `datetime.strptime`; "iso" for `datetime.fromisoformat`.
        parts: Some of `PARTS`.
        weights: One for each hashed feature of a text.
        lenient: Whether what is no number counts as a missing one.
    """

    name: str
    kind: str
    fill: tuple[float, ...] = ()
    gaps: bool = False
    categories: tuple[str, ...] = ()
    format: str = ""
    parts: tuple[str, ...] = ()
    weights: tuple[float, ...] = ()
    lenient: bool = False

    @property
    def features(self) -> tuple[str, ...]:
        """Names of the numbers that it becomes, in their order."""
        if self.kind == "text":
            return tuple(f"{self.name} #{i}" for i in range(len(self.weights)))
        if self.kind == "categorical":
            return (self.name,)
        made = [f"{self.name} ({part})" for part in self.parts] if self.kind == "date" else [self.name]
        return (*made, *([f"{self.name} (missing)"] if self.gaps else []))

    @property
    def cardinality(self) -> int:
        """Number of its codes; 0 where it is not categorical."""
        return 1 + len(self.categories) + self.gaps if self.kind == "categorical" else 0

    def encode(self, values: Any) -> np.ndarray[Any, Any]:
        """Raw values as numbers, shape (N, features), 64 bits.

        Raises:
            ValueError: When a value is not of the column's kind, or infinite.
        """
        if self.kind == "text":
            return self._words(["" if is_gap(value) else spelled(value) for value in values])
        if self.kind == "categorical":
            codes = {category: code for code, category in enumerate(self.categories, 1)}
            none = len(codes) + 1 if self.gaps else 0
            found = [none if is_gap(value) else codes.get(spelled(value), 0) for value in values]
            return np.array(found, np.float64).reshape(-1, 1)
        if isinstance(values, np.ndarray) and values.dtype.kind in "biuf":
            numbers = values.astype(np.float64).reshape(-1, 1)
            if np.isinf(numbers).any():
                raise ValueError(f"column {self.name!r}: expected finite numbers, got infinity")
        else:
            known: dict[Any, tuple[float, ...]] = {}
            rows = [known[v] if v in known else known.setdefault(v, self._read(v)) for v in values]
            numbers = np.array(rows, np.float64).reshape(len(rows), len(self.fill))
        missing = np.isnan(numbers[:, :1])
        filled = np.where(missing, np.array(self.fill), numbers)
        return np.concatenate([filled, missing], axis=1) if self.gaps else filled

    def _read(self, value: Any) -> tuple[float, ...]:
        """One value as numbers; NaN where it is missing."""
        none = (float("nan"),) * len(self.fill)
        if is_gap(value):
            return none
        text = spelled(value)
        try:
            if self.kind == "date":
                found = moment(text, self.format)
                hour = found.hour + found.minute / 60
                seconds = (found - datetime(1970, 1, 1)).total_seconds()
                parts = (seconds / 86400, float(found.month), float(found.weekday()), hour)
                return tuple(part for name, part in zip(PARTS, parts, strict=True) if name in self.parts)
            number = BOOLEANS[text.lower()] if text.lower() in BOOLEANS else float(text)
        except ValueError:
            if self.lenient:
                return none
            example = (
                "2024-12-31" if self.format == "iso" else datetime(2024, 12, 31, 13, 30).strftime(self.format)
            )
            wanted = f"a date such as {example}" if self.kind == "date" else "a number"
            raise ValueError(f"column {self.name!r}: expected {wanted}, got {text!r}") from None
        if number in (float("inf"), float("-inf")):
            raise ValueError(f"column {self.name!r}: expected finite numbers, got infinity")
        return (number,)

    def _words(self, texts: list[str]) -> np.ndarray[Any, Any]:
        from sklearn.feature_extraction.text import HashingVectorizer

        hashing = HashingVectorizer(n_features=len(self.weights), alternate_sign=False, norm=None)
        counts: np.ndarray[Any, Any] = hashing.transform(texts).toarray() * np.array(self.weights)
        length = np.sqrt((counts**2).sum(axis=1, keepdims=True))
        return counts / np.where(length > 0, length, 1)


def is_gap(value: Any) -> bool:
    """Whether there is no value: None, NaN, or one of `MISSING`."""
    if isinstance(value, str):
        return value.strip() in MISSING
    return value is None or type(value).__name__ in ("NAType", "NaTType") or bool(value != value)


def gaps_of(values: Any) -> np.ndarray[Any, Any]:
    """Where values are missing, shape (N,) of booleans."""
    if isinstance(values, np.ndarray) and values.dtype.kind in "biuf":
        return np.isnan(values)
    return np.array([is_gap(value) for value in values], bool)


def spelled(value: Any) -> str:
    """A value as a table spells it: whole numbers without a point."""
    if isinstance(value, float | np.floating) and float(value).is_integer():
        return str(int(value))
    return str(value).strip()


def moment(text: str, form: str) -> datetime:
    """A date and time, without a zone; what has a zone is brought to UTC.

    Raises:
        ValueError: When it is not written in this form.
    """
    found = datetime.fromisoformat(text) if form == "iso" else datetime.strptime(text, form)
    return found.astimezone(UTC).replace(tzinfo=None) if found.tzinfo else found


def encode(columns: Sequence[Column], table: Mapping[str, Any]) -> np.ndarray[Any, Any]:
    """The columns of a table as numbers, shape (N, features), 64 bits.

    Raises:
        ValueError: When a column is not there, or a value is not of its column's kind.
    """
    for column in columns:
        if column.name not in table:
            raise ValueError(f"expected a value for each column, got none for {column.name!r}")
    return np.concatenate([column.encode(table[column.name]) for column in columns], axis=1)


@dataclass(frozen=True)
class Table:
    """What stands before a network that learned from a table, and behind it.

    Args:
        columns: In the order of a row.
        mean: Is subtracted, one number a feature.
        std: By what is divided then.
        kind: "classification", "regression" or "multilabel".
        classes: Names of the outputs of a classifier.
        target_mean: Is added to a regression's outputs at last.
        target_std: By what they are multiplied.
    """

    columns: tuple[Column, ...]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    kind: str
    classes: tuple[str, ...] = ()
    target_mean: tuple[float, ...] = ()
    target_std: tuple[float, ...] = ()

    def prepare(self, rows: Any) -> np.ndarray[Any, Any]:
        """Raw rows as a network takes them, shape (N, features), 32 bits.

        Args:
            rows: A row as a dict from column to value, or as a list of values in the order of `columns`; a list of
                such rows; or a dict from column to a list of values. Values are as in the table, text or numbers.

        Raises:
            ValueError: When a column is not there, or a value is not of its column's kind.
        """
        numbers = encode(self.columns, self._by_column(rows))
        prepared: np.ndarray[Any, Any] = (numbers - np.array(self.mean)) / np.array(self.std)
        return prepared.astype(np.float32)

    def restore(self, outputs: Any) -> list[Any]:
        """A network's outputs as answers.

        Args:
            outputs: Shape (N, outputs).

        Returns:
            For each row the name of the class; of several labels the tuple of those that hold; of amounts the number
            in the target's unit, or a list of them where there are several.
        """
        outputs = np.asarray(outputs, np.float64)
        if self.kind == "classification":
            return [self.classes[best] for best in outputs.argmax(axis=1)]
        if self.kind == "multilabel":
            return [tuple(np.array(self.classes)[row > 0].tolist()) for row in outputs]
        amounts = outputs * np.array(self.target_std) + np.array(self.target_mean)
        answers: list[Any] = (amounts[:, 0] if amounts.shape[1] == 1 else amounts).tolist()
        return answers

    def _by_column(self, rows: Any) -> Mapping[str, Sequence[Any]]:
        if isinstance(rows, Mapping):
            if any(isinstance(value, list | tuple | np.ndarray) for value in rows.values()):
                return rows
            rows = [rows]
        elif len(rows) and not isinstance(rows[0], Mapping | list | tuple | np.ndarray):
            rows = [rows]
        if not len(rows):
            raise ValueError("expected at least one row, got none")
        names = [column.name for column in self.columns]
        for row in rows:
            if not isinstance(row, Mapping) and len(row) != len(names):
                raise ValueError(f"expected {len(names)} values, {', '.join(names)}, got {len(row)}")
        named = [row if isinstance(row, Mapping) else dict(zip(names, row, strict=True)) for row in rows]
        return {name: [row[name] for row in named] for name in names if all(name in row for row in named)}
