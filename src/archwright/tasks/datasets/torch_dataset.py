"""A task from any map-style torch dataset."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import ConcatDataset, Dataset, IterableDataset, TensorDataset

from archwright.errors import TaskError
from archwright.tasks.datasets.arrays import (
    Told,
    assemble,
    count_symbols,
    from_arrays,
    read_inputs,
)
from archwright.tasks.preprocessing import Preprocessing, row_moments
from archwright.tasks.splits import divide
from archwright.tasks.targets import Classes, as_array, read_targets
from archwright.tasks.task import Task
from archwright.tasks.views import PreparedDataset

__all__ = ["from_dataset"]


def from_dataset(
    dataset: Dataset[Any],
    *,
    validation: float | Dataset[Any] = 0.2,
    test: float | Dataset[Any] = 0.2,
    kind: str | None = None,
    classes: Classes = (),
    seed: int = 0,
    name: str = "dataset",
    standardize: bool = True,
    in_memory: bool = False,
    symbols: bool | int = False,
    class_weights: Sequence[float] | str | None = None,
    note: str = "",
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
        kind: "classification" or "regression"; None infers it as `from_arrays` does.
        classes: Names of the classes, as for `from_arrays`; empty takes the dataset's own `classes`, where it has
            them.
        seed: Seed of the division.
        name: What to call the task.
        standardize: False leaves inputs and targets as they are.
        in_memory: Keep all items in memory, which is faster.
        symbols: Inputs are numbers of symbols and stay whole numbers; as for `from_arrays`.
        class_weights: How much an example of each class counts in the loss, as for `from_arrays`.
        note: What a raw input is, for the model card.

    Raises:
        TaskError: When items cannot be read or learned from. Names the first such item.
    """
    given = [part for part in (validation, test) if isinstance(part, Dataset)]
    for part in (dataset, *given):
        _check(part)
    if not classes and kind != "regression":
        own = getattr(dataset, "classes", ())
        classes = tuple(map(str, own)) if isinstance(own, list | tuple) else ()
    if in_memory or all(isinstance(part, TensorDataset) for part in (dataset, *given)):
        return from_arrays(
            *_collect(dataset, "dataset"),
            validation=_collect(validation, "validation") if isinstance(validation, Dataset) else validation,
            test=_collect(test, "test") if isinstance(test, Dataset) else test,
            kind=kind,
            classes=classes,
            seed=seed,
            name=name,
            standardize=standardize,
            symbols=symbols,
            class_weights=class_weights,
            note=note,
        )
    everything: Dataset[Any] = ConcatDataset([dataset, *given]) if given else dataset
    shape, means, squares, labels, count = _scan(everything, symbols)
    known = read_targets(labels, kind, classes)
    lengths = (_length(part) if isinstance(part, Dataset) else 0 for part in (validation, test))
    parts, split = divide(known, *lengths, validation=validation, test=test, seed=seed)

    def view(preprocessing: Preprocessing, prepared: Tensor, rows: NDArray[Any]) -> Dataset[Any]:
        return PreparedDataset(everything, rows.tolist(), prepared, preprocessing)

    moments = (means[parts.train], squares[parts.train]) if standardize else None
    return assemble(name, known, parts, split, view, shape, moments, count, Told(note=note), class_weights)


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


def _length(dataset: Any) -> int:
    return len(dataset)


def _item(dataset: Any, index: int) -> tuple[NDArray[Any], Any]:
    """One item: the input as a checked array, and the raw target."""
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
    return read_inputs(array[np.newaxis], f"item {index}, as a batch of one")[0], label


def _scan(
    dataset: Any, symbols: bool | int
) -> tuple[tuple[int, ...], NDArray[Any], NDArray[Any], list[Any], int]:
    """Read every item once: the shape of an input, moments of all inputs, the raw targets, how many symbols."""
    means, squares, labels, count = [], [], [], 0
    shape: tuple[int, ...] | None = None
    for index in range(len(dataset)):
        array, label = _item(dataset, index)
        shape = shape or array.shape
        _same_shape(shape, array.shape, index)
        mean, square = row_moments(array[np.newaxis])
        means.append(mean)
        squares.append(square)
        labels.append(_plain(label))
        count = max(count, count_symbols(array, symbols, f"item {index}"))
    if shape is None:
        raise TaskError("expected some examples, got an empty dataset")
    return shape, np.concatenate(means), np.concatenate(squares), labels, count


def _collect(dataset: Any, what: str) -> tuple[Any, Any]:
    """All inputs and targets of a dataset, in memory."""
    if isinstance(dataset, TensorDataset):
        if len(dataset.tensors) != 2:
            raise TaskError(
                f"{what}: expected a TensorDataset of (inputs, targets), got {len(dataset.tensors)} tensors"
            )
        return dataset.tensors
    items = [_item(dataset, index) for index in range(len(dataset))]
    for index, (array, _) in enumerate(items):
        _same_shape(items[0][0].shape, array.shape, index)
    return np.stack([array for array, _ in items]), [_plain(label) for _, label in items]


def _same_shape(first: tuple[int, ...], shape: tuple[int, ...], index: int) -> None:
    if shape != first:
        raise TaskError(
            f"item {index}: expected an input of shape {first}, as that of item 0, got {shape}; "
            "resize or crop in the dataset"
        )


def _plain(label: Any) -> Any:
    """A target as a number, a string or a list of numbers."""
    if isinstance(label, Tensor):
        return label.detach().cpu().to(torch.float64 if label.is_floating_point() else label.dtype).tolist()
    return label.tolist() if isinstance(label, np.ndarray | np.generic) else label
