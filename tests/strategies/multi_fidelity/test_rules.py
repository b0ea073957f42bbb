"""The rules of the methods one by one, and what all of them keep."""

from __future__ import annotations

import random
from collections import Counter
from fractions import Fraction
from statistics import fmean
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archwright.errors import UsageError
from archwright.objectives import Direction, Objective
from archwright.strategies import STRATEGIES, make_strategy
from archwright.strategies.multi_fidelity import (
    ASHA,
    PASHA,
    Hyperband,
    MultiFidelity,
    ProgressiveHurdles,
    SuccessiveHalving,
)
from archwright.strategies.multi_fidelity.levels import bracket_size, kept, most_halvings, rung_levels
from archwright.testing.toy_spaces import flat
from archwright.trials import Candidate, Fidelity, FidelityRange, Measurement, Trial, TrialState

from .replaying import LOSS, SPACE, epochs, numbered, replayed

NAMES = ["asha", "bohb", "hyperband", "pasha", "priorband", "progressive_hurdles", "successive_halving"]


def test_sizes_of_brackets_are_the_papers_tables() -> None:
    table = {"floor": [81, 27, 9, 6, 5], "ceil": [81, 34, 15, 8, 5]}
    for sizes, expected in table.items():
        assert [bracket_size(s, 4, 3, sizes) for s in (4, 3, 2, 1, 0)] == expected  # type: ignore[arg-type]


@given(eta=st.integers(2, 6), k=st.integers(0, 12), low=st.integers(1, 50), over=st.integers(0, 10**6))
def test_no_rung_is_lost_to_rounding(eta: int, k: int, low: int, over: int) -> None:
    """log(243) / log(3) is 4.999... in floating point."""
    high = low * eta**k
    assert most_halvings(Fraction(low), Fraction(high), eta) == k
    assert most_halvings(Fraction(low), Fraction(high + over % max(1, high * (eta - 1))), eta) == k
    assert rung_levels(Fraction(low), Fraction(high), eta) == [low * eta**i for i in range(k + 1)]
    assert kept(eta**k, eta, k + 1)[-1] == 1


def test_levels_end_at_the_most_where_it_is_no_power() -> None:
    assert rung_levels(Fraction(1), Fraction(20), 3) == [1, 3, 9, 20]
    strategy = Hyperband(SPACE, LOSS, fidelity=epochs(20), sampler=numbered())
    assert [level.epochs for level in strategy.open_bracket(0).levels] == [2, 7, 20]


@pytest.mark.parametrize("name", NAMES)
def test_no_epoch_is_trained_twice_and_schedules_are_made_for_the_most(name: str) -> None:
    drawn = random.Random(3)
    final = {number: drawn.random() for number in range(1000)}
    asked: list[Candidate] = []
    strategy = make_strategy(name, SPACE, LOSS, fidelity=epochs(9), configurations=27)
    ask = strategy.ask
    strategy.ask = lambda running=(): asked.append(ask(running)) or asked[-1]  # type: ignore[method-assign,func-returns-value,assignment]
    trace = replayed(strategy, lambda one, epoch: final[one] + 1 / epoch, workers=3, jobs=60)
    assert all(candidate.effort.horizon == 9 for candidate in asked if candidate)
    spent: Counter[int] = Counter()
    for job in trace:
        spent[job.configuration] += job.epochs - (0 if job.parent is None else trace[job.parent].epochs)
        assert spent[job.configuration] == job.epochs
    assert {job.epochs for job in trace} == ({1, 3} if name == "pasha" else {1, 3, 9})  # its rankings agree


@pytest.mark.parametrize("name", NAMES)
def test_a_failed_configuration_never_goes_on(name: str) -> None:
    strategy = make_strategy(name, SPACE, LOSS, fidelity=epochs(9))
    trace = replayed(strategy, lambda one, epoch: None if one % 2 else one / 1000 + 1 / epoch, jobs=80)
    further = [job for job in trace if job.parent is not None]
    assert further
    assert all(job.configuration % 2 == 0 for job in further)


def test_a_candidate_over_a_cheap_limit_takes_no_place() -> None:
    strategy = SuccessiveHalving(SPACE, LOSS, fidelity=epochs(3), sampler=numbered(), n=3)
    for number in range(5):
        candidate = strategy.ask()
        assert candidate is not None
        assert candidate.is_new
        state = TrialState.INFEASIBLE if number < 2 else TrialState.COMPLETED
        strategy.tell(Trial(number, candidate, state, Measurement({"loss": float(number)})))
    further = strategy.ask()
    assert further == Candidate(SPACE.architecture({"number": 2}), Fidelity(3, horizon=3), 2, "continue")


def test_a_bracket_that_gets_no_more_configurations_goes_on_with_those_it_has() -> None:
    strategy = Hyperband(SPACE, LOSS, fidelity=epochs(9), sampler=numbered())
    first = strategy.ask()
    assert first is not None
    strategy.tell(Trial(0, first, TrialState.COMPLETED, Measurement({"loss": 1.0})))
    for _ in range(2):
        strategy.finish()
    second = strategy.ask()
    assert second is not None
    assert (second.parent, second.effort.epochs) == (0, 3)
    assert strategy.ask([second]) is None
    strategy.tell(Trial(1, second, TrialState.COMPLETED, Measurement({"loss": 1.0})))
    third = strategy.ask()
    assert third is not None
    assert (third.parent, third.effort.epochs) == (1, 9)
    strategy.tell(Trial(2, third, TrialState.COMPLETED, Measurement({"loss": 1.0})))
    assert strategy.ask() is None


def test_only_the_best_that_wait_keep_their_checkpoints() -> None:
    strategy = ASHA(SPACE, LOSS, fidelity=epochs(9), sampler=numbered(), checkpoints=2)
    for number in range(2):
        candidate = strategy.ask()
        assert candidate is not None
        strategy.tell(Trial(number, candidate, TrialState.COMPLETED, Measurement({"loss": -float(number)})))
    assert strategy.needed() == {0, 1}
    for number in range(2, 6):
        candidate = strategy.ask()
        assert candidate is not None
        if candidate.parent is not None:
            break
        strategy.tell(Trial(number, candidate, TrialState.COMPLETED, Measurement({"loss": -float(number)})))
    assert strategy.needed() == {1}  # 0 is the worst of three, 2 goes on


def test_one_whose_checkpoint_is_gone_begins_anew() -> None:
    strategy = ASHA(SPACE, LOSS, fidelity=epochs(3), sampler=numbered(), checkpoints=0)
    asked = []
    for number in range(4):
        candidate = strategy.ask()
        assert candidate is not None
        asked.append(candidate)
        strategy.tell(Trial(number, candidate, TrialState.COMPLETED, Measurement({"loss": float(number)})))
    assert strategy.needed() == set()
    assert (asked[3].parent, asked[3].inherit, asked[3].is_new) == (0, "architecture", False)


def test_what_is_not_epochs_alone_begins_anew() -> None:
    wanted = FidelityRange.parse("epochs=1..9,data=0.1..1,cells=2..8")
    strategy = ASHA(SPACE, LOSS, fidelity=wanted, sampler=numbered())
    assert strategy.levels == [
        Fidelity(1, 0.1, horizon=9, scale={"cells": 2}),
        Fidelity(3, 0.316228, horizon=9, scale={"cells": 4}),
        Fidelity(9, 1.0, horizon=9, scale={"cells": 8}),
    ]
    for number in range(3):
        candidate = strategy.ask()
        assert candidate is not None
        strategy.tell(Trial(number, candidate, TrialState.COMPLETED, Measurement({"loss": 0.0})))
    further = strategy.ask()
    assert further is not None
    assert (further.inherit, further.parent) == ("architecture", 0)


@pytest.mark.parametrize("sampler", ["random", "evolution", "bayesian", "local", "optuna"])
def test_any_sampler_is_wrapped_and_told_of_every_trial(sampler: str) -> None:
    space = flat(4, 3)
    objectives = (Objective("score", Direction.MAXIMIZE),)
    strategy = ASHA(space, objectives, fidelity=epochs(9), sampler=sampler)
    told, tell = [], strategy.sampler.tell
    strategy.sampler.tell = lambda trial: told.append(trial.number) or tell(trial)  # type: ignore[method-assign,func-returns-value]
    for number in range(40):
        candidate = strategy.ask()
        assert candidate is not None
        value = sum(candidate.architecture.values()) + (candidate.effort.epochs or 0) / 10
        strategy.tell(Trial(number, candidate, TrialState.COMPLETED, Measurement({"score": float(value)})))
    assert told == list(range(40))


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"eta": 1}, "expected eta >= 2"),
        ({"sampler": "hyperband"}, "picks architectures alone, got 'hyperband'"),
        ({"sampler": "evoltion"}, "Did you mean 'evolution'"),
        ({"sampler": numbered(), "sampler_options": {"a": 1}}, "go with the name of a sampler"),
        ({"fidelity": FidelityRange()}, "expected a range"),
        ({"brackets": 9}, "brackets from 1 to 4"),
        ({"checkpoints": -1}, "checkpoints >= 0"),
    ],
)
def test_what_cannot_be_is_refused(options: dict[str, Any], told: str) -> None:
    with pytest.raises(UsageError, match=told):
        ASHA(flat() if "sampler" in options else SPACE, LOSS, **options)


def test_every_one_is_known_by_name_and_moves_over_a_fidelity() -> None:
    assert not STRATEGIES.takes("random", "fidelity")
    for name in NAMES:
        assert STRATEGIES.takes(name, "fidelity")
        assert isinstance(make_strategy(name, flat(), LOSS), MultiFidelity)


@pytest.mark.parametrize("seed", range(3))
def test_hurdles_are_those_of_the_papers_algorithm(seed: int) -> None:
    """A plain loop: train, compare with the hurdles there are, make one after every m children."""
    drawn, m, steps = random.Random(seed), 6, (1, 3, 9)
    losses = [[drawn.random() for _ in range(9)] for _ in range(60)]
    expected, hurdles, children = [], list[float](), 0
    reached: list[list[float]] = [[], [], []]
    for child in range(40):
        level = 0
        while True:
            value = losses[child][steps[level] - 1]
            expected.append([child, steps[level]])
            reached[level].append(value)
            if level == len(hurdles) or value >= hurdles[level]:
                break
            level += 1
        children += 1
        if children >= m and len(hurdles) < 2 and reached[len(hurdles)]:
            hurdles.append(fmean(reached[len(hurdles)]))
            children = 0
    strategy = ProgressiveHurdles(SPACE, LOSS, fidelity=epochs(9), sampler=numbered(), m=m)
    trace = replayed(strategy, lambda one, epoch: losses[one][epoch - 1], jobs=len(expected))
    assert [[job.configuration, job.epochs] for job in trace] == expected
    assert len(hurdles) == 2


def test_the_cap_of_pasha_stays_while_rankings_agree_and_rises_when_they_do_not() -> None:
    settled = PASHA(SPACE, LOSS, fidelity=epochs(81), sampler=numbered())
    trace = replayed(settled, lambda one, epoch: (one * 7919 % 101) / 101 + 1 / epoch, jobs=80)
    assert max(job.epochs for job in trace) == 3
    turning = PASHA(SPACE, LOSS, fidelity=epochs(81), sampler=numbered())
    trace = replayed(
        turning, lambda one, epoch: (one * 7919 % 101) / 101 * (1 if epoch < 3 else -1), jobs=110
    )
    assert max(job.epochs for job in trace) == 9
