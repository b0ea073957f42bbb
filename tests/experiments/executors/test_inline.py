"""Jobs in this process."""

from __future__ import annotations

import logging
import signal
import threading
import time
from typing import Any

import pytest

from archwright.errors import UsageError
from archwright.experiments import Channel, Ended, InlineExecutor, Interrupts, Listener


def test_a_job_over_the_time_limit_has_failed_though_it_catches_everything() -> None:
    def stubborn(job: int, channel: Channel) -> None:
        while True:
            try:
                time.sleep(10)
            except Exception:
                continue

    executor = InlineExecutor[int, Any](time_limit=0.2)
    executor.open(stubborn)
    executor.submit(7)
    (ended,) = executor.wait(0.0)
    assert ended.failure is not None
    assert ended.failure.error == "over the time limit of 0.2 s"


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_limit_that_a_finaliser_swallows_has_passed_all_the_same() -> None:
    class Lingering:
        def __del__(self) -> None:  # errors in here go nowhere
            until = time.monotonic() + 0.4
            while time.monotonic() < until:
                pass

    def work(job: int, channel: Channel) -> int:
        Lingering()
        return job

    executor = InlineExecutor[int, Any](time_limit=0.05)
    executor.open(work)
    executor.submit(7)
    (ended,) = executor.wait(0.0)
    assert ended.failure is not None
    assert "over the time limit" in ended.failure.error


@pytest.mark.slow
def test_a_time_limit_leaves_no_lock_of_the_interpreter_locked() -> None:
    logger = logging.getLogger("archwright.of.a.job")

    def logs(job: int, channel: Channel) -> None:
        while True:
            logger.manager._clear_cache()
            logger.isEnabledFor(logging.DEBUG)

    executor = InlineExecutor[int, Any](time_limit=0.003)
    executor.open(logs)
    for job in range(40):
        executor.submit(job)
        assert executor.wait(0.0)[0].failure is not None
    thread = threading.Thread(target=logger.isEnabledFor, args=(logging.INFO,), daemon=True)
    thread.start()
    thread.join(10)
    assert not thread.is_alive()


def test_the_alarm_is_gone_after_a_job() -> None:
    before = signal.getsignal(signal.SIGALRM)
    executor = InlineExecutor[int, Any](time_limit=100.0)
    executor.open(lambda job, channel: job)
    executor.submit(7)
    assert executor.wait(0.0) == [Ended(7, 7)]
    assert signal.getsignal(signal.SIGALRM) is before
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)


def test_the_time_limit_does_not_break_off_what_answers_a_message() -> None:
    written: list[str] = []

    def handle(job: int, message: Any) -> None:
        time.sleep(2.5)
        written.append(message)

    executor = InlineExecutor[int, Any](time_limit=2.0)
    executor.open(lambda job, channel: [channel.call("row"), channel.call("another")], handle)
    executor.submit(7)
    (ended,) = executor.wait(0.0)
    assert written == ["row"]
    assert ended.failure is not None
    assert "time limit" in ended.failure.error


def test_the_second_interrupt_of_a_user_stops_at_once() -> None:
    reached: list[int] = []

    def work(job: int, channel: Channel) -> None:
        signal.raise_signal(signal.SIGINT)
        reached.append(1)
        signal.raise_signal(signal.SIGINT)
        reached.append(2)

    executor = InlineExecutor[int, Any]()
    executor.open(work)
    executor.submit(7)
    interrupts = Interrupts()
    with interrupts.watched(Listener()), pytest.raises(KeyboardInterrupt):
        executor.wait(0.0)
    assert interrupts.asked
    assert reached == [1]


def test_nothing_waits_where_nothing_was_submitted() -> None:
    executor = InlineExecutor[int, Any]()
    executor.open(lambda job, channel: job)
    assert executor.wait(100.0) == []
    executor.close()
    executor.close()


def test_a_time_limit_outside_the_main_thread_is_refused() -> None:
    caught: list[BaseException] = []

    def make() -> None:
        try:
            InlineExecutor[int, Any](time_limit=1.0)
        except UsageError as error:
            caught.append(error)

    thread = threading.Thread(target=make)
    thread.start()
    thread.join()
    assert "workers=2" in str(caught[0])
