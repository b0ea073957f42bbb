"""A worker that does not outlive the process that started it."""

from __future__ import annotations

import os
import threading
import time

__all__ = ["end_with"]

_LOOKED = 0.5  # seconds between two looks


def end_with(parent: int) -> None:
    """From now on end this process soon after its parent is gone, even in the middle of a job.

    Args:
        parent: The parent's process number, as the parent knows it: it may be gone before this is called.
    """
    threading.Thread(target=_watch, args=(parent,), daemon=True).start()


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(_LOOKED)
    os._exit(1)
