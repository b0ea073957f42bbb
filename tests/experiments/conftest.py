"""Small pieces that the tests of experiments share: a toy space, a toy estimator, a real SQLite file."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from archwright.estimators.estimator import Estimator
from archwright.experiments import (
    Budget,
    CheckpointFolder,
    Evaluation,
    Executor,
    Experiment,
    InlineExecutor,
    Job,
    JobResult,
    Listener,
    SQLStore,
    Stage,
    TrialRunner,
)
from archwright.objectives import Objective
from archwright.spaces import Space, choice, integer, layer
from archwright.strategies import Strategy, make_strategy
from archwright.strategies.pruners import Pruner
from archwright.trials import FULL, Candidate, Fidelity, Measurement, TrialContext

ACCURACY = (Objective("accuracy"),)


def toy_space(decisions: int = 4) -> Space:
    """3**decisions * 4 architectures."""
    return Space(
        layer(
            dict,
            width=integer(1, 4, name="width"),
            **{f"d{i}": choice(0, 1, 2, name=f"d{i}") for i in range(decisions)},
        )
    )


class ToyEstimator(Estimator):
    """The score is the mean of the decisions: best where all are largest."""

    def __init__(self, seconds: float = 0.0) -> None:
        self.seconds = seconds

    def estimate(self, candidate: Candidate, trial: TrialContext) -> Measurement:
        time.sleep(self.seconds)
        values = list(candidate.architecture.values())
        return Measurement({"accuracy": sum(values) / (4 + 2 * (len(values) - 1))}, seconds=self.seconds)


@pytest.fixture
def make_store(tmp_path: Path) -> Iterator[Callable[..., SQLStore]]:
    """Opens the same file again and again; closes all at the end."""
    opened: list[SQLStore] = []

    def make(create: bool | None = None) -> SQLStore:
        path = tmp_path / "trials.sqlite"
        store = SQLStore(f"sqlite:///{path}", "toy", create=not path.exists() if create is None else create)
        opened.append(store)
        return store

    yield make
    for store in opened:
        store.close()


def run_search(
    store: SQLStore,
    *,
    trials: int = 12,
    strategy: str | Strategy = "random",
    seed: int = 0,
    estimator: Estimator | None = None,
    executor: Executor[Job, JobResult] | None = None,
    objectives: tuple[Objective, ...] = ACCURACY,
    budget: Budget | None = None,
    space: Space | None = None,
    listener: Listener | None = None,
    example: Any = None,
    pruner: Pruner | None = None,
    checkpoints: CheckpointFolder | None = None,
    fidelity: Fidelity = FULL,
) -> str | None:
    """A whole search on the toy space; returns why it ended."""
    space = space or toy_space()
    executor = executor or InlineExecutor()
    evaluation = Evaluation(space, estimator or ToyEstimator(), objectives, example)
    experiment = Experiment(
        store=store,
        executor=executor,
        objectives=objectives,
        listener=listener,
        pruner=pruner,
        checkpoints=checkpoints,
    )
    executor.open(TrialRunner({Stage.SEARCH: evaluation}, objectives), experiment.answer)
    try:
        return experiment.search(
            make_strategy(strategy, space, objectives, seed=seed) if isinstance(strategy, str) else strategy,
            budget or Budget(trials=trials),
            fidelity,
        )
    finally:
        executor.close()


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database of each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'trials.sqlite'}"
    made: str = request.getfixturevalue("database")
    return made
