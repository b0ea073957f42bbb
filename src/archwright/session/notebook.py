"""Live progress in a notebook: one output that is changed in place, without widgets."""

from __future__ import annotations

import sys
import time
import uuid
from dataclasses import dataclass
from html import escape
from typing import Any

from archwright.durations import clock

__all__ = ["NotebookBar", "NotebookOutput", "notebook_shell"]

_PAUSE = 0.2
"""Seconds between two changes of the output, at least."""

_MOST = 50
"""Messages that are shown; the run's log has all."""


def notebook_shell() -> Any:
    """IPython's shell where this process is the kernel of a notebook, else None. Imports nothing."""
    module = sys.modules.get("IPython")
    shell = module.get_ipython() if module is not None else None
    return shell if hasattr(shell, "kernel") else None


class NotebookOutput:
    """What a run shows below a cell: messages, and a line for each of its stages.

    The output is HTML and the same as text, by IPython's own display messages, which any front end shows and a saved
    notebook keeps as they were last.

    Args:
        shell: IPython's shell.
    """

    def __init__(self, shell: Any) -> None:
        self._shell = shell
        self._id = uuid.uuid4().hex
        self._is_shown = False
        self._messages: list[str] = []
        self._lines: list[_Line] = []
        self._changed = 0.0

    def say(self, text: str) -> None:
        """Add a message."""
        self._messages.append(text)
        self.show()

    def begin(self, line: _Line) -> None:
        """Add a line."""
        self._lines.append(line)
        self.show()

    def show(self, *, now: bool = True) -> None:
        """Change the output; without `now` only if the last change is a while ago."""
        if not now and time.monotonic() - self._changed < _PAUSE:
            return
        self._changed = time.monotonic()
        left_out = len(self._messages) - _MOST
        messages = ([f"{left_out:,} earlier messages"] if left_out > 0 else []) + self._messages[-_MOST:]
        said = "".join(f'<div style="opacity:.7">{escape(text)}</div>' for text in messages)
        rows = "".join(line.html() for line in self._lines)
        style = "font-family:monospace;font-size:.9em;white-space:pre-wrap"
        data = {
            "text/html": f'<div style="{style}">{said}<table style="font:inherit">{rows}</table></div>',
            "text/plain": "\n".join([*messages, *map(str, self._lines)]),
        }
        transient = {"display_id": self._id}
        self._shell.display_pub.publish(data, {}, transient=transient, update=self._is_shown)
        self._is_shown = True


@dataclass(slots=True)
class _Line:
    """A stage of the run, as it is shown."""

    title: str
    total: int | None
    completed: float
    left: str
    told: str
    began: float
    ended: float | None = None

    @property
    def _counted(self) -> str:
        return f"{self.completed:.0f}/{'?' if self.total is None else self.total}"

    @property
    def _elapsed(self) -> str:
        return clock((self.ended or time.monotonic()) - self.began)

    def html(self) -> str:
        """A row of a table."""
        bar = "<progress></progress>"  # without a value it moves to and fro
        if self.total is not None or self.ended is not None:
            share = 1.0 if self.total in (None, 0) else min(1.0, self.completed / (self.total or 1))
            bar = f'<progress value="{share:.4f}" max="1"></progress>'
        cells = [escape(self.title), bar, self._counted, self._elapsed, escape(self.left), escape(self.told)]
        row = "".join(f'<td style="text-align:left">{cell}</td>' for cell in cells)
        return f"<tr>{row}</tr>"

    def __str__(self) -> str:
        return "  ".join(filter(None, [self.title, self._counted, self._elapsed, self.left, self.told]))


class NotebookBar:
    """The line of one stage, with the verbs of rich's progress bar that a display of progress uses.

    Args:
        output: Where it stands.
    """

    def __init__(self, output: NotebookOutput) -> None:
        self._output = output
        self._line: _Line | None = None

    def start(self) -> None:
        """Nothing: the line comes with its task."""

    def add_task(self, title: str, *, total: int | None, completed: float, left: str, told: str) -> int:
        """Begin the line."""
        self._line = _Line(title, total, completed, left, told, time.monotonic())
        self._output.begin(self._line)
        return 0

    def update(self, task: int, **changed: Any) -> None:
        """Change what it says: `completed`, `left`, `told`."""
        for name, value in changed.items():
            setattr(self._line, name, value)
        self._output.show(now=False)

    def stop(self) -> None:
        """End the line."""
        if self._line is not None:
            self._line.ended = time.monotonic()
        self._output.show()
