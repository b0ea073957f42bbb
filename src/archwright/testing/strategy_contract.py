"""What every strategy must keep."""

from __future__ import annotations

import json
from collections.abc import Callable, Hashable, Sequence
from typing import Any, ClassVar

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from archwright.errors import SpaceExhaustedError
from archwright.objectives import Objective
from archwright.spaces import Space
from archwright.strategies import Strategy
from archwright.testing.toy_estimator import ToyEstimator
from archwright.testing.toy_spaces import TOY_SPACES
from archwright.trials import Candidate, LocalTrial, Measurement, Trial, TrialState

__all__ = ["StrategyContract"]

_SOME = 60
"""Proposals that an infinite space must have room for."""

_on_every_space = pytest.mark.parametrize("name", list(TOY_SPACES))


class StrategyContract:
    """Tests of a strategy on every toy space.

    Attributes:
        make: The class, or a function of (space, objectives, *, seed) that makes the strategy.
        objectives: What the strategy is to optimise: of the toy estimator's metrics.
    """  # fmt: skip

    make: ClassVar[Callable[..., Strategy]]
    objectives: ClassVar[Sequence[Objective]] = ToyEstimator.objectives[:1]

    @_on_every_space
    def test_proposes_every_architecture_once_and_then_says_so(self, name: str) -> None:
        """A finite space is proposed whole, each canonical form once; an infinite one without repeats."""
        space = TOY_SPACES[name]()
        proposed = _propose(self._made(space), space, _mixed(space))
        _check(proposed, space)

    @_on_every_space
    def test_several_may_be_asked_before_any_is_told(self, name: str) -> None:
        """Batches of four, each told in reverse order."""
        space = TOY_SPACES[name]()
        proposed = _propose(self._made(space), space, _mixed(space), batch=4)
        _check(proposed, space)

    @_on_every_space
    def test_may_never_be_told_anything(self, name: str) -> None:
        """All are asked, none is told."""
        space = TOY_SPACES[name]()
        proposed = _propose(self._made(space), space, _mixed(space), batch=10_000)
        _check(proposed, space)

    @_on_every_space
    @pytest.mark.parametrize("state", [TrialState.FAILED, TrialState.INFEASIBLE])
    def test_survives_that_nothing_succeeds(self, name: str, state: TrialState) -> None:
        """Every trial fails, or every trial is infeasible."""
        space = TOY_SPACES[name]()
        proposed = _propose(
            self._made(space), space, lambda number, candidate: _ended(number, candidate, state)
        )
        _check(proposed, space)

    @_on_every_space
    def test_same_seed_same_candidates(self, name: str) -> None:
        """What is proposed depends on the seed and on what was told, on nothing else."""
        space = TOY_SPACES[name]()
        first = _propose(self._made(space, seed=7), space, _mixed(space), batch=2)
        second = _propose(self._made(space, seed=7), TOY_SPACES[name](), _mixed(space), batch=2)
        assert first == second

    @_on_every_space
    def test_a_parent_is_an_earlier_trial(self, name: str) -> None:
        """A candidate's parent, if it has one, is the number of a trial that was told."""
        space = TOY_SPACES[name]()
        for number, candidate in enumerate(_propose(self._made(space), space, _mixed(space))):
            assert candidate.parent is None or 0 <= candidate.parent < number

    @settings(
        max_examples=30,
        deadline=None,
        suppress_health_check=[HealthCheck.differing_executors, HealthCheck.too_slow],
    )
    @given(
        name=st.sampled_from(sorted(TOY_SPACES)),
        seed=st.integers(0, 3),
        steps=st.lists(st.sampled_from(["ask", "ask", "tell first", "tell last", "save"]), max_size=60),
    )
    def test_a_state_that_went_through_json_continues_exactly(
        self, name: str, seed: int, steps: list[str]
    ) -> None:
        """Saving and loading at any moment, with trials running, changes no later proposal."""
        space = TOY_SPACES[name]()
        fate = _mixed(space)
        kept, resumed = self._made(space, seed=seed), self._made(space, seed=seed)
        running: list[Trial] = []
        number = 0
        for step in [*steps, "save", *["ask"] * 4]:
            if step == "ask":
                expected, received = _asked(kept), _asked(resumed)
                assert expected == received, f"{space!r}: proposal {number} after {steps}"
                if expected is not None:
                    running.append(fate(number, expected))
                    number += 1
            elif step == "save":
                state = _through_json(resumed.state_dict())
                resumed = self._made(space, seed=seed)
                resumed.load_state_dict(state)
            elif running:
                trial = running.pop(0 if step == "tell first" else -1)
                kept.tell(trial)
                resumed.tell(trial)

    @_on_every_space
    def test_a_state_is_a_picture(self, name: str) -> None:
        """It does not change when the search goes on, and brings a used strategy back to its moment."""
        space = TOY_SPACES[name]()
        fate = _mixed(space)
        strategy = self._made(space)
        _propose(strategy, space, fate, most=6)
        state = strategy.state_dict()
        picture = _through_json(state)
        first = _propose(strategy, space, fate, most=6)
        assert _through_json(state) == picture
        strategy.load_state_dict(picture)
        assert _propose(strategy, space, fate, most=6) == first

    def _made(self, space: Space, seed: int = 0) -> Strategy:
        # From the class, so that a plain function does not become a method.
        return type(self).make(space, self.objectives, seed=seed)


_Fate = Callable[[int, Candidate], Trial]


def _propose(
    strategy: Strategy, space: Space, fate: _Fate, *, batch: int = 1, most: int | None = None
) -> list[Candidate]:
    """Ask in batches, tell each in reverse order, until the space is used up or enough was proposed."""
    if most is None:
        most = _SOME if space.size == float("inf") else int(space.size) + 1
    proposed: list[Candidate] = []
    while len(proposed) < most:
        asked = [
            c for c in (_asked(strategy) for _ in range(min(batch, most - len(proposed)))) if c is not None
        ]
        if not asked:
            break
        for candidate in asked:
            assert space.contains(candidate.architecture), f"{candidate} is not in {space!r}"
        trials = [fate(len(proposed) + i, candidate) for i, candidate in enumerate(asked)]
        proposed += asked
        for trial in reversed(trials):
            strategy.tell(trial)
    return proposed


def _check(proposed: Sequence[Candidate], space: Space) -> None:
    """No canonical form twice, and all of them where the space is finite."""
    seen: set[Hashable] = {space.canonical(candidate.architecture) for candidate in proposed}
    assert len(seen) == len(proposed), (
        f"{len(proposed) - len(seen)} of {len(proposed)} proposals were repeats"
    )
    assert len(seen) == (_SOME if space.size == float("inf") else space.size)


def _asked(strategy: Strategy) -> Candidate | None:
    try:
        return strategy.ask()
    except SpaceExhaustedError:
        return None


def _through_json(state: dict[str, Any]) -> dict[str, Any]:
    made: dict[str, Any] = json.loads(json.dumps(state, allow_nan=False))
    return made


def _mixed(space: Space) -> _Fate:
    """Of seven trials one fails, one is infeasible, and five are completed."""
    estimator = ToyEstimator(space)

    def fate(number: int, candidate: Candidate) -> Trial:
        if number % 7 == 3:
            return _ended(number, candidate, TrialState.FAILED)
        if number % 7 == 5:
            return _ended(number, candidate, TrialState.INFEASIBLE)
        return Trial(number, candidate, TrialState.COMPLETED, estimator.estimate(candidate, LocalTrial()))

    return fate


def _ended(number: int, candidate: Candidate, state: TrialState) -> Trial:
    if state is TrialState.FAILED:
        return Trial(number, candidate, state, error="the loss became NaN")
    return Trial(number, candidate, state, Measurement({"cost": 1.0 + number % 3}))
