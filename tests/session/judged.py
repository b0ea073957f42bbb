"""Estimators and a surrogate without weights, for tests of what judges estimates."""

from __future__ import annotations

import numpy as np

from archwright.errors import TrialError
from archwright.estimators.estimator import Estimator
from archwright.surrogates import Refitted
from archwright.trials import Measurement


class Weighed(Estimator):
    """A number for each architecture, the same in every process, which some do not have."""

    def __init__(self, space, task, *, sign: float = 1.0, fails: bool = False) -> None:
        self.space, self.sign, self.fails = space, sign, fails

    def estimate(self, candidate, trial):
        number = sum(map(ord, str(candidate.architecture.to_json()))) % 97
        if self.fails and number % 2:
            raise TrialError("odd networks have no weight")
        return Measurement({"accuracy": self.sign * number}, seconds=0.001)


class Flat(Refitted):
    """Expects the mean of everything."""

    def learn(self, architectures, values) -> None:
        pass

    def expect(self, architectures):
        return np.zeros(len(architectures)), np.ones(len(architectures))
