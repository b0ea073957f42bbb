"""Columns by their names."""

from __future__ import annotations

import numpy as np
import pytest

from archwright.errors import UsageError
from archwright.spaces import Space, categorical, layer
from archwright.surrogates import GRAF, GraphCounts, JoinedColumns, named_columns
from archwright.testing import toy_spaces


class Sum:
    """Stands for proxies: the sum of the encoding."""

    def __init__(self, space: Space, names: list[str]) -> None:
        self.space, self.groups = space, tuple((name, 1) for name in names)

    def __call__(self, architectures):
        return np.array([[self.space.encode(a).sum()] * len(self.groups) for a in architectures])


def test_columns_stand_in_the_order_of_kinds() -> None:
    space = toy_spaces.nested()
    few = [space.sample(seed) for seed in range(6)]
    read = named_columns(space, " graf, synflow,graph ,snip,graf", lambda names: Sum(space, names))
    assert isinstance(read, JoinedColumns)
    assert [name for name, _ in read.groups] == ["graf", "labels", "edges", "synflow", "snip"]
    expected = [GRAF(space)(few), GraphCounts(space)(few), Sum(space, ["a", "b"])(few)]
    np.testing.assert_array_equal(read(few), np.hstack(expected))
    assert not read.is_cheap
    assert named_columns(space, "graf,graph").is_cheap


@pytest.mark.parametrize("nothing", ["", None, " , "])
def test_no_name_makes_none(nothing) -> None:
    assert named_columns(toy_spaces.nested(), nothing) is None


def test_columns_of_ones_own_are_taken_as_they_are() -> None:
    space = toy_spaces.nested()
    read = named_columns(space, Sum(space, ["mine"]))
    assert read.groups == (("mine", 1),)
    assert not read.is_cheap


def test_proxies_need_a_task() -> None:
    with pytest.raises(UsageError, match=r"columns synflow: only a search with a task.*some of graf, graph"):
        named_columns(toy_spaces.nested(), "graf,synflow")


@pytest.mark.parametrize("name", ["graf", "graph"])
def test_a_space_without_a_graph_is_told(name) -> None:
    space = Space(layer(dict, {"a": categorical([1, 2, 3], name="a"), "b": categorical([1, 2], name="b")}))
    with pytest.raises(
        UsageError, match=f"columns {name}: the networks of the space 'unnamed' are all alike"
    ):
        named_columns(space, name)
