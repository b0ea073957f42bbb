"""One small network for each rule: which groups are proven free, where a wrong index would be found by the proof."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

import archwright as aw
from archwright.pretrained import proven_groups, shrunk

GREY = torch.randn(2, 4, 6, 6)
ROWS = torch.randn(2, 5, 8)


class Net(nn.Module):
    """Layers by name, and what the forward does with them."""

    def __init__(self, forward: Callable[[Any, Tensor], Tensor], **layers: nn.Module) -> None:
        super().__init__()
        for name, layer in layers.items():
            setattr(self, name, layer)
        self.run = forward

    def forward(self, x: Tensor) -> Tensor:
        return self.run(self, x)


def conv(given: int, made: int, **options: Any) -> nn.Conv2d:
    return nn.Conv2d(given, made, 1, **options)


def recurrent(kind: type[nn.RNNBase], **options: Any) -> Net:
    ways = 2 if options.get("bidirectional") else 1
    return Net(
        lambda net, x: net.head(net.cell(net.first(x))[0]),
        first=nn.Linear(8, 12),
        cell=kind(12, 10, batch_first=True, **options),
        head=nn.Linear(options.get("proj_size", 10) * ways, 3),
    )


def attended(net: Any, x: Tensor) -> Tensor:
    q, k, v = net.qkv(x).reshape(*x.shape[:2], 3, net.heads, 4).permute(2, 0, 3, 1, 4).unbind(0)
    x = F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2)
    return net.out(x)


def attention(**layers: nn.Module) -> Net:
    net = Net(attended, qkv=nn.Linear(8, 3 * 6 * 4), out=nn.Linear(24, 3), **layers)
    net.heads = 6
    return net


class Relative(nn.Module):
    """Attention written out, with a table of biases that is picked from."""

    def __init__(self) -> None:
        super().__init__()
        self.heads = 6
        self.q, self.k, self.v = (nn.Linear(8, 24) for _ in range(3))
        self.table = nn.Parameter(torch.randn(9, 6))
        self.register_buffer("index", torch.arange(5)[:, None] - torch.arange(5) + 4)
        self.out = nn.Linear(24, 3)

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = (
            layer(x).view(len(x), 5, self.heads, 4).transpose(1, 2) for layer in (self.q, self.k, self.v)
        )
        weights = q * 4**-0.5 @ k.transpose(-2, -1) + self.table[self.index].permute(2, 0, 1)
        return self.out((weights.softmax(-1) @ v).transpose(1, 2).flatten(2))


class Reshaped(nn.Module):
    """The width that the forward reshapes by is an attribute."""

    def __init__(self) -> None:
        super().__init__()
        self.width = 16
        self.conv, self.out = conv(4, 16), nn.Linear(16, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.out(F.relu(self.conv(x)).mean((2, 3)).view(-1, self.width))


NETWORKS: list[tuple[str, Callable[[], nn.Module], Tensor, dict[str, int]]] = [
    ("lstm", lambda: recurrent(nn.LSTM), ROWS, {"first.weight": 12, "cell.weight_ih_l0": 10}),
    (
        "two layers in both directions",
        lambda: recurrent(nn.LSTM, num_layers=2, bidirectional=True),
        ROWS,
        {"first.weight": 12, "cell.weight_ih_l0": 10},
    ),
    (
        "gru",
        lambda: recurrent(nn.GRU, num_layers=2, bias=False),
        ROWS,
        {"first.weight": 12, "cell.weight_ih_l0": 10},
    ),
    ("a projected lstm stays", lambda: recurrent(nn.LSTM, proj_size=4), ROWS, {}),
    ("heads", attention, ROWS, {"qkv.weight": 6}),
    ("heads with a table", Relative, ROWS, {"table": 6}),
    ("an attribute", Reshaped, GREY, {"conv.weight": 16}),
    (
        "einsum",
        lambda: Net(
            lambda net, x: torch.einsum("bnc,oc->bno", net.one(x), net.out.weight),
            one=nn.Linear(8, 6),
            out=nn.Linear(6, 3, bias=False),
        ),
        ROWS,
        {"one.weight": 6},
    ),
    (
        "stack",
        lambda: Net(
            lambda net, x: net.out(torch.stack([net.one(x), net.two(x)], 1).sum(1)),
            one=nn.Linear(8, 6),
            two=nn.Linear(8, 6),
            out=nn.Linear(6, 3),
        ),
        ROWS,
        {"one.weight": 6},
    ),
    (
        "grouped transposed convolution",
        lambda: Net(
            lambda net, x: net.out(net.up(net.conv(x))),
            conv=conv(4, 12),
            up=nn.ConvTranspose2d(12, 8, 2, stride=2, groups=2),
            out=conv(8, 3),
        ),
        GREY,
        {"conv.weight": 6, "up.weight": 4},
    ),
    (
        "depthwise transposed convolution",
        lambda: Net(
            lambda net, x: net.out(net.up(net.conv(x))),
            conv=conv(4, 12),
            up=nn.ConvTranspose2d(12, 12, 2, stride=2, groups=12),
            out=conv(12, 3),
        ),
        GREY,
        {"conv.weight": 12},
    ),
    (
        "roll, flip and repeat",
        lambda: Net(
            lambda net, x: net.out(net.conv(x.roll((1, 2), (2, 3))).flip(3).repeat(1, 2, 1, 1)),
            conv=conv(4, 8),
            out=conv(16, 3),
        ),
        GREY,
        {"conv.weight": 8},
    ),
    (
        "each repeated",
        lambda: Net(
            lambda net, x: net.out(net.conv(x).repeat_interleave(2, 1)), conv=conv(4, 8), out=conv(16, 3)
        ),
        GREY,
        {"conv.weight": 8},
    ),
    (
        "places that are picked",
        lambda: Net(
            lambda net, x: net.out(
                net.one(x)[:, [0, 2]].index_select(1, torch.tensor([1])).movedim(2, 1).mean(2)
            ),
            one=nn.Linear(8, 6),
            out=nn.Linear(6, 3),
        ),
        ROWS,
        {"one.weight": 6},
    ),
    (
        "channels that are picked stay",
        lambda: Net(lambda net, x: net.out(net.conv(x)[:, [0, 2]]), conv=conv(4, 8), out=conv(2, 3)),
        GREY,
        {},
    ),
    (
        "pixel shuffle",
        lambda: Net(
            lambda net, x: net.out(F.pixel_unshuffle(F.pixel_shuffle(net.conv(x), 2), 2)),
            conv=conv(4, 24),
            out=conv(24, 3),
        ),
        GREY,
        {"conv.weight": 6},
    ),
    (
        "a mean over channels",
        lambda: Net(
            lambda net, x: net.out(x * torch.sigmoid(net.conv(x).mean(1, keepdim=True))),
            conv=conv(4, 8),
            out=conv(4, 3),
        ),
        GREY,
        {},  # no weight consumes the channels
    ),
    (
        "hardswish and shifts of windows",
        lambda: Net(
            lambda net, x: net.out(
                F.interpolate(F.adaptive_max_pool2d(F.hardswish(net.conv(x)), 2), scale_factor=2)
            ),
            conv=conv(4, 8),
            out=conv(8, 3),
        ),
        GREY,
        {"conv.weight": 8},
    ),
    (
        "a squared mean",
        lambda: Net(
            lambda net, x: net.out(net.norm(net.one(x))),
            one=nn.Linear(8, 6),
            norm=nn.RMSNorm(6),
            out=nn.Linear(6, 3),
        ),
        ROWS,
        {"one.weight": 6},
    ),
]


@pytest.mark.sampled(3)
@pytest.mark.parametrize(
    ("make", "example", "expected"), [one[1:] for one in NETWORKS], ids=[one[0] for one in NETWORKS]
)
def test_what_is_proven(make: Callable[[], nn.Module], example: Tensor, expected: dict[str, int]) -> None:
    torch.manual_seed(0)
    groups = proven_groups(make(), example)
    assert {group.name: group.width for group in groups if group.reason is None} == expected


def test_a_smaller_recurrent_network_knows_its_sizes() -> None:
    network = recurrent(nn.LSTM, num_layers=2, bidirectional=True)
    cell = next(one for one in proven_groups(network, ROWS) if one.name == "cell.weight_ih_l0")
    small = shrunk(network, [(cell, [1, 2, 7])])
    assert (small.cell.hidden_size, small.cell.input_size) == (3, 12)
    assert torch.equal(
        small.cell.weight_hh_l1_reverse[:, 1][[0, 3]], network.cell.weight_hh_l1_reverse[:, 2][[1, 11]]
    )
    small(ROWS).sum().backward()
    assert small.cell.weight_hh_l0.grad is not None


@pytest.mark.parametrize(("make", "name"), [(attention, "qkv_heads"), (Relative, "table_heads")])
def test_heads_are_a_number_of_heads(make: Callable[[], nn.Module], name: str) -> None:
    space = aw.from_network(make(), ROWS)
    assert tuple(space.decisions[name].values()) == (1, 2, 3, 4, 5, 6)
    small = space.build(space.architecture({name: 2}), ROWS)
    assert small.heads == 2
    assert small.out.in_features == 8
