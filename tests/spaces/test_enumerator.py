from __future__ import annotations

import itertools
import math

import pytest

from archwright.errors import UsageError
from archwright.spaces.enumerator import enumerate_plan
from archwright.testing import TOY_SPACES
from archwright.testing.toy_spaces import flat

FINITE = [name for name, make in TOY_SPACES.items() if not math.isinf(make().size_bound)]


@pytest.mark.parametrize("name", FINITE)
def test_lists_as_many_different_ones_as_are_counted(name: str) -> None:
    space = TOY_SPACES[name]()
    plan = space.plan
    listed = [frozenset(values.items()) for values in enumerate_plan(plan)]
    assert len(listed) == len(set(listed)) == space.size_bound


def test_is_lexicographic_and_gives_new_dicts() -> None:
    plan = flat(3, 3).plan
    listed = list(enumerate_plan(plan))
    assert [tuple(values.values()) for values in listed] == list(itertools.product(range(3), repeat=3))
    assert len({id(values) for values in listed}) == 27


def test_takes_the_wheels_it_is_given_and_begins_between() -> None:
    plan = flat(2, 3).plan
    backwards = enumerate_plan(plan, wheel=lambda d: reversed(list(d.values())), after={"d0": 1, "d1": 1})
    assert [tuple(values.values()) for values in backwards] == [(1, 0), (0, 2), (0, 1), (0, 0)]


def test_values_off_the_wheel_are_refused() -> None:
    plan = flat(2, 3).plan
    with pytest.raises(UsageError, match="'d1' is 7"):
        enumerate_plan(plan, after={"d0": 1, "d1": 7})
