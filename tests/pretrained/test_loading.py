from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

import archwright as aw
from archwright.errors import SpaceError
from archwright.pretrained.loading import loaded_network


def small() -> nn.Sequential:
    return nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Linear(16, 2))


@pytest.mark.parametrize("ending", ["pt", "safetensors"])
def test_weights_are_read_into_what_is_built(tmp_path: Path, ending: str) -> None:
    trained = small()
    path = tmp_path / f"weights.{ending}"
    (torch.save if ending == "pt" else save_file)(trained.state_dict(), path)
    space = aw.from_network(small, torch.randn(2, 4), weights=path)
    example = torch.randn(3, 4)
    assert torch.equal(space.build(space.default)(example), trained(example))


def test_a_module_that_takes_weights_is_copied(tmp_path: Path) -> None:
    own, trained = small(), small()
    torch.save(trained.state_dict(), tmp_path / "weights.pt")
    before = own[0].weight.clone()
    filled = loaded_network(own, tmp_path / "weights.pt")
    assert torch.equal(own[0].weight, before)
    assert torch.equal(filled[0].weight, trained[0].weight)
    assert loaded_network(own) is own


def test_random_weights_are_the_same_at_each_call() -> None:
    state = torch.get_rng_state()
    assert torch.equal(loaded_network(small)[0].weight, loaded_network(small)[0].weight)
    assert torch.equal(torch.get_rng_state(), state)


class Refusing(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        raise SystemExit("no")


def returns_text() -> Any:
    return "network"


def unsized() -> nn.Module:
    return nn.Sequential(nn.LazyLinear(8), nn.ReLU(), nn.Linear(8, 2))


def without_a_file() -> nn.Module:
    raise ValueError("no file of settings")


def test_a_network_that_ran_once_has_its_sizes() -> None:
    network = unsized()
    network(torch.zeros(2, 4))
    assert loaded_network(network) is network


@pytest.mark.parametrize(
    ("network", "words"),
    [
        (3, "got int"),
        (unsized, r"Sequential has layers without a size \(0\); give them their sizes"),
        (without_a_file, "ValueError: no file of settings; it is called without arguments"),
        ({"0.weight": torch.zeros(2)}, r"got dict; weights alone build no network: give its class"),
        (returns_text, r"returns_text\(\) to build a torch.nn.Module, got str"),
        (Refusing, r"Refusing\(\) does not build a network: SystemExit: no"),
        (lambda width: nn.Linear(width, 2), "needs no arguments"),
    ],
)
def test_what_is_no_network_is_refused(network: Any, words: str) -> None:
    with pytest.raises(SpaceError, match=words):
        loaded_network(network)


@pytest.mark.parametrize(
    ("held", "words"),
    [
        ({"epoch": 1, "state_dict": {}}, "no state dict but the keys epoch, state_dict"),
        ({"0.weight": torch.zeros(16, 4)}, "0.bias is missing; 2.weight is missing; 2.bias is missing"),
        ({**small().state_dict(), "x": torch.zeros(1)}, "x is not the network's"),
        (
            {**small().state_dict(), "0.bias": torch.zeros(3)},
            r"0.bias has the shape \[3\], the network's \[16\]",
        ),
        (
            small(),
            "cannot be read as weights: it holds something else than tensors; expected what torch.save",
        ),
    ],
)
def test_wrong_weights_are_refused(tmp_path: Path, held: Any, words: str) -> None:
    torch.save(held, tmp_path / "weights.pt")
    with pytest.raises(SpaceError, match=words):
        loaded_network(small(), tmp_path / "weights.pt")


def test_a_missing_file_and_inputs_that_do_not_fit_are_refused() -> None:
    with pytest.raises(SpaceError, match="no file of weights"):
        loaded_network(small, "nowhere.pt")
    with pytest.raises(SpaceError, match=r"Sequential does not take inputs of shape \(2, 5\): RuntimeError"):
        aw.from_network(small, torch.randn(2, 5))


class Masked(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.one, self.two = nn.Linear(4, 16), nn.Linear(16, 2)

    def forward(self, x: torch.Tensor, *, mask: torch.Tensor) -> torch.Tensor:
        return self.two(torch.relu(self.one(x)) * mask)


def test_inputs_may_have_names() -> None:
    example = ((torch.randn(2, 4),), {"mask": torch.ones(2, 1)})
    space = aw.from_network(Masked, example)
    assert tuple(space.decisions["one"].values()) == (8, 16)
