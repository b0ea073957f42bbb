"""Ctrl-C."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from archwright.errors import SearchError, UsageError
from archwright.experiments.executors import Failure, Interrupted
from archwright.experiments.listener import Listener

__all__ = ["Interrupts", "exits_told"]


@contextmanager
def exits_told() -> Iterator[None]:
    """While a block runs, a user's code that calls sys.exit ends no command as if its work were done.

    Raises:
        UsageError: When it does.
    """
    try:
        yield
    except SystemExit as error:
        raise UsageError(f"what was asked for cannot be done: {Failure.of(error).error}") from error


class Interrupts:
    """Ctrl-C: the first asks to stop after the running trials, the second stops at once.

    Attributes:
        asked: Whether the first has come.
    """

    def __init__(self) -> None:
        self.asked = False
        self.listener = Listener()

    @contextmanager
    def watched(self, listener: Listener) -> Iterator[None]:
        """Catch the signals while the block runs; outside the main thread there are none.

        Raises:
            Interrupted: By the second.
            SearchError: When a user's code calls sys.exit or raises KeyboardInterrupt where that costs no trial.
        """
        self.listener = listener
        in_main = threading.current_thread() is threading.main_thread()
        before = signal.signal(signal.SIGINT, self._interrupted) if in_main else None
        try:
            yield
        except Interrupted:
            raise
        except (SystemExit, KeyboardInterrupt) as error:
            raise SearchError(f"the run cannot go on: {Failure.of(error).error}") from error
        finally:
            if in_main:
                signal.signal(signal.SIGINT, before)

    def _interrupted(self, number: int, frame: FrameType | None) -> None:
        if self.asked:
            raise Interrupted
        self.asked = True
        self.listener.log("stopping after the running trials; Ctrl-C again stops at once")
