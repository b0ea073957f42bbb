"""The data of a search: one part for the weights, the other for the architecture."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor

from archwright.errors import UsageError
from archwright.tasks import Task
from archwright.tasks.batches import Examples, divide

__all__ = ["Stream", "split", "whole"]


def whole(task: Task, seed: int, device: torch.device, batch_size: int) -> Stream:
    """All training data, for the weights of a method that learns nothing else.

    Args:
        task: Only its training data are read.
        seed: Of the order.
        device: Where the batches go.
        batch_size: Examples in a batch, at least 2.
    """
    examples = Examples(task.train, device)
    return Stream(examples, torch.arange(len(examples)), batch_size, seed)


def split(
    task: Task, share: float, seed: int, device: torch.device, batch_size: int
) -> tuple[Stream, Stream]:
    """Divide the training data at random (Liu et al. 2019, arXiv:1806.09055, section 3.1).

    Args:
        task: Only its training data are read.
        share: Of the examples, for the weights; the rest is for the architecture. In (0, 1).
        seed: Of the division and of both orders.
        device: Where the batches go.
        batch_size: Examples in a batch, at least 2.

    Returns:
        The stream of the weights' part and that of the architecture's.

    Raises:
        UsageError: When one of the parts would have fewer than 2 examples.
    """
    length = len(task.train)  # type: ignore[arg-type]  # a task's datasets have a length
    order = torch.randperm(length, generator=torch.Generator().manual_seed(seed))
    for_weights = round(share * length)
    if min(for_weights, length - for_weights) < 2:
        raise UsageError(
            f"expected at least 2 training examples for the weights and 2 for the architecture, got {for_weights} and "
            f"{length - for_weights} of {length}; change weight_share (--option weight_share=0.5), or use spos or "
            "rsws, whose weights are trained on all"
        )
    examples = Examples(task.train, device)
    return (
        Stream(examples, order[:for_weights], batch_size, seed + 1),
        Stream(examples, order[for_weights:], batch_size, seed + 2),
    )


class Stream:
    """Batches of a part of the data in random order, for as long as they are asked for.

    Args:
        examples: The whole data.
        positions: Of the examples of this part, shape (n,).
        batch_size: Examples in a batch, at least 2; all of them where there are fewer.
        seed: Of the order.
    """

    def __init__(self, examples: Examples, positions: Tensor, batch_size: int, seed: int) -> None:
        self.examples, self.positions, self.batch_size = examples, positions, batch_size
        self.generator = torch.Generator().manual_seed(seed)
        self._waiting: list[Tensor] = []

    def __len__(self) -> int:
        """Batches in one pass over the data."""
        return len(divide(self.positions, self.batch_size))

    def epoch(self) -> Iterator[tuple[Tensor, Tensor]]:
        """One pass over the data: inputs (N, ...) and targets."""
        yield from self.examples.batches(self._ordered())

    def next(self) -> tuple[Tensor, Tensor]:
        """The next batch; a new pass begins where one ends."""
        if not self._waiting:
            self._waiting = self._ordered()
        batch: tuple[Tensor, Tensor] = next(self.examples.batches([self._waiting.pop(0)]))
        return batch

    def state_dict(self) -> dict[str, Any]:
        """Where the stream is."""
        return {"generator": self.generator.get_state(), "waiting": list(self._waiting)}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from there."""
        self.generator.set_state(state["generator"])
        self._waiting = list(state["waiting"])

    def _ordered(self) -> list[Tensor]:
        order = torch.randperm(len(self.positions), generator=self.generator)
        return divide(self.positions[order], self.batch_size)
