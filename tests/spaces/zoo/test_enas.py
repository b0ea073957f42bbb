"""ENAS's macro space: the published size, the wiring, and networks that compute what they say."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

import pytest
import torch
from torch import Tensor, nn

from archwright.errors import SpaceError
from archwright.spaces import Space
from archwright.spaces.zoo import enas_space
from archwright.spaces.zoo.blocks import FactorizedReduce, SkipLayer, StateReduction
from archwright.spaces.zoo.enas import OPERATIONS
from archwright.testing import NetworkSpaceContract


class TestContract(NetworkSpaceContract):
    make: ClassVar[Callable[[], Space]] = lambda: enas_space((3, 9, 7), 4, layers=6, channels=4)
    example: ClassVar[Callable[[], Tensor]] = lambda: torch.randn(2, 3, 9, 7)
    outputs: ClassVar[tuple[int, ...]] = (2, 4)


def test_the_paper_s_size() -> None:
    assert enas_space((3, 32, 32), 10).size == 6**12 * 2**66
    assert enas_space((3, 32, 32), 10, layers=3, operations=["conv_3x3", "conv_5x5"]).size == 2**3 * 2**3


def test_addresses() -> None:
    assert list(enas_space((1, 8, 8), 10, layers=3).decisions) == [
        "layers.0.operation",
        "layers.1.operation",
        "layers.1.skips",
        "layers.2.operation",
        "layers.2.skips",
    ]


def _parameters(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


@pytest.mark.parametrize("label", OPERATIONS)
@pytest.mark.parametrize("doubling", [False, True])
def test_parameters(label: str, doubling: bool) -> None:
    space = enas_space((3, 32, 32), 10, operations=[label], doubling=doubling)

    def operation(channels: int) -> int:
        entry = channels * channels + 2 * channels
        kernel = int(label[-1]) ** 2
        if "pool" in label:
            return entry
        if label.startswith("sep"):
            return entry + kernel * channels + channels * channels + 2 * channels
        return entry + kernel * channels * channels + 2 * channels

    widths = [36, 72, 144] if doubling else [36, 36, 36]
    stem = 3 * 9 * 36 + 2 * 36
    # Four layers a stage, each but the very first with a norm over its sum.
    layers = sum(4 * (operation(width) + 2 * width) for width in widths) - 2 * widths[0]
    reductions = sum(
        states * (before * after + 2 * after)
        for states, before, after in ((5, *widths[:2]), (9, *widths[1:]))
    )
    head = widths[2] * 10 + 10
    assert _parameters(space.build(space.sample(0))) == stem + layers + reductions + head


def test_reductions_stand_at_one_and_two_thirds() -> None:
    def kinds(layers: int) -> str:
        space = enas_space((1, 8, 8), 2, layers=layers, channels=2)
        network = space.build(space.sample(0))
        return "".join("r" if isinstance(module, StateReduction) else "l" for module in network.layers)

    assert kinds(12) == "llllrllllrllll"
    assert kinds(3) == "lrlrl"
    assert kinds(8) == "llrllrllll"


@pytest.mark.parametrize("seed", range(4))
def test_a_layer_adds_what_it_skips_to(seed: int) -> None:
    space = enas_space((1, 8, 8), 3, layers=4, channels=4)
    architecture = space.sample(seed)
    network = space.build(architecture).eval()
    x = torch.randn(2, 1, 8, 8)
    states, position = [network.stem(x)], 0
    for module in network.layers:
        if isinstance(module, SkipLayer):
            total = module.operation(states[position])
            for skip in architecture.get(f"layers.{position}.skips", ()):
                total = total + states[skip]
            states.append(module.norm(total))
            position += 1
        else:
            states = [reduce(state) for reduce, state in zip(module.reductions, states, strict=True)]
    torch.testing.assert_close(network(x), network.head(states[-1]))


def test_a_network_learns() -> None:
    space = enas_space((1, 8, 8), 3, layers=3, channels=4, dropout=0.1)
    network = space.build(space.architecture({**space.sample(0), "layers.2.skips": (0, 1)}))
    network(torch.randn(2, 1, 8, 8)).square().sum().backward()
    assert all(parameter.grad is not None for parameter in network.parameters())


@pytest.mark.parametrize(("height", "width"), [(1, 1), (2, 3), (9, 8)])
def test_a_reduction_halves_and_rounds_up(height: int, width: int) -> None:
    reduced = FactorizedReduce(3, 5, relu=False)(torch.randn(2, 3, height, width))
    assert reduced.shape == (2, 5, -(-height // 2), -(-width // 2))


def test_a_reduction_reads_every_other_pixel_twice_over() -> None:
    module = FactorizedReduce(1, 2, relu=False).eval()
    nn.init.ones_(module.even.weight)
    nn.init.ones_(module.odd.weight)
    x = torch.arange(16.0).view(1, 1, 4, 4)
    even, odd = module(x)[0] * (1 + module.norm.eps) ** 0.5
    torch.testing.assert_close(even, x[0, 0, ::2, ::2])
    torch.testing.assert_close(odd, x[0, 0, 1::2, 1::2])


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"layers": 2}, "at least 3 layers.* got layers=2"),
        ({"channels": 1}, "at least 2 channels, got 1"),
        ({"layers": 0}, "whole numbers >= 1"),
        ({"operations": ["conv_3x4"]}, "Did you mean 'conv_3x3'"),
        ({"dropout": 1.0}, r"dropout in \[0, 1\), got 1.0"),
    ],
)
def test_wrong_options_are_told(options: dict[str, object], told: str) -> None:
    with pytest.raises(SpaceError, match=told):
        enas_space((3, 32, 32), 10, **options)  # type: ignore[arg-type]
