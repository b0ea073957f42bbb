from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import archwright as aw
from archwright.errors import ExportError
from archwright.export.checking import executed
from archwright.export.source import check_printable, print_source
from archwright.spaces import Architecture, Space

sys.path.append(str(Path(__file__).parents[1] / "pretrained"))  # the suite imports tests by their path
import own_networks
from own_networks import GREY, IMAGE, TOKENS, Residual, Tied


class Shared(nn.Module):
    """One layer in two places, a parameter of the module's own, a list and a dictionary of layers."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(4, 16)
        self.scale = nn.Parameter(torch.ones(16))
        self.layers = nn.ModuleList([nn.Linear(16, 16), nn.Linear(16, 16)])
        self.layers.append(self.layers[0])
        self.ends = nn.ModuleDict({"the end": nn.Linear(16, 3)})

    def forward(self, x: Tensor) -> Tensor:
        x = self.first(x) * self.scale
        for layer in self.layers:
            x = x + torch.relu(layer(x))
        return self.ends["the end"](x)


class Named(nn.Conv2d):
    """A foreign subclass, whose arguments nobody knows."""

    def __init__(self, size: dict[str, int]) -> None:
        super().__init__(size["in"], size["out"], 1)


class Foreign(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.one, self.two = Named({"in": 3, "out": 16}), Named({"in": 16, "out": 2})

    def forward(self, x: Tensor) -> Tensor:
        return self.two(torch.relu(self.one(x)))


def smallest(space: Space) -> Architecture:
    return space.architecture({name: min(one.values()) for name, one in space.decisions.items()})


def printed(space: Space, architecture: Architecture, example: Any, path: Path) -> str:
    """The source, after it gave the same outputs as the member whose weights it takes."""
    torch.manual_seed(0)
    member = space.build(architecture).eval()
    text = print_source(space, architecture, example)
    (path / "model.py").write_text(text)
    with executed(path / "model.py") as module:
        made = module.build()
        assert [name for name, _ in made.named_parameters()] == [
            name for name, _ in member.named_parameters()
        ]
        made.load_state_dict(member.state_dict())
        assert torch.equal(made.eval()(*example[0]), member(*example[0]))
    return text


NETWORKS = [
    ("Residual", IMAGE, "network.inner = nn.Conv2d(8, 8, 1, bias=False)"),
    ("Grouped", IMAGE, "network.depth = nn.Conv2d(8, 8, 1, groups=8)"),
    ("UNet", GREY, "network.up = nn.ConvTranspose2d(8, 8, 2, stride=2)"),
    ("Tied", TOKENS, "network.head.weight = network.embed.weight"),
    ("Encoder", TOKENS, "network.encoder.layers[1].linear1 = nn.Linear(16, 8)"),
]


@pytest.mark.parametrize(("name", "example", "line"), NETWORKS)
def test_a_member_is_the_network_with_a_line_for_each_changed_layer(
    name: str, example: tuple[Tensor, ...], line: str, tmp_path: Path
) -> None:
    space = aw.from_network(getattr(own_networks, name), example, decide=["width", "depth", "kernel"])
    check_printable(space)
    text = printed(space, smallest(space), (example, {}), tmp_path)
    assert f"    {line}\n" in text
    assert f"    network = {name}()\n    return network\n" in print_source(
        space, space.default, (example, {})
    )


def test_shared_layers_own_parameters_and_containers(tmp_path: Path) -> None:
    example = torch.randn(3, 4)
    space = aw.from_network(Shared, example)
    text = printed(space, smallest(space), ((example,), {}), tmp_path)
    assert "network.scale = nn.Parameter(torch.empty(8))" in text
    assert "network.layers[2] = network.layers[0]" in text
    assert "network.ends['the end'] = nn.Linear(8, 3)" in text


def test_a_foreign_layer_is_changed_in_place(tmp_path: Path) -> None:
    space = aw.from_network(Foreign, IMAGE)
    text = printed(space, smallest(space), (IMAGE, {}), tmp_path)
    assert "network.one.weight = nn.Parameter(torch.empty(8, 3, 1, 1))" in text
    assert "network.one.out_channels = 8" in text


def test_a_module_without_a_factory_is_refused() -> None:
    space = aw.from_network(Residual(), IMAGE)
    with pytest.raises(ExportError, match="Residual was given as a module, and nothing says how it is built"):
        check_printable(space)


def test_members_stand_in_other_networks(tmp_path: Path) -> None:
    """An ensemble holds two of them: each has a function of its own."""
    member = aw.from_network(Tied, TOKENS).network
    space = Space(aw.layer(nn.Sequential, aw.layer(nn.Identity), member))
    text = printed(space, smallest(space), (TOKENS, {}), tmp_path)
    assert "return nn.Sequential(nn.Identity(), make_network())" in text


def test_an_exchanged_block_is_written_as_calls_of_layers(tmp_path: Path) -> None:
    space = aw.blockwise(own_networks.Residual, IMAGE)
    check_printable(space)
    labels = {name: one.labels for name, one in space.decisions.items()}
    assert {"separable", "kernel_1"} <= set(labels["inner"])
    for name, known in labels.items():
        for label in known:
            text = printed(space, space.architecture({**space.default, name: label}), (IMAGE, {}), tmp_path)
            assert "import archwright" not in text
