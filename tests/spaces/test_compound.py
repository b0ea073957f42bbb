"""Compound scaling: the grid, the paper's point in it, and what networks cost at it."""

from __future__ import annotations

import itertools

import pytest
import torch

from archwright.errors import SpaceError
from archwright.objectives import measure_cheap
from archwright.spaces.compound import CompoundScale, compound_grid
from archwright.spaces.zoo import efficientnet_space, mobilenet_v3_space

PAPERS = CompoundScale(1.2, 1.1, 1.15)


def test_the_papers_scale_is_on_the_grid() -> None:
    assert PAPERS in compound_grid()
    assert PAPERS.cost == pytest.approx(1.2 * 1.21 * 1.3225)


def test_the_grid_holds_all_that_is_near_and_nothing_else() -> None:
    grid = compound_grid(2.0, step=0.1, tolerance=0.1)
    steps = [round(0.1 * i, 6) for i in range(10, 31)]
    expected = {
        (a, b, c)
        for a, b, c in itertools.product(steps, repeat=3)
        if 1.8 - 1e-9 <= a * b * b * c * c <= 2.2 + 1e-9
    }
    assert {(scale.depth, scale.width, scale.resolution) for scale in grid} == expected


def test_b0_at_the_scale_of_b2_costs_what_the_paper_says() -> None:
    def cost(scale: CompoundScale, side: int) -> float:
        space = scale.of(efficientnet_space((3, 224, 224), 1000))
        return measure_cheap(space.build(space.default), ((torch.zeros(1, 3, side, side),), {}))["flops"]

    # Table 2: .39 and 1.0 billion multiply-accumulates at 224 and 260 pixels; depths are rounded up.
    growth = cost(CompoundScale(1.2, 1.1, 260 / 224), 260) / cost(CompoundScale(1.0, 1.0, 1.0), 224)
    assert growth == pytest.approx(1.0 / 0.39, rel=0.03)


def test_powers_multiply_the_cost() -> None:
    assert PAPERS.at(0) == CompoundScale(1.0, 1.0, 1.0)
    assert PAPERS.at(3).cost == pytest.approx(PAPERS.cost**3)


def test_scales_go_on_from_the_spaces_own() -> None:
    b2 = efficientnet_space((3, 32, 32), 10, width=1.1, depth=1.2)
    again = CompoundScale(1.2, 1.1, 1.0).of(b2)
    assert again.digest == efficientnet_space((3, 32, 32), 10, width=1.21, depth=1.44).digest


def test_what_cannot_be_is_told() -> None:
    with pytest.raises(SpaceError, match="has no number 'depth' to scale by"):
        PAPERS.of(mobilenet_v3_space((3, 32, 32), 10))
    with pytest.raises(SpaceError, match="cost > 1"):
        compound_grid(1.0)
    with pytest.raises(SpaceError, match="use a smaller step"):
        compound_grid(1.3, step=1.0, tolerance=0.01)
