"""Worker processes: one that dies, hangs or takes too much memory fails its job alone."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator

import pytest

from archwright.errors import UsageError
from archwright.experiments import Job, Outcome, ProcessesExecutor, Stage
from archwright.spaces import Architecture
from archwright.trials import Candidate, Measurement, TrialState


def job(number: int, **values: object) -> Job:
    return Job(Stage.SEARCH, number, Candidate(Architecture(values)))


def work(job: Job) -> Outcome:
    """What the workers run; sent to them by value."""
    what = job.candidate.architecture.get("what")
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
    time.sleep(0.05)
    import torch

    metrics = {"pid": float(os.getpid()), "threads": float(torch.get_num_threads())}
    return Outcome(job, TrialState.COMPLETED, Measurement(metrics))


def finish(executor: ProcessesExecutor, count: int, seconds: float = 240) -> dict[int, Outcome]:
    found: dict[int, Outcome] = {}
    deadline = time.monotonic() + seconds
    while len(found) < count and time.monotonic() < deadline:
        found |= {outcome.job.number: outcome for outcome in executor.wait(1.0)}
    return found


@pytest.fixture
def executor() -> Iterator[ProcessesExecutor]:
    made = ProcessesExecutor(2, time_limit=40.0, memory_limit=2**30)
    made.open(work)
    yield made
    made.close(now=True)


def test_a_bad_job_fails_alone(executor: ProcessesExecutor) -> None:
    kinds = ["die", "exit", "allocate", "raise", "hang", "fine", "fine"]
    for number, what in enumerate(kinds):
        executor.submit(job(number, what=what))
    outcomes = finish(executor, len(kinds))
    errors = [outcomes[number].error for number in range(len(kinds))]
    assert errors[0] == "its process died (SIGKILL; perhaps the system ran out of memory)"
    assert errors[1] == "its process died (exit code 3)"
    assert errors[2] is not None
    assert "memory" in errors[2]
    assert errors[3] == "LookupError: not foreseen"
    assert errors[4] == "over the time limit of 40 s"
    assert errors[5:] == [None, None]
    assert all(outcomes[n].state is TrialState.FAILED for n in range(5))


def test_jobs_run_at_once_in_other_processes_on_few_threads(executor: ProcessesExecutor) -> None:
    for number in range(8):
        executor.submit(job(number))
    outcomes = finish(executor, 8)
    metrics = [o.measurement.metrics for o in outcomes.values() if o.measurement]
    pids = {m["pid"] for m in metrics}
    assert os.getpid() not in pids
    assert len(pids) == 2
    assert {m["threads"] for m in metrics} == {max(1, (os.cpu_count() or 1) // 2)}


def test_work_that_a_worker_cannot_load_fails_the_job_with_the_reason() -> None:
    class Unloadable:
        def __reduce__(self) -> tuple[object, ...]:
            return (int, ("not a number",))

        def __call__(self, job: Job) -> Outcome:
            raise AssertionError

    executor = ProcessesExecutor(1)
    executor.open(Unloadable())
    try:
        executor.submit(job(0))
        outcome = finish(executor, 1)[0]
        assert outcome.error is not None
        assert "the worker could not be set up: ValueError" in outcome.error
    finally:
        executor.close(now=True)


def test_closing_at_once_does_not_wait_for_a_job(executor: ProcessesExecutor) -> None:
    executor.submit(job(0))
    assert finish(executor, 1)[0].error is None  # the worker is up
    executor.submit(job(1, what="hang"))
    time.sleep(0.3)
    begin = time.monotonic()
    executor.close(now=True)
    assert time.monotonic() - begin < 100  # the job takes 1000
    executor.close()


def test_workers_end_with_their_parent_and_scripts_need_no_guard() -> None:
    script = """
        import os, sys, time
        from archwright.experiments import Job, Outcome, ProcessesExecutor, Stage
        from archwright.spaces import Architecture
        from archwright.trials import Candidate, Measurement, TrialState

        def work(job):  # defined in the script itself
            print(os.getpid(), flush=True)
            time.sleep(1000)

        executor = ProcessesExecutor(1)
        executor.open(work)
        executor.submit(Job(Stage.SEARCH, 0, Candidate(Architecture({}))))
        executor.wait(1000)
    """
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


def test_no_workers_at_all_are_refused() -> None:
    with pytest.raises(UsageError, match="at least 1 worker"):
        ProcessesExecutor(0)
