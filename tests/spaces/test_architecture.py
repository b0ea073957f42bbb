"""One point of a space."""

from __future__ import annotations

import copy
import json
import pickle
from typing import Any

import pytest

from archwright.errors import SpaceError
from archwright.spaces import Architecture

VALUES = {"op": "conv", "n": 3, "rate": 0.5, "yes": True, "none": None, "in": (0, 2)}


def test_is_a_mapping_in_the_order_it_was_made() -> None:
    architecture = Architecture(VALUES)
    assert dict(architecture) == VALUES
    assert list(architecture) == list(VALUES)
    assert len(architecture) == 6
    assert "n" in architecture
    assert "m" not in architecture
    assert architecture.get("m") is None
    assert repr(Architecture({"op": "conv", "in": (0, 2)})) == "Architecture(op='conv', in=(0, 2))"


def test_cannot_be_changed() -> None:
    values = dict(VALUES)
    architecture = Architecture(values)
    values["n"] = 4
    assert architecture["n"] == 3
    with pytest.raises(TypeError):
        architecture["n"] = 4  # type: ignore[index]
    with pytest.raises(AttributeError):
        architecture.n = 4  # type: ignore[attr-defined]


def test_equality_is_of_decisions_and_values_not_of_order() -> None:
    one, other = Architecture(VALUES), Architecture(dict(reversed(VALUES.items())))
    assert one == other
    assert hash(one) == hash(other)
    assert len({one, other, Architecture({})}) == 2
    assert one != Architecture({**VALUES, "n": 4})
    assert one != Architecture({**VALUES, "more": 1})
    assert one != VALUES


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, lambda a: pickle.loads(pickle.dumps(a))])
def test_copies_are_equal(copied: Any) -> None:
    architecture = Architecture(VALUES)
    assert copied(architecture) == architecture
    assert hash(copied(architecture)) == hash(architecture)


def test_lists_become_tuples() -> None:
    architecture = Architecture({"in": [0, 2]})
    assert architecture["in"] == (0, 2)
    assert hash(architecture) == hash(Architecture({"in": (0, 2)}))


def test_json_both_ways() -> None:
    architecture = Architecture(VALUES)
    assert architecture.to_json()["in"] == [0, 2]
    assert Architecture.from_json(json.loads(json.dumps(architecture.to_json()))) == architecture
    assert Architecture.from_json({}) == Architecture({})


@pytest.mark.parametrize(
    ("data", "told"),
    [
        ([1, 2], r"expected an architecture as a dict of address to value, got \[1, 2\]"),
        ("op", "got 'op'"),
        (None, "got None"),
        ({"op": {"a": 1}}, r"list of these, got 'op': \{'a': 1\}"),
        ({"op": [[1]]}, "got 'op'"),
        ({3: 1}, "got 3: 1"),
        ({"op": object}, "got 'op'"),
    ],
)
def test_json_that_is_no_architecture(data: Any, told: str) -> None:
    with pytest.raises(SpaceError, match=told):
        Architecture.from_json(data)
