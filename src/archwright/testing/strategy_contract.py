"""What every strategy must keep."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Hashable, Sequence
from typing import Any, ClassVar

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from archwright.errors import SpaceExhaustedError, UsageError
from archwright.objectives import Objective
from archwright.spaces import Space
from archwright.strategies import FixedStrategy, Strategy
from archwright.testing.string_space import StringSpace
from archwright.testing.toy_estimator import ToyEstimator
from archwright.testing.toy_spaces import TOY_SPACES
from archwright.trials import Candidate, Fidelity, LocalTrial, Measurement, Trial, TrialState

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
    @pytest.mark.parametrize("state", [TrialState.FAILED, TrialState.INFEASIBLE, TrialState.PRUNED])
    def test_survives_that_nothing_succeeds(self, name: str, state: TrialState) -> None:
        """Every trial fails, or is infeasible, or pruned before anything was measured."""
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
        """A candidate's parent, if it has one, is a trial that was told, of the same architecture if it continues."""
        space = TOY_SPACES[name]()
        strategy = self._made(space)
        proposed = _propose(strategy, space, _mixed(space))
        for number, candidate in enumerate(proposed):
            assert candidate.parent is None or 0 <= candidate.parent < number
            if candidate.inherit != "nothing":
                assert candidate.parent is not None
                assert strategy.inherits, f"{candidate} inherits, but the strategy's `inherits` is False"
            if not candidate.is_new:
                parent = proposed[candidate.parent or 0]
                assert candidate.architecture == parent.architecture
                assert candidate.effort.cost() > parent.effort.cost()

    @_on_every_space
    def test_what_is_inherited_was_needed(self, name: str) -> None:
        """Checkpoints of trials that are not needed are deleted, so a parent has been needed since it was told."""
        space, fate = TOY_SPACES[name](), _mixed(TOY_SPACES[name]())
        strategy, kept = self._made(space), set[int]()
        for number in range(_SOME):
            candidate = _asked(strategy)
            if candidate is None:
                break
            assert not candidate.needs_checkpoint or candidate.parent in kept
            strategy.tell(fate(number, candidate))
            needed = strategy.needed()
            kept = {*kept, number} if needed is None else {*kept, number} & needed

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
                asked = [trial.candidate for trial in running]
                expected, received = _asked(kept, asked), _asked(resumed, asked)
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

    @pytest.mark.parametrize("name", ["conditional", "spellings"])
    def test_given_architectures_come_first_and_once(self, name: str) -> None:
        """Starting points are asked for first, are not proposed again, and the strategy is told of them."""
        space = TOY_SPACES[name]()
        given = [space.default, space.sample(5), space.default]

        def made() -> Strategy:
            return FixedStrategy(space, given, self._made(space))

        proposed = _propose(made(), space, _mixed(space), batch=2)
        assert [candidate.architecture for candidate in proposed[:2]] == given[:2]
        _check(proposed, space)
        for most in (1, 5):
            kept, resumed = made(), made()
            _propose(kept, space, _mixed(space), most=most)
            resumed.load_state_dict(_through_json(kept.state_dict()))
            expected = _propose(kept, space, _mixed(space), most=6)
            assert _propose(resumed, space, _mixed(space), most=6) == expected

    @pytest.mark.parametrize("name", ["subsets", "shared"])
    def test_leaves_held_decisions_alone(self, name: str) -> None:
        """Of a space with a decision held, it proposes every architecture that has the value."""
        space = TOY_SPACES[name]()
        address, value = next(iter(space.sample(3).items()))
        fixed = space.fix({address: value})
        proposed = _propose(self._made(fixed), fixed, _mixed(space))
        _check(proposed, fixed)
        assert all(candidate.architecture.get(address, value) == value for candidate in proposed)

    def test_searches_strings_or_says_that_it_needs_decisions(self) -> None:
        """It runs on any `SearchSpace` that has the verbs it declares, and refuses one that lacks some."""
        space = StringSpace()
        verbs = self._made(TOY_SPACES["flat"]()).verbs
        if verbs is None:
            with pytest.raises(UsageError, match=r"expected an aw\.Space, got StringSpace"):
                self._made(space)
            return
        offered = _with_verbs(space, verbs)
        for batch in (1, 4):
            proposed = _propose(self._made(offered), space, _counted, batch=batch)
            _check(proposed, space)
            assert proposed == _propose(self._made(offered), space, _counted, batch=batch)
        kept, resumed = self._made(offered), self._made(offered)
        _propose(kept, space, _counted, most=7)
        resumed.load_state_dict(_through_json(kept.state_dict()))
        assert _propose(resumed, space, _counted, most=5) == _propose(kept, space, _counted, most=5)
        for verb in verbs:
            with pytest.raises(UsageError, match=verb):
                self._made(_with_verbs(space, verbs - {verb}))

    def _made(self, space: Any, seed: int = 0) -> Strategy:
        # From the class, so that a plain function does not become a method.
        return type(self).make(space, self.objectives, seed=seed)


def _with_verbs(space: StringSpace, verbs: Collection[str]) -> Any:
    """A space that has these verbs and nothing else."""

    def of(verb: str) -> Any:
        found = getattr(space, verb)
        return staticmethod(found) if callable(found) else found

    return type("Offered", (), {verb: of(verb) for verb in verbs})()


def _counted(number: int, candidate: Candidate) -> Trial:
    """More letters "a" are better; every fifth trial fails."""
    if number % 5 == 4:
        return _ended(number, candidate, TrialState.FAILED)
    string: Any = candidate.architecture
    metrics = {"score": float(string.count("a")), "cost": float(len(string))}
    return Trial(number, candidate, TrialState.COMPLETED, Measurement(metrics))


_Fate = Callable[[int, Candidate], Trial]


def _propose(
    strategy: Strategy, space: Any, fate: _Fate, *, batch: int = 1, most: int | None = None
) -> list[Candidate]:
    """Ask in batches, tell each in reverse order, until the space is used up or enough was proposed.

    A further look at an earlier one is no proposal of its own.
    """
    if most is None:
        most = _SOME if space.size == float("inf") else int(space.size) + 1
    proposed: list[Candidate] = []
    while (left := most - sum(candidate.is_new for candidate in proposed)) > 0:
        asked: list[Candidate] = []
        while len(asked) < min(batch, left):
            candidate = _asked(strategy, asked)
            if candidate is None:
                break
            asked.append(candidate)
        if not asked:
            break
        for candidate in asked:
            assert space.contains(candidate.architecture), f"{candidate} is not in {space!r}"
        trials = [fate(len(proposed) + i, candidate) for i, candidate in enumerate(asked)]
        proposed += asked
        for trial in reversed(trials):
            strategy.tell(trial)
    return proposed


def _check(proposed: Sequence[Candidate], space: Any) -> None:
    """No canonical form twice at one fidelity, and all of them where the space is finite."""
    looks = [(space.canonical(candidate.architecture), candidate.fidelity) for candidate in proposed]
    seen: set[tuple[Hashable, Fidelity | None]] = set(looks)
    assert len(seen) == len(looks), f"{len(looks) - len(seen)} of {len(looks)} proposals were repeats"
    assert len({canonical for canonical, _ in seen}) == (_SOME if space.size == float("inf") else space.size)


def _asked(strategy: Strategy, running: Sequence[Candidate] = ()) -> Candidate | None:
    """The next candidate; None at the end, or where there is none before one of the running ends."""
    before = strategy.state_dict() if running else {}
    try:
        candidate = strategy.ask(running)
    except SpaceExhaustedError:
        return None
    if candidate is None:
        assert running, "the strategy proposed nothing while nothing was running"
        assert strategy.state_dict() == before, "a strategy that proposes nothing stays as it was"
    return candidate


def _through_json(state: dict[str, Any]) -> dict[str, Any]:
    made: dict[str, Any] = json.loads(json.dumps(state, allow_nan=False))
    return made


def _mixed(space: Space) -> _Fate:
    """Of seven trials one fails, one is infeasible, one is pruned, and four are completed."""
    estimator = ToyEstimator(space)

    def fate(number: int, candidate: Candidate) -> Trial:
        if number % 7 == 3:
            return _ended(number, candidate, TrialState.FAILED)
        if number % 7 == 5:
            return _ended(number, candidate, TrialState.INFEASIBLE)
        state = TrialState.PRUNED if number % 7 == 6 else TrialState.COMPLETED
        return Trial(number, candidate, state, estimator.estimate(candidate, LocalTrial()))

    return fate


def _ended(number: int, candidate: Candidate, state: TrialState) -> Trial:
    if state is TrialState.FAILED:
        return Trial(number, candidate, state, error="the loss became NaN")
    if state is TrialState.PRUNED:
        return Trial(number, candidate, state, Measurement({}))
    return Trial(number, candidate, state, Measurement({"cost": 1.0 + number % 3}))
