"""How raw inputs become what a network sees, and what its outputs mean."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from archwright.errors import TaskError
from archwright.tasks.columns import Column, Table, encode

__all__ = ["Preprocessing", "fit", "fit_columns", "is_plain", "plain_columns", "rounded", "row_moments"]

CHUNK = 1024
"""Examples that are widened to 64-bit at a time, so that a large array is never copied whole."""

Statistics = tuple[tuple[float, ...], tuple[float, ...]]
"""Mean and standard deviation, one number a channel."""


@dataclass(frozen=True, slots=True)
class Preprocessing:
    """The affine maps between raw data and what a network is trained on.

    A network takes `prepare(raw)`, which is `(raw - input_mean) / input_std`, and a regression network gives
    standardised outputs, which `restore` brings back to the target's own unit:
    `outputs * target_std + target_mean`. The statistics are those of the training part alone, to seven
    digits. A channel that never changes has the standard deviation 1.

    Args:
        input_shape: Shape of one input: (features,), (channels, length) or (channels, height, width).
        input_mean: One number a feature, or a channel, in the raw unit.
        input_std: The same.
        target_mean: One number an output, in the target's unit; empty for classification.
        target_std: The same.
        features: Names of the columns, in the order of the inputs; empty where they have none.
        target: Name of what is learned; empty where it has none.
        note: What a raw input is, in one phrase: "RGB pixels from 0 to 255, resized to 32 x 32".
        symbols: How many symbols inputs are numbers of, which stay as they are; 0 where they are amounts. Then
            `input_mean` and `input_std` are empty.
        columns: Of a table, in the order of the inputs: how `encode` makes numbers of their raw values. Codes of
            categories stay as they are: mean 0, standard deviation 1.
    """

    input_shape: tuple[int, ...]
    input_mean: tuple[float, ...]
    input_std: tuple[float, ...]
    target_mean: tuple[float, ...] = ()
    target_std: tuple[float, ...] = ()
    features: tuple[str, ...] = ()
    target: str = ""
    note: str = ""
    symbols: int = 0
    columns: tuple[Column, ...] = ()

    @property
    def cardinalities(self) -> tuple[int, ...]:
        """For each feature the number of codes that it takes, 0 where it is an amount; empty where all are amounts."""
        found = tuple(column.cardinality for column in self.columns for _ in column.features)
        return found if any(found) else ()

    def encode(self, table: Mapping[str, Sequence[Any]]) -> Tensor:
        """The raw columns of a table as `prepare` takes them.

        Args:
            table: Name to raw values, such as a pandas DataFrame.

        Returns:
            Shape (N, features), 64 bits.

        Raises:
            TaskError: When a column is not there, or a value is not of its column's kind.
        """
        try:
            return torch.from_numpy(encode(self.columns, {c.name: list(table[c.name]) for c in self.columns}))
        except (KeyError, ValueError) as error:
            raise TaskError(f"the table: {error}") from None

    def table(self, kind: str, classes: Sequence[str]) -> Table:
        """What stands before and behind a network, in plain Python, of a task whose inputs are vectors.

        Args:
            kind: Of the task.
            classes: Names of its classes.
        """
        columns = self.columns or plain_columns(self.features, self.input_mean)
        ends = (tuple(classes), self.target_mean, self.target_std)
        return Table(columns, self.input_mean, self.input_std, kind, *ends)

    def prepare(self, inputs: Tensor) -> Tensor:
        """Raw inputs as a network takes them.

        Args:
            inputs: Shape (..., *input_shape), of any real type.

        Returns:
            A 32-bit float tensor of the same shape, or of type int64 for symbols.

        Raises:
            TaskError: When the last dimensions are not those of an input.
        """
        if tuple(inputs.shape[-len(self.input_shape) :]) != self.input_shape:
            raise TaskError(
                f"expected inputs of shape (..., {', '.join(map(str, self.input_shape))}), "
                f"got {tuple(inputs.shape)}"
            )
        if self.symbols:
            return inputs.to(torch.int64)
        # Bytes are exact in 32 bits; anything else may need 64 for a small spread around a large mean.
        wide = torch.float32 if inputs.dtype == torch.uint8 else torch.float64
        shape = (-1, *(1,) * (len(self.input_shape) - 1))
        mean = torch.tensor(self.input_mean, dtype=wide).view(shape)
        std = torch.tensor(self.input_std, dtype=wide).view(shape)
        prepared = ((inputs.to(wide) - mean) / std).to(torch.float32)
        # In memory as any tensor: of one channel its place may have been left open, and convolutions would put it last,
        # which `x.view(...)` does not bear.
        return prepared.reshape(-1).view(prepared.shape)

    def restore(self, outputs: Tensor) -> Tensor:
        """A regression network's outputs in the target's own unit; those of a classifier as they are.

        Args:
            outputs: Shape (N, outputs).
        """
        if not self.target_mean:
            return outputs
        mean = outputs.new_tensor(self.target_mean, dtype=torch.float64)
        std = outputs.new_tensor(self.target_std, dtype=torch.float64)
        return (outputs.to(torch.float64) * std + mean).to(outputs.dtype)

    def steps(self) -> list[str]:
        """What whoever uses the network must do, a sentence each."""
        each = "feature" if len(self.input_shape) == 1 else "channel"
        said = f": {self.note}" if self.note else ""
        kind = f"whole numbers from 0 to {self.symbols - 1}" if self.symbols else "numbers"
        steps = [f"Take an input as {kind} of shape {self.input_shape}{said}."]
        if not all(map(is_plain, self.columns)):
            steps += [told for column in self.columns for told in [_told(column)] if told]
        if self.features:
            steps.append(f"The features are, in this order: {', '.join(self.features)}.")
        if not all(map(is_plain, self.columns)):
            kinds = [column for column in self.columns for _ in column.features]
            described = zip(kinds, self.features, self.input_mean, self.input_std, strict=True)
            amounts = {
                f"{column.name if column.kind == 'text' else name} {mean} and {std}": None
                for column, name, mean, std in described
                if not column.cardinality
            }
            steps.append(
                f"Codes stay as they are. From each other feature subtract its mean and divide by its standard "
                f"deviation: {'; '.join(amounts)}."
            )
        elif not self.symbols:
            steps.append(
                f"From each {each} subtract its mean, {_listed(self.input_mean)}, and divide by its standard "
                f"deviation, {_listed(self.input_std)}."
            )
        if self.target_mean:
            steps.append(
                f"Multiply each output by {_listed(self.target_std)} and add {_listed(self.target_mean)}: that "
                f"is {self.target or 'the prediction'} in its own unit."
            )
        return steps

    def to_json(self) -> dict[str, Any]:
        """What a model card says of it, in JSON's own types."""
        lists = ("features", "input_mean", "input_std", "target_mean", "target_std")
        told = {name: list(getattr(self, name)) for name in lists}
        return {"steps": self.steps(), "note": self.note, "target": self.target, **told}


def plain_columns(features: Sequence[str], means: Sequence[float]) -> tuple[Column, ...]:
    """Columns whose numbers are taken as they are, of the names given, or x0, x1, ..."""
    names = features or [f"x{place}" for place in range(len(means))]
    return tuple(Column(name, "numeric", fill=(mean,)) for name, mean in zip(names, means, strict=True))


def is_plain(column: Column) -> bool:
    """Whether a column's numbers are taken as they are."""
    return column.kind in ("numeric", "boolean") and not (column.gaps or column.lenient)


def _told(column: Column) -> str:
    """What becomes of a column; nothing is said of one whose numbers are taken as they are."""
    name, fill = column.name, ", ".join(f"{number:g}" for number in column.fill)
    gap = f"; where it is missing, {fill}" if column.fill else ""
    gap += f", and {name} (missing) is 1, else 0" if column.gaps and column.kind != "categorical" else ""
    if column.kind == "categorical":
        known = ", ".join(map(repr, column.categories[:20]))
        known += f" and {len(column.categories) - 20} more" if len(column.categories) > 20 else ""
        last = f"; {column.cardinality - 1} where it is missing" if column.gaps else ""
        return f"{name} is a code from 1: {known}{last}; 0 for every other category."
    if column.kind == "date":
        return f"{name} is a date ({column.format}), taken as its {', '.join(column.parts)}{gap}."
    if column.kind == "text":
        return f"{name} is text, taken as TF-IDF of its words, hashed to {len(column.weights)} numbers."
    return "" if is_plain(column) else f"{name} is a number{gap}."


def fit_columns(statistics: Statistics, columns: Sequence[Column], encoded: NDArray[Any]) -> Statistics:
    """The statistics of a table's features, but for codes, which stay, and text, which is brought to one scale.

    Args:
        statistics: Mean and standard deviation of each feature, as `fit` gives them.
        columns: What the features are made from.
        encoded: The training rows, shape (N, features).

    Returns:
        Mean 0 and standard deviation 1 for codes; for the features of a text mean 0 and the root of their mean square
        over all of them, since those of rare words must not be blown up.
    """
    mean, std = map(list, statistics)
    place = 0
    for column in columns:
        end = place + len(column.features)
        if column.kind in ("categorical", "text"):
            scale = float(np.sqrt((encoded[:, place:end] ** 2).mean())) if column.kind == "text" else 1.0
            mean[place:end] = [0.0] * (end - place)
            std[place:end] = [rounded(scale or 1.0, scale or 1.0)] * (end - place)
        place = end
    return tuple(mean), tuple(std)


def row_moments(inputs: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Mean and mean squared deviation of each channel of each example, in 64 bits.

    Args:
        inputs: Shape (N, channels, ...).

    Returns:
        Two arrays of shape (N, channels).
    """
    if inputs.ndim == 2:
        mean = inputs.astype(np.float64)
        return mean, np.zeros_like(mean)
    means, squares = [], []
    with np.errstate(over="ignore", invalid="ignore"):  # infinity is reported where the moments are used
        for start in range(0, len(inputs), CHUNK):
            chunk = inputs[start : start + CHUNK]
            flat = chunk.astype(np.float64).reshape(len(chunk), chunk.shape[1], -1)
            means.append(flat.mean(axis=2))
            squares.append(flat.var(axis=2))
    return np.concatenate(means), np.concatenate(squares)


def fit(means: NDArray[Any], squares: NDArray[Any], what: str) -> Statistics:
    """Mean and standard deviation of each channel of the inputs, or of each target, over many examples.

    Args:
        means: Mean of each channel of each example, shape (N, channels), from `row_moments`.
        squares: Mean squared deviation within each example, shape (N, channels).
        what: "inputs" or "targets", for an error.

    Raises:
        TaskError: When the numbers are too large for their spread to be computed.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        mean = means.mean(axis=0)
        std = np.sqrt(squares.mean(axis=0) + ((means - mean) ** 2).mean(axis=0))
    wrong = np.flatnonzero(~(np.isfinite(mean) & np.isfinite(std)))
    if wrong.size:
        raise TaskError(
            f"{what}: the numbers of channel {wrong[0]} are too large to be standardised; give them in a "
            "larger unit"
        )
    # A spread at the level of rounding errors is none.
    stds = np.where(std <= 1e-12 * np.abs(mean), 1.0, std).tolist()
    return tuple(map(rounded, mean.tolist(), stds)), tuple(map(rounded, stds, stds))


def rounded(number: float, scale: float) -> float:
    """A number without what is below a millionth of the scale.

    The last bits of a sum differ between machines; a run that is resumed on another must find the same task.
    """
    return round(number, 6 - math.floor(math.log10(scale)))


def _listed(numbers: tuple[float, ...]) -> str:
    return ", ".join(map(str, numbers))
