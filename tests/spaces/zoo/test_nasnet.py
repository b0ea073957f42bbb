"""The NASNet space: its count, what its cells concatenate, strides, and options that do not fit."""

from __future__ import annotations

import math
from random import Random
from typing import Any

import pytest
import torch
from torch import nn

from archwright.errors import SpaceError
from archwright.spaces import Architecture, Space
from archwright.spaces.zoo import nasnet_operation, nasnet_space
from archwright.spaces.zoo.blocks import NasnetCell
from archwright.spaces.zoo.nasnet import OPERATIONS


def _cells(network: nn.Module) -> list[NasnetCell]:
    return [module for module in network.modules() if isinstance(module, NasnetCell)]


def _unused(architecture: Architecture, kind: str, blocks: int) -> tuple[int, ...]:
    read = {
        architecture[f"{kind}.{block}.{side}_input"] for block in range(blocks) for side in ("left", "right")
    }
    return tuple(state for state in range(2 + blocks) if state not in read)


def test_size_counts_inputs_and_operations_of_both_hands() -> None:
    one_cell = math.prod((2 + block) ** 2 * 13**2 for block in range(5))
    assert nasnet_space((3, 32, 32), 10).size == one_cell**2
    small = nasnet_space((1, 8, 8), 10, blocks=2, operations=OPERATIONS[:3], combinations=["add", "concat"])
    assert small.size == ((2 * 3) ** 2 * 2) ** 2 * ((3 * 3) ** 2 * 2) ** 2


@pytest.mark.parametrize("blocks", [1, 3, 5])
def test_a_cell_concatenates_what_no_block_reads(blocks: int) -> None:
    space = nasnet_space((1, 8, 8), 3, repeats=1, channels=4, blocks=blocks)
    x = torch.randn(2, 1, 8, 8)
    for seed in range(8):
        architecture = space.sample(seed)
        network = space.build(architecture, x)
        cells = _cells(network)
        assert len(cells) == 5
        for position, cell in enumerate(cells):
            kind = "reduction" if position in (1, 3) else "normal"
            assert cell.concatenate == _unused(architecture, kind, blocks)
            halved = [str(state) for state in cell.concatenate if state < 2 and kind == "reduction"]
            assert list(cell.reduce) == halved
        assert network.head[-1].in_features == 16 * len(_unused(architecture, "normal", blocks))


def test_sizes_halve_and_channels_double() -> None:
    space = nasnet_space((3, 9, 16), 10, repeats=1, channels=4, blocks=2, concatenate="all")
    shapes: list[tuple[int, ...]] = []
    network = space.build(space.sample(0))
    for cell in _cells(network):
        cell.register_forward_hook(lambda _module, _inputs, output: shapes.append(tuple(output.shape[1:])))
    network(torch.randn(2, 3, 9, 16))
    assert shapes == [(16, 9, 16), (32, 5, 8), (32, 5, 8), (64, 3, 4), (64, 3, 4)]


def test_only_a_reduction_cells_inputs_are_read_at_stride_two() -> None:
    space = nasnet_space((1, 8, 8), 3, repeats=1, channels=4, blocks=2, operations=["max_pool_5x5"])
    values: dict[str, Any] = {
        f"{k}.{b}.{s}_operation": "max_pool_5x5"
        for k in ("normal", "reduction")
        for b in (0, 1)
        for s in ("left", "right")
    }
    inputs = {"0.left": 0, "0.right": 1, "1.left": 2, "1.right": 0}
    values |= {
        f"{kind}.{hand}_input": state for kind in ("normal", "reduction") for hand, state in inputs.items()
    }
    normal, reduction, *_ = _cells(space.build(space.architecture(values)))

    def strides(cell: NasnetCell) -> list[int]:
        return [
            next(iter(hand.edges.values())).stride
            for block in cell.blocks
            for hand in (block.left, block.right)
        ]

    assert strides(normal) == [1, 1, 1, 1]
    assert strides(reduction) == [2, 2, 1, 2]


def test_one_or_both_ways_to_combine() -> None:
    options: dict[str, Any] = {"repeats": 1, "channels": 4, "blocks": 2}
    both = nasnet_space((1, 8, 8), 3, combinations=["concat", "add"], **options)
    architecture = both.sample(1)
    for cell, kind in zip(_cells(both.build(architecture)), ["normal", "reduction"], strict=False):
        for block, made in enumerate(cell.blocks):
            assert (made.join is not None) == (architecture[f"{kind}.{block}.combine"] == "concat")
    for way in ("add", "concat"):
        space = nasnet_space((1, 8, 8), 3, combinations=[way], **options)
        assert "normal.0.combine" not in space.decisions
        blocks = [block for cell in _cells(space.build(space.sample(0))) for block in cell.blocks]
        assert all((block.join is not None) == (way == "concat") for block in blocks)


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("label", OPERATIONS)
def test_every_operation_is_built(label: str, stride: int) -> None:
    space = Space(nasnet_operation(label, 8, stride))
    operation = space.build(space.sample(0))
    assert operation(torch.randn(2, 8, 9, 8)).shape == (2, 8, -(-9 // stride), 8 // stride)


def test_another_scale_takes_the_same_architectures() -> None:
    space = nasnet_space((1, 8, 8), 3, repeats=1, channels=4)
    large = space.scale(repeats=2, channels=6, drop_path=0.1)
    random = Random(0)
    for _ in range(5):
        architecture = space.sample(random)
        assert architecture in large
        assert len(_cells(large.build(architecture))) == 8
    with pytest.raises(SpaceError, match=r"blocks=4 changes what is decided at 'normal.4.left_input'"):
        space.scale(blocks=4)


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"repeats": 0}, r"expected \(repeats, blocks\) to be .* got \(0, 5\)"),
        ({"blocks": 0}, r"got \(3, 0\)"),
        ({"channels": 1}, "at least 2 channels"),
        ({"drop_path": 1.0}, "probability drop_path"),
        ({"combinations": ["sum"]}, "no combination 'sum'"),
        ({"operations": ["sep_conv_9x9"]}, "no operation 'sep_conv_9x9'"),
        ({"concatenate": "some"}, "'unused', 'all' or a dict .* got 'some'"),
        ({"concatenate": {"normal": [2]}}, "'reduction' to different states, from 0 to 6"),
        ({"concatenate": {"normal": [2, 2], "reduction": [2]}}, "different states"),
        ({"concatenate": {"normal": [7], "reduction": [2]}}, "from 0 to 6"),
    ],
)
def test_wrong_options_are_told(options: dict[str, Any], text: str) -> None:
    with pytest.raises(SpaceError, match=text):
        nasnet_space((1, 8, 8), 10, **options)


def test_an_unknown_operation_is_told() -> None:
    with pytest.raises(SpaceError, match="Did you mean 'conv_1x1'"):
        nasnet_operation("conv_1x", 4)
