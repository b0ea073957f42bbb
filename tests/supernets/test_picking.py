"""Supernets whose forms have other channels than the leading ones: those of a trained network."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

import archwright as aw
from archwright.atomic_writing import load_state, save_state
from archwright.errors import RunError
from archwright.supernets import Supernet
from archwright.supernets.channel_sorting import sort_channels
from archwright.supernets.shrinking import elasticities
from archwright.supernets.storage import load_supernet, save_supernet

INPUTS = torch.randn(3, 1, 6, 6, generator=torch.Generator().manual_seed(0))


class Halves(nn.Module):
    """Its channels are cut in halves and put together again, so that no narrower form has the leading ones."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(1, 32, 3, padding=1)
        self.left = nn.Conv2d(16, 16, 3, padding=1, groups=16)
        self.right = nn.Conv2d(16, 32, 3, padding=1, groups=2)
        self.norm = nn.BatchNorm2d(48)
        self.head = nn.Linear(48, 5)

    def forward(self, x: Tensor) -> Tensor:
        left, right = torch.tanh(self.stem(x)).chunk(2, dim=1)
        return self.head(
            torch.relu(self.norm(torch.cat([self.left(left), self.right(right)], 1))).mean((2, 3))
        )


@pytest.fixture(scope="module")
def space() -> aw.Space:
    torch.manual_seed(0)
    network = Halves().eval()
    with torch.no_grad():
        network.stem.weight[:8] *= 1e-3  # the first ones matter least
    return aw.from_network(network, INPUTS)


def test_a_supernet_begins_with_the_networks_of_a_trained_one(space: aw.Space) -> None:
    supernet = Supernet(space, INPUTS).eval()
    for seed in range(4):
        architecture = space.sample(seed)
        plain = space.build(architecture, INPUTS).eval()
        with supernet.on(architecture):
            torch.testing.assert_close(supernet(INPUTS), plain(INPUTS))
        torch.testing.assert_close(supernet.extract(architecture)(INPUTS), plain(INPUTS))


def test_gradients_reach_the_channels_that_a_form_has_and_no_others(space: aw.Space) -> None:
    supernet, decided = Supernet(space, INPUTS), {**space.default, "stem": 16}
    with supernet.on(space.architecture(decided)):
        supernet(INPUTS).square().sum().backward()
    kept = space.network.fn.selection(**decided)["stem.weight"][0].tolist()
    gradient = next(one.grad for one in supernet.parameters() if one.shape == (32, 1, 3, 3))
    assert len(kept) == 16
    assert kept != [*range(16)]
    assert [row for row in range(32) if gradient[row].any()] == kept


def test_what_matters_in_a_trained_network_is_not_sorted_again(space: aw.Space) -> None:
    supernet = Supernet(space, INPUTS).eval()
    before = {name: one.clone() for name, one in supernet.state_dict().items()}
    assert sort_channels(supernet, elasticities(supernet)) == ()
    assert all(torch.equal(one, before[name]) for name, one in supernet.state_dict().items())


def test_an_outline_has_the_shapes_of_a_member(space: aw.Space) -> None:
    made, decided = space.network.fn, dict(space.sample(1))
    shapes = {name: one.shape for name, one in made(**decided).state_dict().items()}
    assert {name: one.shape for name, one in made.outline(**decided).state_dict().items()} == shapes
    assert torch.equal(made.network.stem.weight, made(**dict(space.default)).stem.weight)


def test_a_supernet_with_the_leading_channels_is_refused(space: aw.Space, tmp_path: Path) -> None:
    supernet, path = Supernet(space, INPUTS).eval(), tmp_path / "supernet.pt"
    save_supernet(supernet, path)
    read, smaller = load_supernet(space, INPUTS, path), space.sample(1)
    torch.testing.assert_close(read.eval().extract(smaller)(INPUTS), supernet.extract(smaller)(INPUTS))
    state = load_state(path, "supernet", "")
    save_state({name: value for name, value in state.items() if name != "picks"}, path)
    with pytest.raises(RunError, match="earlier version, in which smaller networks had other channels"):
        load_supernet(space, INPUTS, path)
