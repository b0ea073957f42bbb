"""A table small enough to work everything out by hand."""

from __future__ import annotations

import random

import pytest

from archwright.benchmarks import Table
from archwright.estimators import Row
from archwright.objectives import Direction, Objective
from archwright.spaces import Space, categorical, layer

OBJECTIVES = (
    Objective("accuracy", Direction.MAXIMIZE),
    Objective("latency", Direction.MINIMIZE),
    Objective("params", Direction.MINIMIZE),
)


def small_table(labels: int = 4, seed: int = 0) -> Table:
    """labels² networks; accuracies are multiples of 0.1, so that there are ties."""
    generator = random.Random(seed)
    space = Space(layer(dict, a=categorical(range(labels), name="a"), b=categorical(range(labels), name="b")))
    rows = {}
    for architecture in space:
        accuracy = generator.randrange(4, 9) / 10
        rows[architecture] = Row(
            {
                "accuracy": (accuracy,),
                "test_accuracy": (generator.random(),),
                "latency": (generator.random(),),
                "params": (float(generator.randrange(10, 50)),),
            }
        )
    return Table("small", space, rows, OBJECTIVES, test="test_accuracy")


@pytest.fixture
def small() -> Table:
    return small_table()
