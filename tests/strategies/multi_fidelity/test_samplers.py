"""The samplers of BOHB and PriorBand: densities, shares, and what they propose."""

from __future__ import annotations

import json
import math
import random
from collections import Counter
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np
import pytest

from archwright import spaces as aw
from archwright.errors import UsageError
from archwright.strategies import Strategy
from archwright.strategies.multi_fidelity import (
    BOHB,
    PriorBand,
)
from archwright.strategies.multi_fidelity.kernel_density import (
    Dimensions,
    KernelDensity,
    KernelDensitySampler,
)
from archwright.strategies.multi_fidelity.prior_sampler import PriorSampler
from archwright.testing.toy_spaces import Part, conditional, flat
from archwright.trials import Candidate, Fidelity, Measurement, Trial, TrialState

from .replaying import LOSS, epochs


def test_densities_are_those_of_statsmodels() -> None:
    known = json.loads((Path(__file__).parent / "traces" / "densities.json").read_text())
    made = KernelDensity.of(np.array(known["data"]), np.array([0, 0, 3]))
    assert made.bandwidths == pytest.approx(known["bandwidths"])
    assert made.density(np.array(known["probes"])) == pytest.approx(known["densities"])


def test_draws_from_a_density_follow_its_kernels() -> None:
    made = KernelDensity(np.array([[0.2, 1.0]]), np.array([0, 4]), np.array([0.1, 0.4]))
    drawn = random.Random(0)
    rows = np.array([made.draw(drawn, 3.0) for _ in range(4000)])
    assert rows[:, 0].min() >= 0.0
    assert rows[:, 0].max() <= 1.0
    assert (rows[:, 1] == 1.0).mean() == pytest.approx(0.6 + 0.4 / 4, abs=0.03)
    # A normal of deviation .3 around .2, cut off at 0 and 1: its mean in closed form.
    low, high = -0.2 / 0.3, 0.8 / 0.3
    pdf = [math.exp(-0.5 * x * x) / math.sqrt(2 * math.pi) for x in (low, high)]
    cdf = [0.5 * (1 + math.erf(x / math.sqrt(2))) for x in (low, high)]
    assert rows[:, 0].mean() == pytest.approx(0.2 + 0.3 * (pdf[0] - pdf[1]) / (cdf[1] - cdf[0]), abs=0.02)


@pytest.mark.parametrize("make", [flat, conditional])
def test_rows_and_architectures_are_inverse(make: Any) -> None:
    space = make()
    dimensions = Dimensions(space)
    for seed in range(20):
        architecture = space.sample(seed)
        row = [0.0 if math.isnan(number) else number for number in dimensions.row(architecture)]
        assert dimensions.architecture(row) == architecture


def completed(number: int, architecture: Any, fidelity: Fidelity, loss: float | None) -> Trial:
    candidate = Candidate(architecture, fidelity)
    if loss is None:
        return Trial(number, candidate, TrialState.FAILED, error="NaN")
    return Trial(number, candidate, TrialState.COMPLETED, Measurement({"loss": loss}))


def test_the_model_is_of_the_largest_fidelity_with_enough_good_and_bad() -> None:
    """3 decisions, so 4 good and 4 bad: 8 trials, of which the failed are bad."""
    space = flat(3, 4)
    sampler = KernelDensitySampler(space, LOSS)
    points = list(space)
    for i, architecture in enumerate(points[:20]):
        sampler.tell(completed(i, architecture, Fidelity(1), float(i)))
    for i, architecture in enumerate(points[:7]):
        sampler.tell(completed(i, architecture, Fidelity(3), -float(i)))
    found = sampler.model(random.Random(0))
    assert found is not None
    assert found[0].data.tolist() == [sampler.dimensions.row(one) for one in points[:4]]
    assert found[1].data.tolist() == [sampler.dimensions.row(one) for one in points[4:20]]
    sampler.tell(completed(7, points[30], Fidelity(3), None))
    found = sampler.model(random.Random(0))
    assert found is not None
    assert found[0].data.tolist() == [sampler.dimensions.row(one) for one in points[6:2:-1]]
    assert found[1].data.tolist()[-1] == sampler.dimensions.row(points[30])


def test_bohb_finds_what_random_configurations_do_not() -> None:
    """A separable function of 8 decisions: the mean of the last 40 of 100 proposals, over 3 seeds."""
    space = flat(8, 5)

    def last(strategy: Strategy) -> float:
        values = []
        for number in range(100):
            candidate = strategy.ask()
            assert candidate is not None
            values.append(float(sum(candidate.architecture.values())))
            strategy.tell(Trial(number, candidate, TrialState.COMPLETED, Measurement({"loss": values[-1]})))
        return fmean(values[60:])

    random_share = [last(KernelDensitySampler(space, LOSS, seed=seed, random_share=1.0)) for seed in range(3)]
    modelled = [last(KernelDensitySampler(space, LOSS, seed=seed)) for seed in range(3)]
    assert max(modelled) < min(random_share)


EXPERT = aw.Space(
    aw.layer(
        Part,
        aw.categorical(["a", "b", "c", "d"], name="label", prior={"a": 0.7, "b": 0.1, "c": 0.1, "d": 0.1}),
        aw.real(0.0, 1.0, name="rate", prior=aw.normal(0.8, 0.2)),
    ),
    name="expert",
)


def phi(x: float) -> float:
    return 0.5 * (1 + math.erf(x / math.sqrt(2)))


def density(x: float, mean: float, deviation: float) -> float:
    inside = math.exp(-0.5 * ((x - mean) / deviation) ** 2) / (deviation * math.sqrt(2 * math.pi))
    return inside / (phi((1 - mean) / deviation) - phi(-mean / deviation))


def test_shares_of_priorband_are_the_papers() -> None:
    sampler = PriorSampler(EXPERT, LOSS, full=Fidelity(9), eta=3)
    for rung in range(3):
        sampler.rung = rung
        assert sampler.shares() == pytest.approx((1 / (1 + 3**rung), 1 - 1 / (1 + 3**rung), 0.0))
    points = [("a", 0.75), ("b", 0.2), ("a", 0.5), ("c", 0.1), ("d", 0.9), ("b", 0.3)]
    for i, (label, rate) in enumerate(points):
        architecture = EXPERT.architecture({"label": label, "rate": rate})
        sampler.tell(completed(i, architecture, Fidelity(3), float(i)))
    best = EXPERT.architecture({"label": "b", "rate": 0.2})
    sampler.tell(completed(6, best, Fidelity(9), 0.0))
    sampler.is_guided, sampler.rung = True, 1
    prior = near = 0.0
    for weight, (label, rate) in zip((2, 1), points[:2], strict=True):  # K = 6 / 3 best at 3 epochs
        prior += weight * {"a": 0.7, "b": 0.1}[label] * density(rate, 0.8, 0.2)
        near += weight * (0.5 if label == "b" else 0.5 / 3) * density(rate, 0.2, 0.25)
    shares = (0.25, 0.75 * prior / (prior + near), 0.75 * near / (prior + near))
    assert sampler.shares() == pytest.approx(shares)


def test_priorband_looks_around_the_best_once_the_first_bracket_was_spent() -> None:
    strategy = PriorBand(EXPERT, LOSS, fidelity=epochs(9), seed=1)
    assert strategy.worth == 9 + 3 * 2 + 1 * 6
    drawn = random.Random(0)
    guided = []
    for number in range(30):
        candidate = strategy.ask()
        assert candidate is not None
        guided.append(strategy.sampler.is_guided)
        strategy.tell(Trial(number, candidate, TrialState.COMPLETED, Measurement({"loss": drawn.random()})))
    assert guided.index(True) == 13
    assert strategy.sampler.shares()[2] > 0.0


def test_a_neighbour_of_the_best_keeps_about_half_of_its_decisions() -> None:
    space = flat(8, 4)
    sampler = PriorSampler(space, LOSS, full=Fidelity(9), eta=3)
    best, drawn = space.sample(0), random.Random(0)
    same = [
        sum(value == best[address] for address, value in sampler._around(best, drawn).items()) / 8
        for _ in range(500)
    ]
    assert fmean(same) == pytest.approx(0.5, abs=0.03)


@pytest.mark.parametrize(
    "decision",
    [
        aw.integer(0, 9, name="x", prior=aw.normal(3, 2.0)),
        aw.integer(0, 4, name="x", prior=[1, 2, 0, 4, 1]),
        aw.categorical(["a", "b", "c"], name="x", prior={"a": 2, "b": 1}),
        aw.subset(4, (1, 2), name="x", prior=[0.2, 0.5, 0.9, 0.4]),
        aw.subset(4, (1, 3), name="x"),
    ],
)
def test_densities_of_decisions_add_up_to_one(decision: Any) -> None:
    assert sum(map(decision.density, decision.values())) == pytest.approx(1.0)
    drawn = random.Random(0)
    counts = Counter(decision.sample(drawn) for _ in range(4000))
    for value in decision.values():
        assert counts[value] / 4000 == pytest.approx(decision.density(value), abs=0.03)


def test_bohb_takes_its_options() -> None:
    strategy = BOHB(flat(), LOSS, top=0.3, samples=8, min_points=3)
    assert isinstance(strategy.sampler, KernelDensitySampler)
    assert (strategy.sampler.top, strategy.sampler.samples, strategy.sampler.min_points) == (0.3, 8, 3)
    with pytest.raises(UsageError, match="min_points >= 2"):
        BOHB(flat(), LOSS, min_points=1)
