"""Regression on amounts that a formula gives (Real et al. 2020, arXiv:2003.03384)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from archwright.tasks.datasets.arrays import from_arrays
from archwright.tasks.families import Family, FamilyTask, Use
from archwright.tasks.regression import Regression
from archwright.tasks.task import Task

__all__ = ["FittedRegression", "SyntheticFamily", "linear_regression", "two_layer_regression"]

_FINAL = 1000
"""Training examples of a task that algorithms are selected or judged by."""


class FittedRegression(Regression):
    """Regression that is scored by `fitness`, 1 - 2/pi atan(root mean squared error), beside the scores of all."""

    metric = "fitness"

    def scores(self, outputs: Tensor, targets: Tensor) -> dict[str, float]:
        """As `Regression`, and `fitness`: 1 where nothing is missed, 0 where errors have no bound."""
        found = super().scores(outputs, targets)
        return {"fitness": 1 - 2 / math.pi * math.atan(found["rmse"]), **found}


@dataclass(frozen=True)
class SyntheticFamily(Family):
    """Linear functions, or networks of one hidden layer, with random weights.

    Args:
        features: Numbers in an input.
        hidden: Whether there is a hidden layer: as many units with ReLU as features, without biases, of which the first
            and the third do nothing. Else y = w x.
        examples: Training and validation examples of a task of the search.
    """

    features: int
    hidden: bool
    examples: int = 100

    @property
    def setting(self) -> str:  # type: ignore[override]
        """The published setting for programs."""
        return "network" if self.hidden else "linear"

    def draw(self, use: Use, random: np.random.Generator) -> FamilyTask:
        """One function, and examples of it, all drawn from standard normal numbers."""
        hidden = random.standard_normal((self.features, self.features))
        output = random.standard_normal(self.features)
        if self.hidden:
            hidden[[0, 2]] = 0.0
            output[[0, 2]] = 0.0

        def examples(count: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
            inputs = random.standard_normal((count, self.features))
            return inputs, (np.maximum(inputs @ hidden.T, 0.0) if self.hidden else inputs) @ output

        training = examples(self.examples if use == "search" else _FINAL)
        return (*training, *examples(self.examples))


def linear_regression(*, features: int = 4, examples: int = 100, seed: int = 0) -> Task:
    """A linear function without noise, y = w x, of standard normal numbers; any number of such tasks.

    Real et al. 2020, arXiv:2003.03384. What a network learns is one of them, with 1,000 examples.

    Args:
        features: Numbers in an input.
        examples: Training and validation examples of each task of a search for programs.
        seed: Of weights and examples.
    """
    return _task("linear_regression", SyntheticFamily(features, False, examples), seed)


def two_layer_regression(*, features: int = 4, examples: int = 100, seed: int = 0) -> Task:
    """A network with one hidden layer of ReLU, whose random weights are to be learned; any number of such tasks.

    Real et al. 2020, arXiv:2003.03384. What a network learns is one of them, with 1,000 examples.

    Args:
        features: Numbers in an input, at least 3, and units of the hidden layer.
        examples: Training and validation examples of each task of a search for programs.
        seed: Of weights and examples.
    """
    return _task("two_layer_regression", SyntheticFamily(max(features, 3), True, examples), seed)


def _task(name: str, family: SyntheticFamily, seed: int) -> Task:
    inputs, labels, seen, wanted = family.draw("final", np.random.default_rng([seed, 3]))
    half = len(seen) // 2
    made = from_arrays(
        inputs,
        labels,
        validation=(seen[:half], wanted[:half]),
        test=(seen[half:], wanted[half:]),
        kind="regression",
        name=name,
        standardize=False,
        seed=seed,
        note="standard normal numbers",
    )
    assert isinstance(made, Regression)
    task = FittedRegression(
        name,
        train=made.train,
        validation=made.validation,
        test=made.test,
        split=made.split,
        preprocessing=made.preprocessing,
    )
    task.family = family
    return task
