"""Grammars as spaces: the contract, networks, canonical forms, and unrolling."""

from __future__ import annotations

from functools import partial

import pytest
import torch
from torch import nn

from archwright.errors import SpaceError
from archwright.spaces import Space, layer
from archwright.spaces.grammars import CanonicalDerivation, Chain, Grammar, Leaf, Parallel
from archwright.spaces.zoo.blocks import Branches, Clone, SumBranches
from archwright.testing import NetworkSpaceContract, SpaceContract

TEXT = """
network -> head(block)
block -> chain(block, block) [2] | sum(block, block) | conv | relu | id
"""


def _sum(first: object, second: object) -> object:
    return layer(Branches, layer(Clone, 2), [first, second], layer(SumBranches))


def _head(body: object) -> object:
    return layer(nn.Sequential, body, layer(nn.AdaptiveAvgPool2d, 1), layer(nn.Flatten))


def grammar() -> Grammar:
    return Grammar.parse(
        TEXT,
        {
            "head": _head,
            "chain": Chain(nn.Sequential, nn.Identity),
            "sum": Parallel(_sum, commutes=True),
            "conv": layer(nn.Conv2d, 4, 4, 3, padding=1),
            "relu": nn.ReLU,
            "id": Leaf(layer(nn.Identity), is_identity=True),
        },
    )


def make(depth: int = 4, crossover: str = "alignment") -> Space:
    derived = grammar().derive("network", depth, crossover=crossover)
    return Space(derived, canonicalize=CanonicalDerivation(derived), name="small")


class TestSmall(SpaceContract):
    make = partial(make, 3)


class TestRecursive(NetworkSpaceContract):
    make = partial(make, 5, "subtree")
    example = partial(torch.zeros, 2, 4, 5, 5)
    outputs = (2, 4)


class TestUnrolled(SpaceContract):
    @staticmethod
    def make() -> Space:
        return Space(grammar().unroll("network", 4), name="unrolled")


def test_equal_networks_are_one_candidate() -> None:
    space = make(5)

    def key(text: str) -> object:
        return space.canonical(space.architecture({"derivation": f"head({text})"}))

    left, right = "chain(chain(conv, relu), conv)", "chain(conv, chain(relu, conv))"
    assert key(left) == key(right) != key("chain(conv, conv)")
    assert key("chain(id, conv)") == key("chain(conv, id)") == key("conv")
    assert key("sum(conv, relu)") == key("sum(chain(relu, id), conv)")
    assert key("sum(conv, relu)") != key("chain(conv, relu)")
    assert key("chain(id, id)") == key("id") != key("relu")


def test_equal_keys_build_equal_networks() -> None:
    space = make(4)
    shown: dict[object, set[tuple[str, ...]]] = {}
    for architecture in space.iterate():
        modules = sorted(type(module).__name__ for module in space.build(architecture).modules())
        shown.setdefault(space.canonical(architecture), set()).add(tuple(modules))
    assert all(len(networks) == 1 for networks in shown.values())
    assert len(shown) < space.size_bound


def test_unrolled_choices_are_the_derivations() -> None:
    for depth in (2, 3, 4, 5):
        unrolled = Space(grammar().unroll("network", depth))
        assert unrolled.size_bound == grammar().language("network", depth).size
    listed = [str(unrolled.build(one)) for one in Space(grammar().unroll("network", 3))]
    derived = make(3)
    assert len(listed) == derived.size_bound


def test_what_depends_on_a_choice_cannot_be_unrolled() -> None:
    halves = Leaf(layer(nn.AvgPool2d, 2), lambda side: side // 2)
    plain = Grammar.parse("row -> chain(row, row) | pool | same", {
        "chain": Chain(nn.Sequential, nn.Identity), "pool": halves, "same": nn.ReLU,
    })  # fmt: skip
    with pytest.raises(SpaceError, match="'row' can give 5 types"):
        plain.unroll("row", 3, 8)


def test_a_held_derivation_is_one_network() -> None:
    space = make(6)
    text = "head(chain(conv, relu))"
    held = space.fix({"derivation": text})
    assert held.size == 1
    assert held.sample(0)["derivation"] == text
    assert str(held.build(held.default)) == str(space.build(space.architecture({"derivation": text})))


def test_a_default_can_be_given() -> None:
    text = "head(chain(conv,  relu))"
    assert (
        Space(grammar().derive("network", 4, default=text)).default["derivation"] == "head(chain(conv, relu))"
    )
    assert make().default["derivation"] == "head(conv)"
    with pytest.raises(SpaceError, match=r"the default: .*no rule 'max'"):
        grammar().derive("network", 4, default="head(max)")
    with pytest.raises(SpaceError, match=r"no crossover 'subtre'\. Did you mean 'subtree'"):
        grammar().derive("network", 4, crossover="subtre")


def test_what_a_name_means_tells_spaces_apart() -> None:
    def digest(width: int, weight: str = "") -> str:
        meanings = {"both": list, "conv": layer(nn.Conv2d, width, width, 3)}
        return Space(
            Grammar.parse(f"row -> both(row, row) | conv {weight}", meanings).derive("row", 3)
        ).digest

    assert digest(8) == digest(8)
    assert len({digest(8), digest(4), digest(8, "[2]")}) == 3
