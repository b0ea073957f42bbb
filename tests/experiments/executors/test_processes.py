"""Worker processes: one that dies, hangs or takes too much memory fails its job alone."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from archwright.errors import UsageError
from archwright.experiments import Channel, Ended, ProcessesExecutor

Job = tuple[int, str]
Processes = ProcessesExecutor[Job, Any]


def work(job: Job, channel: Channel) -> Any:
    """What the workers run; sent to them by value."""
    what = job[1]
    if what == "die":
        os.kill(os.getpid(), signal.SIGKILL)
    if what == "exit":
        os._exit(3)
    if what == "hang":
        time.sleep(1000)
    if what == "allocate":
        import torch

        torch.ones(int(2e9), dtype=torch.uint8)
    if what == "raise":
        raise LookupError("not foreseen")
    if what == "unpicklable":
        return threading.Lock()
    if what == "unreadable":
        return _Unreadable()
    if what == "large":
        return channel.call(bytes(10_000_000))
    time.sleep(0.05)
    import torch

    return {
        "pid": os.getpid(),
        "threads": torch.get_num_threads(),
        "blas": os.environ["OPENBLAS_NUM_THREADS"],
    }


class _Unreadable:
    def __reduce__(self) -> tuple[object, ...]:
        return (int, ("not a number",))


def finish(executor: Processes, count: int, seconds: float = 240) -> dict[int, Ended[Job, Any]]:
    found: dict[int, Ended[Job, Any]] = {}
    deadline = time.monotonic() + seconds
    while len(found) < count and time.monotonic() < deadline:
        found |= {ended.job[0]: ended for ended in executor.wait(1.0)}
    return found


@pytest.fixture
def executor() -> Iterator[Processes]:
    made = Processes(2, memory_limit=2**30)
    made.open(work, lambda job, message: message)
    yield made
    made.close(now=True)


def test_a_bad_job_fails_alone(executor: Processes) -> None:
    kinds = ["die", "exit", "allocate", "raise", "unpicklable", "unreadable", "large", "fine", "fine"]
    for job in enumerate(kinds):
        executor.submit(job)
    ended = finish(executor, len(kinds))
    errors = [(f := ended[number].failure) and f.error for number in range(len(kinds))]
    assert errors[:2] == [
        "its process died (SIGKILL; perhaps the system ran out of memory)",
        "its process died (exit code 3)",
    ]
    assert "memory" in str(errors[2])
    assert errors[3] == "LookupError: not foreseen"
    assert str(errors[4]).startswith("its result cannot be sent: TypeError")
    assert str(errors[5]).startswith("its result cannot be read: ValueError")
    assert errors[6:] == [None, None, None]
    assert ended[6].result == bytes(10_000_000)


def test_jobs_run_at_once_in_other_processes_on_few_threads(executor: Processes) -> None:
    for number in range(8):
        executor.submit((number, ""))
    found = [ended.result for ended in finish(executor, 8).values()]
    pids = {result["pid"] for result in found}
    assert os.getpid() not in pids
    assert len(pids) == 2
    share = max(1, (os.cpu_count() or 1) // 2)
    assert {result["threads"] for result in found} == {share}
    assert {result["blas"] for result in found} == {os.environ.get("OPENBLAS_NUM_THREADS", str(share))}


def test_work_that_a_worker_cannot_load_fails_the_job_with_the_reason() -> None:
    class Unloadable:
        def __reduce__(self) -> tuple[object, ...]:
            return (int, ("not a number",))

        def __call__(self, job: Job, channel: Channel) -> None:
            raise AssertionError

    executor = Processes(1)
    executor.open(Unloadable())
    try:
        executor.submit((0, ""))
        failure = finish(executor, 1)[0].failure
        assert failure is not None
        assert "the worker could not be set up: ValueError" in failure.error
    finally:
        executor.close(now=True)


def test_closing_at_once_does_not_wait_for_a_job(executor: Processes) -> None:
    executor.submit((0, ""))
    assert finish(executor, 1)[0].failure is None  # the worker is up
    executor.submit((1, "hang"))
    time.sleep(0.3)
    begin = time.monotonic()
    executor.close(now=True)
    assert time.monotonic() - begin < 100  # the job takes 1000
    executor.close()


def test_an_interrupt_while_workers_start_leaves_no_process_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    begun: list[subprocess.Popen[bytes]] = []
    start = subprocess.Popen

    def interrupted(*given: Any, **options: Any) -> subprocess.Popen[bytes]:
        begun.append(start(*given, **options))
        signal.raise_signal(signal.SIGINT)
        return begun[-1]

    monkeypatch.setattr(subprocess, "Popen", interrupted)
    executor = Processes(2)
    with pytest.raises(KeyboardInterrupt):
        executor.open(work)
    executor.close(now=True)
    assert len(begun) == 1
    assert begun[0].returncode is not None


def test_workers_end_with_their_parent_and_scripts_need_no_guard() -> None:
    script = """
        import os, sys, time
        from archwright.experiments import ProcessesExecutor

        def work(job, channel):  # defined in the script itself
            print(os.getpid(), flush=True)
            time.sleep(1000)

        executor = ProcessesExecutor(1)
        executor.open(work)
        executor.submit(0)
        executor.wait(1000)
    """
    _outlives_nobody(script)


def _outlives_nobody(script: str) -> None:
    """Start a script that prints its worker's number, kill it, and wait for the worker's end."""
    parent = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(script)], stdout=subprocess.PIPE, text=True
    )
    assert parent.stdout is not None
    worker = int(parent.stdout.readline())
    parent.kill()
    parent.wait()
    deadline = time.monotonic() + 120
    while _lives(worker) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not _lives(worker)


def _lives(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_a_worker_in_the_middle_of_a_message_ends_with_its_parent() -> None:
    script = """
        import os, time
        from archwright.experiments import ProcessesExecutor

        def work(job, channel):
            print(os.getpid(), flush=True)
            while True:
                try:
                    channel.call("still here")
                except Exception:
                    pass

        executor = ProcessesExecutor(1)
        executor.open(work, lambda job, message: None)
        executor.submit(0)
        executor.wait(1000)
    """
    _outlives_nobody(script)


def test_work_that_cannot_be_pickled_is_refused() -> None:
    lock = threading.Lock()
    executor = Processes(2)
    with pytest.raises(UsageError, match=r"the work cannot be sent.*use workers=1"):
        executor.open(lambda job, channel: lock)
    with pytest.raises(UsageError, match="the space cannot be sent"):
        executor.check(task=1, space=lock)


def test_settings_of_torch_reach_the_workers() -> None:
    import torch

    def settings(job: Job, channel: Channel) -> tuple[bool, str]:
        import torch

        return torch.are_deterministic_algorithms_enabled(), torch.get_float32_matmul_precision()

    executor = ProcessesExecutor[Job, Any](1)
    torch.use_deterministic_algorithms(True)
    torch.set_float32_matmul_precision("high")
    try:
        executor.open(settings)
        executor.submit((0, ""))
        assert finish(executor, 1)[0].result == (True, "high")
    finally:
        torch.use_deterministic_algorithms(False)
        torch.set_float32_matmul_precision("highest")
        executor.close(now=True)


def test_no_workers_at_all_are_refused() -> None:
    with pytest.raises(UsageError, match="at least 1 worker"):
        Processes(0)
