"""What is to be said of a run that trains a supernet first: how far it is, and where its scores come from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from archwright.durations import count_of
from archwright.reports.ranking import is_cost
from archwright.reports.wording import metric_name

if TYPE_CHECKING:
    from archwright.experiments import Run

__all__ = [
    "BY_SHARED_WEIGHTS",
    "SupernetProgress",
    "is_by_shared_weights",
    "is_one_shot",
    "searched_metric",
    "supernet_progress",
]

BY_SHARED_WEIGHTS = "by shared weights"
"""What stands at every score of a one-shot search: nothing was trained for it but the supernet."""


@dataclass(frozen=True, slots=True)
class SupernetProgress:
    """How far the training of a supernet is.

    Args:
        done: Epochs that are done.
        planned: Epochs in all; None where it is not known.
        seconds: What they took, their monitors included.
        ended: Why the training ended, in words; None where it has not.
    """

    done: int
    planned: int | None
    seconds: float
    ended: str | None

    def __str__(self) -> str:
        if self.planned is None:
            return count_of(self.done, "epoch")
        return f"epoch {self.done} of {self.planned}"


def is_one_shot(run: Run) -> bool:
    """Whether the run trains a supernet, by whose weights its search is scored."""
    return bool(run.epochs) or run.config.supernet is not None


def is_by_shared_weights(run: Run) -> bool:
    """Whether the scores of the search are by shared weights, of whatever supernet."""
    return is_one_shot(run) or run.config.estimator.name in ("WeightSharing", "weight_sharing")


def supernet_progress(run: Run) -> SupernetProgress | None:
    """How far the supernet is; None where the run trains none."""
    if not is_one_shot(run):
        return None
    planned = run.config.supernet.epochs if run.config.supernet else None
    seconds = sum(entry["seconds"] for entry in run.epochs)
    return SupernetProgress(len(run.epochs), planned, seconds, run.supernet_ended)


def searched_metric(run: Run, name: str) -> str:
    """A metric of the search's trials in a sentence, with where it comes from.

    Costs such as "params" are read off the network, whatever its weights.
    """
    plain = is_cost(run, name) or not is_by_shared_weights(run)
    return metric_name(name) if plain else f"{metric_name(name)} {BY_SHARED_WEIGHTS}"
