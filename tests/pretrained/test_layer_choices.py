from __future__ import annotations

import sys
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

import archwright as aw
from archwright.errors import SpaceError
from archwright.export.checking import executed
from archwright.export.source import print_source
from archwright.pretrained.activations import activation_of, exchange_activation
from archwright.pretrained.layer_choices import LayerChoice, crop_kernel, layer_choices

sys.path.append(str(Path(__file__).parent))  # the suite imports tests by their path
from own_networks import IMAGE, TOKENS, Encoder, UNet


class Layers(nn.Module):
    """Convolutions of many sorts, activations as layers, as held functions and as called ones."""

    def __init__(self) -> None:
        super().__init__()
        self.wide = nn.Conv2d(3, 8, (1, 7), padding=(0, 3))
        self.dilated = nn.Conv2d(8, 8, 5, stride=2, padding=4, dilation=2)
        self.same = nn.Conv2d(8, 8, 5, padding="same", padding_mode="circular", dilation=(1, 2))
        self.depth = nn.Conv2d(8, 8, 3, padding=1, groups=8)
        self.up = nn.ConvTranspose2d(8, 8, 4, stride=2, padding=1)
        self.bare = nn.Conv2d(8, 8, 3)
        self.patches = nn.Conv2d(8, 8, 2, stride=2)
        self.helper = nn.Conv2d(8, 8, 3, padding=1)
        self.normed = nn.utils.parametrizations.weight_norm(nn.Conv2d(8, 8, 3, padding=1))
        self.one, self.other = nn.Conv2d(8, 8, 3, padding=1), nn.Conv2d(8, 8, 3, padding=1)
        self.other.weight = self.one.weight
        self.kernel = nn.Parameter(torch.ones(8, 8, 3, 3) / 72)
        self.relu, self.gate, self.slope = nn.ReLU(inplace=True), nn.Sigmoid(), nn.LeakyReLU(0.2)
        self.own, self.unused = Swish(), nn.Tanh()
        self.held: Any = F.gelu
        self.head = nn.Linear(8, 4)

    def forward(self, x: Tensor) -> Tensor:
        x = self.relu(self.same(self.dilated(self.relu(self.wide(x)))))
        x = self.patches(self.bare(self.own(self.up(self.slope(self.depth(x))))))
        if self.training:
            x = self.helper(x)
        x = self.other(self.one(self.normed(x))) + F.conv2d(x, self.kernel, padding=1)
        return self.head((self.held(x) * self.gate(x) + F.mish(x)).mean((2, 3)))


class Swish(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x * x.sigmoid()


class Padded(nn.Conv2d):
    """Pads as TensorFlow does."""

    def forward(self, x: Tensor) -> Tensor:
        sides = zip(x.shape[:1:-1], self.weight.shape[:1:-1], strict=True)
        missing = [max(0, (-(-side // 2) - 1) * 2 + k - side) for side, k in sides]
        x = F.pad(x, [half for one in missing for half in (one // 2, one - one // 2)])
        return F.conv2d(x, self.weight, self.bias, self.stride)


class Static(nn.Module):
    """Pads outside of its convolution, for its kernel alone; the mean hides other sizes."""

    def __init__(self) -> None:
        super().__init__()
        self.pad, self.conv = nn.ZeroPad2d(1), nn.Conv2d(3, 4, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(self.pad(x)).mean((2, 3))


class Asking(nn.Module):
    """Its forward reads its activation."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.act = nn.Conv2d(3, 4, 3, padding=1), nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        assert self.act.inplace
        assert self.conv.kernel_size == (3, 3)
        return self.act(self.conv(x)).flatten(1)


PICTURES = torch.randn(2, 3, 20, 20, generator=torch.Generator().manual_seed(0))
MANY = ("relu", "hardswish", "silu", "gelu")


def found(network: nn.Module, example: Tensor) -> dict[tuple[str, str], LayerChoice]:
    return {(one.name, one.kind): one for one in layer_choices(network.eval(), ((example,), {}))}


def test_what_may_change_and_why_the_rest_stays() -> None:
    network = Layers()
    before = {name: one.clone() for name, one in network.state_dict().items()}
    choices = found(network, PICTURES)
    assert {
        name: one.values for (name, kind), one in choices.items() if kind == "kernel" and not one.reason
    } == {
        "wide": (1, 3, 5, 7),
        "dilated": (1, 3, 5),
        "same": (1, 3, 5),
        "depth": (1, 3),
        "up": (2, 4),
    }
    assert {name: one.reason for (name, kind), one in choices.items() if kind == "kernel" and one.reason} == {
        "bare": "no smaller kernel keeps its middle and its padding",
        "patches": "no smaller kernel keeps its middle and its padding",
        "helper": "the example does not reach it",
        "normed": "its weight is computed from other parameters",
        "one": "its weight is another layer's, too",
        "other": "its weight is another layer's, too",
        "": "its forward calls it as a function, not as a layer",
    }
    assert {
        name: one.values for (name, kind), one in choices.items() if kind == "activation" and not one.reason
    } == {
        "relu": MANY,
        "gate": ("sigmoid", "hardsigmoid"),
        "slope": ("leaky_relu", *MANY),
        "own": ("silu", "relu", "hardswish", "gelu"),
        "held": ("gelu", "relu", "hardswish", "silu"),
    }
    reasons = {
        (name, one.own): one.reason
        for (name, kind), one in choices.items()
        if kind == "activation" and one.reason
    }
    assert reasons == {
        ("unused", "tanh"): "the example does not reach it",
        ("", "mish"): "its forward calls it as a function, not as a layer",
    }
    assert all(torch.equal(one, before[name]) for name, one in network.state_dict().items())


@pytest.mark.parametrize(
    ("layer", "side"),
    [
        (nn.Conv2d(3, 4, 5, padding=2), 3),
        (nn.Conv2d(3, 4, 5, padding=3, stride=2), 1),
        (nn.Conv2d(3, 4, (3, 7), padding=(1, 3), padding_mode="reflect"), 3),
        (nn.Conv2d(3, 4, 7, padding="same", dilation=2), 3),
        (nn.Conv2d(3, 4, 5, padding="same", padding_mode="circular"), 1),
        (nn.ConvTranspose2d(3, 4, 5, stride=2, padding=2, output_padding=1), 3),
        (nn.Conv2d(3, 4, (4, 3), padding=(2, 1)), 3),
    ],
)
def test_a_smaller_kernel_is_the_larger_one_without_its_rim(layer: Any, side: int) -> None:
    small, zeroed = deepcopy(layer), deepcopy(layer)
    crop_kernel(small, side)
    rim = [(k - k_small) // 2 for k, k_small in zip(layer.kernel_size, small.kernel_size, strict=True)]
    kept = torch.zeros(layer.kernel_size)
    kept[tuple(slice(cut, k - cut) for cut, k in zip(rim, layer.kernel_size, strict=True))] = 1
    zeroed.weight.data *= kept
    assert max(k for k, cut in zip(small.kernel_size, rim, strict=True) if cut) == side if any(rim) else True
    assert torch.allclose(small(PICTURES), zeroed(PICTURES), atol=1e-5)


def test_a_users_padding_allows_what_the_proof_allows() -> None:
    network = nn.Sequential(Padded(3, 8, 5, stride=2), nn.Flatten(), nn.Linear(8 * 100, 2))
    kernel = found(network, PICTURES)["0", "kernel"]
    assert kernel.values == (3, 5)  # of 20 places, the one of a kernel of 1 would be another than its middle
    assert kernel.reason is None


def test_what_is_tried_is_not_taken_for_a_call_of_the_forward() -> None:
    assert set(found(nn.Sequential(nn.Conv2d(3, 4, 3, padding=1)), PICTURES)) == {("0", "kernel")}


def test_a_padding_outside_of_the_layer_keeps_its_kernel() -> None:
    reason = found(Static(), PICTURES)["conv", "kernel"].reason
    assert reason == "no smaller kernel keeps its middle and its padding"


def test_a_forward_that_asks_keeps_its_layers() -> None:
    choices = found(Asking(), PICTURES)
    assert (choices["conv", "kernel"].reason or "").startswith(
        "the network does not run with a smaller kernel"
    )
    assert (choices["act", "activation"].reason or "").startswith(
        "the network does not run with another activation"
    )


def test_activations_are_known_by_what_they_give() -> None:
    assert activation_of(Swish()) == "silu"
    assert activation_of(torch.Tensor.relu_) == "relu"
    assert activation_of(nn.Dropout()) is None
    assert activation_of(nn.Softmax(-1)) is None
    assert activation_of(F.linear) is None


def test_an_activation_is_exchanged_wherever_it_stands() -> None:
    shared = nn.ReLU(inplace=True)
    network = nn.Sequential(shared, nn.Sequential(shared))
    exchange_activation(network, "0", "silu")
    assert network[0] is network[1][0]
    assert isinstance(network[0], nn.SiLU)
    assert network[0].inplace


def test_a_fused_encoder_has_the_activation_that_was_chosen() -> None:
    space = aw.from_network(Encoder, TOKENS, decide=["activation"])
    assert list(space.decisions) == ["encoder_layers_0_activation", "encoder_layers_1_activation"]
    network = space.build(space.default).eval()
    for layer in network.encoder.layers:
        layer.activation, layer.activation_relu_or_gelu = F.silu, 0
    member = space.build(space.architecture(dict.fromkeys(space.decisions, "silu"))).eval()
    with torch.no_grad():  # else nothing is fused
        assert torch.allclose(member(*TOKENS), network(*TOKENS), atol=1e-6)
        default = space.build(space.default).eval()
        assert not torch.allclose(member(*TOKENS), default(*TOKENS), atol=1e-3)


def printed() -> nn.Module:
    torch.manual_seed(0)
    return Layers()


def test_the_default_is_equal_and_what_changed_is_printed(tmp_path: Path) -> None:
    space = aw.from_network(printed, PICTURES, decide=["kernel", "activation"])
    assert torch.equal(space.build(space.default).eval()(PICTURES), printed().eval()(PICTURES))
    architecture = space.architecture(
        {**space.default, "wide_kernel": 3, "up_kernel": 2, "same_kernel": 1, "held_activation": "silu"}
        | {"slope_activation": "hardswish", "own_activation": "relu"}
    )
    member = space.build(architecture).eval()
    text = print_source(space, architecture, ((PICTURES,), {}))
    for line in (
        "network.wide = nn.Conv2d(3, 8, (1, 3), padding=(0, 1))",
        "network.up = nn.ConvTranspose2d(8, 8, 2, stride=2)",
        "network.slope = nn.Hardswish()",
        "network.own = nn.ReLU()",
        "network.held = F.silu",
    ):
        assert f"    {line}\n" in text
    (tmp_path / "model.py").write_text(text)
    with executed(tmp_path / "model.py") as module:
        made = module.build()
        made.load_state_dict(member.state_dict())
        assert torch.equal(made.eval()(PICTURES), member(PICTURES))
    program = torch.export.export(member, (PICTURES,))
    assert torch.allclose(program.module()(PICTURES), member(PICTURES), atol=1e-5)


def test_what_is_decided_is_chosen_by_kind_and_by_name() -> None:
    space = aw.from_network(UNet, (IMAGE[0][:, :1],), decide=["kernel"], keep=["deep.*"])
    assert {name: tuple(one.values()) for name, one in space.decisions.items()} == {
        "first_kernel": (1, 3),
        "join_kernel": (1, 3),
    }
    only = aw.from_network(printed, PICTURES, only=["slope"], decide=["activation", "width"])
    assert list(only.decisions) == ["slope_activation"]
    with pytest.raises(SpaceError, match=r"expected some of width, .* got 'kernels'\. Did you mean 'kernel'"):
        aw.from_network(UNet, (IMAGE[0][:, :1],), decide=["kernels"])
