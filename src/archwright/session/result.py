"""What a search gives back."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from archwright.durations import count_of
from archwright.errors import SearchError
from archwright.experiments import Run
from archwright.session.contestants import Contestants, winner_space
from archwright.spaces import Space
from archwright.tasks import Task
from archwright.trials import Trial

if TYPE_CHECKING:
    import pandas as pd
    from torch import nn

__all__ = ["Result"]


@dataclass(frozen=True)
class Result:
    """A run together with its space and task.

    Args:
        run: The picture of the run when the search returned.
        space: What was searched.
        task: What was learned.
        contestants: The networks that it was compared with.
    """

    run: Run
    space: Space
    task: Task
    contestants: Contestants = field(default_factory=dict)

    @property
    def folder(self) -> Path:
        """The run's folder."""
        return self.run.folder

    @property
    def state(self) -> str:
        """Either "completed", or "stopped" when it was interrupted and can be resumed."""
        return self.run.state

    @property
    def best(self) -> Trial:
        """The winner after retraining; before it, the best trial of the search.

        Raises:
            SearchError: When no trial was completed.
        """
        found = self.run.winner or self.run.best
        if found is None:
            raise SearchError("no trial was completed yet, so there is no best one; resume the run")
        return found

    @property
    def pareto(self) -> tuple[Trial, ...]:
        """The trials on the Pareto front of the optimised objectives."""
        return tuple(trial for trial in self.run.trials if trial.number in self.run.pareto)

    @property
    def trials(self) -> tuple[Trial, ...]:
        """All trials of the search, by number."""
        return self.run.trials

    @property
    def test(self) -> dict[str, float] | None:
        """Metric to number on the test split for the winner; None before retraining."""
        return self.run.test

    def frame(self) -> pd.DataFrame:
        """The trials as a table: number, state, every metric, every decision, seconds, error."""
        import pandas as pd

        rows: list[dict[str, Any]] = [
            {
                "number": trial.number,
                "state": str(trial.state),
                **trial.metrics,
                **{
                    f"architecture.{address}": value
                    for address, value in trial.candidate.architecture.items()
                },
                "seconds": trial.seconds,
                "error": trial.error,
            }
            for trial in self.trials
        ]
        return pd.DataFrame(rows)

    def model(self, trial: int | None = None) -> nn.Module:
        """A plain network with its trained weights, in evaluation mode on the CPU.

        Args:
            trial: Number of a retrained trial; None means the winner, as it is delivered.

        Raises:
            SearchError: When that trial was not retrained.
        """
        from archwright.experiments.checkpoints import rebuilt

        wanted = (
            self.run.delivered
            if trial is None
            else next((t for t in self.run.retrained if t.number == trial), None)
        )
        if wanted is None or not wanted.is_measured:
            known = ", ".join(str(t.number) for t in self.run.retrained) or "none"
            asked = "there is no winner yet" if trial is None else f"trial {trial} was not retrained"
            raise SearchError(f"{asked}, so no weights are kept; retrained trials: {known}")
        space = winner_space(self.run, self.space, self.contestants) if trial is None else self.space
        return rebuilt(space, self.task, wanted, self.folder).eval()

    def __repr__(self) -> str:
        best = self.run.winner or self.run.best
        metrics = ", ".join(f"{name} {value:.4g}" for name, value in (best.metrics if best else {}).items())
        trials = count_of(len(self.trials), "trial")
        return f"Result({self.run.name}: {self.state}, {trials}, best: {metrics or 'none yet'})"
