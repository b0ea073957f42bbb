"""A task from arrays and tensors in memory."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import partial
from numbers import Real
from typing import Any, TypedDict

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset, TensorDataset

from archwright.errors import ArchwrightWarning, TaskError
from archwright.tasks.classification import Classification
from archwright.tasks.columns import Column
from archwright.tasks.multilabel import MultiLabel
from archwright.tasks.preprocessing import Preprocessing, Statistics, fit, fit_columns, row_moments
from archwright.tasks.regression import Regression
from archwright.tasks.splits import Parts, divide
from archwright.tasks.supervised import Supervised
from archwright.tasks.targets import (
    CLASSIFICATION,
    REGRESSION,
    Classes,
    Targets,
    as_array,
    is_missing,
    read_targets,
)
from archwright.tasks.task import Split, Task
from archwright.tasks.views import ImageDataset

# fmt: off
__all__ = [
    "SAMPLES", "Options", "Part", "TargetOptions", "Told", "assemble", "count_symbols", "from_arrays", "in_memory",
    "join", "join_targets",
]
# fmt: on

Part = tuple[Any, Any]
"""Inputs and targets of a part that is given."""

SAMPLES = 64
"""Raw rows of a table that a task keeps, by which an exported preprocessing is checked."""

DIMENSIONS = "(examples, features), (examples, channels, length) or (examples, channels, height, width)"


@dataclass(frozen=True, slots=True)
class Told:
    """What else is known of the data, for the model card and the report. See `from_arrays`."""

    features: Sequence[str] = ()
    target: str = ""
    note: str = ""
    origin: str = "given"
    columns: Sequence[Column] = ()


class Options(TypedDict, total=False):
    """What every source of data takes. See `from_arrays`."""

    seed: int
    standardize: bool
    class_weights: Sequence[float] | str | None


class TargetOptions(Options, total=False):
    """What sources take besides whose targets may be of any kind. See `from_arrays`."""

    kind: str | None
    classes: Classes
    symbols: bool | int


def from_arrays(
    inputs: Any,
    targets: Any,
    *,
    validation: float | Part = 0.2,
    test: float | Part | None = 0.2,
    kind: str | None = None,
    classes: Classes = (),
    seed: int = 0,
    name: str = "arrays",
    standardize: bool = True,
    symbols: bool | int = False,
    class_weights: Sequence[float] | str | None = None,
    **told: Any,
) -> Task:
    """A task from arrays, tensors, lists or frames.

    Inputs are standardised by the statistics of the training part: each feature of a table, each channel of a
    signal or image. Images of 8-bit integers stay bytes in memory and are standardised when read.

    Args:
        inputs: Shape (examples, features), (examples, channels, length) or (examples, channels, height,
            width); of symbols (examples, steps).
        targets: N labels, or numbers of shape (N,) or (N, outputs).
        validation: Share of the examples for validation, or (inputs, targets) to use.
        test: Share of the examples for test, (inputs, targets) to use, or None where somebody else keeps the test data.
        kind: "classification", "regression", or "multilabel" for a matrix of 0 and 1 that says for each example
            which of several labels hold. None infers one of the first two: strings, booleans, integers with at most 20
            different values and the integers 0 to k-1 with at least 10 examples each are labels; all else is
            amounts.
        classes: Names of the classes. Integer labels are positions in it; a dict gives the label of each name,
            `{0: "cat", 2: "dog"}`.
        seed: Seed of the division. Classes are divided in their proportions.
        name: What to call the task.
        standardize: False leaves the values of inputs and targets as they are, as 32-bit floats.
        symbols: Inputs are numbers of symbols, such as the words of a text or categories, which a network looks
            up in an `nn.Embedding`: they stay whole numbers, of type int64. A number says how many there are;
            True takes the largest that occurs. The task's `preprocessing.symbols` has it.
        class_weights: How much an example of each class counts in the loss: numbers in the order of the classes, or
            "balanced", inverse to how often each stands in the training part.
        **told: `features`, names of the features; `target`, name of what is learned; `note`, what a raw input
            is: for the model card. `origin`, where given parts come from ("given", "official"), for the report.

    Raises:
        TaskError: When the data cannot be learned from as it stands: NaN, a masked or missing value, one class only, a
            shape that is none of those above, symbols that are no whole numbers >= 0, weights that do not fit.
    """
    known = Told(**told)
    data, labels, given = join((inputs, targets), validation, test)
    _warn_of_channels_last(data.shape)
    read = read_targets(labels, kind, classes)
    parts, split = divide(read, *given, validation=validation, test=test, seed=seed, origin=known.origin)
    moments = row_moments(data[parts.train]) if standardize else None
    count, part = count_symbols(data, symbols), partial(in_memory, data)
    task = assemble(name, read, parts, split, part, data.shape[1:], moments, count, known, class_weights)
    if task.preprocessing and data.ndim == 2 and not count:
        columns = task.preprocessing.table(task.kind, ()).columns
        if len({column.name for column in columns}) == len(columns):
            rows = data[parts.train[:SAMPLES]].tolist()
            task.raw_rows = tuple(dict(zip([c.name for c in columns], row, strict=True)) for row in rows)
    return task


def _warn_of_channels_last(shape: tuple[int, ...]) -> None:
    if len(shape) == 4 and shape[-1] in (3, 4) and shape[1] > 4:
        warnings.warn(
            f"inputs of shape {shape} look like images with their channels last, and are taken as having {shape[1]} "
            "channels; if so, give inputs.transpose(0, 3, 1, 2)",
            ArchwrightWarning,
            stacklevel=3,
        )


def join(
    pool: Part, validation: float | Part, test: float | Part | None
) -> tuple[NDArray[Any], NDArray[Any], tuple[int, int]]:
    """All examples in one array: the pool, then those given for validation, then those given for test.

    Returns:
        The inputs, the targets, and how many of them were given for validation and for test.

    Raises:
        TaskError: When inputs are not finite real numbers, or shapes do not fit.
    """
    inputs: list[NDArray[Any]] = []
    targets: list[NDArray[Any]] = []
    lengths: list[int] = []
    for what, given in (("", pool), ("validation ", validation), ("test ", test)):
        if isinstance(given, tuple | list):
            if len(given) != 2:
                raise TaskError(
                    f"{what.strip()}: expected a share or (inputs, targets), got {len(given)} values"
                )
            data, labels = read_inputs(given[0], f"{what}inputs"), as_array(given[1], f"{what}targets")
            if labels.ndim == 0 or len(labels) != len(data):
                raise TaskError(
                    f"{what}inputs and targets: expected one target for each of {len(data)} inputs, "
                    f"got targets of shape {labels.shape}"
                )
            if inputs and data.shape[1:] != inputs[0].shape[1:]:
                raise TaskError(
                    f"{what}inputs: expected each of shape {inputs[0].shape[1:]}, as for training, "
                    f"got {data.shape[1:]}"
                )
            inputs.append(data)
            targets.append(labels)
        lengths.append(len(inputs[-1]) if isinstance(given, tuple | list) else 0)
    joined = inputs[0] if len(inputs) == 1 else np.concatenate(inputs)
    return joined, join_targets(targets), (lengths[1], lengths[2])


def join_targets(targets: Sequence[NDArray[Any]]) -> NDArray[Any]:
    """The targets of several parts in one array.

    Raises:
        TaskError: When their shapes do not fit.
    """
    if len(targets) == 1:
        return targets[0]
    if len({labels.shape[1:] for labels in targets}) > 1:
        raise TaskError(
            "targets: expected one shape for all parts, got "
            f"{', '.join(str(labels.shape) for labels in targets)}"
        )
    mixed = len({labels.dtype.kind in "biuf" for labels in targets}) > 1
    return np.concatenate([labels.astype(object) if mixed else labels for labels in targets])


def read_inputs(raw: Any, what: str = "inputs") -> NDArray[Any]:
    """Inputs as an array of real numbers, checked.

    Args:
        raw: An array, tensor, list or frame.
        what: How to call it in an error.

    Raises:
        TaskError: When they are not finite real numbers of a known shape.
    """
    data = as_array(raw, what)
    if data.dtype.kind == "O":
        data = _numbers(data, what)
    if data.dtype.kind not in "biuf":
        raise TaskError(
            f"{what}: expected real numbers, got the type {data.dtype}; encode text and categories as numbers"
        )
    if not 2 <= data.ndim <= 4:
        cure = "; make one feature of each number with inputs.reshape(-1, 1)" if data.ndim == 1 else ""
        raise TaskError(f"{what}: expected shape {DIMENSIONS}, got {data.shape}{cure}")
    if 0 in data.shape:
        raise TaskError(f"{what}: expected some data, got the empty shape {data.shape}")
    if data.dtype.kind == "f":
        wrong = ~np.isfinite(data)
        if wrong.any():
            place = np.argwhere(wrong)[0].tolist()
            rows = int(wrong.reshape(len(data), -1).any(axis=1).sum())
            raise TaskError(
                f"{what}: expected finite numbers, got {data[tuple(place)]} at example {place[0]}, position "
                f"{tuple(place[1:])} ({rows} of {len(data)} examples have NaN or infinity); "
                "fill them in or leave these examples out"
            )
    return data


def _numbers(data: NDArray[Any], what: str) -> NDArray[Any]:
    """The numbers of an array of objects, as a frame with columns of several types becomes, in 64 bits."""
    flat = data.ravel().tolist()
    for number, value in enumerate(flat):
        if not isinstance(value, Real | Decimal | np.bool_):
            if not is_missing(value):
                place = tuple(map(int, np.unravel_index(number, data.shape)))
                raise TaskError(
                    f"{what}: expected real numbers, got {value!r} at example {place[0]}, position {place[1:]}; encode "
                    "text and categories as numbers, or give a frame with its target to tasks.from_frame"
                )
            flat[number] = np.nan
    return np.array(flat, np.float64).reshape(data.shape)


def count_symbols(data: NDArray[Any], symbols: bool | int, what: str = "inputs") -> int:
    """How many symbols inputs are numbers of: as many as is said, or the largest and one; 0 where they are amounts.

    Raises:
        TaskError: When they are no whole numbers from 0, or one is not below the number that was said.
    """
    if symbols is False:
        return 0
    if data.dtype.kind not in "iu" or data.min() < 0:
        raise TaskError(
            f"{what}: expected symbols as whole numbers from 0, got the type {data.dtype} and {data.min()} as the "
            "smallest; number them from 0, as np.unique(x, return_inverse=True) does"
        )
    count = int(data.max()) + 1
    if symbols is not True and count > symbols:
        raise TaskError(
            f"{what}: expected symbols from 0 to {symbols - 1}, got {count - 1}; give symbols={count}"
        )
    return count if symbols is True else symbols


def assemble(
    name: str,
    targets: Targets,
    parts: Parts,
    split: Split,
    part: Callable[[NDArray[Any], Tensor, Preprocessing], Dataset[Any]],
    shape: tuple[int, ...],
    moments: tuple[NDArray[Any], NDArray[Any]] | None,
    symbols: int,
    told: Told,
    class_weights: Sequence[float] | str | None = None,
) -> Task:
    """The task of divided data, prepared by the statistics of its training part.

    Args:
        name: What to call it.
        targets: Of all examples.
        parts: Positions of the examples of each part.
        split: How they were divided.
        part: Makes the dataset of a part from its positions, its prepared targets and the preprocessing.
        shape: Shape of one input.
        moments: What `row_moments` says of the training inputs; None leaves inputs and targets as they are.
        symbols: How many symbols inputs are numbers of, which are left as they are; 0 where they are amounts.
        told: What else is known of the data.
        class_weights: As for `from_arrays`.
    """
    if len(told.features) not in (0, shape[0]):
        raise TaskError(f"features: expected {shape[0]} names, one a feature, got {len(told.features)}")
    values, weights = targets.values, {}
    if class_weights is not None:
        if targets.kind != CLASSIFICATION:
            raise TaskError(f"class_weights: a {targets.kind} has no classes to weigh; leave them out")
        weights = {"class_weights": class_weights}
    of_inputs: Statistics = _unchanged(0 if symbols else shape[0])
    of_targets: Statistics = _unchanged(0)
    if moments is not None and not symbols:
        of_inputs = fit(*moments, "inputs")
        of_inputs = fit_columns(of_inputs, told.columns, moments[0])
    if targets.kind == REGRESSION:
        of_targets = _unchanged(values.shape[1])
        if moments is not None:
            of_targets = fit(*row_moments(values[parts.train]), "targets")
        mean, std = map(np.array, of_targets)
        values = (values - mean) / std
    prepared = torch.from_numpy(values if targets.kind == CLASSIFICATION else values.astype(np.float32))
    preprocessing = Preprocessing(
        tuple(shape),
        *of_inputs,
        *of_targets,
        features=tuple(map(str, told.features)),
        target=told.target,
        note=told.note,
        symbols=symbols,
        columns=tuple(told.columns),
    )
    data: dict[str, Any] = {
        which: part(rows, prepared[rows], preprocessing) for which, rows in parts._asdict().items()
    }
    data |= {"split": split, "preprocessing": preprocessing, "classes": targets.classes, **weights}
    task = _TASKS[targets.kind](name, **data)
    task.has_symbols, task.cardinalities = symbols > 0, preprocessing.cardinalities
    return task


_TASKS: dict[str, type[Supervised]] = {task.kind: task for task in (Classification, MultiLabel, Regression)}


def _unchanged(count: int) -> Statistics:
    """Statistics by which nothing is changed."""
    return (0.0,) * count, (1.0,) * count


def in_memory(
    data: NDArray[Any], rows: NDArray[Any], prepared: Tensor, preprocessing: Preprocessing
) -> Dataset[Any]:
    """Some of the examples: images of bytes stay bytes, all else is standardised now."""
    chosen = torch.from_numpy(np.ascontiguousarray(data[rows]))
    if data.dtype == np.uint8 and data.ndim == 4 and not preprocessing.symbols:
        return ImageDataset(chosen, prepared, preprocessing)
    return TensorDataset(_prepare(chosen, preprocessing), prepared)


def _prepare(inputs: Tensor, preprocessing: Preprocessing) -> Tensor:
    """`prepare` by pieces, so that 64 bits are never needed for all at once."""
    prepared = torch.cat([preprocessing.prepare(piece) for piece in torch.split(inputs, 4096)])
    if not prepared.isfinite().all():
        raise TaskError(
            "inputs: some numbers are too large for 32-bit floats; give them in a larger unit or standardise "
            "them"
        )
    return prepared
