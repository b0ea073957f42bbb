"""Jobs in this process."""

from __future__ import annotations

import signal
import threading
import time

from archwright.errors import UsageError
from archwright.experiments import InlineExecutor, Job, Outcome, Stage
from archwright.spaces import Architecture
from archwright.trials import Candidate, TrialState

JOB = Job(Stage.SEARCH, 0, Candidate(Architecture({})))


def test_a_job_over_the_time_limit_has_failed_though_it_catches_everything() -> None:
    def stubborn(job: Job) -> Outcome:
        while True:
            try:
                time.sleep(10)
            except Exception:
                continue

    executor = InlineExecutor(time_limit=0.2)
    executor.open(stubborn)
    executor.submit(JOB)
    (outcome,) = executor.wait(0.0)
    assert outcome.error == "over the time limit of 0.2 s"
    assert outcome.state is TrialState.FAILED


def test_the_alarm_is_gone_after_a_job() -> None:
    before = signal.getsignal(signal.SIGALRM)
    executor = InlineExecutor(time_limit=100.0)
    executor.open(lambda job: Outcome(job, TrialState.COMPLETED))
    executor.submit(JOB)
    assert executor.wait(0.0)[0].state is TrialState.COMPLETED
    assert signal.getsignal(signal.SIGALRM) is before
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)


def test_nothing_waits_where_nothing_was_submitted() -> None:
    executor = InlineExecutor()
    executor.open(lambda job: Outcome(job, TrialState.COMPLETED))
    assert executor.wait(100.0) == []
    executor.close()
    executor.close()


def test_a_time_limit_outside_the_main_thread_is_refused() -> None:
    caught: list[BaseException] = []

    def make() -> None:
        try:
            InlineExecutor(time_limit=1.0)
        except UsageError as error:
            caught.append(error)

    thread = threading.Thread(target=make)
    thread.start()
    thread.join()
    assert "workers=2" in str(caught[0])
