"""What every pruner must keep."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import ClassVar

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from archwright.objectives import Direction, Objective
from archwright.spaces import Architecture
from archwright.strategies.pruners import Observed, Pruner
from archwright.trials import Candidate, Fidelity, Report, Trial, TrialState, Verdict

__all__ = ["PrunerContract"]

_values = st.one_of(st.integers(-3, 3).map(float), st.sampled_from([math.nan, math.inf, -math.inf]))
_metrics = st.dictionaries(st.sampled_from(["score", "other"]), _values)
_curves = st.lists(_metrics, min_size=1, max_size=5).map(
    lambda rows: [Report(2 * step, metrics) for step, metrics in enumerate(rows)]
)
_fidelities = st.sampled_from([None, Fidelity(), Fidelity(2), Fidelity(4, 0.5, replicate=1)])


class PrunerContract:
    """Tests of a pruner on curves with gaps and with numbers that are not finite.

    Attributes:
        make: The class, or a function of the objectives that makes the pruner.
    """

    make: ClassVar[Callable[[Sequence[Objective]], Pruner]]

    @settings(deadline=None, suppress_health_check=[HealthCheck.differing_executors, HealthCheck.too_slow])
    @given(
        curve=_curves,
        others=st.lists(st.tuples(_curves, _fidelities, st.sampled_from(TrialState)), max_size=8),
        direction=st.sampled_from(Direction),
    )
    def test_the_verdict_depends_on_what_is_given_alone(
        self,
        curve: list[Report],
        others: list[tuple[list[Report], Fidelity | None, TrialState]],
        direction: Direction,
    ) -> None:
        """It is given for whatever was reported, and is the same whatever was judged before, and by a fresh pruner."""
        observed: list[Observed] = [
            (Trial(number, Candidate(Architecture({}), fidelity), state), reports)
            for number, (reports, fidelity, state) in enumerate(others)
        ]
        trial = Trial(len(others), Candidate(Architecture({})))
        pruner = self._made(direction)
        first = [pruner.judge(trial, curve[:end], observed) for end in range(1, len(curve) + 1)]
        assert all(isinstance(verdict, Verdict) for verdict in first)
        again = [pruner.judge(trial, curve[:end], observed[::-1]) for end in range(len(curve), 0, -1)]
        assert again[::-1] == first
        assert self._made(direction).judge(trial, curve, observed) is first[-1]

    def test_a_first_trial_goes_on(self) -> None:
        """With nothing to compare with, and nothing amiss."""
        trial = Trial(0, Candidate(Architecture({})))
        assert self._made(Direction.MAXIMIZE).judge(trial, [Report(1, {"score": 0.5})], []) is Verdict.GO_ON

    def _made(self, direction: Direction) -> Pruner:
        return type(self).make([Objective("score", direction)])
