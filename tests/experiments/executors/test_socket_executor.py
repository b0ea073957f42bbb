"""The seam carries workers elsewhere: messages, leases and results over TCP, by an executor of the tests' own."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from typing import Any

from archwright.experiments import Channel, InlineExecutor, SQLStore
from archwright.testing import IsolatedExecutorContract

from ..conftest import run_search
from .socket_executor import SocketExecutor


class TestSocketExecutor(IsolatedExecutorContract):
    make = SocketExecutor


def test_a_worker_that_is_not_heard_of_any_more_loses_its_job() -> None:
    def work(job: int, channel: Channel) -> int:
        channel.call(os.getpid())
        time.sleep(1000 if job == 0 else 0)
        return job

    executor = SocketExecutor(lease=10.0)
    executor.open(work, lambda job, pid: os.kill(pid, signal.SIGSTOP) if job == 0 else None)
    try:
        executor.submit(0)
        ended: list[Any] = []
        while not ended:
            ended = executor.wait(1.0)
        assert ended[0].failure.lost
        executor.submit(1)
        while len(ended) < 2:
            ended += executor.wait(1.0)
        assert ended[1].result == 1
    finally:
        executor.close(now=True)


def test_a_whole_search_is_that_of_this_process(make_store: Callable[..., SQLStore], tmp_path: Any) -> None:
    found = []
    for name, executor in (("here", InlineExecutor()), ("elsewhere", SocketExecutor())):
        executor.slots = 1
        store = SQLStore(f"sqlite:///{tmp_path / name}.sqlite", name, create=True)
        with store:
            store.lock()
            assert run_search(store, executor=executor, strategy="evolution") == "12 trials"
            found.append([(trial.candidate, trial.measurement) for trial in store.trials()])
    assert found[0] == found[1]
