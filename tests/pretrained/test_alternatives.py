from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch
from torch import nn

from archwright.objectives import measure_cheap
from archwright.pretrained.alternatives import alternatives
from archwright.pretrained.blocks import Block, find_blocks

sys.path.append(str(Path(__file__).parent))  # the suite imports tests by their path
from residual_network import IMAGES, ResidualNetwork

MAPS = {"projection", "separable", "inverted_residual", "bottleneck"}


@pytest.fixture(scope="module")
def network() -> ResidualNetwork:
    torch.manual_seed(0)
    return ResidualNetwork().eval()


@pytest.fixture(scope="module")
def blocks(network: ResidualNetwork) -> dict[str, Block]:
    return {block.name: block for block in find_blocks(network, ((IMAGES,), {}))}


def made(network: nn.Module, blocks: dict[str, Block], name: str) -> dict[str, nn.Module]:
    return alternatives(blocks[name], network.get_submodule(name))


def test_of_a_residual_block_and_of_one_that_halves_the_map(
    network: ResidualNetwork, blocks: dict[str, Block]
) -> None:
    same, halving = made(network, blocks, "layers.2"), made(network, blocks, "layers.1")
    inner = {"width_3_4", "width_1_2", "width_1_4", "kernel_1"}
    assert set(same) == {*MAPS, *inner, "identity", "constant"}
    assert set(halving) == {*MAPS, *inner}


def test_all_keep_the_shape_of_the_output_and_cost_less(
    network: ResidualNetwork, blocks: dict[str, Block]
) -> None:
    for name, block in blocks.items():
        module = network.get_submodule(name)
        own = measure_cheap(module, block.call)
        for one in made(network, blocks, name).values():
            assert one(block.inputs).shape == block.outputs.shape
            size = measure_cheap(one, block.call)
            assert size["params"] < own["params"] or size["flops"] < own["flops"]


def test_a_smaller_kernel_is_the_larger_one_with_its_rim_zero(
    network: ResidualNetwork, blocks: dict[str, Block]
) -> None:
    cropped = made(network, blocks, "layers.2")["kernel_1"]
    zeroed = ResidualNetwork().eval()
    zeroed.load_state_dict(network.state_dict())
    with torch.no_grad():
        for one in (zeroed.layers[2].inner, zeroed.layers[2].outer):
            middle = one.weight[:, :, 1, 1].clone()
            one.weight.zero_()
            one.weight[:, :, 1, 1] = middle
        inputs = blocks["layers.2"].inputs
        assert torch.allclose(cropped(inputs), zeroed.layers[2](inputs), atol=1e-5)


def test_a_narrower_copy_is_the_block_with_its_weakest_inner_channels_silent(
    network: ResidualNetwork, blocks: dict[str, Block]
) -> None:
    narrow = made(network, blocks, "layers.2")["width_1_2"]
    block = network.layers[2]
    strength = (
        block.inner.weight.abs().sum((1, 2, 3))
        + block.outer.weight.abs().sum((0, 2, 3))
        + block.inner_norm.weight.abs()
        + block.inner_norm.bias.abs()
    )
    kept = strength.argsort(descending=True)[:16]
    silent = ResidualNetwork().eval()
    silent.load_state_dict(network.state_dict())
    with torch.no_grad():
        mask = torch.zeros(32)
        mask[kept] = 1
        silent.layers[2].outer.weight.mul_(mask[None, :, None, None])
        inputs = blocks["layers.2"].inputs
        assert torch.allclose(narrow(inputs), silent.layers[2](inputs), atol=1e-5)


def test_those_of_an_encoder_layer_take_what_it_is_called_with() -> None:
    layer = nn.TransformerEncoderLayer(16, 2, 32, batch_first=True)
    encoder = nn.TransformerEncoder(layer, 1, enable_nested_tensor=False).eval()
    (block,) = find_blocks(encoder, ((torch.randn(3, 5, 16),), {}))
    found = alternatives(block, encoder.layers[0])
    assert {"width_1_2", "identity", "linear", "rank_half", "rank_quarter", "feed_forward"} <= set(found)
    for one in found.values():
        assert one(*block.call[0], **block.call[1]).shape == (3, 5, 16)


def test_the_same_block_has_the_same_alternatives_with_the_same_weights(
    network: ResidualNetwork, blocks: dict[str, Block]
) -> None:
    torch.manual_seed(1)
    first = made(network, blocks, "stem")
    torch.manual_seed(2)
    second = made(network, blocks, "stem")
    for name, one in first.items():
        other = second[name].state_dict()
        assert all(torch.equal(value, other[key]) for key, value in one.state_dict().items())
