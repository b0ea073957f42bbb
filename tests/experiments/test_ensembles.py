"""Which trainings together are better than one."""

from __future__ import annotations

from collections.abc import Sequence

from archwright.experiments.ensembles import select_members

TRUTH = 10.0
SAID = [9.0, 8.5, 11.5, 14.0]


def error(places: Sequence[int]) -> float:
    return abs(sum(SAID[place] for place in places) / len(places) - TRUTH)


def test_each_is_the_one_with_which_they_are_best() -> None:
    # 9.0 alone misses by 1; with 11.5 by 0.25; then 8.5 makes 9.67, and 14 makes 11.5: both worse than the two.
    assert select_members(0, 2, 4, error) == [0, 2]
    assert select_members(0, 4, 4, error) == [0, 2]


def test_it_begins_with_the_first_and_none_is_taken_twice() -> None:
    assert select_members(3, 4, 4, lambda places: -len(places)) == [3, 0, 1, 2]
    assert select_members(3, 1, 4, error) == [3]
    assert select_members(1, 9, 2, lambda places: -len(places)) == [1, 0]
