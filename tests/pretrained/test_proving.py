from __future__ import annotations

import sys
from functools import cache
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from archwright.pretrained import Group, proven_groups, shrunk

sys.path.append(str(Path(__file__).parent))  # the suite imports tests by their path
import own_networks
from own_networks import GREY, IMAGE, TOKENS


@cache
def traced(name: str) -> tuple[nn.Module, dict[str, Group]]:
    """One of the networks, and its groups by their first place with its dimension."""
    torch.manual_seed(0)
    network = getattr(own_networks, name)()
    before = {key: value.clone() for key, value in network.state_dict().items()}
    found = proven_groups(network, EXAMPLES[name])
    assert network.training
    assert all(torch.equal(before[key], value) for key, value in network.state_dict().items())
    return network, {"/".join(map(str, next(iter(group.places)))): group for group in found}


EXAMPLES = {
    **dict.fromkeys(("Residual", "Grouped", "ChunkCat"), IMAGE),
    **dict.fromkeys(("UNet", "Literal"), GREY),
    **dict.fromkeys(("Tagger", "Tied", "Encoder"), TOKENS),
}


def free(groups: dict[str, Group]) -> dict[str, int]:
    return {name: group.width for name, group in groups.items() if group.reason is None}


@pytest.mark.sampled(2)
@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Residual", {"stem.weight/0": 16, "inner.weight/0": 24}),
        ("Grouped", {"expand.weight/0": 4, "down.weight/0": 8, "grouped.weight/0": 8}),
        ("ChunkCat", {"stem.weight/0": 8, "left.weight/0": 8}),
        ("UNet", {"first.weight/0": 8, "deep.weight/0": 16, "up.weight/1": 8, "join.weight/0": 8}),
        ("Tagger", {"embed.weight/1": 8, "lstm.weight_ih_l0/0": 8, "hidden.weight/0": 16}),
        ("Literal", {"second.weight/0": 24}),
        ("Tied", {"embed.weight/1": 16, "mlp.0.weight/0": 32}),
        ("Encoder", {f"encoder.layers.{one}.linear1.weight/0": 32 for one in (0, 1)}),
    ],
)
def test_the_widths_that_may_shrink(name: str, expected: dict[str, int]) -> None:
    assert free(traced(name)[1]) == expected


def test_the_indices_behind_a_flatten_are_those_of_the_channel() -> None:
    stem = traced("Residual")[1]["stem.weight/0"]
    assert stem.places["head.weight", 1][3] == list(range(3 * 16, 4 * 16))
    assert set(stem.consumers) == {("inner.weight", 1), ("head.weight", 1)}


def test_a_shrunk_network_holds_the_chosen_weights() -> None:
    network, groups = traced("Residual")
    inner = groups["inner.weight/0"]
    kept = [0, 5, 7, 23]
    small = shrunk(network, [(inner, kept)])
    assert torch.equal(small.inner.weight, network.inner.weight[kept])
    assert torch.equal(small.inner_norm.running_var, network.inner_norm.running_var[kept])
    assert torch.equal(small.outer.weight, network.outer.weight[:, kept])
    assert (small.inner.out_channels, small.outer.in_channels, small.inner_norm.num_features) == (4, 4, 4)
    small.train()(IMAGE[0]).sum().backward()
    assert small.inner.weight.grad is not None


def test_tied_weights_stay_tied() -> None:
    network, groups = traced("Tied")
    embed = groups["embed.weight/1"]
    small = shrunk(network, [(embed, [1, 2, 3])])
    assert small.head.weight is small.embed.weight
    assert small(TOKENS[0]).shape == (4, 6, 20)


@pytest.mark.parametrize(
    ("name", "place", "words"),
    [
        ("Residual", "head.weight/0", "network's output"),
        ("Residual", "stem.weight/1", "no parameter gives"),
        ("Tagger", "embed.weight/0", "vocabulary"),
        ("Literal", "conv.weight/0", "shape"),
        ("Literal", "hidden.weight/0", "both modes"),
        ("Encoder", "embed.weight/1", "embed_dim"),
    ],
)
def test_what_stays_says_why(name: str, place: str, words: str) -> None:
    assert words in (traced(name)[1][place].reason or "")


class Sliced(nn.Module):
    """Halves by written numbers: dropping one of the first half would move the second."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.left, self.right = nn.Linear(4, 16), nn.Linear(8, 3), nn.Linear(8, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = torch.tanh(self.stem(x))
        return self.left(x[:, :8]) + self.right(x[:, 8:])


def test_a_wrong_index_is_found_by_the_proof() -> None:
    groups = proven_groups(Sliced(), (torch.randn(4, 4),))
    first, second = (group for group in groups if ("stem.weight", 0) in group.places)
    assert "does not run" in (first.reason or "")
    assert second.reason is None


class Deciding(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.one, self.two = nn.Linear(4, 8), nn.Linear(8, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.two(self.one(x)) if x.sum() > 0 else self.two(self.one(-x))


def test_a_network_that_export_refuses_stays_as_it_is() -> None:
    groups = proven_groups(Deciding(), (torch.randn(4, 4),))
    assert groups
    assert all("torch.export refuses" in (group.reason or "") for group in groups)


class Joined(nn.Module):
    """An empty tensor of another rank joins, which `cat` allows."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.two, self.head = nn.Linear(4, 8), nn.Linear(8, 8), nn.Linear(8, 2)

    def forward(self, x: Tensor) -> Tensor:
        x = torch.cat([self.one(x), torch.empty(0)], 1)
        return self.head(torch.relu(self.two(x)))


def test_a_call_that_its_rule_does_not_know_fixes_what_it_touches() -> None:
    groups = proven_groups(Joined(), (torch.randn(4, 4),))
    found = {next(iter(group.places)): group.reason for group in groups}
    assert found["one.weight", 0] is not None
    assert found["two.weight", 0] is None
