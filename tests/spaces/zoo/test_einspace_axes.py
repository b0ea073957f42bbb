"""einspace along all axes: shapes, exact counts, and what the published operations compute."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from random import Random
from typing import Any

import pytest
import torch
from torch import nn

from archwright.errors import SpaceError
from archwright.spaces import Space, layer
from archwright.spaces.grammars import Derivation
from archwright.spaces.zoo import einspace_grammar, einspace_space
from archwright.spaces.zoo.einspace_shapes import sizes_of

X = torch.randn(2, 1, 4, 8, generator=torch.Generator().manual_seed(0))


def _space(depth: int) -> Space:
    return einspace_space((1, 4, 8), 3, depth=depth, widths=(4,), axes="all", start="smallest")


def _network(text: str) -> nn.Sequential:
    space = einspace_space((1, 4, 8), 3, depth=6, widths=(4,), axes="all")
    network = space.build(space.architecture({"derivation": f"output({text})"}), X).eval()
    assert isinstance(network, nn.Sequential)
    return network


def test_every_shape_is_what_the_module_gives() -> None:
    sides = frozenset((4, 8))
    language = einspace_grammar(1, 5, widths=(4,), sides=sides).language("network", 5, ("image", 1, 4, 8))
    random, seen, names = Random(0), set[Any](), set[str]()
    for _ in range(400):
        for place in language.sample(random).places(language.given, language.depth):
            rule = place.derivation.rule
            if rule.symbol not in ("module", "whole", "computation", "prerouting", "postrouting"):
                names.add(rule.name)
                continue
            key = place.derivation, place.given
            if key in seen:
                continue
            seen.add(key)
            names.add(rule.name)
            made = Space(layer(nn.Sequential, place.derivation.build(place.given)))
            output = made.build(made.default).eval()(torch.zeros(2, *sizes_of(place.given)))
            assert tuple(output.shape[1:]) == sizes_of(place.output), (str(place.derivation), place.given)
    new = {"permute213", "permute231", "permute312", "permute321", "row_linear4", "row_softmax"}
    new |= {f"{what}_{axis}" for what in ("group2", "concat") for axis in ("height", "width", "tokens")}
    assert new <= names


def _trees(productions: Any, symbol: str, depth: int) -> Iterator[Derivation]:
    """Every tree of rules, whatever its types."""
    for rule in productions[symbol].values() if depth else ():
        parts = [list(_trees(productions, part, depth - 1)) for part in rule.parts]
        yield from (Derivation(rule, chosen) for chosen in product(*parts))


def test_the_count_is_that_of_all_trees_whose_types_fit() -> None:
    language = _space(4).decisions["derivation"].language  # type: ignore[attr-defined]
    fitting = {
        str(tree)
        for tree in _trees(language.productions, "network", 4)
        if tree.output(language.given) is not None
    }
    assert language.size == len(fitting) == len(set(map(str, language)))
    assert fitting == set(map(str, language))
    assert all(language.rank(language.unrank(number)) == number for number in range(0, language.size, 37))


def test_a_linear_layer_on_channels_is_one_on_rows_between_permutations() -> None:
    # As published, where linear layers act on the last axis: channels last, mixed, and back.
    text = "routing(permute231, sequential(computation(row_linear4), computation(identity)), permute312)"
    network = _network(text)
    linear = next(module for module in network.modules() if isinstance(module, nn.Linear))
    assert (linear.in_features, linear.out_features) == (1, 4)
    expected = torch.einsum("ncwh,oc->nowh", X, linear.weight) + linear.bias.view(1, -1, 1, 1)
    torch.testing.assert_close(network[:3](X), expected)


def test_groups_along_an_axis_are_put_together_again() -> None:
    for axis, at in (("height", 2), ("width", 3)):
        branch = f"branch2(group2_{axis}, computation(leaky_relu), computation(identity), concat_{axis})"
        first, second = X.chunk(2, at)
        expected = torch.cat([nn.functional.leaky_relu(first), second], at)
        torch.testing.assert_close(_network(branch)[0](X), expected)


def test_samples_mutants_and_children_build_and_run() -> None:
    space, random = _space(5), Random(0)
    parent = space.sample(random)
    for _ in range(40):
        other = space.sample(random)
        for one in (other, space.mutate(other, random), space.crossover(parent, other, random)):
            assert space.contains(one)
            assert space.build(one, X)(X).shape == (2, 3)
        parent = other


def test_wrong_axes_are_told() -> None:
    with pytest.raises(SpaceError, match="no axes 'rows'"):
        einspace_space((1, 8, 8), 3, axes="rows")
