"""A task seen otherwise: at a lower resolution, or with another part of its data for validation."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any, cast, final

import torch
from torch import Tensor
from torch.nn import functional
from torch.utils.data import ConcatDataset, Dataset, Subset, TensorDataset

from archwright.errors import UsageError
from archwright.tasks.batches import labels_of
from archwright.tasks.supervised import Supervised
from archwright.tasks.task import Task

__all__ = ["fold_positions", "folded", "joined", "resized"]

_FOLD_SEED = 20_011
"""Folds are the same for every trial, so that no example is in two of them."""


def resized(task: Task, resolution: int) -> Task:
    """A task whose inputs are averaged to fewer points; its test data stays as it is.

    Args:
        task: Its inputs have the shape (channels, length) or (channels, height, width).
        resolution: Points along the longer side; the other side keeps its proportion.

    Raises:
        UsageError: When its inputs are no such tensors, or have fewer points.
    """
    shape = task.input_shape
    if not isinstance(task, Supervised) or task.has_symbols or shape is None or len(shape) not in (2, 3):
        raise UsageError(
            "fidelity: a resolution needs inputs of the shape (channels, height, width) or (channels, length) in a "
            f"task of inputs and targets, and those of {task.name!r} are {shape or 'of no one shape'}; leave it out"
        )
    longest = max(shape[1:])
    if resolution > longest:
        raise UsageError(
            f"fidelity: the inputs of {task.name!r} have {longest} points along their longer side, got the resolution "
            f"{resolution}; take at most {longest}"
        )
    sizes = [max(1, round(side * resolution / longest)) for side in shape[1:]]
    seen = copy.copy(task)
    seen.input_shape = (shape[0], *sizes)
    seen.train, seen.validation = (_averaged(part, sizes) for part in (task.train, task.validation))
    return seen


def folded(task: Task, fold: int, folds: int) -> Task:
    """A task of whose training and validation data together one part of several validates, and the others train.

    Each class, where labels are at hand, is in every part in its proportion. How inputs are standardised stays as the
    task's own training data had it.

    Args:
        task: Reads its training and validation data example by example.
        fold: Which part validates, from 0.
        folds: How many there are.

    Raises:
        UsageError: When its parts cannot be joined, or there are more folds than examples.
    """
    _check_joinable(task, "fidelity", "folds")
    pool: Dataset[Any] = ConcatDataset([task.train, task.validation])
    labels = labels_of(pool) if task.kind == "classification" else None
    length = len(pool)  # type: ignore[arg-type]  # it is concatenated
    if folds > length // 2:
        raise UsageError(f"fidelity: {length} examples cannot be divided into {folds} folds; take fewer")
    held = fold_positions(torch.zeros(length, dtype=torch.int64) if labels is None else labels, fold, folds)
    is_held = torch.zeros(length, dtype=torch.bool)
    is_held[held] = True
    seen = copy.copy(task)
    seen.train = _chosen([task.train, task.validation], (~is_held).nonzero().flatten())
    seen.validation = _chosen([task.train, task.validation], held)
    return seen


def joined(task: Task) -> Task:
    """A task that learns from its training and validation data together.

    Its validation data stay, so that a network can still be scored on them; as it has learned from them, such a score
    says nothing of new data. How inputs are standardised stays as the task's own training data had it.

    Raises:
        UsageError: When its parts cannot be joined.
    """
    _check_joinable(task, "refit", "it")
    seen = copy.copy(task)
    count = len(task.train) + len(task.validation)  # type: ignore[arg-type]  # a task's datasets have a length
    seen.train = _chosen([task.train, task.validation], torch.arange(count))
    return seen


def _check_joinable(task: Task, option: str, what: str) -> None:
    """Raises `UsageError` when training and validation data cannot be joined, for what an option asks."""
    if type(task).batches is not Task.batches or not all(
        getattr(task, part, None) for part in ("train", "validation")
    ):
        needs = "needs" if what == "it" else "need"
        raise UsageError(
            f"{option}: {what} {needs} training and validation data that are read example by example, and the task "
            f"{task.name!r} reads its batches by a method of its own, or lacks one of them; leave {what} out"
        )
    if task.has_symbols:
        raise UsageError(
            f"{option}: the examples of {task.name!r} are pieces of one text in order, which {what} would tear apart; "
            f"leave {what} out"
        )


def fold_positions(groups: Tensor, fold: int, folds: int) -> Tensor:
    """The positions of one of several folds, ascending; every position is in exactly one.

    Args:
        groups: The class of each example, shape (n,); zeros for one group.
        fold: Which, from 0.
        folds: How many.
    """
    generator = torch.Generator().manual_seed(_FOLD_SEED)
    rank = torch.randperm(len(groups), generator=generator)
    order = rank[
        torch.sort(groups[rank], stable=True).indices
    ]  # class by class, so that dealing keeps proportions
    return order[fold::folds].sort().values


def _chosen(parts: Sequence[Dataset[Any]], positions: Tensor) -> Dataset[Any]:
    """Some of the examples of several datasets; of plain tensors as plain tensors, which are read faster."""
    if all(type(part) is TensorDataset for part in parts):
        columns = zip(*(cast("TensorDataset", part).tensors for part in parts), strict=True)
        return TensorDataset(*(torch.cat(column)[positions] for column in columns))
    return Subset(ConcatDataset(parts), positions.tolist())


def _averaged(dataset: Dataset[Any], sizes: Sequence[int]) -> Dataset[Any]:
    if type(dataset) is TensorDataset:
        inputs, *others = dataset.tensors
        return TensorDataset(_averages(inputs, sizes), *others)
    return AveragedDataset(dataset, sizes)


def _averages(inputs: Tensor, sizes: Sequence[int]) -> Tensor:
    if len(sizes) == 1:
        return functional.adaptive_avg_pool1d(inputs, sizes[0])
    return functional.adaptive_avg_pool2d(inputs, (sizes[0], sizes[1]))


@final
class AveragedDataset(Dataset[Any]):
    """Items of another dataset whose inputs are averaged to fewer points.

    Args:
        source: Items are (input, target).
        sizes: Of an input, without its channels.
    """

    def __init__(self, source: Dataset[Any], sizes: Sequence[int]) -> None:
        self.source, self.sizes = source, tuple(sizes)
        self.targets = labels_of(source)

    def __len__(self) -> int:
        return len(self.source)  # type: ignore[arg-type]  # a task's datasets have a length

    def __getitem__(self, index: int) -> Any:
        inputs, *others = self.source[index]
        return (_averages(inputs, self.sizes), *others)

    def __getitems__(self, indices: Sequence[int]) -> list[Any]:
        """Several items at once, as `DataLoader` reads them."""
        read = getattr(self.source, "__getitems__", None)
        items = read(list(indices)) if read else [self.source[i] for i in indices]
        return [(_averages(inputs, self.sizes), *others) for inputs, *others in items]
