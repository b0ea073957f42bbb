"""The estimate that is looked up epoch by epoch: recorded learning curves."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field, replace
from typing import final

from archwright.errors import TrialError, UsageError
from archwright.estimators.estimator import Estimator
from archwright.estimators.tabular import Row
from archwright.spaces import Space
from archwright.trials import FULL, Candidate, Fidelity, Measurement, TrialContext, Verdict

__all__ = ["CurveRow", "TabularCurves"]


@final
@dataclass(frozen=True, slots=True)
class CurveRow:
    """The recorded training of one network.

    Args:
        metrics: Name to the values after each epoch, all as many.
        seconds: What each epoch took; empty where the table does not say.
        fixed: Metrics that are the same at every epoch, as "params".
        ending: Metrics that are known after the last epoch alone, as "test_accuracy".

    Raises:
        UsageError: When there is no epoch, or the lengths differ.
    """

    metrics: Mapping[str, tuple[float, ...]]
    seconds: tuple[float, ...] = ()
    fixed: Mapping[str, float] = field(default_factory=dict)
    ending: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        lengths = {len(values) for values in self.metrics.values()}
        if self.seconds:
            lengths.add(len(self.seconds))
        if len(lengths) != 1 or lengths == {0}:
            raise UsageError(
                f"curve: expected a value of each metric for each epoch, got {sorted(lengths)} of them"
            )

    @property
    def epochs(self) -> int:
        """How many were recorded."""
        return len(next(iter(self.metrics.values())))

    def at(self, epoch: int) -> dict[str, float]:
        """The metrics after an epoch, from 1."""
        ending = self.ending if epoch == self.epochs else {}
        return {**{name: values[epoch - 1] for name, values in self.metrics.items()}, **self.fixed, **ending}

    def final(self) -> Row:
        """The row of a table that knows no curves: what the last epoch reached, and the seconds of all."""
        metrics = {name: (value,) for name, value in self.at(self.epochs).items()}
        return Row(metrics, (sum(self.seconds),) if self.seconds else ())


@final
class TabularCurves(Estimator):
    """Replays recorded trainings: each epoch is reported to the trial, which may stop it; none is waited for.

    A fidelity of k epochs is the first k of the recorded ones: the schedule of those was made for all of them, so its
    horizon is their number, or left open. A candidate that continues its parent begins after the parent's last epoch,
    and takes the seconds of the new epochs alone. "seconds" in a report are those since the trial began.

    Args:
        space: Gives the canonical form.
        rows: From the canonical form to the recorded training.

    Raises:
        UsageError: When there are no rows.
    """

    def __init__(self, space: Space, rows: Mapping[Hashable, CurveRow]) -> None:
        if not rows:
            raise UsageError("tabular curves: expected a table of at least one network, got none")
        self.space, self.rows = space, rows

    def estimate(self, candidate: Candidate, trial: TrialContext) -> Measurement:
        """Replay a training. See `Estimator.estimate`.

        Raises:
            TrialError: When the table does not have the architecture, or the parent left nothing to continue from.
            UsageError: When it does not have the fidelity.
        """
        row = self.rows.get(self.space.canonical(candidate.architecture))
        if row is None:
            raise TrialError(f"the table has no {candidate.architecture!r}")
        last = _last(row, candidate.effort)
        reached, spent = _begin(candidate, trial), 0.0
        curve = []
        for epoch in range(reached + 1, last + 1):
            spent += row.seconds[epoch - 1] if row.seconds else 0.0
            reached = epoch
            point = {"epoch": float(epoch), **row.at(epoch)}
            curve.append(point)
            state = {"epoch": epoch} if epoch == last else None
            if trial.report(epoch, {**point, "seconds": spent}, state) is Verdict.STOP:
                break
        return Measurement(row.at(reached), tuple(curve), spent)


def _last(row: CurveRow, fidelity: Fidelity) -> int:
    """The epoch at which a fidelity ends.

    Raises:
        UsageError: When the table does not have the fidelity.
    """
    last = fidelity.epochs or row.epochs
    horizon = fidelity.horizon or row.epochs
    is_plain = replace(fidelity, epochs=None, horizon=None) == FULL
    if not is_plain or last > row.epochs or horizon not in (row.epochs, last):
        raise UsageError(
            f"the table has one training of {row.epochs} epochs on all data for each network, got {fidelity!r}; "
            f"ask for at most so many epochs, with a horizon of {row.epochs} or none"
        )
    return last


def _begin(candidate: Candidate, trial: TrialContext) -> int:
    """The epoch after which a trial begins.

    Raises:
        TrialError: When it cannot inherit what it is to.
    """
    if candidate.inherit == "nothing":
        return 0
    if candidate.inherit == "morph":
        raise TrialError("a table of curves goes on with the same network ('continue'), it cannot change it")
    if trial.parent is None:
        raise TrialError(f"trial {candidate.parent} left no checkpoint that could be continued")
    return int(trial.parent.load()["epoch"])
