from __future__ import annotations

import sys
from pathlib import Path

import cloudpickle
import pytest
import torch
from torch import nn

import archwright as aw
from archwright.errors import SpaceError

sys.path.append(str(Path(__file__).parent))  # the suite imports tests by their path
from own_networks import IMAGE, TOKENS, Grouped, Residual, Tied


def perceptron() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 32), nn.ReLU(), nn.Linear(32, 20), nn.ReLU(), nn.Linear(20, 2))


@pytest.mark.parametrize(("network", "example"), [(Residual, IMAGE), (Tied, TOKENS)])
def test_the_default_is_the_users_network(network: type[nn.Module], example: tuple[torch.Tensor]) -> None:
    own = network().eval()
    space = aw.from_network(own, example)
    built = space.build(space.default)
    assert type(built) is network
    assert not built.training
    assert torch.equal(built(*example), own(*example))
    assert built is not own


def test_widths_are_multiples_and_the_networks_own() -> None:
    space = aw.from_network(perceptron(), torch.randn(3, 4))
    assert {name: tuple(decision.values()) for name, decision in space.decisions.items()} == {
        "0": (8, 16, 24, 32),
        "2": (8, 16, 20),
    }
    assert dict(space.default) == {"0": 32, "2": 20}


def test_a_member_keeps_the_channels_of_largest_norm_in_their_order() -> None:
    network = perceptron()
    space = aw.from_network(network, torch.randn(3, 4), decide=["width"])
    first, second = network[0], network[2]
    norms = (first.weight.abs().sum(1) + first.bias.abs() + second.weight.abs().sum(0)).tolist()
    kept = sorted(sorted(range(32), key=lambda one: -norms[one])[:8])
    member = space.build(space.architecture({"0": 8, "2": 20}))
    assert torch.equal(member[0].weight, first.weight[kept])
    assert torch.equal(member[2].weight, second.weight[:, kept])
    assert torch.equal(member[4].weight, network[4].weight)


def test_grouped_widths_count_channels() -> None:
    space = aw.from_network(Grouped(), IMAGE)
    assert tuple(space.decisions["expand"].values()) == (8, 16)
    member = space.build(space.architecture({"expand": 8, "grouped": 16}), IMAGE[0])
    assert (member.depth.groups, member.depth.weight.shape[0]) == (8, 8)
    assert member.grouped.weight.shape == (16, 2, 3, 3)


def test_only_and_keep() -> None:
    example = torch.randn(3, 4)
    assert list(aw.from_network(perceptron(), example, only=["2.*"]).decisions) == ["0", "2"]
    assert list(aw.from_network(perceptron(), example, only=["4.*"]).decisions) == ["2"]
    space = aw.from_network(perceptron(), example, keep=["0.*", "3"], decide=["width", "activation"])
    assert list(space.decisions) == ["2", "1_activation"]
    assert "a pattern of `keep` names it" in {group.reason for group in space.network.fn.groups}
    with pytest.raises(SpaceError, match="matches no parameter and no activation of Sequential"):
        aw.from_network(perceptron(), example, only=["layer.*"])


def test_a_network_that_cannot_shrink_is_refused_with_the_reasons() -> None:
    with pytest.raises(SpaceError, match=r"nothing in Linear may change: .*network's output"):
        aw.from_network(nn.Linear(4, 4), torch.randn(3, 4))
    with pytest.raises(SpaceError, match="nothing in Flatten may change: it has no weights"):
        aw.from_network(nn.Flatten(), torch.randn(3, 4))


def test_a_space_travels_and_is_recognised() -> None:
    space = aw.from_network(perceptron(), torch.randn(3, 4))
    other = cloudpickle.loads(cloudpickle.dumps(space))
    assert other.describe() == space.describe()
    architecture = space.sample(3)
    for one, two in zip(
        space.build(architecture).parameters(), other.build(architecture).parameters(), strict=True
    ):
        assert torch.equal(one, two)


@pytest.mark.slow
def test_a_search_chooses_among_the_members(tmp_path: Path) -> None:
    network = nn.Sequential(nn.Flatten(), nn.Linear(64, 24), nn.ReLU(), nn.Linear(24, 10))
    space = aw.from_network(network, torch.randn(2, 1, 8, 8))
    result = aw.search(
        space,
        "digits",
        strategy="random",
        budget=aw.Budget(trials=3),
        objectives=("accuracy", "params"),
        recipe=aw.Recipe(epochs=1),
        retrain=1,
        baseline=False,
        out=tmp_path / "run",
        progress=False,
    )
    sizes = {trial.candidate.architecture["1"]: trial.metrics["params"] for trial in result.trials}
    assert sizes
    best = tmp_path / "run" / "best"
    assert not (best / "model.py").exists()
    assert (
        "There is no model.py, but model.pt2: Sequential was given as a module"
        in (best / "card.md").read_text()
    )
    program = torch.export.load(best / "model.pt2").module()
    images = torch.rand(5, 1, 8, 8)
    assert torch.allclose(program(images), result.model()(images), atol=1e-5)
    assert all(params == 64 * width + width + 10 * width + 10 for width, params in sizes.items())
