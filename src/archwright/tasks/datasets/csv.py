"""A task from a table in a CSV file."""

from __future__ import annotations

import re
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Unpack

import numpy as np
from numpy.typing import NDArray

from archwright.errors import TaskError
from archwright.tasks.datasets.arrays import TargetOptions
from archwright.tasks.datasets.header import check_columns, read_header
from archwright.tasks.datasets.tables import GIVEN, Given, learn_table, raw_values, several_targets
from archwright.tasks.targets import REGRESSION, looks_like_labels
from archwright.tasks.task import Task

__all__ = ["from_csv"]

_SPELLED = ("categorical", "text", "date")
"""Kinds whose values are taken as they are written."""

_ZEROS = re.compile(rb"(?:^|[,;\t|\"\s])[+-]?0\d")
"""What a file has that writes a number with a zero before it."""

_OPTIONS: Any = {"index_col": False, "encoding": "utf-8-sig", "low_memory": False, "compression": None}


def from_csv(
    path: str | Path,
    target: str | Sequence[str],
    *,
    drop: Sequence[str] = (),
    columns: Mapping[str, str] | None = None,
    validation: float | str | Path = 0.2,
    test: float | str | Path | None = 0.2,
    balance: bool | None = None,
    separator: str | None = None,
    name: str | None = None,
    identify: bool = True,
    **options: Unpack[TargetOptions],
) -> Task:
    """A task from a CSV file: a header, columns of any kind, with gaps or without, and what is to be predicted.

    Numbers stay numbers, and yes and no become 1 and 0; a gap is filled by the mean, and a further input says where.
    Names are categories, codes that a network looks up in an embedding: a missing value is a category of its own, and
    rare ones share a code with those that come up later. Numbers with leading zeros are such codes too. Dates become
    days, month, weekday and hour, and texts of several words hashed TF-IDF. Columns that never change are left out,
    and so are whole numbers that only number or identify the rows, unless `columns` gives their kind. What is counted
    is counted in the training part alone, and the task's `notes` say what was recognised.

    Args:
        path: The file, in UTF-8. Its first line names the columns.
        target: The column to be predicted. Text, booleans, integers with at most 20 different values and the
            integers 0 to k-1 with at least 10 examples each are classes; other numbers are amounts. Classes
            are told apart as they are written: 007, 07 and 7 are three. Several columns are all numbers, a regression
            of several outputs, or all yes and no, which is multilabel.
        drop: Columns to leave out.
        columns: Column to kind, where it is not to be recognised: "numeric", where what is no number is a gap,
            "boolean", "categorical", "date" or "text".
        validation: Share of the rows for validation, or a file of the same columns.
        test: Share of the rows for test, a file of the same columns, or None where somebody else keeps the test data.
        balance: Whether each class counts the same in the loss, as with `class_weights="balanced"`, and balanced
            accuracy is what is optimised. None does so where the largest class has 10 times the training rows of the
            rarest.
        separator: What stands between columns; None takes the one of `,`, `;`, tab and `|` that makes most of
            the header.
        name: What to call the task; None takes the file's name.
        identify: Whether columns that only tell rows apart are left out, and the model card tells all that is left
            out. Runs of earlier versions, which did neither, are resumed without.
        options: `kind`, `classes`, `seed`, `standardize` and `class_weights`, as for `from_arrays`.

    Raises:
        TaskError: When the file is no such table: an unknown column, infinity, a few words among numbers, a target
            that is missing. Names the column and the row, counted from 1 below the header.
    """
    path = Path(path)
    targets = [target] if isinstance(target, str) else list(target)
    kinds = dict(columns or {})
    files = [path, *(Path(part) for part in (validation, test) if isinstance(part, str | Path))]
    frames = [_read(file, targets, drop, separator) for file in files]
    features = _features(files, frames, {*targets, *drop})
    written = _written(path, frames[0], features, kinds, separator)
    read = _targets(files, frames, targets, separator, options)
    given = [
        Given(str(file), _columns(file, frame, features, written, separator), label)
        for file, frame, label in zip(files, frames, read, strict=True)
    ]
    shares = [GIVEN if isinstance(part, str | Path) else part for part in (validation, test)]
    called = path.stem if name is None else name
    note = f"the columns of {path.name} in the order of `features`"
    return learn_table(given, targets, kinds, shares, balance, called, note, identify, **options)


def _read(path: Path, targets: Sequence[str], drop: Sequence[str], separator: str | None) -> Any:
    """The table as pandas reads it, with its target free of gaps."""
    import pandas as pd

    header, separator = read_header(path, separator)
    check_columns(path, header, targets, drop)
    try:
        with warnings.catch_warnings():
            # index_col=False: else rows longer than the header silently make the first column an index. With
            # it, what is too long is cut off with this warning.
            warnings.simplefilter("error", pd.errors.ParserWarning)
            frame = pd.read_csv(path, sep=separator, **_OPTIONS)
    except (pd.errors.ParserError, pd.errors.ParserWarning, UnicodeDecodeError, OSError) as error:
        raise TaskError(
            f"{path}: expected rows of {len(header)} values in UTF-8, as the header has, but: {error}"
        ) from error
    if frame.empty:
        raise TaskError(f"{path}: expected rows below the header, got none")
    if len(frame.columns) != len(header):
        raise TaskError(f"{path}: expected the column names in the first line, got {', '.join(header)}")
    frame.columns = pd.Index(header)
    for column in targets:
        _check_filled(path, column, frame[column].isna().to_numpy())
    return frame


def _features(files: Sequence[Path], frames: Sequence[Any], others: set[str]) -> list[str]:
    """The columns to learn from, which all files have in one order.

    Args:
        files: The files.
        frames: What stands in them.
        others: Columns that are predicted or left out.
    """
    each = [[column for column in frame.columns if column not in others] for frame in frames]
    for file, names in zip(files, each, strict=True):
        if names != each[0]:
            differs = sorted(set(names) ^ set(each[0]))
            told = f"not both have {', '.join(differs)}" if differs else "they come in another order"
            raise TaskError(f"{file}: expected the same columns as {files[0].name}, but {told}")
    return each[0]


def _written(
    path: Path, frame: Any, features: Sequence[str], kinds: Mapping[str, str], separator: str | None
) -> list[str]:
    """The features whose values are taken as they are written, since numbers would lose something."""
    texts = [name for name in features if frame[name].dtype.kind not in "biuf" or kinds.get(name) in _SPELLED]
    padded = _with_zeros(path, frame, separator)
    return texts + [name for name in padded if name in features and name not in kinds]


def _with_zeros(path: Path, frame: Any, separator: str | None) -> list[str]:
    """Columns of whole numbers, some of which are written with zeros before them."""
    whole = [name for name in frame.columns if frame[name].dtype.kind in "if"]
    if not whole or not _ZEROS.search(path.read_bytes()):
        return []
    texts = _texts(path, whole, separator)
    return [name for name in whole if texts[name].str.fullmatch(r"\s*[+-]?0\d+\s*").any()]


def _columns(
    path: Path, frame: Any, features: Sequence[str], written: Sequence[str], separator: str | None
) -> dict[str, NDArray[Any]]:
    """The features: numbers, or texts as they are written."""
    texts = _texts(path, written, separator) if written else frame
    return {name: raw_values(texts[name] if name in written else frame[name]) for name in features}


def _texts(path: Path, columns: Sequence[str], separator: str | None) -> Any:
    """Columns as they are written."""
    import pandas as pd

    header, mark = read_header(path, separator)
    places = sorted({header.index(name) for name in columns})
    read = pd.read_csv(path, sep=mark, usecols=places, dtype=str, **_OPTIONS)
    read.columns = pd.Index([header[place] for place in places])
    return read


def _targets(
    files: list[Path],
    frames: Sequence[Any],
    targets: Sequence[str],
    separator: str | None,
    options: Mapping[str, Any],
) -> list[NDArray[Any]]:
    """What is predicted, of each file; labels as they are written where numbers would not tell them apart."""
    labels = [[frame[column].to_numpy() for column in targets] for frame in frames]
    if len(targets) > 1:
        return [several_targets(str(file), targets, each) for file, each in zip(files, labels, strict=True)]
    columns = [each[0] for each in labels]
    kind, named = options.get("kind"), bool(options.get("classes"))
    if kind == REGRESSION:
        return columns
    return _as_written(columns, files, targets[0], separator, bool(kind) or named, named)


def _as_written(
    columns: list[NDArray[Any]],
    files: list[Path],
    target: str,
    separator: str | None,
    as_labels: bool,
    named: bool,
) -> list[NDArray[Any]]:
    """Labels as texts where numbers would lose what tells them apart, as 007 and 7, or their zeros."""
    numeric = {column.dtype.kind in "iuf" for column in columns}
    if numeric == {False}:
        return columns
    if numeric == {True} and not (as_labels or looks_like_labels(np.concatenate(columns))):
        return columns
    texts = [_texts(file, [target], separator)[target].str.strip().to_numpy() for file in files]
    if numeric == {True}:
        numbers, written = np.concatenate(columns), set(np.concatenate(texts).tolist())
        merged = len(written) > len(np.unique(numbers))
        padded = numbers.dtype.kind in "iu" and not named and written != set(map(str, numbers.tolist()))
        if not merged and not padded:
            return columns
    return texts


def _check_filled(path: Path, column: str, missing: NDArray[Any]) -> None:
    rows = np.flatnonzero(missing)
    if rows.size:
        raise TaskError(
            f"{path}: column {column!r} has no value (or NA, NaN, None, null) in {rows.size} of "
            f"{len(missing)} rows, the first of them row {rows[0] + 1}; fill them in, or leave out these rows: a "
            "target must be known"
        )
