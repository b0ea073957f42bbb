"""Every multi-fidelity strategy keeps the contract of strategies, with any sampler."""

from __future__ import annotations

from functools import partial

import pytest

from archwright.strategies.multi_fidelity import (
    ASHA,
    BOHB,
    PASHA,
    Hyperband,
    PriorBand,
    ProgressiveHurdles,
    SuccessiveHalving,
)
from archwright.testing import StrategyContract, ToyEstimator
from archwright.trials import Fidelity, FidelityRange

NINE = FidelityRange(Fidelity(1), Fidelity(9))
SHARES = FidelityRange(Fidelity(data_fraction=0.1), Fidelity())


@pytest.mark.sampled(5)
class TestSuccessiveHalving(StrategyContract):
    make = partial(SuccessiveHalving, fidelity=NINE)


@pytest.mark.sampled(5)
class TestHyperband(StrategyContract):
    make = partial(Hyperband, fidelity=NINE)


@pytest.mark.sampled(5)
class TestHyperbandOfSharesOfTheDataOnTwoObjectives(StrategyContract):
    make = partial(Hyperband, fidelity=SHARES, sizes="floor", sampler="evolution")
    objectives = ToyEstimator.objectives


@pytest.mark.sampled(3)
class TestASHA(StrategyContract):
    make = partial(ASHA, fidelity=NINE)


@pytest.mark.sampled(5)
class TestASHAThatStopsWithEvolution(StrategyContract):
    make = partial(ASHA, fidelity=NINE, form="stopping", sampler="evolution", eta=2)


@pytest.mark.sampled(5)
class TestASHAWithFewCheckpointsInBrackets(StrategyContract):
    make = partial(ASHA, fidelity=NINE, rule="quantile", checkpoints=1, brackets=3)


@pytest.mark.sampled(5)
class TestPASHA(StrategyContract):
    make = partial(PASHA, fidelity=NINE)


@pytest.mark.sampled(5)
class TestBOHB(StrategyContract):
    make = partial(BOHB, fidelity=NINE, min_points=2)


@pytest.mark.sampled(5)
class TestPriorBand(StrategyContract):
    make = partial(PriorBand, fidelity=NINE)


@pytest.mark.sampled(5)
class TestProgressiveHurdles(StrategyContract):
    make = partial(ProgressiveHurdles, fidelity=NINE, m=3)
