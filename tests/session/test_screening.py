"""Cheap scores before a search."""

from __future__ import annotations

import math
from random import Random
from typing import Any

import numpy as np
import pytest
from scipy.stats import rankdata
from torch import nn

import archwright as aw
from archwright.estimators.zero_cost import ZeroCost
from archwright.objectives import Objective, parse_limit
from archwright.session.screening import SCORES, screened
from archwright.spaces.zoo import make_space
from archwright.tasks import make_task

TABLE = make_task("diabetes")
SPACE = make_space("mlp", TABLE.input_shape, TABLE.outputs)


def found(take: int = 3, **options: Any) -> Any:
    given: dict[str, Any] = {"objectives": [Objective(TABLE.metric)], "seed": 4, "accelerator": "cpu"}
    given |= options
    return screened(SPACE, TABLE, given.pop("objectives"), take, **given)


def test_the_best_by_the_product_of_their_ranks_are_taken() -> None:
    random, scorer = Random(4), ZeroCost(SPACE, TABLE, SCORES, seed=4, accelerator="cpu")
    drawn = [SPACE.sample(random) for _ in range(24)]
    scores = [scorer.scores(one) for one in drawn]
    products = [1.0] * 24
    for name in SCORES:
        column = [-math.inf if math.isnan(one[name]) else one[name] for one in scores]
        products = [a * b for a, b in zip(products, rankdata(column) / 24, strict=True)]
    order = np.argsort([-round(math.log(one), 9) for one in products], kind="stable")
    made = found()
    assert made.scored == 24
    assert [*made.architectures] == [drawn[i] for i in order[:3]]


def test_limits_are_kept() -> None:
    limit = parse_limit("params<=5000")
    made = found(objectives=[Objective(TABLE.metric), limit])
    assert made.architectures
    for one in made.architectures:
        assert sum(p.numel() for p in SPACE.build(one).parameters()) <= 5000


def test_as_many_are_scored_where_few_keep_the_limits() -> None:
    random = Random(4)
    sizes = sorted(sum(p.numel() for p in SPACE.build(SPACE.sample(random)).parameters()) for _ in range(200))
    made = found(objectives=[Objective(TABLE.metric), parse_limit(f"params<={sizes[20]}")])
    assert made.scored == 24
    assert len(made.architectures) == 3


def test_however_late_it_is_one_network_is_scored() -> None:
    late = found(seconds=-1.0)
    assert (late.scored, len(late.architectures)) == (1, 1)


class Odd(nn.Module):
    def __init__(self, width: int) -> None:
        if width == 8:
            raise SystemExit(3)
        super().__init__()
        self.layer = nn.LazyLinear(width)

    def forward(self, inputs: Any) -> Any:
        return self.layer(inputs).relu()


@pytest.mark.parametrize("widths", [(8, 16, 32), (8,)], ids=str)
def test_networks_whose_code_fails_are_passed_over(widths: tuple[int, ...]) -> None:
    layers = [aw.layer(Odd, aw.choice(*widths, name="width")), aw.layer(nn.LazyLinear, TABLE.outputs)]
    space = aw.Space(aw.layer(nn.Sequential, *layers), name="odd")
    made = screened(space, TABLE, [Objective(TABLE.metric)], 3, seed=0, accelerator="cpu")
    assert {one["width"] for one in made.architectures} == {*widths} - {8}
