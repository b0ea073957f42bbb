"""What decisions change in a network, and the networks at the ends of a space."""

from __future__ import annotations

from random import Random

import pytest
import torch

import archwright as aw
from archwright.spaces.zoo import mobilenet_v3_space
from archwright.supernets import Supernet
from archwright.supernets.shrinking import elasticities, extreme, ordered_values, sample_among

from .spaces_for_tests import SHAPE, depth, edges, elastic_layers


def kinds_of(space: aw.Space) -> dict[str, str]:
    supernet = Supernet(space, torch.randn(2, *SHAPE))
    return {address: kind.value for address, kind in elasticities(supernet).items()}


def test_what_decisions_change() -> None:
    assert kinds_of(elastic_layers()) == {"width": "width", "kernel": "kernel", "groups": "width"}
    found = kinds_of(depth())
    assert found["width"] == "width"
    assert found["blocks.times"] == "depth"
    assert found["blocks.0.operation"] == "operation"
    assert found["blocks.0.operation.own.kernel"] == "kernel"
    assert kinds_of(edges()) == {
        "operation": "operation",
        "taken": "depth",
        "biased": "depth",
        "norm": "depth",
        "again": "depth",
    }


def test_the_largest_and_the_smallest_have_the_most_and_the_fewest_parameters() -> None:
    options = {"size": "small", "expansions": (2, 3), "depths": (1, 2), "width": 0.25}
    space = mobilenet_v3_space((3, 7, 9), 3, resolutions=(4, 7), **options)  # type: ignore[arg-type]
    kinds = elasticities(Supernet(space, torch.randn(2, *SHAPE)))
    assert kinds["resolution"].value == "other"
    ends = [extreme(space, kinds, place, lambda _, decision: decision.default()) for place in (0, -1)]
    counts = [sum(p.numel() for p in space.build(a).parameters()) for a in ends]
    for seed in range(20):
        network = space.build(space.sample(seed))
        assert counts[1] <= sum(p.numel() for p in network.parameters()) <= counts[0]
    assert [end["resolution"] for end in ends] == [7, 4]


@pytest.mark.parametrize(
    ("decision", "ordered"),
    [
        (aw.categorical([3, 7, 5]), [7, 5, 3]),
        (aw.boolean(), [True, False]),
        (aw.integer(2, 6, step=2), [6, 4, 2]),
        (aw.categorical(["b", "a"]), ["b", "a"]),
        (aw.subset(3, (1, 2)), [(0, 1), (0,)]),
        (aw.real(0.0, 1.0), [1.0, 0.5, 0.0]),
    ],
)
def test_values_from_the_largest_on(decision: aw.spaces.Decision, ordered: list[object]) -> None:
    assert ordered_values(decision) == ordered


def test_samples_take_what_is_allowed_and_keep_constraints() -> None:
    width, kernel = aw.integer(1, 8, name="width"), aw.choice(1, 3, 5, name="kernel")
    network = aw.layer(torch.nn.Conv2d, 3, width, kernel)
    space = aw.Space(network, constraints=[lambda a: a["width"] * a["kernel"] <= 24])
    random, seen = Random(0), set()
    for _ in range(60):
        architecture = sample_among(space, {"kernel": [3, 5]}, random)
        assert space.contains(architecture)
        seen.add(architecture["kernel"])
    assert seen == {3, 5}
