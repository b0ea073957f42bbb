"""einspace: shapes against what modules give, and known networks written in the grammar."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from archwright.errors import SpaceError
from archwright.spaces import ResolvedCall, Space, layer, resolve, walk_calls
from archwright.spaces.zoo import einspace_grammar, einspace_resnet, einspace_space
from archwright.spaces.zoo.blocks import Branches
from archwright.spaces.zoo.einspace_shapes import sizes_of

IMAGE = ("image", 1, 8, 8)


def _network(text: str, **options: object) -> nn.Module:
    space = einspace_space((1, 8, 8), 3, **{"depth": 7, **options})  # type: ignore[arg-type]
    return space.build(space.architecture({"derivation": f"output({text})"}), torch.zeros(2, 1, 8, 8)).eval()


@pytest.mark.parametrize(
    ("shape", "draws"),
    [(("image", 3, 8, 12), 100), pytest.param(("series", 2, 12), 40, marks=pytest.mark.slow)],
)
def test_every_shape_is_what_the_module_gives(shape: tuple[Any, ...], draws: int) -> None:
    language = einspace_grammar(shape[1], 5, widths=(4, 16)).language("network", 7, shape)
    random, seen = Random(0), set()
    for _ in range(draws):
        derivation = language.sample(random)
        for place in derivation.places(language.given, language.depth):
            rule = place.derivation.rule
            if rule.symbol not in ("module", "computation", "prerouting", "postrouting"):
                continue
            key = rule, place.derivation if not rule.parts else None, place.given
            if key in seen:
                continue
            seen.add(key)
            call = place.derivation.build(place.given)
            module = _built(call)
            output = module(torch.zeros(2, *sizes_of(place.given)))
            assert tuple(output.shape[1:]) == sizes_of(place.output), (str(place.derivation), place.given)
    assert len(seen) > draws


def test_a_convolution_of_a_series_is_one_of_its_windows() -> None:
    space = einspace_space((2, 11), 3, depth=6)
    text = "output(routing(im2col3s2, computation(linear32), col2im))"
    network = space.build(space.architecture({"derivation": text}), x := torch.randn(2, 2, 11))
    linear = network[1]
    expected = F.conv1d(x, linear.weight.reshape(32, 2, 3), linear.bias, stride=2, padding=1)
    torch.testing.assert_close(network[:3](x), expected)
    torch.testing.assert_close(network(x), network[-1](expected.mean(2)))
    with pytest.raises(SpaceError, match=r"'all' is for images, got a series of shape \(2, 11\)"):
        einspace_space((2, 11), 3, axes="all")


def test_the_residual_network_of_a_series_is_its_default() -> None:
    space = einspace_space((1, 20), 4)
    assert space.default["derivation"] == einspace_resnet()
    network = space.build(space.default, x := torch.randn(3, 1, 20))
    assert network(x).shape == (3, 4)


def test_the_published_head_keeps_a_number_for_each_token() -> None:
    text = "routing(im2col4s4, computation(linear16), identity)"
    for head, kept in (("places", 16), ("last", 4)):
        network = _network(text, head=head)
        assert network[-1].in_features == kept
        tokens = network[:2](x := torch.randn(2, 1, 8, 8))
        mean = tokens.mean(2 if head == "last" else 1)
        torch.testing.assert_close(network(x), network[-1](mean))
    with pytest.raises(SpaceError, match="head"):
        einspace_space((1, 8, 8), 3, head="first")


def _built(call: object) -> nn.Module:
    space = Space(layer(nn.Sequential, call))
    return space.build(space.default).eval()


def test_a_convolution_is_unfolding_a_linear_layer_and_folding() -> None:
    network = _network("routing(im2col3s2, computation(linear16), col2im)")
    linear = network[1]
    assert isinstance(linear, nn.Linear)
    x = torch.randn(2, 1, 8, 8)
    weight = linear.weight.reshape(16, 1, 3, 3)
    expected = F.conv2d(x, weight, linear.bias, stride=2, padding=1)
    torch.testing.assert_close(network[:3](x), expected)


def test_attention_can_be_written() -> None:
    queries, keys = "computation(linear16)", "routing(identity, computation(linear16), permute)"
    scores = f"sequential(branch2(clone2, {queries}, {keys}, scaled_matmul), computation(softmax))"
    attention = f"branch2(clone2, {scores}, computation(linear16), matmul)"
    network = _network(f"routing(im2col4s4, {attention}, col2im)", depth=9)
    tokens = network[0](x := torch.randn(2, 1, 8, 8))
    inner = network[1]
    assert isinstance(inner, Branches)
    maps, values = inner.branches
    query, key = maps[0].branches[0], maps[0].branches[1][0]
    expected = F.scaled_dot_product_attention(query(tokens), key(tokens), values(tokens))
    torch.testing.assert_close(inner(tokens), expected)
    assert network(x).shape == (2, 3)


def test_a_mixer_can_be_written() -> None:
    mixed = "routing(permute, computation(linear16), permute)"
    block = f"branch2(clone2, {mixed}, computation(identity), add)"
    network = _network(f"sequential(routing(im2col1s2, computation(linear32), identity), {block})", depth=7)
    assert network(torch.randn(2, 1, 8, 8)).shape == (2, 3)


def test_a_wrong_derivation_is_told_with_the_line_that_asked_for_it() -> None:
    told = r"^test_einspace.py:\d+: derivation 'derivation': no crossover 'both'. Known: alignment, subtree"
    with pytest.raises(SpaceError, match=told):
        einspace_space((1, 8, 8), 3, depth=5, crossover="both")


def test_the_residual_network_is_one() -> None:
    space = einspace_space((1, 8, 8), 10)
    assert space.default["derivation"] == einspace_resnet()
    root = resolve(space, space.default)
    assert isinstance(root, ResolvedCall)
    names = [call.name for call in walk_calls(root)]
    assert names.count("UnfoldImage") == 6
    assert names.count("Branches") == 2
    network = space.build(space.default)
    # 9 and 144 inputs of a linear layer to 16, norms of 16 twice in a block, the head.
    assert sum(p.numel() for p in network.parameters()) == 160 + 5 * (144 * 16 + 16) + 4 * 32 + 170


def test_where_it_does_not_fit_the_smallest_derivation_is_the_default() -> None:
    smallest = "output(sequential(computation(identity), computation(identity)))"
    assert einspace_space((1, 8, 8), 3, depth=5).default["derivation"] == smallest
    assert einspace_space((1, 8, 8), 3, start="smallest").default["derivation"] == smallest
    with pytest.raises(SpaceError, match="depth 5 at most, got one of 9"):
        einspace_space((1, 8, 8), 3, start="resnet", depth=5)
    with pytest.raises(SpaceError, match="nothing is derived from 'network' within depth 3"):
        einspace_space((1, 8, 8), 3, depth=3)
    with pytest.raises(SpaceError, match="probability of a computation"):
        einspace_space((1, 8, 8), 3, computation=1.0)


def test_weights_are_the_published_probabilities() -> None:
    weights = {name: rule.weight for name, rule in einspace_grammar(1, 3).rules["module"].items()}
    assert weights["computation"] == 0.32
    assert sum(weights.values()) == pytest.approx(1.0)
    branching = sum(weight for name, weight in weights.items() if name.startswith("branch"))
    assert branching == pytest.approx(weights["sequential"]) == pytest.approx(weights["routing"])
    new = {"sequential": 2, "routing": 1, "branch2": 2, "branch4": 1, "branch8": 1}
    assert sum(weights[name] * modules for name, modules in new.items()) < 1  # so that derivations end


def test_a_branch_of_four_has_four_weights() -> None:
    network = _network("branch4(clone4, routing(im2col3s1, computation(linear16), col2im), add)")
    branches = network[0].branches
    assert len(branches) == 4
    assert len({id(branch[1].weight) for branch in branches}) == 4
