"""What asks a run to stop early: Ctrl-C, and `archwright drain`."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from archwright.errors import RunError, SearchError, UsageError
from archwright.experiments.executors import Failure, Interrupted
from archwright.experiments.listener import Listener
from archwright.experiments.store import SharedStore, Store

__all__ = ["DRAIN", "GLANCE", "Interrupts", "ask_to_drain", "exits_told", "is_worked_on"]

DRAIN = "drain"
"""The fact of a store that asks whoever has the run to drain it: the Unix time of asking; None where nobody asks."""

GLANCE = 0.5
"""Seconds between two looks at it: trials that are begun within them still run."""


def is_worked_on(store: Store) -> bool:
    """Whether somebody runs the run of a store: a process that has it, or workers that joined it."""
    if isinstance(store, SharedStore) and any(worker.is_alive for worker in store.workers()):
        return True
    return store.is_locked()


def ask_to_drain(store: Store) -> None:
    """Ask whoever runs the run of a store to end its running trials, begin no new one, and stop; it can be resumed.

    Raises:
        RunError: When nobody runs it.
    """
    if not is_worked_on(store):
        state = store.get("state", "stopped")
        raise RunError(
            f"nothing to drain: no process has the run now (it is {'stopped' if state == 'running' else state}); "
            "`archwright show` says what it has found"
        )
    store.set_fact(DRAIN, time.time())


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
    """Ctrl-C: the first asks to stop after the running trials, as a drain does; the second stops at once.

    Args:
        store: Where a drain is asked for, see `ask_to_drain`; None where there is none.
    """

    def __init__(self, store: Store | None = None) -> None:
        self.store = store
        self.listener = Listener()
        self._asked = False
        self._next_look = 0.0

    @property
    def asked(self) -> bool:
        """Whether to stop after the running trials."""
        if not self._asked and self.store is not None and time.monotonic() >= self._next_look:
            self._next_look = time.monotonic() + GLANCE
            if self.store.get(DRAIN) is not None:
                self.stop("drained: stopping after the running trials")
        return self._asked

    def stop(self, told: str) -> None:
        """Ask to stop after the running trials.

        Args:
            told: What the listener is told.
        """
        self._asked = True
        self.listener.log(told)

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
        if self._asked:
            raise Interrupted
        self.stop("stopping after the running trials; Ctrl-C again stops at once")
