"""CMA-ES as a strategy: the contract, a bowl against random search, and its draws against the package's own loop."""

from __future__ import annotations

import math

import cma
import numpy as np
import pytest

from archwright.errors import UsageError
from archwright.objectives import Direction, Objective
from archwright.spaces import Architecture, Space, layer, real
from archwright.strategies import make_strategy
from archwright.strategies.cma_es import CMAES
from archwright.testing import StrategyContract
from archwright.trials import Trial, TrialState

LOSS = [Objective("loss", Direction.MINIMIZE)]
OPTIMUM = (0.3, -1.2, 2.0, 0.7)


@pytest.mark.sampled(6)
class TestContract(StrategyContract):
    make = CMAES


def _space() -> Space:
    return Space(layer(dict, **{f"x{i}": real(-3.0, 3.0, name=f"x{i}") for i in range(4)}))


def _bowl(architecture: Architecture) -> float:
    return sum((i + 1) * (architecture[f"x{i}"] - best) ** 2 for i, best in enumerate(OPTIMUM))


def _best(name: str, trials: int) -> float:
    strategy, found = make_strategy(name, _space(), LOSS, 3), math.inf
    for number in range(trials):
        candidate = strategy.ask()
        assert candidate is not None
        loss = _bowl(candidate.architecture)
        found = min(found, loss)
        strategy.tell(_trial(number, candidate.architecture, loss))
    return found


def _trial(number: int, architecture: Architecture, loss: float) -> Trial:
    from archwright.trials import Candidate, Measurement

    return Trial(
        number, Candidate(architecture), TrialState.COMPLETED, Measurement({"loss": loss}, seconds=1.0)
    )


def test_it_finds_the_bottom_of_a_bowl_that_random_search_does_not() -> None:
    assert _best("cma_es", 300) < 1e-3 < _best("random", 300)


def test_its_draws_are_those_of_the_package_s_own_loop() -> None:
    strategy, drawn = CMAES(_space(), LOSS, seed=5), []
    for number in range(40):
        candidate = strategy.ask()
        drawn.append(list(candidate.architecture.values()))
        strategy.tell(_trial(number, candidate.architecture, _bowl(candidate.architecture)))
    options = {
        "bounds": [0, 1], "randn": np.random.RandomState(5).randn, "seed": math.nan, "verbose": -9, "verb_log": 0,
    }  # fmt: skip
    plain, expected = cma.CMAEvolutionStrategy([0.5] * 4, 0.3, options), []
    while len(expected) < 40:
        vectors = plain.ask()
        points = [{f"x{i}": 6 * x - 3 for i, x in enumerate(vector)} for vector in vectors]
        expected += [list(point.values()) for point in points]
        plain.tell(vectors, [_bowl(Architecture(point)) for point in points])
    np.testing.assert_allclose(drawn, expected[:40], atol=1e-6)


def test_wrong_options_are_told() -> None:
    with pytest.raises(UsageError, match="expected sigma > 0"):
        CMAES(_space(), LOSS, sigma=0.0)
