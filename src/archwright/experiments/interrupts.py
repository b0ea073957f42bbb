"""Ctrl-C."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from archwright.experiments.listener import Listener

__all__ = ["Interrupts"]


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
        """Catch the signals while the block runs; outside the main thread nothing is caught."""
        self.listener = listener
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = signal.signal(signal.SIGINT, self._interrupted)
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, before)

    def _interrupted(self, number: int, frame: FrameType | None) -> None:
        if self.asked:
            raise KeyboardInterrupt
        self.asked = True
        self.listener.log("stopping after the running trials; Ctrl-C again stops at once")
