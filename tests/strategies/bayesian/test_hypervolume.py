from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from functools import partial
from typing import Any

import numpy as np
import pytest

from archwright.errors import MissingExtraError, UsageError
from archwright.objectives import Direction, Objective, hypervolume
from archwright.strategies import NSGA2, RandomSearch, Strategy, make_strategy
from archwright.strategies.bayesian import botorch_search, hypervolume_search, surrogate_search
from archwright.surrogates import GaussianProcess
from archwright.testing import StrategyContract, ToyEstimator
from archwright.testing.toy_spaces import conditional, flat
from archwright.trials import LocalTrial, Trial, TrialState

pytest.importorskip("botorch")

TWO = ToyEstimator.objectives
SCORE, COST = TWO
CORNER = (0.0, 1.0)


@pytest.mark.sampled(6)
class TestHypervolumeWithALimit(StrategyContract):
    """On our own process, which is fitted sooner."""

    make = partial(hypervolume_search, surrogate="gp", initial=3, every=15, mutants=10, samples=10)
    objectives = (SCORE, Objective("cost", Direction.MINIMIZE, limit=0.3))


@pytest.mark.sampled(6)
class TestBoTorchSearch(StrategyContract):
    """Only the largest spaces come to the model, which takes its time; `surrogate_search` is held to all of them."""

    make = partial(botorch_search, initial=35, every=60, mutants=5, samples=5)


def search(strategy: Strategy, trials: int, batch: int = 1) -> list[Trial]:
    estimator = ToyEstimator(flat(6, 3))
    done: list[Trial] = []
    while len(done) < trials:
        for candidate in [strategy.ask() for _ in range(batch)]:
            done.append(
                Trial(len(done), candidate, TrialState.COMPLETED, estimator.estimate(candidate, LocalTrial()))
            )
            strategy.tell(done[-1])
    return done


def volume(trials: list[Trial]) -> float:
    return hypervolume([[t.metrics["score"], t.metrics["cost"]] for t in trials], TWO, CORNER)


@pytest.mark.parametrize("batch", [1, 6])
def test_covers_the_front_of_729_sooner_than_nsga2_and_chance(batch: int) -> None:
    space = flat(6, 3)
    estimator = ToyEstimator(space)
    true = hypervolume([[estimator.score(a), estimator.cost(a)] for a in space], TWO, CORNER)
    found = volume(search(hypervolume_search(space, TWO, surrogate="gp"), 60, batch))
    assert found > 0.88 * true
    for other in (NSGA2, RandomSearch):
        assert found > volume(search(other(space, TWO), 60, batch))


@pytest.mark.parametrize(("name", "objectives"), [("botorch", (SCORE,)), ("ehvi", TWO)])
def test_goes_on_from_its_state(name: str, objectives: tuple[Objective, ...]) -> None:
    """Saved while some trials run, of which the surrogate has not learned."""
    space = conditional()
    estimator = ToyEstimator(space)
    first, second = (make_strategy(name, space, objectives, initial=4, every=4) for _ in range(2))
    asked = [first.ask() for _ in range(6)]
    for number in (0, 1, 4, 5):
        first.tell(
            Trial(
                number, asked[number], TrialState.COMPLETED, estimator.estimate(asked[number], LocalTrial())
            )
        )
    asked += [first.ask() for _ in range(3)]
    first.tell(Trial(7, asked[7], TrialState.FAILED, error="the loss became NaN"))
    second.load_state_dict(json.loads(json.dumps(first.state_dict())))
    assert [first.ask() for _ in range(3)] == [second.ask() for _ in range(3)]


def test_botorch_comes_near_the_best_of_729() -> None:
    space = flat(6, 3)
    best = max(map(ToyEstimator(space).score, space))
    done = search(botorch_search(space, TWO[:1], every=8), 42)
    assert max(trial.metrics["score"] for trial in done) > 0.9 * best


def test_a_limit_is_a_constraint() -> None:
    objectives = (SCORE, Objective("cost", Direction.MINIMIZE, limit=0.3))
    done = search(hypervolume_search(flat(6, 3), objectives, surrogate="gp"), 60)
    assert np.mean([trial.metrics["cost"] <= 0.3 for trial in done[30:]]) > 0.8


def test_the_reference_point_says_what_counts() -> None:
    """With one that only accurate networks reach, more of them are tried."""
    tried = {}
    for reference in (None, (0.6, 1.0)):
        done = search(
            hypervolume_search(flat(6, 3), TWO, surrogate="gp", reference=reference, initial=10), 50
        )
        tried[reference] = np.mean([trial.metrics["score"] > 0.6 for trial in done[20:]])
    assert tried[0.6, 1.0] > tried[None]


def test_what_runs_is_believed() -> None:
    """Of a batch none is chosen for the same growth of the hypervolume: it comes near what is asked one by one."""
    alone, together = (
        volume(search(hypervolume_search(flat(6, 3), TWO, surrogate="gp", every=10), 40, batch))
        for batch in (1, 10)
    )
    assert together > 0.9 * alone


@pytest.mark.parametrize(
    ("objectives", "reference", "told"),
    [
        ((SCORE,), None, "at least 2 objectives that are optimised, got 1: 'score'.*'bayesian' or 'botorch'"),
        ((SCORE, Objective("cost", Direction.MINIMIZE, 0.3, optimize=False)), None, "got 1: 'score'"),
        ((Objective("cost", Direction.MINIMIZE, 0.3, optimize=False),), None, "got limits alone"),
        (TWO, (0.5,), "a value each for score, cost; got .0.5,."),
        (TWO, 0.5, "a value each for score, cost; got 0.5"),
        (TWO, "ab", "a value each for score, cost; got 'ab'"),
    ],
)
def test_what_cannot_be_is_refused(objectives: tuple[Objective, ...], reference: Any, told: str) -> None:
    with pytest.raises(UsageError, match=told):
        hypervolume_search(flat(), objectives, reference=reference, surrogate="gp")


def test_a_reference_point_without_hypervolume_is_refused() -> None:
    with pytest.raises(UsageError, match="expected a reference point only for the hypervolume"):
        surrogate_search(
            flat(), TWO, surrogate=lambda space, seed: GaussianProcess(space, seed=seed), reference=(0.5, 0.5)
        )


def test_an_unknown_surrogate_is_told_the_nearest_at_once() -> None:
    with pytest.raises(UsageError, match=r"unknown surrogate 'forrest'\. Did you mean 'forest'"):
        make_strategy("ehvi", flat(), TWO, surrogate="forrest")


def test_without_botorch_the_install_line_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    assert importlib.util.find_spec("botorch") is not None
    monkeypatch.delitem(sys.modules, "archwright.surrogates.botorch_process", raising=False)
    monkeypatch.setitem(sys.modules, "botorch", None)
    for name in ("botorch", "ehvi"):
        with pytest.raises(MissingExtraError, match=r"pip install 'archwright\[bayes\]'"):
            make_strategy(name, flat(), TWO)


def test_loading_the_strategies_loads_neither_torch_nor_botorch() -> None:
    code = "import archwright.strategies.bayesian, sys; print({'torch', 'botorch'} & set(sys.modules))"
    process = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert process.stdout.strip() == "set()"
