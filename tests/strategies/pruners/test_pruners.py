"""The pruners: rules of the papers, by hand; and what all of them keep."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial
from statistics import fmean, median

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archwright.errors import UsageError
from archwright.objectives import Direction, Objective
from archwright.spaces import Architecture
from archwright.strategies.pruners import (
    PRUNERS,
    MedianPruner,
    NeverPruner,
    Observed,
    Pruner,
    ThresholdPruner,
)
from archwright.testing import PrunerContract
from archwright.trials import Candidate, Fidelity, Report, Trial, TrialState, Verdict

LOSS = (Objective("loss"),)
ACCURACY = (Objective("accuracy"),)
RUNNING = Trial(99, Candidate(Architecture({})))


class TestNever(PrunerContract):
    make = NeverPruner


class TestMedian(PrunerContract):
    make = partial(MedianPruner, minimum_trials=1)


class TestThreshold(PrunerContract):
    make = partial(ThresholdPruner, below=-1.0, above=2.0)


def curve(values: Sequence[float], name: str = "loss", first: int = 1) -> list[Report]:
    return [Report(step, {name: value}) for step, value in enumerate(values, first)]


def ended(number: int, values: Sequence[float], name: str = "loss", share: float = 1.0) -> Observed:
    candidate = Candidate(Architecture({}), Fidelity(data_fraction=share))
    return Trial(number, candidate, TrialState.COMPLETED), curve(values, name)


@pytest.mark.parametrize("name", list(PRUNERS))
def test_every_pruner_is_made_by_name_and_lets_a_first_trial_go_on(name: str) -> None:
    pruner = PRUNERS.make(name, ACCURACY)
    assert isinstance(pruner, Pruner)
    assert pruner.judge(RUNNING, curve([0.1], "accuracy"), []) is Verdict.GO_ON
    assert pruner.judge(RUNNING, [Report(1, {})], []) is Verdict.GO_ON


def test_an_unknown_pruner_gets_a_suggestion() -> None:
    with pytest.raises(UsageError, match="Did you mean 'median'"):
        PRUNERS.make("medain", LOSS)
    with pytest.raises(UsageError, match="minimum_trials"):
        PRUNERS.make("median", LOSS, options={"minimum_trails": 3})


def test_never_goes_on_whatever_comes() -> None:
    others = [ended(n, [0.0] * 5) for n in range(9)]
    assert NeverPruner().judge(RUNNING, curve([math.nan, 1e9]), others) is Verdict.GO_ON


@given(
    st.lists(st.lists(st.integers(-9, 9), min_size=1, max_size=6), min_size=5, max_size=9),
    st.lists(st.integers(-9, 9), min_size=1, max_size=6),
    st.booleans(),
)
def test_the_median_rule_is_that_of_the_paper(
    others: list[list[int]], mine: list[int], maximize: bool
) -> None:
    direction = Direction.MAXIMIZE if maximize else Direction.MINIMIZE
    pruner = MedianPruner([Objective("loss", direction)], minimum_trials=1)
    means = [fmean(values[: len(mine)]) for values in others]
    best = max(mine) if maximize else min(mine)
    is_worse = best < median(means) if maximize else best > median(means)
    observed = [ended(number, values) for number, values in enumerate(others)]
    for _ in range(2):  # what is remembered of ended trials changes nothing
        verdict = pruner.judge(RUNNING, curve(mine), observed)
        assert verdict is (Verdict.STOP if is_worse else Verdict.GO_ON)


def test_the_median_rule_waits_for_trials_and_steps() -> None:
    bad, others = curve([9.0, 9.0]), [ended(number, [1.0, 1.0]) for number in range(3)]
    assert MedianPruner(LOSS, minimum_trials=4).judge(RUNNING, bad, others) is Verdict.GO_ON
    assert MedianPruner(LOSS, minimum_trials=3).judge(RUNNING, bad, others) is Verdict.STOP
    late = MedianPruner(LOSS, minimum_trials=3, warmup_steps=2)
    assert late.judge(RUNNING, bad[:1], others) is Verdict.GO_ON
    assert late.judge(RUNNING, bad, others) is Verdict.STOP


def test_the_median_rule_compares_completed_trials_on_as_much_data_only() -> None:
    good = [ended(number, [1.0]) for number in range(5)]
    states = [s for s in TrialState if s is not TrialState.COMPLETED]
    uncounted = [(Trial(10 + i, RUNNING.candidate, state), curve([0.0])) for i, state in enumerate(states)]
    pruner = MedianPruner(LOSS, minimum_trials=5)
    assert pruner.judge(RUNNING, curve([0.5]), [*good, *uncounted, *uncounted]) is Verdict.GO_ON
    assert pruner.judge(RUNNING, curve([2.0]), good[1:]) is Verdict.GO_ON
    elsewhere = [ended(number, [1.0], share=0.5) for number in range(20, 25)]
    assert pruner.judge(RUNNING, curve([2.0]), elsewhere) is Verdict.GO_ON


def test_the_median_rule_passes_over_what_is_no_number() -> None:
    pruner = MedianPruner(LOSS, minimum_trials=1)
    others = [ended(0, [math.nan, 2.0, math.inf])]
    assert pruner.judge(RUNNING, curve([math.nan]), others) is Verdict.GO_ON
    assert pruner.judge(RUNNING, curve([math.nan, 3.0]), others) is Verdict.STOP
    assert pruner.judge(RUNNING, curve([math.nan, 1.0]), others) is Verdict.GO_ON
    assert (
        pruner.judge(RUNNING, curve([9.0], first=1), others) is Verdict.GO_ON
    )  # they have nothing there yet


def test_a_metric_may_be_named() -> None:
    reports = [Report(1, {"loss": 9.0, "accuracy": 0.9})]
    others = [(ended(0, [])[0], [Report(1, {"loss": 1.0, "accuracy": 0.1})])]
    assert MedianPruner(ACCURACY, minimum_trials=1).judge(RUNNING, reports, others) is Verdict.GO_ON
    by_loss = MedianPruner(ACCURACY, metric="loss", minimum_trials=1)
    assert by_loss.judge(RUNNING, reports, others) is Verdict.STOP
    with pytest.raises(UsageError, match="unknown objective 'speed'"):
        MedianPruner(ACCURACY, metric="speed")


@pytest.mark.parametrize(
    ("value", "stops"),
    [
        (0.2, True),
        (0.3, False),
        (0.7, False),
        (0.8, True),
        (math.nan, True),
        (math.inf, True),
        (-math.inf, True),
    ],
)
def test_a_threshold_stops_what_is_out_of_bounds(value: float, stops: bool) -> None:
    pruner = ThresholdPruner(LOSS, below=0.3, above=0.7)
    verdict = pruner.judge(RUNNING, curve([0.5, value]), [])
    assert verdict is (Verdict.STOP if stops else Verdict.GO_ON)


def test_a_threshold_looks_at_the_last_report_after_warming_up() -> None:
    pruner = ThresholdPruner(ACCURACY, below=0.5, warmup_steps=3)
    assert pruner.judge(RUNNING, curve([0.1, 0.1], "accuracy"), []) is Verdict.GO_ON
    assert pruner.judge(RUNNING, curve([0.1, 0.1, 0.1], "accuracy"), []) is Verdict.STOP
    assert pruner.judge(RUNNING, curve([0.1, 0.1, 0.6], "accuracy"), []) is Verdict.GO_ON
    assert pruner.judge(RUNNING, curve([math.nan], "accuracy"), []) is Verdict.STOP  # diverged is diverged


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda: MedianPruner(LOSS, minimum_trials=0), "minimum_trials >= 1"),
        (lambda: MedianPruner(LOSS, warmup_steps=-1), "warmup_steps >= 0"),
        (lambda: MedianPruner([]), "needs an objective"),
        (lambda: MedianPruner([Objective("params", limit=9, optimize=False)]), "needs an objective"),
        (lambda: ThresholdPruner(LOSS, below=1.0, above=0.5), "below <= above"),
        (lambda: ThresholdPruner(LOSS, below=math.nan), "below <= above"),
    ],
)
def test_options_that_make_no_sense_are_refused(make: object, told: str) -> None:
    with pytest.raises(UsageError, match=told):
        make()  # type: ignore[operator]
