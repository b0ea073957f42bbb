"""Processes of this machine that serve as ranks after the first, in one training after another."""

from __future__ import annotations

import atexit
import json
import multiprocessing
import os
import pickle
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from multiprocessing.connection import Connection

__all__ = ["Follower", "hire", "release"]

_START = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[3])\n"
    "from archwright.learning.followers import main; main(int(sys.argv[1]), int(sys.argv[2]))"
)
_LOOKED = 0.5
"""Seconds between two looks at the parent."""
_LAST_WORDS = 60.0
"""Seconds from a lost connection to the end of the process, at most; a busy machine takes many to end one."""


class Follower:
    """A new interpreter that runs what it is given, so that a script needs no `if __name__ == "__main__"` guard.

    Ctrl-C in a terminal does not reach it: it is its parent's business. It ends soon after its parent.
    """

    def __init__(self) -> None:
        self._connection, theirs = multiprocessing.Pipe()
        flags = subprocess._args_from_interpreter_flags()  # type: ignore[attr-defined]
        arguments = [str(theirs.fileno()), str(os.getpid()), json.dumps(sys.path)]
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, *flags, "-c", _START, *arguments],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                process_group=0,
            )

    @property
    def is_alive(self) -> bool:
        """False once the process has ended."""
        return self._process.poll() is None

    def begin(self, work: bytes, rank: int) -> None:
        """Give it work: a pickled function of the rank.

        Raises:
            ConnectionError: When the process has ended.
        """
        self._connection.send_bytes(work)
        self._connection.send(rank)

    def answer(self) -> None:
        """Wait until it is ready for the work that it was given, and the second time until it is done.

        Raises:
            EOFError: When the process ends before.
            ConnectionError: The same.
        """
        self._connection.recv()

    def exit_code(self) -> int | None:
        """The code with which a process ends that is about to; None where it does not."""
        try:
            return self._process.wait(_LAST_WORDS)
        except subprocess.TimeoutExpired:
            return None

    def kill(self) -> None:
        """End it now, whatever it does."""
        self._process.kill()
        self._process.wait()
        self._connection.close()


_idle: list[Follower] = []


def hire(count: int) -> list[Follower]:
    """So many processes: those that wait, and new ones, which load in the background.

    Starting one takes seconds, since it imports torch; a search trains many networks.
    """
    while len(_idle) < count:
        _idle.append(Follower())
    hired = [_idle.pop() for _ in range(count)]
    dead = [follower for follower in hired if not follower.is_alive]
    for follower in dead:
        follower.kill()
    return [follower for follower in hired if follower not in dead] + [Follower() for _ in dead]


def release(followers: list[Follower]) -> None:
    """Keep processes that have done their work for the next one."""
    _idle.extend(followers)


@atexit.register
def _dismiss() -> None:
    while _idle:
        _idle.pop().kill()


def main(descriptor: int, parent: int) -> None:
    """A process from its start to its end: work after work, until the other side is gone.

    Args:
        descriptor: Of the pipe that it was given.
        parent: The number of the process that started it, which may be gone already.
    """
    threading.Thread(target=_watch, args=(parent,), daemon=True).start()
    connection = Connection(descriptor)
    while True:
        try:
            content, rank = connection.recv_bytes(), connection.recv()
        except (EOFError, ConnectionError):
            return
        work: Callable[[int], None] = pickle.loads(content)
        connection.send("ready")
        work(rank)
        del content, work
        _free()
        connection.send("done")


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(_LOOKED)
    os._exit(1)


def _free() -> None:
    """Give back what the device's allocator keeps: a network of another process may need it."""
    import torch

    if torch.cuda.is_available():
        torch.cuda.empty_cache()
