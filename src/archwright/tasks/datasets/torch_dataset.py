"""A task from any map-style torch dataset."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any, Unpack

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import ConcatDataset, Dataset, IterableDataset, TensorDataset

from archwright.errors import TaskError
from archwright.tasks.datasets.arrays import (
    TargetOptions,
    Told,
    assemble,
    count_symbols,
    from_arrays,
    read_inputs,
)
from archwright.tasks.preprocessing import row_moments
from archwright.tasks.splits import divide
from archwright.tasks.targets import REGRESSION, as_array, read_targets
from archwright.tasks.task import Task
from archwright.tasks.views import PreparedDataset

__all__ = ["from_dataset"]


def from_dataset(
    dataset: Dataset[Any],
    *,
    validation: float | Dataset[Any] = 0.2,
    test: float | Dataset[Any] = 0.2,
    name: str = "dataset",
    in_memory: bool = False,
    note: str = "",
    **options: Unpack[TargetOptions],
) -> Task:
    """A task from a torch dataset whose items are (input, target).

    Every item is read once here, to check it, to take the statistics of the training part and to divide by
    class. After that, items are read when they are used, so random transforms stay random; with `in_memory`
    they are read this once only. A `TensorDataset` is always used in memory.

    Args:
        dataset: Inputs are tensors, arrays or numbers of one shape: (features,), (channels, length) or
            (channels, height, width). Targets are labels or numbers.
        validation: Share of the examples for validation, or a dataset to use.
        test: Share of the examples for test, or a dataset to use.
        name: What to call the task.
        in_memory: Keep all items in memory, which is faster.
        note: What a raw input is, for the model card.
        options: `kind`, `classes`, `seed`, `standardize`, `symbols` and `class_weights`, as for `from_arrays`. Without
            `classes` the dataset's own are taken, where it has an attribute of that name.

    Raises:
        TaskError: When items cannot be read or learned from. Names the first such item.
    """
    shares: dict[str, Any] = {"validation": validation, "test": test}
    given = {role: part for role, part in shares.items() if isinstance(part, Dataset)}
    for part in (dataset, *given.values()):
        _check(part)
    if not options.get("classes") and options.get("kind") != REGRESSION:
        own = getattr(dataset, "classes", ())
        options["classes"] = tuple(map(str, own)) if isinstance(own, list | tuple) else ()
    if in_memory or all(isinstance(part, TensorDataset) for part in (dataset, *given.values())):
        collected = {role: _collect(part, role) for role, part in given.items()}
        pool = _collect(dataset, "dataset")
        return from_arrays(*pool, **{**shares, **collected}, name=name, note=note, **options)
    everything: Dataset[Any] = ConcatDataset([dataset, *given.values()]) if given else dataset
    shape, means, squares, labels, count = _scan(everything, options.get("symbols", False))
    known = read_targets(labels, options.get("kind"), options.get("classes", ()))
    lengths = [len(given[role]) if role in given else 0 for role in shares]  # type: ignore[arg-type]
    parts, split = divide(known, *lengths, **shares, seed=options.get("seed", 0))
    moments = (means[parts.train], squares[parts.train]) if options.get("standardize", True) else None
    view, weights = partial(PreparedDataset, everything), options.get("class_weights")
    return assemble(name, known, parts, split, view, shape, moments, count, Told(note=note), weights)


def _check(dataset: Any) -> None:
    if isinstance(dataset, IterableDataset) or not (
        hasattr(dataset, "__getitem__") and hasattr(dataset, "__len__")
    ):
        raise TaskError(
            f"expected a map-style dataset, with __getitem__ and __len__, got {type(dataset).__name__}; "
            "read a stream into arrays and use from_arrays"
        )
    if len(dataset) == 0:
        raise TaskError(f"{type(dataset).__name__}: expected some examples, got an empty dataset")


def _items(dataset: Any) -> Iterator[tuple[NDArray[Any], Any]]:
    """Every item, read once: the input as a checked array, and the target as Python's own values."""
    shape: tuple[int, ...] | None = None
    for index in range(len(dataset)):
        item = dataset[index]
        if not isinstance(item, tuple | list) or len(item) != 2:
            raise TaskError(f"item {index}: expected (input, target), got {type(item).__name__}")
        raw, label = item
        if not isinstance(raw, Tensor | np.ndarray | list | tuple | int | float | np.number):
            raise TaskError(
                f"item {index}: expected a tensor or an array as input, got {type(raw).__name__}; "
                "convert it in the dataset, as torchvision's transforms.ToTensor() does with an image"
            )
        array = as_array(raw, f"item {index}")
        array = read_inputs(array[np.newaxis], f"item {index}, as a batch of one")[0]
        shape = shape or array.shape
        if array.shape != shape:
            raise TaskError(
                f"item {index}: expected an input of shape {shape}, as that of item 0, got {array.shape}; "
                "resize or crop in the dataset"
            )
        yield array, _plain(label)


def _scan(
    dataset: Any, symbols: bool | int
) -> tuple[tuple[int, ...], NDArray[Any], NDArray[Any], list[Any], int]:
    """The shape of an input, moments of all inputs, the targets, how many symbols."""
    means, squares, labels, count = [], [], [], 0
    for index, (array, label) in enumerate(_items(dataset)):
        mean, square = row_moments(array[np.newaxis])
        means.append(mean)
        squares.append(square)
        labels.append(label)
        count = max(count, count_symbols(array, symbols, f"item {index}"))
    return array.shape, np.concatenate(means), np.concatenate(squares), labels, count


def _collect(dataset: Any, what: str) -> tuple[Any, Any]:
    """All inputs and targets of a dataset, in memory."""
    if isinstance(dataset, TensorDataset):
        if len(dataset.tensors) != 2:
            raise TaskError(
                f"{what}: expected a TensorDataset of (inputs, targets), got {len(dataset.tensors)} tensors"
            )
        return dataset.tensors
    inputs, targets = zip(*_items(dataset), strict=True)
    return np.stack(inputs), list(targets)


def _plain(label: Any) -> Any:
    """A target as a number, a string or a list of numbers."""
    if isinstance(label, Tensor):
        return label.detach().cpu().to(torch.float64 if label.is_floating_point() else label.dtype).tolist()
    return label.tolist() if isinstance(label, np.ndarray | np.generic) else label
