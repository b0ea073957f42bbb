"""The recurrent cell space: published sizes and cells, states that are what the paper says, and what it takes."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from archwright.errors import SpaceError
from archwright.spaces import Space
from archwright.spaces.zoo import recurrent_space
from archwright.spaces.zoo.blocks import LockedDropout, TiedDecoder
from archwright.spaces.zoo.recurrent import PUBLISHED, published
from archwright.testing import NetworkSpaceContract

_FUNCTIONS = {"tanh": torch.tanh, "relu": torch.relu, "sigmoid": torch.sigmoid, "identity": lambda x: x}


class TestContract(NetworkSpaceContract):
    make: ClassVar[Callable[[], Space]] = lambda: recurrent_space((5,), 7, nodes=4, hidden=6)
    example: ClassVar[Callable[[], Tensor]] = lambda: torch.randint(7, (2, 5))
    outputs: ClassVar[tuple[int, ...]] = (2, 5, 7)


def _parameters(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def test_size_and_addresses() -> None:
    assert recurrent_space((64,), 96).size == 40_320 * 4**8
    space = recurrent_space((64,), 96, nodes=2, activations=["tanh", "relu"])
    assert space.size == 2 * (2 * 2)
    assert set(space.decisions) == {
        "cell.0.inputs",
        "cell.0.from_0",
        "cell.1.inputs",
        "cell.1.from_0",
        "cell.1.from_1",
    }


def test_the_published_number_of_parameters() -> None:
    # 850 units and the 10,000 words of the Penn Treebank: 23 million in Table 2 of the paper.
    space = recurrent_space((35,), 10_000, hidden=850)
    for name in PUBLISHED:
        parameters = _parameters(space.build(space.architecture(published(name))))
        assert parameters == 10_000 * 850 + 10_000 + (2 + 8) * 850 * 2 * 850
        assert round(parameters / 1e6) == 23


def test_the_published_cell_is_read_as_it_was_written() -> None:
    cell = published("darts_v2")
    assert cell["cell.0.inputs"] == (0,)
    assert cell["cell.5.inputs"] == (5,)
    assert cell["cell.5.from_5"] == "sigmoid"
    assert len(cell) == 16
    with pytest.raises(SpaceError, match=r"no recurrent cell 'darts_v3'.*Did you mean 'darts_v2'|darts_v1"):
        published("darts_v3")


@given(seed=st.integers(0, 1_000), tie=st.booleans())
@settings(max_examples=20, deadline=None)
def test_a_network_computes_the_paper_s_formula(seed: int, tie: bool) -> None:
    hidden, symbols = 6, 7
    space = recurrent_space((4,), symbols, nodes=5, hidden=hidden, tie=tie)
    architecture = space.sample(seed)
    network = space.build(architecture).eval()
    x = torch.randint(symbols, (3, 4), generator=torch.Generator().manual_seed(seed))
    state, scores = torch.zeros(3, hidden), []
    for step in range(4):
        vector = network.embedding.weight[x[:, step]]
        both = torch.cat([vector, state], dim=1) @ network.cell.start.linear.weight.T
        gate, new = torch.sigmoid(both[:, :hidden]), torch.tanh(both[:, hidden:])
        states = [state + gate * (new - state)]
        for node in range(5):
            (read,) = architecture[f"cell.{node}.inputs"]
            edge = network.cell.nodes[node].edges[str(read)]
            both = states[read] @ edge.linear.weight.T
            gate = torch.sigmoid(both[:, :hidden])
            new = _FUNCTIONS[architecture[f"cell.{node}.from_{read}"]](both[:, hidden:])
            states.append(states[read] + gate * (new - states[read]))
        state = sum(states[1:], torch.zeros(())) / 5
        weight = network.embedding.weight if tie else network.decoder.weight
        scores.append(state @ weight.T + network.decoder.bias)
    torch.testing.assert_close(network(x), torch.stack(scores, dim=1))


def test_weights_are_tied_or_not() -> None:
    def network(tie: bool) -> nn.Module:
        space = recurrent_space((4,), 7, nodes=2, hidden=6, tie=tie)
        return space.build(space.sample(0))

    tied, loose = network(True), network(False)
    assert isinstance(tied.decoder, TiedDecoder)
    assert tied.decoder.embedding is tied.embedding
    assert _parameters(loose) - _parameters(tied) == 7 * 6


def test_every_parameter_learns_with_dropout() -> None:
    space = recurrent_space((5,), 7, nodes=3, hidden=6, dropout=0.2)
    network = space.build(space.sample(1))
    network(torch.randint(7, (2, 5))).square().sum().backward()
    assert all(parameter.grad is not None for parameter in network.parameters())


def test_a_later_symbol_changes_no_earlier_score() -> None:
    space = recurrent_space((5,), 7, nodes=3, hidden=6)
    network = space.build(space.sample(1)).eval()
    x = torch.randint(7, (1, 5))
    changed = x.clone()
    changed[0, 3] = (changed[0, 3] + 1) % 7
    before, after = network(x), network(changed)
    torch.testing.assert_close(before[:, :3], after[:, :3])
    assert not torch.equal(before[:, 3:], after[:, 3:])


def test_locked_dropout_drops_the_same_features_at_all_steps() -> None:
    torch.manual_seed(0)
    module = LockedDropout(0.4)
    x = torch.ones(50, 6, 40)
    dropped = module(x)
    assert torch.equal(dropped, dropped[:, :1].expand_as(dropped))
    assert abs(dropped.mean().item() - 1.0) < 0.05
    assert dropped.unique().tolist() == pytest.approx([0.0, 1 / 0.6])
    assert torch.equal(module.eval()(x), x)


@pytest.mark.parametrize(
    ("shape", "options", "told"),
    [
        ((1, 8, 8), {}, r"takes inputs of shape \(features,\)"),
        ((5,), {"nodes": 0}, r"expected \(nodes, hidden\) to be"),
        ((5,), {"activations": ["relu6"]}, "no activation 'relu6'.*Did you mean 'relu'"),
        ((5,), {"dropout": -0.1}, r"dropout in \[0, 1\), got -0.1"),
    ],
)
def test_wrong_options_are_told(shape: tuple[int, ...], options: dict[str, object], told: str) -> None:
    with pytest.raises(SpaceError, match=told):
        recurrent_space(shape, 7, **options)  # type: ignore[arg-type]
