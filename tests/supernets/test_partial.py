from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

import archwright as aw
from archwright.errors import BuildError, UsageError
from archwright.spaces import Subset
from archwright.spaces.zoo.blocks import DartsSeparableConv, FactorizedReduce
from archwright.spaces.zoo.darts import darts_space
from archwright.spaces.zoo.nasbench201 import nasbench201_space
from archwright.supernets import MixedOp, Mixture, Supernet
from archwright.supernets.channel_slice import ChannelSlice
from archwright.supernets.gates import Gate
from archwright.supernets.partial import PartialChannels
from archwright.tasks import Task


def mixtures(supernet: Supernet, seed: int = 0) -> dict[str, Gate]:
    drawn = torch.Generator().manual_seed(seed)
    gates: dict[str, Gate] = {}
    for address, decision in supernet.decisions.items():
        if isinstance(decision, Subset):
            gates[address] = Mixture.of_all(torch.randn(decision.n, generator=drawn).softmax(0))
        else:
            gates[address] = Mixture.of_all(torch.randn(int(decision.size), generator=drawn).softmax(0))
    return gates


def set_corner(small: nn.Module, large: nn.Module) -> None:
    """Copy the leading part of every weight."""
    with torch.no_grad():
        for to, held in zip(small.state_dict().values(), large.state_dict().values(), strict=True):
            to.copy_(held[tuple(slice(0, n) for n in to.shape)])


@pytest.mark.parametrize("stride", [1, 2])
def test_a_mixture_is_the_papers_on_a_quarter_of_the_channels(stride: int) -> None:
    torch.manual_seed(0)
    options = {
        "sep": aw.layer(DartsSeparableConv, 8, 3, stride),
        "pool": aw.layer(nn.MaxPool2d, 3, stride, 1),
        "skip": aw.layer(nn.Identity) if stride == 1 else aw.layer(FactorizedReduce, 8, 8),
    }
    supernet = Supernet(aw.Space(aw.layer(nn.Sequential, aw.choice(options, name="op"))))
    PartialChannels(4).install(supernet)
    (switch,) = (module for module in supernet.modules() if isinstance(module, MixedOp))
    x = torch.randn(3, 8, 7, 7)
    weights = torch.tensor([0.5, 0.2, 0.3])
    supernet.set_gates({"op": Mixture.of_all(weights)})
    found = supernet(x)

    separable = DartsSeparableConv(2, 3, stride)
    set_corner(separable, switch.option("sep"))
    small: list[nn.Module] = [separable, nn.MaxPool2d(3, stride, 1), nn.Identity()]
    if stride == 2:
        small[2] = FactorizedReduce(2, 2)
        set_corner(small[2], switch.option("skip"))
    mixed = sum(w * option(x[:, :2]) for w, option in zip(weights, small, strict=True))
    passing = x[:, 2:] if stride == 1 else nn.functional.max_pool2d(x[:, 2:], 2, ceil_mode=True)
    expected = nn.functional.channel_shuffle(torch.cat([mixed, passing], 1), 4)
    torch.testing.assert_close(found, expected)


def test_only_the_corners_of_weights_learn_and_one_path_is_untouched(cells: aw.Space, images: Task) -> None:
    plain, supernet = Supernet(cells, images.example_arguments()), Supernet(cells, images.example_arguments())
    supernet.load_state_dict(plain.state_dict())
    PartialChannels(4).install(supernet)
    assert supernet.state_dict().keys() == plain.state_dict().keys()
    x = torch.randn(4, 2, 6, 6)
    for seed in range(3):
        architecture = cells.sample(seed)
        with supernet.on(architecture), plain.on(architecture):
            assert torch.equal(supernet(x), plain(x))
        network = supernet.extract(architecture)
        with supernet.on(architecture):
            torch.testing.assert_close(network(x), supernet(x), rtol=1e-5, atol=1e-5)
    with supernet.on(mixtures(supernet)):
        supernet(x).square().sum().backward()
    name, convolution = next(
        (name, module)
        for name, module in supernet.named_modules()
        if "conv_3x3" in name and isinstance(module, nn.Conv2d) and module.groups == 1
    )
    gradient = convolution.weight.grad
    assert gradient is not None, name
    assert gradient[:2, :2].abs().min() > 0
    gradient[:2, :2] = 0
    assert not gradient.any()


def test_statistics_of_norms_are_borrowed_too(cells: aw.Space, images: Task) -> None:
    supernet = Supernet(cells, images.example_arguments())
    PartialChannels(4).install(supernet)
    norm = next(m for n, m in supernet.named_modules() if "conv_3x3.3" in n)
    with supernet.on(mixtures(supernet)):
        supernet(torch.randn(4, 2, 6, 6))
    assert norm.running_mean[:2].all()
    assert not norm.running_mean[2:].any()
    assert norm.num_batches_tracked == 1


@pytest.mark.parametrize("make", [darts_space, nasbench201_space])
def test_the_zoos_cell_spaces_run(make: Any) -> None:
    options = {"cells": 3, "channels": 8, "nodes": 2} if make is darts_space else {"cells": 1, "channels": 8}
    supernet = Supernet(make((3, 9, 9), 4, **options), torch.randn(2, 3, 9, 9))
    PartialChannels(4).install(supernet)
    before = {name: tensor.clone() for name, tensor in supernet.state_dict().items()}
    with supernet.on(mixtures(supernet)), torch.no_grad():
        assert supernet(torch.randn(3, 3, 9, 9)).shape == (3, 4)
    for name, parameter in supernet.named_parameters():
        assert torch.equal(parameter, before[name])


def test_elastic_calls_switches_inside_options_and_other_dimensions_are_narrowed() -> None:
    inner = aw.choice({"relu": aw.layer(nn.ReLU), "tanh": aw.layer(nn.Tanh)}, name="inner")
    elastic = aw.layer(nn.Conv1d, 8, 8, aw.choice(1, 3, name="kernel"), padding="same")
    option = aw.layer(nn.Sequential, inner, elastic, aw.layer(nn.GroupNorm, 4, 8), aw.layer(nn.PReLU, 8))
    op = aw.choice({"deep": option, "skip": aw.layer(nn.Identity)}, name="op")
    torch.manual_seed(0)
    supernet = Supernet(aw.Space(aw.layer(nn.Sequential, op)), torch.randn(2, 8, 5))
    PartialChannels(2).install(supernet)
    supernet.set_gates(mixtures(supernet))
    x = torch.randn(2, 8, 5)
    w = {
        a: g.weights
        for a, g in mixtures(supernet).items()
        if isinstance(g, Mixture) and g.weights is not None
    }

    w = {address.rpartition(".")[2]: weights for address, weights in w.items()}
    seen = x[:, :4]
    activated = w["inner"][0] * seen.relu() + w["inner"][1] * seen.tanh()
    (shared,) = (m for m in supernet.modules() if type(m).__name__ == "SharedWeights")
    weight, bias = shared.get_parameter("weight")[:4, :4], shared.get_parameter("bias")[:4]
    ones = nn.functional.conv1d(activated, weight[:, :, 1:2], bias)
    threes = nn.functional.conv1d(activated, weight, bias, padding=1)
    deep = w["kernel"][0] * ones + w["kernel"][1] * threes
    deep = nn.functional.prelu(nn.functional.group_norm(deep, 4), torch.full((4,), 0.25))
    mixed = w["op"][0] * deep + w["op"][1] * seen
    expected = nn.functional.channel_shuffle(torch.cat([mixed, x[:, 4:]], 1), 2)
    torch.testing.assert_close(supernet(x), expected)


def test_channels_that_do_not_divide_are_shuffled_all_the_same() -> None:
    op = aw.choice({"a": aw.layer(nn.Identity), "b": aw.layer(nn.ReLU)}, name="op")
    supernet = Supernet(aw.Space(aw.layer(nn.Sequential, op)))
    PartialChannels(4).install(supernet)
    supernet.set_gates({"op": Mixture.of_all(torch.tensor([1.0, 0.0]))})
    found = supernet(torch.arange(7.0).expand(2, 7))
    assert found[0].tolist() == [0, 2, 4, 6, 1, 3, 5]


class Fixed(nn.Module):
    """Looks at its number of channels."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.channels = channels

    def forward(self, x: Tensor) -> Tensor:
        return x.view(len(x), self.channels, 5)


class Scaled(nn.Module):
    """Has a weight of its own."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(channels, 1))

    def forward(self, x: Tensor) -> Tensor:
        return x * self.scale


@pytest.mark.parametrize(
    ("option", "channels", "words"),
    [
        (aw.layer(Fixed, 8), 8, "option 'b' cannot work on 2"),
        (aw.layer(Scaled, 8), 8, "Scaled has weights of its own"),
        (aw.layer(nn.Conv1d, 3, 3, 1), 3, "has only 3 channels"),
        (aw.layer(nn.LSTM, 5, 5), 8, "LSTM has weights of its own"),
        (aw.layer(nn.Conv1d, 8, 2, 1), 8, "fewer than 4"),
        (aw.layer(nn.Conv1d, 8, 16, 1), 8, "makes (2, 4, 5) of (2, 2, 5)"),
    ],
)
def test_says_what_does_not_fit_and_what_to_do(option: Any, channels: int, words: str) -> None:
    op = aw.choice({"b": option, "a": aw.layer(nn.Identity)}, name="op")
    supernet = Supernet(aw.Space(aw.layer(nn.Sequential, op)))
    PartialChannels(4).install(supernet)
    supernet.set_gates({"op": Mixture.of_all(torch.tensor([0.5, 0.5]))})
    with pytest.raises(BuildError) as caught:
        supernet(torch.randn(2, channels, 5))
    assert words in str(caught.value)
    assert "use a smaller channel_divisor, or use darts" in str(caught.value)


def test_a_divisor_of_one_is_refused() -> None:
    with pytest.raises(UsageError, match="channel_divisor >= 2"):
        PartialChannels(1)


def test_a_shell_follows_its_modules_mode_and_weights() -> None:
    module = nn.Sequential(nn.Conv2d(8, 8, 3, groups=8), nn.ConvTranspose2d(8, 4, 2), nn.BatchNorm2d(4))
    narrow = ChannelSlice(module, 2)
    x = torch.randn(2, 4, 5, 5)
    module.eval()
    assert not narrow.module[2].training
    first = narrow.module(x)
    with torch.no_grad():
        module[0].weight.mul_(2)
        module[0].bias.mul_(2)
        module[1].bias.zero_()
    doubled = narrow.module(x)
    assert first.shape == (2, 2, 4, 4)
    assert not torch.equal(first, doubled)
    module.double()
    assert narrow.module(x.double()).dtype == torch.float64
