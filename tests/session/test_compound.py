"""The grid search of compound scaling, trained."""

from __future__ import annotations

import pytest

import archwright as aw
from archwright.errors import UsageError
from archwright.session import compound_scaling
from archwright.spaces.compound import CompoundScale
from archwright.spaces.zoo import efficientnet_space
from archwright.tasks import make_task


@pytest.mark.slow
def test_scales_are_trained_and_ordered() -> None:
    task = make_task("digits", seed=0)
    space = efficientnet_space((1, 8, 8), 10, width=0.25)
    grid = [CompoundScale(2.0, 1.0, 1.0), CompoundScale(1.0, 1.0, 1.4)]
    found = compound_scaling(
        space, space.default, task, recipe=aw.Recipe(epochs=1, batch_size=256), grid=grid
    )
    assert {one.scale: one.side for one in found} == {grid[0]: 6, grid[1]: 8}
    assert found[0].metrics["accuracy"] >= found[1].metrics["accuracy"]
    growth = {one.scale: one.growth for one in found}
    assert growth[grid[0]] > 1.5
    assert growth[grid[1]] == pytest.approx((8 / 6) ** 2, rel=0.35)


def test_a_table_has_no_resolution() -> None:
    space = efficientnet_space((1, 8, 8), 10)
    with pytest.raises(UsageError, match="inputs with a resolution"):
        compound_scaling(space, space.default, make_task("breast_cancer", seed=0))
