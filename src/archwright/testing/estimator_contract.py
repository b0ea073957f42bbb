"""What every estimator must keep."""

from __future__ import annotations

import math
import pickle
import random
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar

import cloudpickle
import numpy as np
import pytest

from archwright.estimators.estimator import Estimator
from archwright.spaces import Space
from archwright.trials import FULL, Candidate, Fidelity, LocalTrial, Verdict

__all__ = ["EstimatorContract"]


_WHOLE = Fidelity(epochs=3, horizon=3)


class EstimatorContract:
    """Tests of an estimator on a few samples of a space.

    Attributes:
        make: The class, or a function of the space, that makes the estimator.
        make_space: A function without arguments that makes the space.
        metrics: Names of the metrics that every measurement must have.
        fidelities: What to ask for besides full fidelity.
        curves: Whether it trains epoch by epoch, and so leaves a curve, no longer than the epochs asked for.
        converses: Whether it reports to its trial with its state, goes on from a checkpoint, and stops when told to.
    """

    make: ClassVar[Callable[[Space], Estimator]]
    make_space: ClassVar[Callable[[], Space]]
    metrics: ClassVar[Sequence[str]]
    fidelities: ClassVar[Sequence[Fidelity]] = (Fidelity(epochs=1), Fidelity(epochs=2, data_fraction=0.5))
    curves: ClassVar[bool] = True
    converses: ClassVar[bool] = False

    def test_measures_numbers(self) -> None:
        """Every metric is a finite number, the promised ones are there, and time is not negative."""
        for candidate in self._candidates():
            measurement = self._made().estimate(candidate, LocalTrial())
            assert set(self.metrics) <= set(measurement.metrics)
            for name, value in measurement.metrics.items():
                assert isinstance(value, int | float), f"{name} is {value!r}"
                assert math.isfinite(value), f"{name} is {value!r}"
            assert measurement.seconds >= 0.0

    def test_same_candidate_same_metrics(self) -> None:
        """Whatever was estimated before, and wherever the process's own random generators stand."""
        first, second = self._candidates()[:2]
        estimator = self._made()
        expected = dict(estimator.estimate(first, LocalTrial()).metrics)
        _move_generators()
        estimator.estimate(second, LocalTrial())
        assert dict(estimator.estimate(first, LocalTrial()).metrics) == expected
        assert dict(self._made().estimate(first, LocalTrial()).metrics) == expected

    def test_survives_pickling(self) -> None:
        """In the way in which it is sent to worker processes; the copy measures the same."""
        first, second = self._candidates()[:2]
        estimator = self._made()
        copy = pickle.loads(cloudpickle.dumps(estimator))
        assert copy.estimate(first, LocalTrial()).metrics == estimator.estimate(first, LocalTrial()).metrics
        used = pickle.loads(cloudpickle.dumps(estimator))
        assert used.estimate(second, LocalTrial()).metrics == estimator.estimate(second, LocalTrial()).metrics

    def test_honours_the_fidelity(self) -> None:
        """It takes each fidelity, and trains no longer than asked for."""
        candidate = self._candidates()[0]
        for fidelity in self.fidelities:
            measurement = self._made().estimate(replace(candidate, fidelity=fidelity), LocalTrial())
            assert set(self.metrics) <= set(measurement.metrics)
            epochs = [int(point["epoch"]) for point in measurement.curve]
            assert epochs == list(range(1, len(epochs) + 1))
            if self.curves and fidelity.epochs is not None:
                assert 1 <= len(epochs) <= fidelity.epochs

    def test_reports_as_it_goes(self) -> None:
        """At steps that grow; the next attempt finds a checkpoint."""
        trial = self._conversation()
        candidate = replace(self._candidates()[0], fidelity=_WHOLE)
        self._made().estimate(candidate, trial)
        assert len(trial.reports) >= 3
        assert list(trial.reports) == sorted(trial.reports)
        assert trial.checkpoint is not None
        assert all(set(self.metrics) & set(report.metrics) for report in trial.reports.values())

    def test_stops_when_told_to(self) -> None:
        """And gives what was measured so far."""
        trial = self._conversation()
        trial.judge = lambda step, metrics: Verdict.STOP
        measurement = self._made().estimate(replace(self._candidates()[0], fidelity=_WHOLE), trial)
        assert len(trial.reports) == 1
        assert all(math.isfinite(value) for value in measurement.metrics.values())

    def test_the_next_attempt_goes_on_as_if_nothing_had_happened(self) -> None:
        """Wherever the process was lost: at each report and each state that was saved, the last ones among them."""
        candidate = replace(self._candidates()[0], fidelity=_WHOLE)
        whole = self._conversation()
        expected = self._made().estimate(candidate, whole)
        for at in range(1, 100):
            broken = _Lost(at)
            try:
                self._made().estimate(candidate, broken)
            except _LostError:
                again = broken.again()
                assert self._made().estimate(candidate, again).metrics == expected.metrics
                assert _numbers(again) == _numbers(whole)
                continue
            assert at > 3
            break

    def test_a_continuation_ends_as_if_it_had_been_one_trial(self) -> None:
        """From one epoch to three, under the schedule of three."""
        candidate = self._candidates()[0]
        whole, parent = self._conversation(), self._conversation()
        expected = self._made().estimate(replace(candidate, fidelity=_WHOLE), whole)
        self._made().estimate(replace(candidate, fidelity=replace(_WHOLE, epochs=1)), parent)
        child = LocalTrial(1, parent=parent.checkpoint)
        continued = replace(candidate, fidelity=_WHOLE, parent=0, inherit="continue")
        assert self._made().estimate(continued, child).metrics == expected.metrics
        assert _numbers(parent) | _numbers(child) == _numbers(whole)
        assert not parent.reports.keys() & child.reports.keys()

    def _conversation(self) -> LocalTrial:
        if not self.converses:
            pytest.skip("the estimator does not converse")
        return LocalTrial()

    def test_the_parent_does_not_matter(self) -> None:
        """Where a candidate comes from is not part of what is measured, unless it inherits."""
        candidate = self._candidates()[0]
        orphan = self._made().estimate(candidate, LocalTrial()).metrics
        assert self._made().estimate(replace(candidate, parent=3), LocalTrial()).metrics == orphan

    def _made(self) -> Estimator:
        return type(self).make(type(self).make_space())

    def _candidates(self) -> list[Candidate]:
        space = type(self).make_space()
        fidelity = self.fidelities[0] if self.fidelities else FULL
        return [Candidate(space.sample(seed), fidelity) for seed in range(3)]


class _LostError(Exception):
    """Stands for the death of the estimator's process."""


class _Lost(LocalTrial):
    """Is cut off once so many reports and states have been recorded."""

    def __init__(self, left: int) -> None:
        super().__init__()
        self.left = left

    def report(
        self, step: int, metrics: Mapping[str, float], state: Mapping[str, Any] | None = None
    ) -> Verdict:
        verdict = super().report(step, metrics, state)
        self._count()
        return verdict

    def save(self, step: int, state: Mapping[str, Any]) -> None:
        super().save(step, state)
        self._count()

    def _count(self) -> None:
        self.left -= 1
        if self.left == 0:
            raise _LostError


def _numbers(trial: LocalTrial) -> dict[int, dict[str, float]]:
    """What was reported, without what the clock says."""
    reports = trial.reports.items()
    return {step: {n: v for n, v in r.metrics.items() if n != "seconds"} for step, r in reports}


def _move_generators() -> None:
    """Put the generators that a careless estimator would draw from elsewhere."""
    random.seed(98765)
    np.random.seed(98765)
    if "torch" in sys.modules:
        sys.modules["torch"].manual_seed(98765)
