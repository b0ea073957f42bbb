"""The official files of benchmarks that are not packages: a user gets them, and gives their path."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from archwright.errors import UsageError

__all__ = ["official_file", "parsing"]


def official_file(file: str | Path | None, benchmark: str, name: str, where: str) -> Path:
    """The path of a benchmark's file.

    Args:
        file: What the user gave.
        benchmark: What to call the benchmark.
        name: What the file is called where it is published.
        where: From where to get it.

    Raises:
        UsageError: When none was given, or there is none.
    """
    if file is None:
        raise UsageError(
            f"{benchmark} needs its file {name}, which is published at {where}; get it, and give its path"
        )
    path = Path(file)
    if not path.is_file():
        raise UsageError(f"there is no file {path}; {benchmark}'s file {name} is published at {where}")
    return path


@contextmanager
def parsing(file: Path | str, expected: str) -> Iterator[None]:
    """While a block runs, what it finds otherwise than it must be is told of the file.

    Args:
        file: What is read.
        expected: What it should be.

    Raises:
        UsageError: When something is missing, or of another kind.
    """
    try:
        yield
    except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
        raise UsageError(f"{file}: expected {expected}, got {type(error).__name__}: {error}") from error
