"""New interpreters that talk over a socket with the process that started them."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator

import cloudpickle

from archwright.errors import UsageError

__all__ = ["death", "interrupts_blocked", "pickled", "start_process", "thread_variables"]

_START = (
    "import importlib, json, sys; sys.path[:] = json.loads(sys.argv[3])\n"
    "importlib.import_module(sys.argv[4]).main(int(sys.argv[1]), int(sys.argv[2]))"
)


def start_process(
    module: str, theirs: socket.socket, environment: dict[str, str], *, stdout: int | None = None
) -> subprocess.Popen[bytes]:
    """Start an interpreter that finds the same modules, and runs `main(descriptor, parent)` of one of them there.

    Args:
        module: The module.
        theirs: The socket whose descriptor `main` is given; closed here.
        environment: The variables of the process.
        stdout: Where its output goes; None leaves it where this process's goes.
    """
    flags = subprocess._args_from_interpreter_flags()  # type: ignore[attr-defined]
    arguments = [str(theirs.fileno()), str(os.getpid()), json.dumps(sys.path), module]
    with theirs:
        return subprocess.Popen(
            [sys.executable, *flags, "-c", _START, *arguments],
            env=environment,
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
            stdout=stdout,
        )


def thread_variables(threads: int) -> dict[str, str]:
    """The variables of the environment by which libraries take so many threads.

    Those of torch are set, since it may be loaded by a later job only; others stay where they say something.
    """
    others = ("OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS")
    of_torch = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS"), str(threads))
    return {**{name: os.environ.get(name, str(threads)) for name in others}, **of_torch}


def pickled(name: str, thing: object, cure: str) -> bytes:
    """A thing as bytes; what is defined in a script or a notebook goes by value.

    Raises:
        UsageError: When it cannot be pickled; the message names it.
    """
    try:
        content: bytes = cloudpickle.dumps(thing)
        return content
    except Exception as error:
        raise UsageError(
            f"the {name} cannot be sent to worker processes ({type(error).__name__}: {error}); leave out what does not "
            f"pickle, such as locks, open files and generators, or {cure}"
        ) from error


@contextlib.contextmanager
def interrupts_blocked() -> Iterator[None]:
    """Ctrl-C waits while the block runs, and for ever in the processes begun in it: it is this process's business."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def death(code: int | None) -> str:
    """What an exit code says of a process's end; None is one that is not known."""
    if code is not None and code < 0:
        with contextlib.suppress(ValueError):
            hint = "; perhaps the system ran out of memory" if -code == signal.SIGKILL else ""
            return f"{signal.Signals(-code).name}{hint}"
    return "it closed its socket" if code is None else f"exit code {code}"
