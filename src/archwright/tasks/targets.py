"""What is to be predicted: labels become class indices, amounts become columns of numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, float16, float32, float64

from archwright.errors import TaskError, did_you_mean

__all__ = [
    "CLASSIFICATION",
    "Classes",
    "KINDS",
    "MULTILABEL",
    "REGRESSION",
    "Targets",
    "as_array",
    "is_missing",
    "looks_like_labels",
    "read_targets",
]

CLASSIFICATION, REGRESSION, MULTILABEL = KINDS = ("classification", "regression", "multilabel")

_FLOATS = (float16, float32, float64)

FEW = 20
"""Integers with at most this many different values are taken for labels."""

EACH = 10
"""So are the integers 0 to k-1, however many, with at least this many examples each."""


Classes = Sequence[str] | Mapping[Any, str]
"""Names of classes by position, or by label."""


@dataclass(frozen=True, slots=True)
class Targets:
    """Targets as a task keeps them.

    Args:
        kind: One of `KINDS`.
        values: Class indices of shape (N,) and type int64, or numbers of shape (N, outputs) and type float64, which are
            0 and 1 where several labels may hold.
        classes: Names of the classes, or labels, by index; empty for regression.
        numeric: Whether the labels were numbers before they were made class indices.
    """

    kind: str
    values: NDArray[Any]
    classes: tuple[str, ...] = ()
    numeric: bool = True


def read_targets(raw: Any, kind: str | None = None, classes: Classes = ()) -> Targets:
    """Read targets of any form.

    Strings, booleans, integers with at most 20 different values and the integers 0 to k-1 with at least 10
    examples each are labels; other integers, floats and targets of several columns are amounts.

    Args:
        raw: An array, tensor, list or series: N labels, or numbers of shape (N,) or (N, outputs).
        kind: One of `KINDS`; None infers "classification" or "regression".
        classes: Names of the classes. Integer labels are positions in it; other labels are found in it by
            name; labels of neither form take the names in their sorted order. A dict gives the label of each
            name, so that classes which no example has can be left out: `{0: "cat", 2: "dog"}`.

    Raises:
        TaskError: When a target is missing, NaN or infinite, the kind does not fit, or there is nothing to
            learn (one class, one value).
    """
    if kind is not None and kind not in KINDS:
        raise TaskError(f"unknown kind {kind!r}.{did_you_mean(str(kind), KINDS)}")
    values = _checked(as_array(raw, "targets"))
    if kind is None:
        kind = CLASSIFICATION if classes else _infer(values)
    if kind == MULTILABEL:
        return _sets(values, classes)
    return _labels(values, classes) if kind == CLASSIFICATION else _amounts(values, classes)


def as_array(raw: Any, what: str) -> NDArray[Any]:
    """An array, tensor, list, series or frame as an array, of whatever type.

    Args:
        raw: What was given.
        what: How to call it in an error.

    Raises:
        TaskError: When its rows differ in length, an entry is masked, or numpy has no such numbers.
    """
    if isinstance(raw, Tensor):
        tensor = raw.detach().cpu().to_dense()
        if tensor.is_floating_point() and tensor.dtype not in _FLOATS:
            tensor = tensor.float()  # numpy has no bfloat16 and nothing of 8 bits
        try:
            plain: NDArray[Any] = tensor.numpy()
        except (TypeError, RuntimeError) as error:
            raise TaskError(f"{what}: cannot be read as an array: {error}") from error
        return plain
    if isinstance(raw, list | tuple) and any(isinstance(row, np.ma.MaskedArray) for row in raw):
        raw = np.ma.array(raw)
    if isinstance(raw, np.ma.MaskedArray) and np.ma.is_masked(raw):
        places = np.argwhere(np.ma.getmaskarray(raw))
        raise TaskError(
            f"{what}: expected no gaps, but entry {tuple(places[0].tolist())} is masked ({len(places)} of {raw.size} "
            "are); fill them in, as with .filled(), or leave these examples out"
        )
    try:
        values = np.asarray(raw)
        # numpy writes the gap of ["a", None] and ["a", nan] as text; an array of objects keeps it.
        values = np.asarray(raw, dtype=object) if values.dtype.kind == "U" else values
    except ValueError as error:
        raise TaskError(f"{what}: expected an array, got rows of different lengths ({error})") from error
    if values.dtype.kind == "f" and values.itemsize > 8:
        return values.astype(np.float64)  # torch has none of 128 bits
    return values.astype(values.dtype.newbyteorder("="), copy=False)  # nor another machine's byte order


def _checked(values: NDArray[Any]) -> NDArray[Any]:
    """One array of booleans, integers, floats or strings, without gaps."""
    if values.ndim == 2 and values.shape[1] == 1:
        values = values[:, 0]
    if values.ndim not in (1, 2) or values.size == 0:
        raise TaskError(
            f"targets: expected shape (examples,) or (examples, outputs), not empty, got {values.shape}"
        )
    if values.dtype.kind == "O":
        _refuse(np.array([is_missing(value) for value in values.ravel()]).reshape(values.shape), "missing")
        flat = values.ravel().tolist()
        texts = {value for value in flat if isinstance(value, str)}
        if alike := texts & {str(value) for value in flat if not isinstance(value, str)}:
            raise TaskError(
                f"targets: {min(alike)!r} stands there as text and as another type, which would become one class; make "
                "all labels one type"
            )
        values = np.array(values.tolist())
        if values.dtype.kind == "O":
            values = values.astype(str)
    if values.dtype.kind == "S":
        values = np.char.decode(values, "utf-8", "replace")
    if values.dtype.kind == "U":
        _refuse(np.char.strip(values) == "", "missing")
    elif values.dtype.kind == "f":
        _refuse(~np.isfinite(values), "NaN or infinite")
    elif values.dtype.kind not in "biu":
        raise TaskError(f"targets: expected labels or real numbers, got the type {values.dtype}")
    return values


def is_missing(value: Any) -> bool:
    """Whether a value stands for none: None, NaN, NA of pandas."""
    if value is None or type(value).__name__ in ("NAType", "NaTType"):
        return True
    return np.ndim(value) == 0 and bool(value != value)


def _refuse(wrong: NDArray[Any], what: str) -> None:
    """Raise for the first example where `wrong` is set."""
    rows = np.flatnonzero(wrong if wrong.ndim == 1 else wrong.any(axis=1))
    if rows.size:
        raise TaskError(
            f"targets: expected one for every example, but the target of example {rows[0]} is {what} "
            f"({rows.size} of {len(wrong)} are); label these examples or leave them out"
        )


def _infer(values: NDArray[Any]) -> str:
    if values.dtype.kind in "bU":
        return CLASSIFICATION
    if values.dtype.kind == "f" or values.ndim == 2:
        return REGRESSION
    return CLASSIFICATION if looks_like_labels(values) else REGRESSION


def looks_like_labels(numbers: NDArray[Any]) -> bool:
    """Whether whole numbers are taken for labels: few different ones, or 0 to k-1 often enough; floats never."""
    if numbers.dtype.kind == "f":
        return False
    distinct, counts = np.unique(numbers, return_counts=True)
    positions = distinct[0] == 0 and distinct[-1] == len(distinct) - 1 and counts.min() >= EACH
    return len(distinct) <= FEW or bool(positions)


def _labels(values: NDArray[Any], classes: Classes) -> Targets:
    if values.ndim == 2:
        raise TaskError(
            f"targets: expected one label for each example, got shape {values.shape}; "
            "turn one-hot rows into labels with argmax(1)"
        )
    numeric = values.dtype.kind in "iuf"
    if values.dtype.kind == "f":
        odd = np.flatnonzero(values != np.round(values))
        if odd.size:
            raise TaskError(
                f"targets: expected labels, but the target of example {odd[0]} is {values[odd[0]]:g}; "
                "for amounts use kind='regression'"
            )
    distinct, indices = np.unique(values, return_inverse=True)
    found = tuple(f"{value:.0f}" if values.dtype.kind == "f" else str(value) for value in distinct.tolist())
    if len(found) == 1:
        raise TaskError(
            f"targets: expected at least two classes, but every example has the label {found[0]!r}; "
            "there is nothing to learn"
        )
    if not classes:
        return Targets(CLASSIFICATION, indices.astype(np.int64), found, numeric)
    names = _names(classes)
    by = {str(label): place for place, label in enumerate(classes)} if isinstance(classes, Mapping) else {}
    if by and (unnamed := [label for label in found if label not in by]):
        raise TaskError(
            f"classes: no name for the label {unnamed[0]!r}; expected all labels in it, got {classes}"
        )
    positions = [by[label] for label in found] if by else _positions(distinct, found, names)
    return Targets(CLASSIFICATION, np.array(positions, np.int64)[indices], names, numeric)


def _sets(values: NDArray[Any], classes: Classes) -> Targets:
    """A row of 0 and 1 for each example, which says what labels hold."""
    if values.ndim != 2 or values.dtype.kind not in "biuf" or not np.isin(values, (0, 1)).all():
        raise TaskError(
            "targets: expected a matrix of 0 and 1, shape (examples, labels) with at least 2 labels, got shape "
            f"{values.shape} of type {values.dtype}; for one label each use kind='classification'"
        )
    names = _names(classes) or tuple(map(str, range(values.shape[1])))
    if len(names) != values.shape[1]:
        raise TaskError(f"classes: expected {values.shape[1]} different names, one per label, got {names}")
    if (values == values[0]).all():
        raise TaskError("targets: every example has the same labels; there is nothing to learn")
    return Targets(MULTILABEL, values.astype(np.float64), names)


def _names(classes: Classes) -> tuple[str, ...]:
    names = tuple(map(str, classes.values() if isinstance(classes, Mapping) else classes))
    if len(set(names)) < len(names):
        raise TaskError(f"classes: expected different names, got {', '.join(names)}")
    return names


def _positions(distinct: NDArray[Any], found: tuple[str, ...], names: tuple[str, ...]) -> list[int]:
    """The class of each different label."""
    if distinct.dtype.kind in "biuf" and distinct[0] >= 0 and distinct[-1] < len(names):
        return [int(value) for value in distinct.tolist()]
    if set(found) <= set(names):
        return [names.index(name) for name in found]
    if distinct.dtype.kind != "U" and len(found) == len(names):
        return list(range(len(names)))
    unknown = next(name for name in found if name not in names)
    raise TaskError(
        f"classes: {len(names)} names were given, but the targets have {len(found)} different labels, "
        f"{unknown!r} among them.{did_you_mean(unknown, names)}"
    )


def _amounts(values: NDArray[Any], classes: Classes) -> Targets:
    if classes:
        raise TaskError("classes: a regression has none; leave them out or use kind='classification'")
    if values.dtype.kind == "U":
        raise TaskError(
            f"targets: a regression expects numbers, got the text {str(values.flat[0])!r}; "
            "use kind='classification' or give numbers"
        )
    columns = values.astype(np.float64).reshape(len(values), -1)
    constant = np.flatnonzero(columns.min(axis=0) == columns.max(axis=0))
    if constant.size:
        raise TaskError(
            f"targets: every example has the target {columns[0, constant[0]]:g} in column {constant[0]}; "
            "there is nothing to learn"
        )
    return Targets(REGRESSION, columns)
