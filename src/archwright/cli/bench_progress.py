"""How far a benchmark is."""

from __future__ import annotations

import sys
from typing import Any

__all__ = ["Progress"]

_LINES = 10
"""Into how many lines the progress is told where no terminal shows it."""


class Progress:
    """A bar in a terminal, else a line now and then; on standard error.

    Args:
        what: What is counted, in the plural.
    """

    def __init__(self, what: str) -> None:
        self._what = what

    def __enter__(self) -> Progress:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
        from rich.progress import Progress as Bar

        console = Console(stderr=True)
        self._bar = (
            Bar(
                TextColumn("{task.description}"),
                BarColumn(),
                MofNCompleteColumn(),
                TimeRemainingColumn(elapsed_when_finished=True),
                console=console,
            )
            if console.is_terminal
            else None
        )
        self._row: Any = None
        self._lines = 0
        if self._bar is not None:
            self._bar.start()
        return self

    def __call__(self, done: int, total: int, last: object | None) -> None:
        """Tell how many are done; `last` is what has just been, None at the beginning."""
        if self._bar is not None:
            if self._row is None:
                self._row = self._bar.add_task(self._what, total=total)
            self._bar.update(self._row, completed=done)
        elif last is None:
            before = f", {done} of them done before" if done else ""
            print(f"{total} {self._what}{before}", file=sys.stderr)
            self._lines = _LINES * done // total
        elif _LINES * done // total > self._lines:
            self._lines = _LINES * done // total
            print(f"{done} of {total} {self._what} done", file=sys.stderr)

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.stop()
