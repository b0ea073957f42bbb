"""What every estimator must keep."""

from __future__ import annotations

import math
import pickle
import random
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import ClassVar

import cloudpickle
import numpy as np

from archwright.estimators.estimator import Estimator
from archwright.spaces import Space
from archwright.trials import FULL, Candidate, Fidelity, LocalTrial

__all__ = ["EstimatorContract"]


class EstimatorContract:
    """Tests of an estimator on a few samples of a space.

    Attributes:
        make: The class, or a function of the space, that makes the estimator.
        make_space: A function without arguments that makes the space.
        metrics: Names of the metrics that every measurement must have.
        fidelities: What to ask for besides full fidelity.
        curves: Whether it trains epoch by epoch, and so leaves a curve, no longer than the epochs asked for.
    """

    make: ClassVar[Callable[[Space], Estimator]]
    make_space: ClassVar[Callable[[], Space]]
    metrics: ClassVar[Sequence[str]]
    fidelities: ClassVar[Sequence[Fidelity]] = (Fidelity(epochs=1), Fidelity(epochs=2, data_fraction=0.5))
    curves: ClassVar[bool] = True

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

    def test_the_parent_does_not_matter(self) -> None:
        """Where a candidate comes from is not part of what is measured."""
        candidate = self._candidates()[0]
        orphan = self._made().estimate(candidate, LocalTrial()).metrics
        assert self._made().estimate(replace(candidate, parent=3), LocalTrial()).metrics == orphan

    def _made(self) -> Estimator:
        return type(self).make(type(self).make_space())

    def _candidates(self) -> list[Candidate]:
        space = type(self).make_space()
        fidelity = self.fidelities[0] if self.fidelities else FULL
        return [Candidate(space.sample(seed), fidelity) for seed in range(3)]


def _move_generators() -> None:
    """Put the generators that a careless estimator would draw from elsewhere."""
    random.seed(98765)
    np.random.seed(98765)
    if "torch" in sys.modules:
        sys.modules["torch"].manual_seed(98765)
