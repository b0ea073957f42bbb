"""How data is divided into training, validation and test."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from archwright.durations import count_of
from archwright.errors import TaskError
from archwright.tasks.targets import CLASSIFICATION, Targets
from archwright.tasks.task import Split

__all__ = ["Parts", "divide", "split_indices"]

Indices = NDArray[np.int64]


class Parts(NamedTuple):
    """Positions of the examples of each part, ascending, shape (examples,).

    Args:
        train: For training.
        validation: By which the search scores.
        test: For the final network alone.
    """

    train: Indices
    validation: Indices
    test: Indices


def split_indices(
    groups: NDArray[Any], *, validation: float, test: float, seed: int, reserve: int = 1
) -> Parts:
    """Divide examples at random, each group by itself.

    Each group gives each part its share in whole examples, and at least one. The shares are rounded so that
    the whole part comes out right too: scikit-learn's stratified split also keeps the proportions, but may
    leave a rare class out of a part. The test part depends on the seed and its own share alone.

    Args:
        groups: The group of each example, shape (N,): its class, or zeros for one group.
        validation: Share of the examples for validation, in [0, 1); 0 makes the part empty.
        test: Share of the examples for test, in [0, 1); 0 makes the part empty.
        seed: Seed of the division.
        reserve: Examples of each group that stay for training, at least.

    Returns:
        Positions of the examples of each part.
    """
    drawn = np.random.default_rng(seed)
    order = np.argsort(groups, kind="stable")
    counts = np.unique(groups, return_counts=True)[1]
    for_test = _shares(counts, test, leave=reserve + (validation > 0))
    for_validation = np.minimum(_shares(counts, validation, leave=reserve), counts - for_test - reserve)
    parts: tuple[list[Indices], list[Indices], list[Indices]] = ([], [], [])
    for members, tests, validations in zip(
        np.split(order, np.cumsum(counts)[:-1]), for_test, for_validation, strict=True
    ):
        shuffled = drawn.permutation(members)
        parts[2].append(shuffled[:tests])
        parts[1].append(shuffled[tests : tests + validations])
        parts[0].append(shuffled[tests + validations :])
    return Parts(*(np.sort(np.concatenate(part)).astype(np.int64) for part in parts))


def _shares(counts: NDArray[Any], share: float, leave: int) -> NDArray[Any]:
    """How many of each group make up a share of the whole, at least one and leaving some, where share > 0."""
    if share == 0:
        return np.zeros_like(counts)
    bounds = np.round(share * np.concatenate([[0], np.cumsum(counts)]))
    return np.clip(np.diff(bounds).astype(np.int64), 1, np.maximum(counts - leave, 0))


def divide(
    targets: Targets,
    given_validation: int = 0,
    given_test: int = 0,
    *,
    validation: Any = 0.2,
    test: Any = 0.2,
    seed: int = 0,
    origin: str = "given",
) -> tuple[Parts, Split]:
    """Divide all examples of a task.

    The pool comes first, then what is given for validation, then what is given for test.

    Args:
        targets: Of all examples, in that order.
        given_validation: Number of examples given for validation; 0 draws them from the pool.
        given_test: Number of examples given for test; 0 draws them from the pool.
        validation: Share of the pool for validation; not looked at where some are given.
        test: Share of the pool for test; None for no such part. Not looked at where some are given.
        seed: Seed of the division.
        origin: Where given parts come from: "given", "official".

    Returns:
        The parts, and the record of how they were made.

    Raises:
        TaskError: When a share is out of range, or a class has too few examples to be in every part.
    """
    validation = 0.0 if given_validation else _share("validation", validation)
    test = 0.0 if given_test or test is None else _share("test", test)
    if validation + test >= 1:
        raise TaskError(
            f"validation={validation:g} and test={test:g} leave nothing for training; "
            "expected shares that sum to less than 1"
        )
    if isinstance(seed, bool) or not isinstance(seed, int | np.integer) or seed < 0:
        raise TaskError(f"seed: expected an integer >= 0, got {seed!r}")
    stratified = targets.kind == CLASSIFICATION
    pool = len(targets.values) - given_validation - given_test
    drawn_parts = (validation > 0) + (test > 0)
    if stratified:
        _check_classes(targets, pool, drawn_parts)
    elif pool < drawn_parts + 2:
        raise TaskError(f"expected at least {drawn_parts + 2} examples to divide, got {pool}")
    groups = targets.values[:pool] if stratified else np.zeros(pool, np.int64)
    parts = split_indices(groups, validation=validation, test=test, seed=seed, reserve=1 if stratified else 2)
    if given_validation:
        parts = parts._replace(validation=np.arange(pool, pool + given_validation))
    if given_test:
        parts = parts._replace(test=np.arange(pool + given_validation, len(targets.values)))
    source = _source(bool(given_validation), bool(given_test), origin)
    train, validated, tested = map(len, parts)
    return parts, Split(train, validated, tested, int(seed), stratified, source)


def _share(name: str, share: Any) -> float:
    if isinstance(share, bool) or not isinstance(share, int | float | np.number) or not 0 < share < 1:
        raise TaskError(f"{name}: expected a share of the examples between 0 and 1, got {share!r}")
    return float(share)


def _check_classes(targets: Targets, pool: int, drawn_parts: int) -> None:
    counts = np.bincount(targets.values[:pool], minlength=len(targets.classes))
    needed = 1 + drawn_parts
    rare = np.flatnonzero(counts < needed)
    if rare.size:
        others = f" ({rare.size} classes have too few)" if rare.size > 1 else ""
        amounts = ", or use kind='regression' if the targets are amounts" if targets.numeric else ""
        raise TaskError(
            f"class {targets.classes[rare[0]]!r} has {count_of(int(counts[rare[0]]), 'example')} to divide{others}; "
            f"expected at least {needed} of each class, one for each part: add examples, or merge or leave out the "
            f"class, where no example has it by classes= as a dict of label to name{amounts}"
        )


def _source(validation: bool, test: bool, origin: str) -> str:
    if validation and test:
        return f"{origin} validation and test sets"
    if validation or test:
        part, rest = ("test", "validation") if test else ("validation", "test")
        return f"{origin} {part} set, {rest} split at random"
    return "split at random"
