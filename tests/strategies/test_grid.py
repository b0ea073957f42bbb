from __future__ import annotations

import json
from collections.abc import Sequence

import pytest

from archwright.errors import SpaceExhaustedError, UsageError
from archwright.objectives import Objective
from archwright.spaces import Space
from archwright.strategies import GridSearch
from archwright.testing import StrategyContract
from archwright.testing.toy_spaces import conditional, flat, reals, spellings


class TestGridSearch(StrategyContract):
    def make(space: Space, objectives: Sequence[Objective], *, seed: int) -> GridSearch:  # noqa: N805
        return GridSearch(space, objectives)


def ask_all(grid: GridSearch) -> list[object]:
    found = []
    try:
        while True:
            found.append(grid.ask().architecture)
    except SpaceExhaustedError:
        return found


@pytest.mark.parametrize("make", [flat, conditional, spellings])
def test_proposes_in_the_order_of_the_iteration(make: type[Space]) -> None:
    space = make()
    assert ask_all(GridSearch(space)) == list(space)


@pytest.mark.parametrize(("resolution", "count"), [(1, 2), (3, 12), (10, 110)])
def test_reals_are_taken_at_as_many_points_as_asked(resolution: int, count: int) -> None:
    # dropout times (no optimizer, or one with a rate)
    found = ask_all(GridSearch(reals(), resolution=resolution))
    assert len(found) == len(set(found)) == count == resolution * (1 + resolution)


def test_the_end_names_both_cures() -> None:
    grid = GridSearch(flat(1, 2))
    ask_all(grid)
    with pytest.raises(
        SpaceExhaustedError, match=r"every architecture .*\(2 in all\).*larger space.*higher resolution"
    ):
        grid.ask()


def test_a_resumed_grid_does_not_walk_the_way_again() -> None:
    looked_at = []

    def note(architecture: object) -> bool:
        looked_at.append(architecture)
        return True

    space = Space(flat(20, 5).network, constraints=[note])
    grid = GridSearch(space)
    for _ in range(1000):
        grid.ask()
    text = json.dumps(grid.state_dict())
    assert len(text) < 1000
    looked_at.clear()
    resumed = GridSearch(space)
    resumed.load_state_dict(json.loads(text))
    assert resumed.ask() == grid.ask()
    assert len(looked_at) == 2


def test_a_state_of_another_resolution_is_refused() -> None:
    grid = GridSearch(reals(), resolution=4)
    for _ in range(5):
        grid.ask()
    with pytest.raises(UsageError, match="resolution that the grid was begun with"):
        GridSearch(reals(), resolution=3).load_state_dict(grid.state_dict())


def test_a_resolution_below_one_is_refused() -> None:
    with pytest.raises(UsageError, match="expected resolution >= 1, got 0"):
        GridSearch(reals(), resolution=0)
