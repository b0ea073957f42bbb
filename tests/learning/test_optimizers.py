import pytest
import torch
from torch import nn

from archwright.learning import Recipe
from archwright.learning.optimizers import make_optimizer


def network():
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv1d(1, 2, 3), nn.BatchNorm1d(2), nn.Flatten(), nn.Linear(4, 3))


def step(recipe, net, fused=True):
    """Three steps by given slopes: a computed one may be rounding noise, which Adam turns into full steps."""
    optimizer = make_optimizer(recipe, net, fused=fused)
    for turn in range(3):
        for parameter in net.parameters():
            parameter.grad = torch.linspace(0.5 - turn, 2.0, parameter.numel()).view_as(parameter)
        optimizer.step()
    return [parameter.detach().clone() for parameter in net.parameters()]


@pytest.mark.parametrize("name", ["adamw", "adam", "sgd"])
def test_which_optimizer_and_which_numbers(name):
    optimizer = make_optimizer(
        Recipe(optimizer=name, learning_rate=0.25, momentum=0.8), network(), fused=False
    )
    kinds = {"adamw": torch.optim.AdamW, "adam": torch.optim.Adam, "sgd": torch.optim.SGD}
    assert type(optimizer) is kinds[name]
    assert all(group["lr"] == 0.25 for group in optimizer.param_groups)
    if name == "sgd":
        assert all(group["momentum"] == 0.8 and group["nesterov"] for group in optimizer.param_groups)


def test_plain_gradient_descent_without_momentum():
    optimizer = make_optimizer(Recipe(optimizer="sgd", momentum=0.0), network(), fused=True)
    assert all(not group["nesterov"] for group in optimizer.param_groups)


def test_weight_decay_spares_vectors_unless_told():
    net = network()
    weights, vectors = [net[0].weight, net[3].weight], [net[0].bias, net[1].weight, net[1].bias, net[3].bias]
    groups = make_optimizer(Recipe(weight_decay=0.3), net, fused=True).param_groups
    assert [group["weight_decay"] for group in groups] == [0.3, 0.0]
    assert {id(p) for p in groups[0]["params"]} == {id(p) for p in weights}
    assert {id(p) for p in groups[1]["params"]} == {id(p) for p in vectors}
    groups = make_optimizer(Recipe(weight_decay=0.3, decay_all=True), net, fused=True).param_groups
    assert [(group["weight_decay"], len(group["params"])) for group in groups] == [(0.3, 6)]


def test_frozen_parameters_are_left_out():
    net = network()
    net[0].weight.requires_grad_(False)
    groups = make_optimizer(Recipe(), net, fused=True).param_groups
    assert sum(len(group["params"]) for group in groups) == 5


@pytest.mark.parametrize("name", ["adamw", "adam", "sgd"])
def test_the_fused_kernel_computes_the_same(name):
    recipe = Recipe(optimizer=name, learning_rate=0.01, weight_decay=0.1)
    for fused, plain in zip(step(recipe, network()), step(recipe, network(), fused=False), strict=True):
        torch.testing.assert_close(fused, plain)
