"""Which epoch to go back to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from archwright.errors import TrialError
from archwright.objectives import DIRECTIONS, Objective

__all__ = ["BestEpoch"]


class BestEpoch:
    """The best epoch so far, and its weights.

    Args:
        metric: Name of the task's metric: of epochs that are equal on it the one of smaller loss is better. A
            metric whose direction is not in `DIRECTIONS`, or that is not given, is passed over for the loss.
    """

    def __init__(self, metric: str) -> None:
        self.objectives = [Objective(name) for name in dict.fromkeys((metric, "loss")) if name in DIRECTIONS]
        self.epoch = 0
        self.rank: tuple[float, ...] | None = None
        self.scores: dict[str, float] = {}
        self.weights: dict[str, Any] = {}

    def update(self, epoch: int, scores: dict[str, float], network: nn.Module) -> None:
        """Take note of an epoch.

        Raises:
            TrialError: When the scores have neither the metric nor the loss.
        """
        rank = tuple(o.loss(scores[o.name]) for o in self.objectives if o.name in scores)
        if not rank:
            raise TrialError(
                f"early_stopping: expected {' or '.join(o.name for o in self.objectives)} to tell the best epoch by, "
                f"got {', '.join(scores) or 'nothing'}; let the task give one of them"
            )
        if self.rank is None or rank < self.rank:
            self.epoch, self.rank, self.scores = epoch, rank, scores
            self.weights = {
                name: value.detach().clone() if isinstance(value, Tensor) else value
                for name, value in network.state_dict().items()
            }

    def state_dict(self) -> dict[str, Any]:
        """What is known of the best epoch."""
        return {"epoch": self.epoch, "rank": self.rank, "scores": self.scores, "weights": self.weights}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from there."""
        self.epoch, self.rank = state["epoch"], state["rank"]
        self.scores, self.weights = dict(state["scores"]), dict(state["weights"])

    def restore(self, network: nn.Module) -> dict[str, float]:
        """Give a network the best weights; returns their scores."""
        network.load_state_dict(self.weights)
        return self.scores
