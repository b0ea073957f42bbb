from __future__ import annotations

import numpy as np
import pytest

from archwright.spaces import Space
from archwright.strategies.bayesian.candidates import Surroundings
from archwright.surrogates import Features
from archwright.testing.toy_spaces import constrained, flat, reals, spellings


def source(space: Space, count: int = 50) -> Surroundings:
    return Surroundings(space, Features(space), 0, count)


@pytest.mark.parametrize("make", [flat, constrained, spellings])
def test_a_small_space_is_looked_at_as_a_whole(make) -> None:  # type: ignore[no-untyped-def]
    space = make()
    found = source(space).of(0, {})
    assert list(found.architectures) == list(space)
    assert found is source(space).of(7, {3: found.architectures[0]})  # and listed once
    assert set(found.sources) == {None}
    for architecture, place in zip(found.architectures, range(len(found.architectures)), strict=True):
        assert found.places[space.canonical(architecture)] == place


def test_equal_networks_are_described_alike_where_all_are_listed() -> None:
    from random import Random

    space = spellings()
    random = Random(0)
    made = [space.sample(random) for _ in range(50)]
    rows = source(space).describe(made)
    known: dict[object, np.ndarray] = {}
    for architecture, row in zip(made, rows, strict=True):
        np.testing.assert_array_equal(known.setdefault(space.canonical(architecture), row), row)
    assert len(known) < len(set(made))


@pytest.mark.parametrize("make", [reals, lambda: flat(20, 4)])
def test_of_a_large_space_it_is_random_ones_and_what_lies_around_the_centres(make) -> None:  # type: ignore[no-untyped-def]
    space = make()
    alone = source(space).of(3, {})
    assert 1 <= len(alone.architectures) <= 50
    centres = {5: alone.architectures[0], 9: alone.architectures[1]}
    found = source(space).of(3, centres)
    assert list(found.architectures[: len(alone.architectures)]) == list(alone.architectures)
    assert set(found.sources) == {None, 5, 9}
    assert len(found.places) == len(found.architectures) == len(found.rows)
    np.testing.assert_array_equal(found.rows, Features(space)(found.architectures))
    # The same of another source, after other draws.
    other = source(space)
    other.of(4, {1: alone.architectures[2]})
    assert list(other.of(3, centres).architectures) == list(found.architectures)
    assert list(other.of(4, centres).architectures) != list(found.architectures)


def test_those_taken_keep_where_they_are_from() -> None:
    space = flat(20, 4)
    found = source(space).of(0, {2: next(iter(space))})
    places = [len(found.architectures) - 1, 0]
    taken = found.taken(places, space)
    assert list(taken.architectures) == [found.architectures[place] for place in places]
    assert list(taken.sources) == [2, None]
    np.testing.assert_array_equal(taken.rows, found.rows[places])
    assert taken.places[space.canonical(taken.architectures[0])] == 0
