"""Channels by importance: what the widest networks compute stays, and the narrow ones keep what matters."""

from __future__ import annotations

import torch
from torch import nn

import archwright as aw
from archwright.spaces.zoo import mobilenet_v3_space
from archwright.supernets import Supernet
from archwright.supernets.channel_sorting import sort_channels
from archwright.supernets.shrinking import elasticities, extreme


def test_channels_are_sorted_by_the_weights_that_read_them() -> None:
    width = aw.choice(2, 5, name="width")
    layers = [aw.layer(nn.Linear, 3, width), aw.layer(nn.BatchNorm1d, width), aw.layer(nn.Linear, width, 4)]
    space = aw.Space(aw.layer(nn.Sequential, *layers))
    supernet = Supernet(space, torch.randn(6, 3)).train()
    supernet(torch.randn(6, 3))  # so that the norm's statistics differ
    wide, narrow = (space.architecture({"width": n}) for n in (5, 2))
    before = supernet.extract(wide).eval()
    importance = before[2].weight.detach().abs().sum(0)  # type: ignore[index]
    order = sorted(range(5), key=lambda channel: -float(importance[channel]))
    assert sort_channels(supernet, elasticities(supernet)) == ()
    x = torch.randn(6, 3)
    torch.testing.assert_close(supernet.extract(wide).eval()(x), before(x))
    after = supernet.extract(narrow).eval()
    for name, tensor in after.state_dict().items():
        whole = before.state_dict()[name]
        if name == "2.weight":
            whole = whole[:, order[:2]]
        elif whole.dim() and name != "2.bias":
            whole = whole[order[:2]]
        torch.testing.assert_close(tensor, whole)


def test_a_mobile_network_computes_what_it_did() -> None:
    space = mobilenet_v3_space((1, 8, 8), 3, size="small", expansions=(2, 3), depths=(1, 2), width=0.5)
    x = torch.randn(4, 1, 8, 8)
    supernet = Supernet(space, x)
    for seed in range(8):
        with supernet.on(space.sample(seed)):
            supernet(x)
    kinds = elasticities(supernet)
    wide = extreme(space, kinds, 0, lambda _, decision: decision.default())
    before = supernet.extract(wide).eval()
    assert sort_channels(supernet, kinds) == ()
    after = supernet.extract(wide).eval()
    torch.testing.assert_close(after(x), before(x), rtol=1e-3, atol=1e-4)
    moved = [n for n, t in after.named_parameters() if not torch.equal(t, before.state_dict()[n])]
    assert any(name.endswith("narrow.weight") for name in moved)
    weights = dict(after.named_parameters())
    narrow = [name for name in weights if name.endswith("narrow.weight")][
        1:
    ]  # the first block is not elastic
    for name in narrow:
        readers = [name, name.replace("narrow.weight", "gate.gate.1.weight")]
        importance = sum(weights[one].abs().sum((0, 2, 3)) for one in readers if one in weights)
        assert isinstance(importance, torch.Tensor)
        torch.testing.assert_close(importance, importance.sort(descending=True).values)


class Doubled(nn.Module):
    """Its second layer reads the first one's channels in reverse, which no shape tells."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(3, width), nn.Linear(width, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y: torch.Tensor = self.second(self.first(x).flip(1))
        return y


def test_what_cannot_be_sorted_is_left_and_told() -> None:
    space = aw.Space(aw.layer(Doubled, aw.choice(3, 6, name="width")))
    torch.manual_seed(0)  # one order in fifteen commutes with the reversal
    supernet = Supernet(space, torch.randn(5, 3))
    before = {name: tensor.clone() for name, tensor in supernet.state_dict().items()}
    assert sort_channels(supernet, elasticities(supernet)) == ("width",)
    for name, tensor in supernet.state_dict().items():
        assert torch.equal(tensor, before[name])
