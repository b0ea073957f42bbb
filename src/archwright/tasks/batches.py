"""The examples of one split, in batches."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset, Subset, TensorDataset

__all__ = ["Examples", "choose", "divide", "predict"]

_EVALUATION_BATCH = 512

Batch = tuple[Tensor, Tensor]


class Examples:
    """A dataset that can be read in batches of any order.

    A plain `TensorDataset` of inputs and targets is indexed as a whole, without a call for each example; any
    other dataset is read by a `DataLoader` in this process.

    Args:
        dataset: Items are (input, target).
        device: Where the batches go.
    """

    def __init__(self, dataset: Dataset[Any], device: torch.device) -> None:
        self.dataset = dataset
        self.device = device
        is_plain = type(dataset) is TensorDataset and len(dataset.tensors) == 2
        self._tensors: tuple[Tensor, ...] | None = dataset.tensors if is_plain else None  # type: ignore[attr-defined]

    def __len__(self) -> int:
        return len(self.dataset)  # type: ignore[arg-type]  # a task's datasets have a length

    def batches(self, batches: Sequence[Tensor]) -> Iterator[Batch]:
        """The examples at these positions, batch by batch.

        Args:
            batches: Positions of the examples of each batch, shape (batch,).
        """
        if self._tensors is not None:
            inputs, targets = self._tensors
            for positions in batches:
                yield self._moved(inputs[positions], targets[positions])
        else:
            sampler = [positions.tolist() for positions in batches]
            # With a generator of its own it draws nothing from the global one.
            for inputs, targets in DataLoader(
                self.dataset, batch_sampler=sampler, generator=torch.Generator()
            ):
                yield self._moved(inputs, targets)

    def in_order(self, batch_size: int) -> Iterator[Batch]:
        """All examples from the first to the last."""
        if self._tensors is not None:
            parts = [torch.split(tensor, batch_size) for tensor in self._tensors]
            for inputs, targets in zip(*parts, strict=True):
                yield self._moved(inputs, targets)
        else:
            yield from self.batches(torch.split(torch.arange(len(self)), batch_size))

    def _moved(self, inputs: Tensor, targets: Tensor) -> Batch:
        return inputs.to(self.device), targets.to(self.device)


def divide(order: Tensor, batch_size: int) -> list[Tensor]:
    """Cut positions into batches; a single one left over joins the batch before it.

    Args:
        order: Shape (n,).
        batch_size: At least 2.
    """
    batches = list(torch.split(order, batch_size))
    if len(batches) > 1 and len(batches[-1]) == 1:
        batches[-2:] = [torch.cat(batches[-2:])]
    return batches


def predict(module: nn.Module, examples: Examples) -> tuple[Tensor, Tensor]:
    """Outputs and targets of a whole split on the CPU, in evaluation mode."""
    module.eval()
    outputs, targets = [], []
    # Not inference_mode: what a module caches in it could not be used in training.
    with torch.no_grad():
        for inputs, wanted in examples.in_order(_EVALUATION_BATCH):
            outputs.append(module(inputs).float().cpu())
            targets.append(wanted.cpu())
    return torch.cat(outputs), torch.cat(targets)


def choose(dataset: Dataset[Any], fraction: float, generator: torch.Generator, *, by_class: bool) -> Tensor:
    """The positions of a share of the examples: the same for one seed, and part of any larger share.

    Args:
        dataset: Items are (input, target).
        fraction: In (0, 1].
        generator: Where the choice comes from.
        by_class: Take the share of each class, at least one example, where the labels can be read without
            reading the inputs: a `TensorDataset`, a dataset with an attribute `targets`, a `Subset` of one.

    Returns:
        Positions, ascending, at least two, shape (n,).
    """
    length = len(dataset)  # type: ignore[arg-type]
    if fraction == 1.0:
        return torch.arange(length)
    labels = _labels(dataset) if by_class else None
    groups = torch.zeros(length, dtype=torch.int64) if labels is None else labels
    rank = torch.randperm(length, generator=generator)
    chosen = []
    for group in torch.unique(groups):
        members = rank[groups[rank] == group]
        chosen.append(members[: max(1, round(fraction * len(members)))])
    positions = torch.cat(chosen)
    if len(positions) < 2:
        positions = rank[:2]
    return positions.sort().values


def _labels(dataset: Dataset[Any]) -> Tensor | None:
    """The class of each example, shape (N,), or None where that would mean reading the inputs."""
    if isinstance(dataset, Subset):
        inner = _labels(dataset.dataset)
        return None if inner is None else inner[torch.as_tensor(dataset.indices)]
    targets = dataset.tensors[-1] if isinstance(dataset, TensorDataset) else getattr(dataset, "targets", None)
    if isinstance(targets, list | tuple) and all(isinstance(target, int) for target in targets):
        targets = torch.tensor(targets)
    is_labels = isinstance(targets, Tensor) and targets.shape == (len(dataset),)  # type: ignore[arg-type]
    return targets if is_labels else None
