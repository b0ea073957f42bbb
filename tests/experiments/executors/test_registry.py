"""Executors by name."""

from __future__ import annotations

from typing import Any

import pytest

from archwright.errors import UsageError
from archwright.experiments.executors import (
    EXECUTORS,
    ExecutorConfig,
    InlineExecutor,
    ProcessesExecutor,
    make_executor,
)


def test_the_number_of_workers_picks_where_no_name_does() -> None:
    assert isinstance(make_executor(ExecutorConfig(time_limit=5.0)), InlineExecutor)
    made = make_executor(ExecutorConfig(workers=3, memory_limit=2**30))
    assert isinstance(made, ProcessesExecutor)
    assert (made.slots, made.memory_limit) == (3, 2**30)


def test_a_name_and_its_options() -> None:
    made = make_executor(ExecutorConfig(name="processes", options={"threads": 4}))
    assert isinstance(made, ProcessesExecutor)
    assert (made.slots, made.threads) == (1, 4)
    assert list(EXECUTORS.options("processes")) == ["threads"]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"name": "process"}, "Did you mean 'processes'"),
        ({"name": "inline", "workers": 2}, "'inline' has no workers"),
        ({"memory_limit": 2**30}, "no memory_limit.*workers=2 or more"),
        ({"name": "inline", "options": {"threads": 2}}, "no option 'threads'"),
        ({"workers": 0}, "at least 1 worker"),
        ({"workers": 2, "options": {"threads": 0}}, "at least 1 thread in each worker, got 0"),
    ],
)
def test_wrong_use_is_told(given: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        make_executor(ExecutorConfig(**given))
