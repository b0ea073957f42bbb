"""An estimator that costs nothing: a closed formula of the architecture."""

from __future__ import annotations

import time

import numpy as np
from numpy.typing import NDArray

from archwright.errors import TrialError, UsageError
from archwright.estimators.estimator import Estimator
from archwright.objectives import Direction, Objective
from archwright.spaces import Architecture, Space
from archwright.trials import Candidate, Measurement, TrialContext, Verdict

__all__ = ["ToyEstimator"]

_GOLDEN = (5**0.5 - 1) / 2
_DIGITS = 12


class ToyEstimator(Estimator):
    """Scores an architecture by its encoding x, with the numbers of inactive decisions taken as 0.

    The metrics, both on one scale and in conflict:

    - "score", to be maximised: the sum of w·x over the columns, divided by the number of decisions. The
      weight w of column j (from 0) is the fractional part of (j + 1) times the golden ratio. Training
      saturates: e epochs on the fraction f of the data reach the share 1 - 2^(-e·f) of it.
    - "cost", to be minimised: the same with w², whatever the fidelity.

    Args:
        space: Encodes the architectures.
        epochs: Epochs at full fidelity, at least 1.
        sleep: Seconds that an estimate takes; one that converses, each epoch.
        converses: Whether it reports each epoch with its state, goes on from its own and its parent's, and stops when
            told to.

    Raises:
        UsageError: When epochs < 1 or sleep < 0.
    """

    objectives = (Objective("score", Direction.MAXIMIZE), Objective("cost", Direction.MINIMIZE))
    """Its metrics, as objectives."""

    def __init__(
        self,
        space: Space,
        *,
        epochs: int = 4,
        sleep: float = 0.0,
        converses: bool = False,
    ) -> None:
        if epochs < 1 or sleep < 0.0:
            raise UsageError(f"toy estimator: expected epochs >= 1 and sleep >= 0, got {epochs} and {sleep}")
        self.space, self.epochs, self.sleep, self.converses = space, epochs, sleep, converses
        self._weights = np.arange(1, space.columns + 1) * _GOLDEN % 1.0

    def estimate(self, candidate: Candidate, trial: TrialContext) -> Measurement:
        """Work out the formula. See `Estimator.estimate`."""
        begin = time.perf_counter()
        if self.sleep and not self.converses:
            time.sleep(self.sleep)
        fidelity, final = candidate.effort, self.score(candidate.architecture)
        epochs = fidelity.epochs or self.epochs
        curve = self._begun(candidate, trial)
        for epoch in range(len(curve) + 1, epochs + 1):
            if self.sleep and self.converses:
                time.sleep(self.sleep)
            score = final * (1 - 2.0 ** (-epoch * fidelity.data_fraction))
            curve.append({"epoch": epoch, "score": round(score, _DIGITS)})
            if self.converses and trial.report(epoch, curve[-1], {"curve": curve}) is Verdict.STOP:
                break
        metrics = {"score": curve[-1]["score"], "cost": self.cost(candidate.architecture)}
        return Measurement(metrics, tuple(curve), time.perf_counter() - begin)

    def _begun(self, candidate: Candidate, trial: TrialContext) -> list[dict[str, float]]:
        """The curve so far: of an earlier attempt, or of the parent that is continued."""
        if not self.converses:
            return []
        begun = trial.own or (trial.parent if candidate.continues else None)
        if begun is None and candidate.continues:
            raise TrialError("expected a checkpoint of the parent to continue, got none")
        return list(begun.load()["curve"]) if begun is not None else []

    def score(self, architecture: Architecture) -> float:
        """The score that training without end would reach; larger is better."""
        return self._mean(architecture, self._weights)

    def cost(self, architecture: Architecture) -> float:
        """The cost; smaller is better."""
        return self._mean(architecture, self._weights**2)

    def _mean(self, architecture: Architecture, weights: NDArray[np.floating]) -> float:
        # Rounded, since the order of a dot product's sums differs between machines.
        code = np.maximum(self.space.encode(architecture), 0.0)
        return round(float(weights @ code) / len(self.space.decisions), _DIGITS)
