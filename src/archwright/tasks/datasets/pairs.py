"""Two classes of pictures, by a few random projections of their pixels (Real et al. 2020, arXiv:2003.03384)."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from archwright.errors import TaskError, did_you_mean
from archwright.tasks.datasets.arrays import from_arrays
from archwright.tasks.families import Family, FamilyTask, Use
from archwright.tasks.task import Task

__all__ = ["FINAL_PAIRS", "PairFamily", "digit_pairs"]

FINAL_PAIRS = ((0, 5), (0, 9), (1, 8), (2, 9), (3, 5), (3, 6), (3, 8), (4, 6), (8, 9))
"""The pairs that the paper keeps for the last evaluation; the other 36 are for search and selection."""
_OTHERS = tuple(pair for pair in combinations(range(10), 2) if pair not in FINAL_PAIRS)
_SOURCES = ("digits", "fashion_mnist", "cifar10")
_MOST = 5000
"""Pictures of a class that are taken, the first ones."""
_SHARES, _SHARES_OF_FEW, _FEW = (0.8, 0.9), (0.6, 0.8), 2000
"""Where validation and test begin; of few pictures more are validated on."""
_SHOWN = 2000
"""Examples that are shown in training, at least: few are shown several times."""


@dataclass(frozen=True, eq=False)
class PairFamily(Family):
    """Pairs of ten classes of pictures, each seen through a random projection of its own.

    Args:
        pictures: Of each class an array (n, pixels).
        features: Numbers that a picture is projected to.
        shown: Examples of training that are shown; a picture may be shown several times. None takes every picture once,
            but at least 2,000 examples.
    """

    pictures: tuple[NDArray[np.float32], ...]
    features: int = 16
    shown: int | None = None
    setting = "network"
    counts: ClassVar[dict[Use, int]] = {"search": 10, "select": 50, "final": 90}

    @property
    def shares(self) -> tuple[float, float]:
        """Where validation and test begin in the pictures of a class."""
        return _SHARES_OF_FEW if min(map(len, self.pictures)) < _FEW else _SHARES

    def draw(self, use: Use, random: np.random.Generator) -> FamilyTask:
        """A pair, a division and a projection; what the pictures of the test part are for is the use "final"."""
        pairs = FINAL_PAIRS if use == "final" else _OTHERS
        inputs, labels, parts = self.divided(pairs[random.integers(len(pairs))], random)
        train, validation, test = parts
        mean, spread = inputs[train].mean(axis=0), inputs[train].std(axis=0)
        inputs = (inputs - mean) / np.where(spread > 0, spread, 1.0)
        # All tasks of a use are of one size.
        least = 2 * min(min(map(len, self.pictures)), _MOST)
        size = self.shown or max(_SHOWN, int(least * self.shares[0]))
        order = np.concatenate([random.permutation(train) for _ in range(-(-size // len(train)))])[:size]
        held = (test if use == "final" else validation)[: int(least * (1 - self.shares[1]))]
        return inputs[order], labels[order], inputs[held], labels[held]

    def divided(
        self, pair: tuple[int, int], random: np.random.Generator
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], list[NDArray[np.int64]]]:
        """Projected pictures of a pair, their labels (1 for the second), and the positions of the three parts.

        Args:
            pair: The two classes.
            random: Draws division and projection.
        """
        classes = [self.pictures[one][:_MOST] for one in pair]
        flat = np.concatenate(classes).astype(np.float64)
        labels = np.repeat([0.0, 1.0], [len(one) for one in classes])
        projection = random.standard_normal((flat.shape[1], self.features))
        parts: list[list[NDArray[np.int64]]] = [[], [], []]
        begin = 0
        for one in classes:
            places = begin + random.permutation(len(one))
            begin += len(one)
            cuts = [int(share * len(one)) for share in self.shares]
            for part, chosen in zip(parts, np.split(places, cuts), strict=True):
                part.append(chosen)
        joined = [random.permutation(np.concatenate(part)) for part in parts]
        return flat @ projection, labels, joined


def digit_pairs(
    *,
    source: str = "digits",
    pair: tuple[int, int] = (3, 8),
    features: int = 16,
    shown: int | None = None,
    seed: int = 0,
) -> Task:
    """Two classes of pictures by 16 random projections of their pixels; any number of such tasks for programs.

    Real et al. 2020, arXiv:2003.03384, with the pictures at hand. What a network learns is one pair, of those that no
    program is chosen by.

    Args:
        source: "digits" (scikit-learn), "fashion_mnist" or "cifar10" (files on disk).
        pair: The two classes, by number, of what a network learns; the second is the positive one.
        features: Numbers that a picture is projected to.
        shown: Examples of training that a program is shown; None takes every picture once, but at least 2,000 examples.
        seed: Of division and projection.

    Raises:
        TaskError: When the source is unknown or not on disk, or the pair is none.
    """
    if source not in _SOURCES:
        raise TaskError(
            f"digit_pairs: expected the source {', '.join(_SOURCES)}, got {source!r}.{did_you_mean(source, _SOURCES)}"
        )
    if len(pair) != 2 or pair[0] == pair[1] or not all(0 <= one <= 9 for one in pair):
        raise TaskError(f"digit_pairs: expected a pair of different classes from 0 to 9, got {pair}")
    family = PairFamily(_pictures(source), features, shown)
    inputs, labels, parts = family.divided((pair[0], pair[1]), np.random.default_rng([seed, 3]))
    train, validation, test = ((inputs[part], labels[part].astype(np.int64)) for part in parts)
    task = from_arrays(
        *train,
        validation=validation,
        test=test,
        kind="classification",
        classes=[str(one) for one in pair],
        name="digit_pairs",
        seed=seed,
        note=f"{features} random projections of the pixels of {source}",
    )
    task.family = family
    return task


def _pictures(source: str) -> tuple[NDArray[np.float32], ...]:
    images, labels = _loaded(source)
    flat = images.reshape(len(images), -1)
    return tuple(flat[labels == one].astype(np.float32) for one in range(10))


def _loaded(source: str) -> tuple[Any, Any]:
    if source == "digits":
        from sklearn.datasets import load_digits

        data = load_digits()
        return data.images, data.target
    from archwright.tasks.registry import make_task

    task: Any = make_task(source, standardize=False)
    items = [part[place] for part in (task.train, task.validation, task.test) for place in range(len(part))]
    return np.stack([np.asarray(image) for image, _ in items]), np.array([int(label) for _, label in items])
