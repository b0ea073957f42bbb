from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from archwright.errors import SpaceError
from archwright.pretrained.blocks import find_blocks, passed_through

sys.path.append(str(Path(__file__).parent))  # the suite imports tests by their path
from residual_network import IMAGES, ResidualNetwork


class Encoder(nn.Module):
    """Symbols, an encoder of PyTorch's whose layers are called with a mask too, a head."""

    def __init__(self) -> None:
        super().__init__()
        layers = nn.TransformerEncoderLayer(16, 2, 32, batch_first=True)
        self.embedding = nn.Embedding(20, 16)
        self.encoder = nn.TransformerEncoder(layers, 2)
        self.head = nn.Linear(16, 4)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.encoder(self.embedding(x), src_key_padding_mask=x == 0).mean(1))


class Twice(nn.Module):
    """A layer that is called twice, two that share a weight, and one that is free."""

    def __init__(self) -> None:
        super().__init__()
        self.twice, self.free = nn.Linear(8, 8), nn.Linear(8, 8)
        self.one, self.other = nn.Linear(8, 8), nn.Linear(8, 8)
        self.other.weight = self.one.weight

    def forward(self, x: Tensor) -> Tensor:
        return self.other(self.one(self.free(self.twice(self.twice(x)))))


def names(network: nn.Module, *inputs: Tensor, patterns: tuple[str, ...] = ()) -> list[str]:
    return [block.name for block in find_blocks(network.eval(), (inputs, {}), patterns)]


def test_residual_blocks_and_short_sequences_are_blocks_and_containers_are_not() -> None:
    # The head holds less than one parameter in a hundred.
    assert names(ResidualNetwork(), IMAGES) == ["stem", "layers.0", "layers.1", "layers.2"]


def test_layers_of_an_encoder_are_blocks_with_what_else_they_are_called_with() -> None:
    symbols = torch.randint(0, 20, (2, 5))
    blocks = find_blocks(Encoder().eval(), ((symbols,), {}))
    assert [block.name for block in blocks] == ["encoder.layers.0", "encoder.layers.1", "head"]
    assert blocks[0].kwargs["src_mask"] is None
    assert blocks[0].kwargs["src_key_padding_mask"].shape == (3, 5)
    assert len(blocks[0].batched) == 1
    assert blocks[0].first_call[1]["src_key_padding_mask"].shape == (1, 5)
    assert blocks[0].first_call[0][0].shape == (1, 5, 16)


def test_what_is_called_twice_or_shares_a_weight_is_no_block() -> None:
    assert names(Twice(), torch.randn(2, 8)) == ["free"]


def test_a_plain_sequence_is_taken_layer_by_layer_without_what_costs_nothing() -> None:
    network = nn.Sequential(
        nn.Conv2d(1, 8, 1), nn.ReLU(), nn.Conv2d(8, 64, 3), nn.Flatten(), nn.Linear(64 * 36, 10)
    )
    assert names(network, torch.randn(2, 1, 8, 8)) == ["2", "4"]


def test_patterns_pick_the_outermost_that_match() -> None:
    network = ResidualNetwork()
    assert names(network, IMAGES, patterns=("layers.*",)) == ["layers.0", "layers.1", "layers.2"]
    assert names(network, IMAGES, patterns=("layers.0.inner*", "stem")) == ["stem", "layers.0.inner"]
    with pytest.raises(SpaceError, match=r"'layer' matches no module of ResidualNetwork.*Did you mean"):
        names(network, IMAGES, patterns=("layer",))


def test_a_network_without_blocks_is_refused() -> None:
    with pytest.raises(SpaceError, match="nothing to exchange"):
        names(nn.Sequential(nn.Flatten(), nn.ReLU()), torch.randn(2, 3))


def test_what_passes_through_a_block_is_what_its_module_gives_though_it_is_changed_in_place_later() -> None:
    network = ResidualNetwork().eval()
    block = passed_through(network, "layers.1", lambda one: one(IMAGES))
    with torch.no_grad():
        before = network.layers[0](network.stem(IMAGES))
        assert torch.equal(block.inputs, before)
        assert torch.equal(block.outputs, network.layers[1](before))
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in network.modules())
