"""Running a user's forward where it may hang, end the process, print or eat memory: in a child that is then ended."""

from __future__ import annotations

import contextlib
import math
import multiprocessing
import os
import signal
import sys
import warnings
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any, NoReturn, TypeVar

import cloudpickle
import torch

from archwright.errors import ArchwrightError

__all__ = ["BoundError", "bounded"]

T = TypeVar("T")

_PATIENCE = 10
"""How much longer by the clock a child may take, since other processes may have the cores."""
_OUT_OF_TIME = None if sys.platform == "win32" else -signal.SIGPROF


class BoundError(ArchwrightError):
    """What ran in a child gave no answer: it took too long or too much, or ended its process."""


class _ByValue:
    """Arguments that a new interpreter reads without finding the script that they come from."""

    def __init__(self, *held: Any) -> None:
        self.held = held

    def __reduce__(self) -> Any:
        return cloudpickle.loads, (cloudpickle.dumps(self.held),)


def bounded(
    work: Callable[..., T], *arguments: Any, seconds: float, memory: int, wall: float | None = None
) -> T:
    """What a function returns, run in a child process that is ended after it.

    On Linux the child is forked: nothing has to be pickled on the way there, so that any module can be given, and it
    starts in milliseconds. It computes on the CPU with one thread, since neither CUDA nor OpenMP's threads live on in
    a fork. Elsewhere, where forks are not safe, it is a new interpreter to which the arguments go by cloudpickle. What
    the child prints is not shown.

    Args:
        work: The function. What it returns is pickled.
        arguments: Its arguments; tensors on the CPU.
        seconds: Processor time that it may take, so that it does not matter how busy the machine is (not on Windows).
            What processes take that it starts does not count.
        memory: Bytes that it may take beyond what this process holds (Linux only).
        wall: Seconds by the clock, after which one that waits is ended, too; None means ten times the processor time.

    Raises:
        BoundError: When no answer comes.
        ArchwrightError: What the function raised of these.
    """
    wall = _PATIENCE * seconds if wall is None else wall
    context: Any = multiprocessing.get_context("fork" if sys.platform == "linux" else "spawn")
    ours, theirs = context.Pipe(duplex=False)
    given = _ByValue(work, arguments)
    child = context.Process(target=_answer, args=(theirs, given, seconds, wall, memory), daemon=True)
    try:
        with warnings.catch_warnings(
            action="ignore"
        ):  # of a fork beside threads: the child uses none of them
            child.start()
        theirs.close()
        if not ours.poll(wall):
            raise BoundError(f"it took longer than {wall:g} s by the clock")
        try:
            answer = ours.recv()
        except EOFError:
            child.join()
            if child.exitcode == _OUT_OF_TIME:
                raise BoundError(f"it took longer than {seconds:g} s of processor time") from None
            raise BoundError(f"its forward ended the process ({_end(child.exitcode)})") from None
    finally:
        ours.close()
        _end_all(child)
    if isinstance(answer, ArchwrightError):
        raise answer
    value: T = answer
    return value


def _end_all(child: Any) -> None:
    """End the child, and what it started."""
    if child.pid is None:
        return
    with contextlib.suppress(ProcessLookupError, PermissionError, AttributeError):
        os.killpg(child.pid, signal.SIGKILL)
    child.kill()
    child.join()


def _end(code: int | None) -> str:
    return f"exit code {code}" if code is None or code >= 0 else signal.Signals(-code).name


def _answer(theirs: Connection, given: Any, seconds: float, wall: float, memory: int) -> NoReturn:
    work, arguments = given.held if isinstance(given, _ByValue) else given
    with contextlib.suppress(AttributeError, OSError):  # a group of its own, with what it starts
        os.setsid()
    null = os.open(os.devnull, os.O_RDWR)
    for stream in range(3):
        os.dup2(null, stream)
    torch.set_num_threads(1)
    if sys.platform != "win32":
        signal.signal(signal.SIGPROF, signal.SIG_DFL)  # ends the process; a profiler's handler is inherited
        signal.setitimer(signal.ITIMER_PROF, seconds)
        signal.alarm(math.ceil(wall) + 1)  # where nobody is left to end it
    if sys.platform == "linux":
        _limit_memory(memory)
    try:
        answer = work(*arguments)
    except ArchwrightError as error:
        answer = error
    except BaseException as error:  # a user's forward may raise anything, and this process is there for it
        answer = BoundError(f"{type(error).__name__}: {error}")
    theirs.send(answer)
    theirs.close()
    os._exit(0)  # without the handlers of the process that it was forked from


def _limit_memory(memory: int) -> None:
    import resource

    with open("/proc/self/status") as status:
        held = next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmData:"))
    hard = resource.getrlimit(resource.RLIMIT_DATA)[1]
    limit = held + memory if hard == resource.RLIM_INFINITY else min(held + memory, hard)
    resource.setrlimit(resource.RLIMIT_DATA, (limit, hard))
