"""The estimate that is looked up: the results of networks that somebody has trained before."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass, replace
from random import Random
from statistics import fmean
from typing import Literal, final

from archwright.errors import TrialError, UsageError
from archwright.estimators.estimator import Estimator
from archwright.spaces import Space
from archwright.trials import FULL, Candidate, Fidelity, Measurement, TrialContext

__all__ = ["Row", "Runs", "TabularEstimator"]

Runs = Literal["mean", "drawn"]
"""What is measured where a network was trained several times: the mean, or one run drawn at random."""


@dataclass(frozen=True, slots=True)
class Row:
    """What a table says of one network.

    Args:
        metrics: Name to the results of its runs: as many as were trained, all in one order, or one number where
            every run has the same.
        seconds: What each run took to train; empty where the table does not say.
    """

    metrics: Mapping[str, tuple[float, ...]]
    seconds: tuple[float, ...] = ()

    @property
    def runs(self) -> int:
        """How many runs there are."""
        return max([len(self.seconds), *map(len, self.metrics.values())])

    def mean(self) -> Measurement:
        """The mean of the runs."""
        metrics = {name: v[0] if len(v) == 1 else fmean(v) for name, v in self.metrics.items()}
        return Measurement(metrics, seconds=fmean(self.seconds) if self.seconds else 0.0)

    def run(self, which: int) -> Measurement:
        """One of the runs."""
        metrics = {name: values[which if len(values) > 1 else 0] for name, values in self.metrics.items()}
        seconds = self.seconds[which if len(self.seconds) > 1 else 0] if self.seconds else 0.0
        return Measurement(metrics, seconds=seconds)


@final
class TabularEstimator(Estimator):
    """Looks an architecture up in a table, by its canonical form.

    A measurement has the seconds that the training took, so that a budget of time means what it meant for those who
    trained; the look-up itself takes microseconds.

    Args:
        space: Gives the canonical form.
        rows: From the canonical form to what is known at full fidelity.
        epochs: From a number of epochs to the rows of networks that were trained so long.
        runs: "mean", or "drawn": one run of each network, the same whenever it is asked for.
        seed: Of the draws.

    Raises:
        UsageError: When there are no rows, or `runs` is neither.
    """

    def __init__(
        self,
        space: Space,
        rows: Mapping[Hashable, Row],
        *,
        epochs: Mapping[int, Mapping[Hashable, Row]] | None = None,
        runs: Runs = "mean",
        seed: int = 0,
    ) -> None:
        if not rows:
            raise UsageError("tabular estimator: expected a table of at least one network, got none")
        if runs not in ("mean", "drawn"):
            raise UsageError(f"tabular estimator: expected runs to be 'mean' or 'drawn', got {runs!r}")
        self.space, self.rows, self.epochs, self.runs, self.seed = space, rows, dict(epochs or {}), runs, seed

    def estimate(self, candidate: Candidate, trial: TrialContext) -> Measurement:
        """What the table says. See `Estimator.estimate`.

        Raises:
            TrialError: When the table does not have the architecture.
            UsageError: When it does not have the fidelity.
        """
        canonical = self.space.canonical(candidate.architecture)
        row = self._rows_at(candidate.effort).get(canonical)
        if row is None:
            raise TrialError(
                f"the table has no {candidate.architecture!r}, with the canonical form {canonical!r}"
            )
        if self.runs == "mean":
            return row.mean()
        # Drawn by the architecture, not in the order of asking, so that the same candidate gives the same numbers.
        return row.run(Random(f"{self.seed}:{canonical!r}").randrange(row.runs))

    def _rows_at(self, fidelity: Fidelity) -> Mapping[Hashable, Row]:
        if fidelity == FULL:
            return self.rows
        is_shorter_alone = replace(fidelity, epochs=None, horizon=None) == FULL
        if not is_shorter_alone or fidelity.epochs not in self.epochs:
            known = ", ".join(map(str, sorted(self.epochs))) or "none but the full training"
            raise UsageError(
                f"the table has no networks trained at {fidelity}; epochs that it has, on all of the data: {known}"
            )
        return self.epochs[fidelity.epochs]
