"""An architecture as an expression without decisions."""

from __future__ import annotations

import pytest
import torch
from torch import nn

import archwright as aw
from archwright.errors import SpaceError
from archwright.spaces.concrete import concrete_expression
from archwright.spaces.zoo import SPACES


def built(space: aw.Space, architecture: aw.Architecture, example: torch.Tensor) -> nn.Module:
    torch.manual_seed(3)
    network: nn.Module = space.build(architecture, example)
    return network.eval()


@pytest.mark.parametrize("name", ["chain", "cell", "nasbench201", "enas"])
def test_it_builds_the_same_network(name: str) -> None:
    task = aw.tasks.digits()
    space = SPACES.make(name, task.input_shape, task.outputs)
    example = task.example()[0]
    for seed in range(3):
        architecture = space.sample(seed)
        alone = aw.Space(concrete_expression(space, architecture))
        assert alone.size == 1
        assert not alone.decisions
        one, other = built(space, architecture, example), built(alone, alone.sample(0), example)
        assert one.state_dict().keys() == other.state_dict().keys()
        assert torch.equal(one(example), other(example))


def test_what_is_tied_stays_so_and_names_are_kept() -> None:
    def make(*layers: nn.Module, name: str) -> nn.Module:
        network = nn.Sequential(*layers)
        network.called = name  # type: ignore[assignment]
        return network

    shared = aw.tied(aw.layer(nn.Linear, 4, 4, bias=aw.boolean(name="bias")))
    import functools

    space = aw.Space(aw.layer(functools.partial(make, name="net"), shared, aw.layer(nn.Linear, 4, 4), shared))
    alone = aw.Space(concrete_expression(space, space.architecture({"bias": False})))
    network = alone.build(alone.sample(0))
    assert network[0] is network[2]
    assert network[0] is not network[1]
    assert network[0].bias is None


def test_two_architectures_of_one_space_stand_side_by_side() -> None:
    space = aw.Space(aw.layer(nn.Linear, 3, aw.integer(1, 9, name="width")))
    parts = [concrete_expression(space, space.architecture({"width": width})) for width in (2, 7)]
    both = aw.Space(aw.layer(nn.ModuleList, parts))
    assert [part.out_features for part in both.build(both.sample(0))] == [2, 7]


def test_a_plain_value_is_no_network() -> None:
    space = aw.Space(aw.choice(1, 2, name="number"))
    with pytest.raises(SpaceError, match=r"to be an aw\.layer"):
        concrete_expression(space, space.sample(0))
