"""A task from a table in a CSV file."""

from __future__ import annotations

import csv
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Unpack

import numpy as np
from numpy.typing import NDArray

from archwright.errors import TaskError, did_you_mean
from archwright.tasks.datasets.arrays import TargetOptions, from_arrays
from archwright.tasks.targets import REGRESSION, looks_like_labels
from archwright.tasks.task import Task

__all__ = ["from_csv"]

SEPARATORS = (",", ";", "\t", "|")

_OPTIONS: Any = {"index_col": False, "encoding": "utf-8-sig", "low_memory": False, "compression": None}


def from_csv(
    path: str | Path,
    target: str,
    *,
    drop: Sequence[str] = (),
    validation: float | str | Path = 0.2,
    test: float | str | Path = 0.2,
    separator: str | None = None,
    name: str | None = None,
    **options: Unpack[TargetOptions],
) -> Task:
    """A task from a CSV file: a header, numeric columns, and one column to be predicted.

    Args:
        path: The file, in UTF-8. Its first line names the columns.
        target: The column to be predicted. Text, booleans, integers with at most 20 different values and the
            integers 0 to k-1 with at least 10 examples each are classes; other numbers are amounts. Classes
            are told apart as they are written: 007, 07 and 7 are three.
        drop: Columns to leave out.
        validation: Share of the rows for validation, or a file of the same columns.
        test: Share of the rows for test, or a file of the same columns.
        separator: What stands between columns; None takes the one of `,`, `;`, tab and `|` that makes most of
            the header.
        name: What to call the task; None takes the file's name.
        options: `kind`, `classes`, `seed`, `standardize` and `class_weights`, as for `from_arrays`.

    Raises:
        TaskError: When the file is no such table: a column that is not numeric, a missing value, an unknown
            target. Names the column and the row, counted from 1 below the header.
    """
    path = Path(path)
    files = [path, *(Path(part) for part in (validation, test) if isinstance(part, str | Path))]
    tables = [_read(file, target, drop, separator) for file in files]
    features = tables[0][0]
    for file, (names, _, _) in zip(files, tables, strict=True):
        if names != features:
            differs = sorted(set(names) ^ set(features))
            told = f"not both have {', '.join(differs)}" if differs else "they come in another order"
            raise TaskError(f"{file}: expected the same columns as {path.name}, but {told}")
    labels = [column for _, _, column in tables]
    if (kind := options.get("kind")) != REGRESSION:
        classes = bool(options.get("classes"))
        labels = _as_written(labels, files, target, separator, bool(kind) or classes, classes)
    parts = iter([(numbers, column) for (_, numbers, _), column in zip(tables, labels, strict=True)])
    inputs, targets = next(parts)
    return from_arrays(
        inputs,
        targets,
        validation=next(parts) if isinstance(validation, str | Path) else validation,
        test=next(parts) if isinstance(test, str | Path) else test,
        features=features,
        target=target,
        name=path.stem if name is None else name,
        note=f"the columns of {path.name} in the order of `features`",
        **options,
    )


def _read(
    path: Path, target: str, drop: Sequence[str], separator: str | None
) -> tuple[tuple[str, ...], NDArray[Any], NDArray[Any]]:
    """Names and numbers of the features, and the raw targets, all without gaps."""
    import pandas as pd

    header, separator = _header(path, separator)
    _check_header(path, header, target, drop)
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
    names = tuple(column for column in header if column != target and column not in drop)
    for column in (target, *names):
        _check_filled(path, column, frame[column].isna().to_numpy())
    labels = frame[target].to_numpy()
    columns = [_numbers(path, column, frame[column]) for column in names]
    return names, np.stack(columns, axis=1), labels


def _as_written(
    columns: list[NDArray[Any]],
    files: list[Path],
    target: str,
    separator: str | None,
    as_labels: bool,
    named: bool,
) -> list[NDArray[Any]]:
    """Labels as texts where numbers would lose what tells them apart, as 007 and 7, or their zeros."""
    import pandas as pd

    numeric = {column.dtype.kind in "iuf" for column in columns}
    if numeric == {False}:
        return columns
    if numeric == {True} and not (as_labels or looks_like_labels(np.concatenate(columns))):
        return columns
    texts = []
    for file in files:
        header, mark = _header(file, separator)
        column = pd.read_csv(file, sep=mark, usecols=[header.index(target)], dtype=str, **_OPTIONS).iloc[:, 0]
        texts.append(column.str.strip().to_numpy())
    if numeric == {True}:
        numbers, written = np.concatenate(columns), set(np.concatenate(texts).tolist())
        merged = len(written) > len(np.unique(numbers))
        padded = numbers.dtype.kind in "iu" and not named and written != set(map(str, numbers.tolist()))
        if not merged and not padded:
            return columns
    return texts


def _header(path: Path, separator: str | None) -> tuple[list[str], str]:
    """The names in the first line, and what separates them."""
    if not path.exists():
        near = [file.name for file in path.parent.glob("*.csv")]
        hint = did_you_mean(path.name, near) if 0 < len(near) <= 20 else ""
        raise TaskError(f"{path}: no such file.{hint}")
    if not path.is_file():
        raise TaskError(f"{path}: expected a CSV file, got a folder; for a folder of images use from_images")
    with path.open("rb") as file:
        start = file.read(8192)
    if b"\0" in start:
        raise TaskError(
            f"{path}: expected a CSV file, which is text, but this is binary; save the table as CSV"
        )
    try:
        with path.open(encoding="utf-8-sig", newline="") as lines:
            first = next((line for line in lines if line.strip()), "")
            chosen = separator or max(SEPARATORS, key=lambda mark: _width(first, mark))
            lines.seek(0)
            header = next((row for row in csv.reader(lines, delimiter=chosen) if row), [])
    except UnicodeDecodeError as error:
        raise TaskError(
            f"{path}: expected a CSV file in UTF-8, but it is not ({error}); save it as UTF-8"
        ) from error
    except (csv.Error, TypeError) as error:
        raise TaskError(
            f"{path}: expected a header of column names, but it cannot be read: {error}"
        ) from error
    if not header:
        raise TaskError(f"{path}: expected a header and rows, but the file is empty")
    return header, chosen


def _width(line: str, separator: str) -> int:
    """How many columns a header has; 0 where a separator leaves a piece longer than any name."""
    try:
        return len(next(csv.reader([line], delimiter=separator), []))
    except csv.Error:
        return 0


def _check_header(path: Path, header: list[str], target: str, drop: Sequence[str]) -> None:
    if isinstance(drop, str):
        raise TaskError(
            f"drop: expected a list of column names, got the text {drop!r}; write drop=[{drop!r}]"
        )
    for position, column in enumerate(header):
        if not column.strip():
            raise TaskError(
                f"{path}: column {position + 1} has no name (pandas writes its index so); name it, or write "
                "the file with index=False"
            )
    twice = next((column for column in header if header.count(column) > 1), None)
    if twice is not None:
        raise TaskError(f"{path}: expected different column names, but {twice!r} stands twice; rename one")
    for column in (target, *drop):
        if column not in header:
            what = "target" if column == target else "drop"
            raise TaskError(f"{path}: {what}: no column {column!r}.{did_you_mean(str(column), header)}")
    if target in drop:
        raise TaskError(f"drop: the target {target!r} cannot be left out")
    if len(header) - 1 - len(set(drop)) < 1:
        raise TaskError(
            f"{path}: expected at least one column beside the target {target!r}, got {', '.join(header)}"
        )


def _check_filled(path: Path, column: str, missing: NDArray[Any]) -> None:
    rows = np.flatnonzero(missing)
    if rows.size:
        raise TaskError(
            f"{path}: column {column!r} has no value (or NA, NaN, None, null) in {rows.size} of "
            f"{len(missing)} rows, the first of them row {rows[0] + 1}; fill them in, or leave out these "
            f"rows or, with drop=[{column!r}], the column"
        )


def _numbers(path: Path, column: str, values: Any) -> NDArray[Any]:
    """A feature as 64-bit floats."""
    import pandas as pd

    numbers: NDArray[Any] = pd.to_numeric(values, errors="coerce").to_numpy(dtype=np.float64)
    wrong = np.flatnonzero(np.isnan(numbers))
    if wrong.size:
        raise TaskError(
            f"{path}: expected numbers in column {column!r}, got {str(values.iloc[wrong[0]])!r} in row "
            f"{wrong[0] + 1} ({wrong.size} of {len(numbers)} rows are no numbers); encode it as numbers, or "
            f"leave it out with drop=[{column!r}]"
        )
    wrong = np.flatnonzero(np.isinf(numbers))
    if wrong.size:
        raise TaskError(
            f"{path}: expected finite numbers in column {column!r}, got infinity in row {wrong[0] + 1}; "
            "correct it or leave out the row"
        )
    return numbers
