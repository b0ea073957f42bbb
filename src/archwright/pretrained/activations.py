"""Activations: which one a layer or a function is, and what it may be exchanged for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

__all__ = ["activation_of", "alternative_activations", "exchange_activation"]

_LAYERS: Mapping[type[nn.Module], str] = {
    nn.ReLU: "relu",
    nn.ReLU6: "relu6",
    nn.LeakyReLU: "leaky_relu",
    nn.PReLU: "prelu",
    nn.RReLU: "rrelu",
    nn.ELU: "elu",
    nn.CELU: "celu",
    nn.SELU: "selu",
    nn.GELU: "gelu",
    nn.SiLU: "silu",
    nn.Mish: "mish",
    nn.Hardswish: "hardswish",
    nn.Sigmoid: "sigmoid",
    nn.Hardsigmoid: "hardsigmoid",
    nn.Tanh: "tanh",
    nn.Hardtanh: "hardtanh",
}
_FUNCTIONS: Mapping[str, Callable[..., Tensor]] = {
    "relu": F.relu,
    "hardswish": F.hardswish,
    "silu": F.silu,
    "gelu": F.gelu,
    "sigmoid": torch.sigmoid,
    "hardsigmoid": F.hardsigmoid,
    "tanh": torch.tanh,
    "hardtanh": F.hardtanh,
}
_OTHER_FUNCTIONS: tuple[tuple[str, Callable[..., Tensor]], ...] = (
    ("relu6", F.relu6),
    ("leaky_relu", F.leaky_relu),
    ("elu", F.elu),
    ("selu", F.selu),
    ("mish", F.mish),
    ("gelu", partial(F.gelu, approximate="tanh")),
    ("gelu", lambda x: x * torch.sigmoid(1.702 * x)),
)
_ALIKE = (
    ("relu", "hardswish", "silu", "gelu"),
    ("sigmoid", "hardsigmoid"),  # gates, whose values stay between 0 and 1
    ("tanh", "hardtanh"),
)
"""Those that are offered for each other; what is named nowhere here is of the first kind."""
_PROBE = torch.linspace(-6, 6, 97)
_IN_PLACE = ("relu", "hardswish", "silu", "hardsigmoid", "hardtanh")
_FAST_PATH = {"relu": 1, "gelu": 2}
"""How `nn.TransformerEncoderLayer` tells its fused kernel which activation it has; of others it has none."""


def activation_of(one: Any) -> str | None:
    """The name of the activation that a layer or a function is; None of what is none.

    Layers of torch.nn are known by their class, functions of torch by their name, and other layers without weights by
    what they give on numbers from -6 to 6.

    Args:
        one: A module in evaluation mode, or a function.
    """
    if type(one) in _LAYERS:
        return _LAYERS[type(one)]
    if not isinstance(one, nn.Module):
        name = getattr(one, "__name__", "").rstrip("_")
        return name if name in _LAYERS.values() else None
    if [*one.children(), *one.parameters(), *one.buffers()]:
        return None
    try:
        with torch.no_grad():
            given = one(_PROBE.clone())
    except Exception:  # whatever something else raises
        return None
    if not isinstance(given, Tensor) or given.shape != _PROBE.shape:
        return None
    known = [*_FUNCTIONS.items(), *_OTHER_FUNCTIONS]
    return next(
        (name for name, function in known if torch.allclose(given, function(_PROBE), atol=1e-5)), None
    )


def alternative_activations(name: str) -> tuple[str, ...]:
    """The names of those that may stand in an activation's place."""
    kind = next((one for one in _ALIKE if name in one), _ALIKE[0])
    return tuple(one for one in kind if one != name)


def exchange_activation(network: nn.Module, path: str, name: str) -> None:
    """Put another activation in the place of a layer, wherever that stands, or of a function that a module holds.

    Args:
        network: It is changed.
        path: Of the layer, or of the module and its attribute.
        name: Of the activation.
    """
    owner, _, attribute = path.rpartition(".")
    module = network.get_submodule(owner)
    before = getattr(module, attribute)
    if isinstance(before, nn.Module):
        made = _made(name, before)
        for holder in list(network.modules()):
            for key, child in holder._modules.items():
                if child is before:
                    holder._modules[key] = made
                    _describe(holder, name)
    else:
        setattr(module, attribute, _FUNCTIONS[name])
        _describe(module, name)


def _made(name: str, before: nn.Module) -> nn.Module:
    kind = next(one for one, known in _LAYERS.items() if known == name)
    options = {"inplace": True} if getattr(before, "inplace", False) and name in _IN_PLACE else {}
    return kind(**options).train(before.training)


def _describe(holder: nn.Module, name: str) -> None:
    if isinstance(holder, nn.TransformerEncoderLayer):
        holder.activation_relu_or_gelu = _FAST_PATH.get(name, 0)
