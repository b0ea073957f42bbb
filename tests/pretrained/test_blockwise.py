from __future__ import annotations

import sys
from pathlib import Path

import cloudpickle
import pytest
import torch
from torch import nn

import archwright as aw
from archwright.errors import RunError, SpaceError
from archwright.pretrained.blockwise import combinations_of

sys.path.append(str(Path(__file__).parent))  # the suite imports tests by their path
from residual_network import IMAGES, ResidualNetwork


def made(seed: int = 0) -> ResidualNetwork:
    torch.manual_seed(seed)
    return ResidualNetwork().eval()


def test_the_default_is_the_users_network() -> None:
    network = made()
    space = aw.blockwise(network, IMAGES)
    built = space.build(space.default)
    assert type(built) is ResidualNetwork
    assert built is not network
    assert torch.equal(built(IMAGES), network(IMAGES))
    assert {name: decision.labels[0] for name, decision in space.decisions.items()} == dict.fromkeys(
        ("stem", "layers_0", "layers_1", "layers_2"), "own"
    )


def test_what_is_not_exchanged_keeps_its_weights() -> None:
    network = made()
    space = aw.blockwise(network, IMAGES, blocks=["layers.*"])
    member = space.build(space.architecture({**space.default, "layers_0": "identity"}))
    with torch.no_grad():
        expected = network.head(network.layers[2](network.layers[1](network.stem(IMAGES))).mean((2, 3)))
        assert torch.equal(member(IMAGES), expected)


def test_alternatives_may_be_picked_by_name() -> None:
    space = aw.blockwise(made(), IMAGES, blocks=["layers.0"], only=["width_*"])
    assert space.decisions["layers_0"].labels == ("own", "width_1_2")
    with pytest.raises(SpaceError, match="no alternative fits"):
        aw.blockwise(made(), IMAGES, only=["nothing"])


def test_equal_networks_have_equal_spaces_and_others_have_not() -> None:
    assert aw.blockwise(made(), IMAGES).digest == aw.blockwise(made(), IMAGES).digest
    assert aw.blockwise(made(), IMAGES).digest != aw.blockwise(made(1), IMAGES).digest


def test_trained_alternatives_come_from_the_library_in_other_processes_too(tmp_path: Path) -> None:
    space = aw.blockwise(made(), IMAGES, library=tmp_path)
    members = combinations_of(space)
    assert members is not None
    trained = members.alternative("stem", "projection")
    with torch.no_grad():
        for one in trained.parameters():
            one.add_(1)
    members.keep("stem", "projection", trained, metrics={"loss": 0.5})
    there = cloudpickle.loads(cloudpickle.dumps(space))
    member = there.build(there.architecture({**there.default, "stem": "projection"}))
    assert torch.equal(member.stem(IMAGES), trained(IMAGES))
    known = combinations_of(there).kept("stem", "projection")  # type: ignore[union-attr]
    assert known["metrics"] == {"loss": 0.5}  # type: ignore[index]
    assert combinations_of(aw.blockwise(made(1), IMAGES, library=tmp_path)).kept("stem", "projection") is None  # type: ignore[union-attr]


def test_a_torn_file_of_the_library_is_told(tmp_path: Path) -> None:
    space = aw.blockwise(made(), IMAGES, library=tmp_path)
    members = combinations_of(space)
    assert members is not None
    members.keep("stem", "projection", members.alternative("stem", "projection"), metrics={})
    (path,) = tmp_path.iterdir()
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(RunError, match="delete it"):
        members.kept("stem", "projection")


class Added(nn.Module):
    """A branch that is added, and a layer that is the only way."""

    def __init__(self) -> None:
        super().__init__()
        self.branch, self.way = nn.Linear(8, 8), nn.Linear(8, 8)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.way(x + self.branch(x))


def test_a_constant_stands_in_for_a_branch_but_not_for_the_only_way() -> None:
    decisions = aw.blockwise(Added(), torch.randn(3, 8)).decisions
    assert "constant" in decisions["branch"].labels
    assert "constant" not in decisions["way"].labels
    assert "identity" in decisions["way"].labels


class Reads(nn.Module):
    """A forward that reads an attribute of its block."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(8, 32), nn.Linear(32, 4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.second(self.first(x)[:, : self.first.out_features])


def test_an_alternative_with_which_the_network_does_not_run_is_left_out() -> None:
    space = aw.blockwise(Reads(), torch.randn(2, 8))
    assert set(space.decisions) == {"second"}
