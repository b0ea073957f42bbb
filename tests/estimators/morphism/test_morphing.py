from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

import archwright as aw
from archwright.errors import UsageError
from archwright.estimators.morphism import morph
from archwright.estimators.morphism.layers import match_channels


class Two(nn.Module):
    """Two layers and code of the user's own between them: flattened, doubled by a concatenation, in place."""

    def __init__(self, width: int, kernel: int, extra: nn.Module | None = None) -> None:
        super().__init__()
        self.conv = nn.Conv1d(2, width, kernel, padding=kernel // 2)
        self.norm = nn.BatchNorm1d(width)
        self.extra = extra
        self.head = nn.Linear(2 * width * 5, 3)

    def forward(self, x: Tensor) -> Tensor:
        y = torch.relu_(self.norm(self.conv(x)))
        y = y if self.extra is None else y + self.extra(x)
        y = torch.cat([y, y.flip(-1)], dim=1)
        return self.head(y.flatten(1))


WIDTH = aw.choice(3, 4, 7, name="width")
SPACE = aw.Space(
    aw.layer(
        Two,
        WIDTH,
        aw.choice(1, 3, 5, name="kernel"),
        extra=aw.when(aw.boolean(name="extra"), aw.layer(nn.Conv1d, 2, WIDTH, 1)),
    )
)


def parent(seed: int = 0, **values: Any) -> tuple[aw.Architecture, nn.Module]:
    architecture = SPACE.architecture({"width": 3, "kernel": 3, "extra": False, **values})
    torch.manual_seed(seed)
    network = SPACE.build(architecture)
    with torch.no_grad():
        for tensor in (*network.parameters(), network.norm.running_mean):
            tensor.add_(torch.randn_like(tensor))
        network.norm.running_var.uniform_(0.5, 2)
    return architecture, network.eval()


@pytest.mark.parametrize("units", ["fresh", "copies"])
@pytest.mark.parametrize("change", [{"width": 7}, {"kernel": 5}, {"width": 4, "kernel": 5}, {"extra": True}])
def test_a_larger_network_computes_what_its_parent_does(change: dict[str, Any], units: Any) -> None:
    with torch.random.fork_rng(devices=[]):
        architecture, network = parent()
        child = SPACE.architecture({**architecture, **change})
        x = torch.randn(4, 2, 5)
        made = morph(SPACE, (architecture, network.state_dict()), child, lambda net: net(x), x, units=units)
        assert made.is_exact
        other = torch.randn(6, 2, 5)
        assert torch.allclose(made.network(other), network(other), atol=1e-5)


def test_a_wider_layer_of_copies_is_net2wider_by_hand() -> None:
    """Each old unit's reader is divided among its copies, as in equation 5 of Chen et al. 2016."""
    with torch.random.fork_rng(devices=[]):
        architecture, network = parent()
        child = SPACE.architecture({**architecture, "width": 7})
        x = torch.randn(4, 2, 5)
        state = network.state_dict()
        made = morph(SPACE, (architecture, state), child, lambda net: net(x), x, units="copies").network
    source = []
    for unit in made.conv.weight.detach().numpy():
        (same,) = [i for i, old in enumerate(state["conv.weight"].numpy()) if np.array_equal(old, unit)]
        source.append(same)
    assert source[:3] == [0, 1, 2]

    def readers(weight: Tensor, width: int) -> Any:
        """What the head makes of each unit at each step: the second half reads the steps in reverse."""
        halves = weight.detach().numpy().reshape(3, 2, width, 5)
        return halves[:, 0] + halves[:, 1, :, ::-1]

    columns, wanted = readers(made.head.weight, 7), readers(state["head.weight"], 3)
    for old in range(3):
        copies = [unit for unit, of in enumerate(source) if of == old]
        np.testing.assert_allclose(columns[:, copies].sum(1), wanted[:, old], rtol=1e-4, atol=1e-5)
        for unit in copies:
            np.testing.assert_array_equal(
                made.norm.running_var.numpy()[unit], state["norm.running_var"].numpy()[old]
            )


def test_new_units_of_their_own_can_learn() -> None:
    with torch.random.fork_rng(devices=[]):
        architecture, network = parent()
        child = SPACE.architecture({**architecture, "width": 7})
        x = torch.randn(8, 2, 5)
        made = morph(SPACE, (architecture, network.state_dict()), child, lambda net: net(x), x).network
        made.train()(x).square().mean().backward()
    assert made.conv.weight.detach()[3:].abs().sum() > 0
    new = made.head.weight.grad.reshape(3, 2, 7, 5)[:, :, 3:]
    assert new.abs().sum() > 0


class Deeper(nn.Module):
    """A layer more, on the way to the outputs or beside it, with a ReLU behind it or not."""

    def __init__(self, extra: nn.Module | None = None, beside: bool = False) -> None:
        super().__init__()
        self.first, self.extra, self.beside = nn.Linear(3, 6), extra, beside
        self.head = nn.Linear(6, 2)

    def forward(self, x: Tensor) -> Tensor:
        y = torch.tanh(self.first(x))
        if self.extra is not None:
            y = y + self.extra(y) if self.beside else self.extra(y)
        return self.head(y)


@pytest.mark.parametrize("beside", [False, True])
@pytest.mark.parametrize("relu", [False, True])
def test_a_new_layer_is_never_dead(beside: bool, relu: bool) -> None:
    """Zeros would leave the outputs of a branch as they are; behind a ReLU they could never become anything else."""
    layers = [aw.layer(nn.Linear, 6, 6), *([aw.layer(nn.ReLU)] if relu else [])]
    extra = aw.when(aw.boolean(name="extra"), aw.layer(nn.Sequential, *layers))
    space = aw.Space(aw.layer(Deeper, extra=extra, beside=beside))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = space.build(small := space.architecture({"extra": False}))
        x = torch.randn(8, 3)
        large = space.architecture({"extra": True})
        made = morph(space, (small, network.state_dict()), large, lambda net: net(x), x)
        made.network(x).sum().backward()
    assert made.is_exact is not relu
    assert made.network.extra[0].weight.grad.any()


def test_a_smaller_network_takes_what_fits_and_says_that_it_differs() -> None:
    with torch.random.fork_rng(devices=[]):
        architecture, network = parent(width=7)
        child = SPACE.architecture({**architecture, "width": 3})
        x = torch.randn(4, 2, 5)
        made = morph(SPACE, (architecture, network.state_dict()), child, lambda net: net(x), x)
    assert not made.is_exact
    assert made.inherited == 1.0
    assert torch.equal(made.network.conv.weight, network.conv.weight[:3])


def test_the_parent_itself_is_inherited_whole() -> None:
    with torch.random.fork_rng(devices=[]):
        architecture, network = parent(extra=True)
        x = torch.randn(4, 2, 5)
        made = morph(SPACE, (architecture, network.state_dict()), architecture, lambda net: net(x), x)
    assert made.change == 0.0
    assert all(
        torch.equal(a, b)
        for a, b in zip(made.network.state_dict().values(), network.state_dict().values(), strict=True)
    )


def test_another_networks_state_is_refused() -> None:
    architecture, network = parent()
    wide, _ = parent(width=7)
    with pytest.raises(UsageError, match="is not that of a network"):
        morph(SPACE, (wide, network.state_dict()), architecture, lambda net: net(torch.randn(4, 2, 5)))


@settings(max_examples=30, deadline=None)
@given(st.data())
def test_channels_are_found_again_wherever_they_stand(data: st.DataObject) -> None:
    channels = data.draw(st.integers(1, 6))
    spare = data.draw(st.integers(0, 4))
    order = data.draw(st.permutations(range(channels + spare)))
    generator = torch.Generator().manual_seed(data.draw(st.integers(0, 99)))
    old = torch.rand(2, channels, 3, generator=generator)
    new = torch.cat([old, torch.rand(2, spare, 3, generator=generator)], dim=1)[:, list(order)]
    found = match_channels(old, new, 1).tolist()
    assert found == [at if at < channels else -1 for at in order]


def test_equal_channels_are_told_apart_by_their_order() -> None:
    x = torch.rand(2, 2, 3)
    twice = torch.cat([x, x], dim=1)
    assert match_channels(twice, torch.cat([x, torch.rand(2, 1, 3), x], dim=1), 1).tolist() == [
        0,
        1,
        -1,
        2,
        3,
    ]
    assert match_channels(x, twice, 1).tolist() == [0, 1, -1, -1]
    assert match_channels(x, twice, 1, many=True).tolist() == [0, 1, 0, 1]
    assert match_channels(x, torch.rand(2, 2, 4), 1).tolist() == [-1, -1]
