"""How far a benchmark is."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator

__all__ = ["progress_of"]

_LINES = 10
"""Into how many lines the progress is told where no terminal shows it."""


@contextlib.contextmanager
def progress_of(what: str) -> Iterator[Callable[[int, int, object | None], None]]:
    """A bar in a terminal, else a line now and then; on standard error.

    Args:
        what: What is counted, in the plural.

    Returns:
        To be called with how many are done, how many there are, and the last one, None at the beginning.
    """
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    if not console.is_terminal:
        yield lambda done, total, last: _print_line(what, done, total, first=last is None)
        return
    left = TimeRemainingColumn(elapsed_when_finished=True)
    text = TextColumn("{task.description}")
    with Progress(text, BarColumn(), MofNCompleteColumn(), left, console=console) as bar:
        row = bar.add_task(what, total=None)
        yield lambda done, total, _: bar.update(row, total=total, completed=done)


def _print_line(what: str, done: int, total: int, *, first: bool) -> None:
    if first:
        before = f", {done} of them done before" if done else ""
        print(f"{total} {what}{before}", file=sys.stderr)
    elif _LINES * done // total > _LINES * (done - 1) // total:  # one is done at a time
        print(f"{done} of {total} {what} done", file=sys.stderr)
