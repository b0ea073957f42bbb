"""Architectures as levels: read and written again they are the same."""

from __future__ import annotations

from random import Random

import pytest

import archwright as aw
from archwright.strategies.generator.variables import Variables
from archwright.testing.toy_spaces import TOY_SPACES


@pytest.mark.parametrize("name", TOY_SPACES)
def test_what_is_read_is_written(name: str) -> None:
    space = TOY_SPACES[name]()
    variables = Variables(space)
    for seed in range(30):
        architecture = space.sample(seed)
        levels = variables.read(architecture)
        assert all(0 <= level < variables.listed[number].levels for number, level in levels.items())
        assert variables.write(levels, architecture, Random(0)) == architecture


def test_a_number_with_bins_is_drawn_within_its_bin() -> None:
    space = aw.Space(
        aw.layer(dict, rate=aw.real(1e-4, 1e-1, log=True, name="rate"), n=aw.integer(1, 100, name="n"))
    )
    variables = Variables(space)
    assert [variable.levels for variable in variables.listed] == [9, 9]
    random = Random(0)
    for level in range(9):
        made = [variables.write({0: level, 1: level}, {}, random) for _ in range(20)]
        assert all(variables.read(one)[0] == level for one in made)
        assert all(abs((one["n"] - 1) / 99 - level / 8) <= 1 / 16 + 0.5 / 99 for one in made)
        assert len({one["rate"] for one in made}) == 20


def test_a_subset_that_cannot_be_is_drawn() -> None:
    space = aw.Space(aw.layer(dict, chosen=aw.subset(4, 2, name="chosen")))
    variables = Variables(space)
    assert len(variables.listed) == 4
    assert variables.write({0: 1, 1: 0, 2: 0, 3: 1}, {}, Random(0))["chosen"] == (0, 3)
    assert space.contains(variables.write(dict.fromkeys(range(4), 1), {}, Random(0)))


def test_a_held_decision_is_no_variable() -> None:
    space = TOY_SPACES["flat"]()
    address, value = next(iter(space.default.items()))
    assert not Variables(space.fix({address: value})).numbers(address)
