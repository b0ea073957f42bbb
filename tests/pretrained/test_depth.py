from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

import archwright as aw
from archwright.export.checking import executed
from archwright.export.source import print_source
from archwright.pretrained.depth import Stage, residual_stages

IMAGE = torch.randn(2, 4, 6, 6)


class Basic(nn.Module):
    """The block of a ResNet; the first of a stage may halve the places and change the width."""

    def __init__(self, given: int, made: int, stride: int = 1) -> None:
        super().__init__()
        self.one, self.two = nn.Conv2d(given, made, 3, stride, 1), nn.Conv2d(made, made, 3, 1, 1)
        self.norm = nn.BatchNorm2d(made)
        self.down = nn.Conv2d(given, made, 1, stride) if (given, stride) != (made, 1) else None

    def forward(self, x: Tensor) -> Tensor:
        y = self.norm(self.two(F.relu(self.one(x))))
        return F.relu(y + (x if self.down is None else self.down(x)))


class Network(nn.Module):
    def __init__(self, *stages: nn.Module) -> None:
        super().__init__()
        self.stem = nn.Conv2d(4, 16, 1)
        self.stages = nn.Sequential(*stages)
        self.head = nn.Linear(16, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.stages(F.relu(self.stem(x))).mean((2, 3)))


def resnet() -> Network:
    torch.manual_seed(0)
    return Network(
        nn.Sequential(Basic(16, 16), Basic(16, 16)),
        nn.Sequential(Basic(16, 16, 2), Basic(16, 16), Basic(16, 16)),
    )


class PostNorm(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv, self.norm = nn.Conv2d(16, 16, 1), nn.BatchNorm2d(16)

    def forward(self, x: Tensor) -> Tensor:
        return self.norm(x + self.conv(x))


class Asking(Network):
    """Its forward reads an attribute of a block."""

    def forward(self, x: Tensor) -> Tensor:
        assert self.stages[1].two.in_channels
        return super().forward(x)


class Called(nn.Module):
    """Blocks of a list, called with a second argument."""

    def __init__(self) -> None:
        super().__init__()
        self.blocks = nn.ModuleList([Scaled(), Scaled()])
        self.head = nn.Linear(8, 3)

    def forward(self, x: Tensor) -> Tensor:
        for block in self.blocks:
            x = block(x, 2.0)
        return self.head(x)


class Scaled(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(8, 8)

    def forward(self, x: Tensor, factor: float) -> Tensor:
        return x + factor * self.layer(x)


class Nested(nn.Module):
    """A block of blocks, of which the inner ones are the stage."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = nn.Sequential(Basic(16, 16), Basic(16, 16))

    def forward(self, x: Tensor) -> Tensor:
        return self.inner(x)


def stage(container: str, first: int, count: int, fewest: int, plain: bool = True) -> Stage:
    return Stage(container, tuple(f"{container}.{first + i}" for i in range(count)), fewest, plain)


@pytest.mark.parametrize(
    ("make", "example", "expected"),
    [
        (resnet, IMAGE, [stage("stages.0", 0, 2, 1), stage("stages.1", 1, 2, 0)]),
        (
            lambda: Network(Basic(16, 24), Basic(24, 24), nn.Conv2d(24, 16, 1), nn.ReLU(), Basic(16, 16)),
            IMAGE,
            [stage("stages", 1, 1, 0), stage("stages", 4, 1, 0)],
        ),
        (lambda: Network(PostNorm(), PostNorm()), IMAGE, []),
        (lambda: Network(nn.Conv2d(16, 16, 1), nn.ReLU()), IMAGE, []),
        (lambda: Asking(Basic(16, 16), Basic(16, 16)), IMAGE, []),
        (Called, torch.randn(2, 8), [stage("blocks", 0, 2, 1, plain=False)]),
        (
            lambda: Network(Nested(), Nested()),
            IMAGE,
            [stage("stages.0.inner", 0, 2, 1), stage("stages.1.inner", 0, 2, 1)],
        ),
    ],
    ids=[
        "resnet",
        "runs in one container",
        "post-norm",
        "plain layers",
        "a block that is asked",
        "more arguments",
        "nested",
    ],
)
def test_the_stages(make: Callable[[], nn.Module], example: Tensor, expected: list[Stage]) -> None:
    network = make().eval()
    before = {name: one.clone() for name, one in network.state_dict().items()}
    assert list(residual_stages(network, ((example,), {}))) == expected
    assert all(torch.equal(one, before[name]) for name, one in network.state_dict().items())


def test_depth_is_decided_beside_widths(tmp_path: Path) -> None:
    network = resnet().eval()
    space = aw.from_network(resnet, IMAGE)
    assert {name: tuple(one.values()) for name, one in space.decisions.items() if "depth" in name} == {
        "stages_0_depth": (1, 2),
        "stages_1_depth": (0, 1, 2),
    }
    assert torch.equal(space.build(space.default).eval()(IMAGE), network(IMAGE))
    chosen: dict[str, Any] = {name: min(one.values()) for name, one in space.decisions.items()}
    member = space.build(space.architecture(chosen)).eval()
    assert [type(one) for one in member.stages[1]] == [Basic, nn.Identity, nn.Identity]
    shallow = space.build(space.architecture({**space.default, "stages_1_depth": 1})).eval()
    network.stages[1][2] = nn.Identity()
    assert torch.equal(shallow(IMAGE), network(IMAGE))
    text = print_source(space, space.architecture(chosen), ((IMAGE,), {}))
    assert "    network.stages[1][2] = nn.Identity()\n" in text
    (tmp_path / "model.py").write_text(text)
    with executed(tmp_path / "model.py") as module:
        made = module.build()
        made.load_state_dict(member.state_dict())
        assert torch.equal(made.eval()(IMAGE), member(IMAGE))


def test_blocks_that_are_called_with_more_are_skipped(tmp_path: Path) -> None:
    example = torch.randn(2, 8)
    space = aw.from_network(Called, example)
    architecture = space.architecture({**space.default, "blocks_depth": 1})
    member = space.build(architecture).eval()
    text = print_source(space, architecture, ((example,), {}))
    assert "    network.blocks[1] = Skip()\n" in text
    (tmp_path / "model.py").write_text(text)
    with executed(tmp_path / "model.py") as module:
        made = module.build()
        made.load_state_dict(member.state_dict())
        assert torch.equal(made.eval()(example), member(example))


def test_patterns_leave_stages_alone() -> None:
    space = aw.from_network(resnet, IMAGE, keep=["stages.0.*"])
    assert [name for name in space.decisions if "depth" in name] == ["stages_1_depth"]
    space = aw.from_network(resnet, IMAGE, only=["stages.0.1.*"])
    assert [name for name in space.decisions if "depth" in name] == ["stages_0_depth"]
