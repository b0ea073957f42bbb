"""The hand-made networks: one for each kind of input, of the size that is told."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch
from torch import nn

from archwright.errors import SpaceError
from archwright.experiments.references import resolve_space
from archwright.spaces.zoo import baseline
from archwright.tasks import from_arrays

_SHAPES = [(1,), (30,), (1, 1), (1, 40), (3, 5000), (1, 1, 1), (1, 8, 8), (3, 32, 32), (3, 200, 70)]


@pytest.mark.parametrize("shape", _SHAPES)
def test_it_is_one_network_that_trains(shape: tuple[int, ...]) -> None:
    space = baseline(shape, 4)
    assert space.size == 1
    assert space.name == "baseline"
    assert len(space.sample()) == 0
    example = torch.randn(2, *shape)
    network = space.build(space.sample(), example)
    output = network(example)
    assert output.shape == (2, 4)
    output.square().sum().backward()
    assert all(parameter.grad is not None for parameter in network.parameters())


def test_one_thing_is_told_of_a_row_of_symbols() -> None:
    words, labels = torch.arange(120).view(40, 3), torch.arange(40) % 4
    task = from_arrays(words, labels, symbols=200)
    network = baseline(task).build(baseline(task).sample())
    output = network(words)
    assert output.shape == (40, 4)
    output.square().sum().backward()
    assert sum(p.numel() for p in network.parameters()) == 200 * 64 + 65 * 128 + 129 * 4
    with pytest.raises(
        SpaceError, match=r"begins with aw\.layer\(nn\.Embedding, task\.preprocessing\.symbols"
    ):
        resolve_space("recurrent", task)


def _parameters(shape: tuple[int, ...], outputs: int) -> int:
    space = baseline(shape, outputs)
    return sum(p.numel() for p in space.build(space.sample()).parameters())


def test_parameters() -> None:
    def convolution(inner: int, outer: int, taps: int) -> int:
        return inner * outer * taps + 2 * outer

    digits = convolution(1, 32, 9) + convolution(32, 32, 9) + convolution(32, 56, 9) + convolution(56, 56, 9)
    assert _parameters((1, 8, 8), 10) == digits + 56 * 10 + 10 == 54_778
    signal = convolution(1, 32, 5) + convolution(32, 64, 5) + convolution(64, 64, 5) + convolution(64, 128, 5)
    assert _parameters((1, 40), 10) == signal + 128 * 10 + 10
    assert _parameters((30,), 2) == (30 * 128 + 128) + (128 * 128 + 128) + (128 * 2 + 2)


@pytest.mark.parametrize(("side", "pools"), [(1, 0), (7, 0), (8, 1), (28, 2), (32, 3), (224, 3)])
def test_it_pools_while_four_pixels_are_left(side: int, pools: int) -> None:
    space = baseline((3, side, side), 10)
    layers = list(space.build(space.sample()))
    assert sum(isinstance(module, nn.MaxPool2d) for module in layers) == pools


def test_a_task_says_its_own_shape() -> None:
    task = SimpleNamespace(input_shape=(1, 8, 8), outputs=10)
    assert baseline(task).digest == baseline((1, 8, 8), 10).digest


def test_wrong_arguments_are_told() -> None:
    with pytest.raises(SpaceError, match="number of outputs beside an input shape"):
        baseline((1, 8, 8))
    with pytest.raises(SpaceError, match=r"got \(1, 2, 3, 4\), which has 4 axes"):
        baseline((1, 2, 3, 4), 10)


def test_symbols_are_read_by_a_long_short_term_memory() -> None:
    task = SimpleNamespace(input_shape=(9,), outputs=7, has_symbols=True)
    space = baseline(task)
    network = space.build(space.sample())
    x = torch.randint(7, (2, 9))
    scores = network(x)
    assert scores.shape == (2, 9, 7)
    scores.square().sum().backward()
    assert all(parameter.grad is not None for parameter in network.parameters())
    memory = 4 * 128 * (64 + 128 + 2)
    assert sum(p.numel() for p in network.parameters()) == 7 * 64 + memory + 128 * 7 + 7
    with pytest.raises(SpaceError, match=r"got \(1, 9\)"):
        baseline(SimpleNamespace(input_shape=(1, 9), outputs=7, has_symbols=True))
