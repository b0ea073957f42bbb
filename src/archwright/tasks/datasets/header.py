"""The first line of a CSV file, and what can be refused by it alone, without torch."""

from __future__ import annotations

import csv
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from archwright.errors import TaskError, did_you_mean
from archwright.references import check_table

__all__ = ["KINDS", "check_columns", "check_kinds", "read_header"]

KINDS = ("numeric", "boolean", "categorical", "date", "text")
"""The kinds of columns."""

SEPARATORS = (",", ";", "\t", "|")


def read_header(path: Path, separator: str | None = None) -> tuple[list[str], str]:
    """The names in the first line, and what separates them.

    Args:
        path: The file.
        separator: What separates them, where it is known.

    Raises:
        TaskError: When there is no such file, or it is no CSV file in UTF-8.
    """
    check_table(path)
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


def check_columns(path: Path, header: list[str], targets: Sequence[str], drop: Sequence[str]) -> None:
    """Refuse a header without the columns that are asked for, or without names that tell columns apart.

    Args:
        path: Of the file, for messages.
        header: Its names.
        targets: The columns to be predicted.
        drop: The columns to leave out.

    Raises:
        TaskError: Names the column.
    """
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
    for column in (*targets, *drop):
        if column not in header:
            what = "target" if column in targets else "drop"
            raise TaskError(f"{path}: {what}: no column {column!r}.{did_you_mean(str(column), header)}")
    if dropped := set(targets) & set(drop):
        raise TaskError(f"drop: the target {min(dropped)!r} cannot be left out")
    if len(set(targets)) < len(targets) or not targets:
        raise TaskError(f"target: expected different columns, got {', '.join(targets) or 'none'}")
    if len(header) - len(targets) - len(set(drop)) < 1:
        raise TaskError(
            f"{path}: expected at least one column beside the target {targets[0]!r}, got {', '.join(header)}"
        )


def check_kinds(where: str, names: Collection[str], kinds: Mapping[str, str]) -> None:
    """Refuse a kind that is said of a column that is not there, and one that is none.

    Args:
        where: What begins an error: the file.
        names: The columns, all but the targets and those left out.
        kinds: Column to kind, where it is said.

    Raises:
        TaskError: Names what was given, and what is near it.
    """
    for column, kind in kinds.items():
        if column not in names:
            hint = did_you_mean(column, names)
            raise TaskError(f"{where}: columns: no column {column!r} beside the target.{hint}")
        if kind not in KINDS:
            raise TaskError(f"columns: the kind of {column!r}: {kind!r} is none.{did_you_mean(kind, KINDS)}")
