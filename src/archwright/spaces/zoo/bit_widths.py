"""Bit widths as decisions: a space in which each layer of a network is stored in 32, 8 or 4 bits."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import partial
from typing import TYPE_CHECKING, Any

from archwright.errors import SpaceError, did_you_mean
from archwright.spaces import Architecture, Space, categorical, layer
from archwright.spaces.zoo.blocks.quantised import BITS, QUANTISED, quantise

if TYPE_CHECKING:
    from torch import nn

__all__ = ["quantised", "refused_layers"]

FORMS = ("float32", *BITS)
PREFIX = "bits_"
_DRAWN = 16
"""Random architectures that are looked at for layers which the default lacks."""


def quantised(space: Space, *, forms: Sequence[str] = FORMS, keep: Sequence[str] = ()) -> Space:
    """The space with a further decision per layer: in how many bits its weights are stored.

    "int8" has a scale per output, and rounds the layer's inputs to 256 steps over a range taken from the training data;
    "int4" has a scale per 32 weights (per output where these do not divide it), and leaves inputs as they are. Networks
    are trained through the rounding (straight-through, Jacob et al. 2018, arXiv:1712.05877), so that any score is that
    of the quantised network; the estimator "calibrated" takes the ranges alone, for networks that come with weights.
    The objective "size" counts the stored bytes.

    Args:
        space: Any space of networks, such as those of `from_network` and the zoo. Its decisions stay as they are.
        forms: Those that a layer may take, of "float32", "int8" and "int4"; the first is the default.
        keep: Patterns of layer names, such as "head", that stay as they are.

    Returns:
        A space with a decision `bits_LAYER` for each linear layer and convolution of the default network and of some
        drawn ones; `refused_layers` says of the others why.

    Raises:
        SpaceError: When a form is unknown, a pattern matches no layer, or no layer is left.

    Example:
        >>> import archwright as aw
        >>> from torch import nn
        >>> space = aw.Space(aw.layer(nn.Sequential, aw.layer(nn.Linear, 4, 2)))
        >>> aw.quantised(space).default
        Architecture({'bits_0': 'float32'})
    """
    if not forms or (unknown := [form for form in forms if form not in FORMS]):
        named = repr(unknown[0]) if forms else "none"
        raise SpaceError(f"quantised: expected forms of a layer, got {named}.{did_you_mean(named, FORMS)}")
    found: dict[str, str | None] = {}
    for made in dict.fromkeys([space.default, *map(space.sample, range(_DRAWN))]):
        for name, reason in _layers(space.build(made)).items():
            found[name] = reason if name not in found else reason and found[name]
    for pattern in keep:
        if not any(fnmatchcase(name, pattern) for name in found):
            raise SpaceError(
                f"quantised: the pattern {pattern!r} matches no layer.{did_you_mean(pattern, found)}"
            )
    names = [
        name
        for name, reason in found.items()
        if reason is None and not any(fnmatchcase(name, pattern) for pattern in keep)
    ]
    if not names:
        told = "; ".join(f"{name}: {reason}" for name, reason in found.items() if reason) or "all are kept"
        raise SpaceError(f"quantised: no layer can be stored in few bits: {told}")
    bits = {name: categorical(list(forms), name=PREFIX + name.replace(".", "_")) for name in names}
    wider = Space(
        layer(quantise, space.network, bits),
        training=space.training,
        constraints=space.constraints,
        canonicalize=None if space.canonicalize is None else _Canonical(space.canonicalize),
        name=space.name,
        scaled=None if space.scaled is None else partial(_rescaled, space, tuple(forms), tuple(keep)),
    )
    return wider.fix(space.held)


def refused_layers(network: nn.Module) -> dict[str, str]:
    """The layers with weights that cannot be stored in few bits, by their names, and why."""
    return {name: reason for name, reason in _layers(network).items() if reason is not None}


def _layers(network: nn.Module) -> dict[str, str | None]:
    """Name of each layer with parameters of its own to why it is refused; None where it is not."""
    owners: dict[int, list[str]] = {}
    for name, module in network.named_modules(remove_duplicate=False):
        for parameter in module.parameters(recurse=False):
            owners.setdefault(id(parameter), []).append(name)
    found: dict[str, str | None] = {}
    for name, module in network.named_modules():
        if own := dict(module.named_parameters(recurse=False)):
            found[name] = _refusal(module, owners[id(own["weight"])] if "weight" in own else [])
    return found


def _refusal(module: nn.Module, owners: list[str]) -> str | None:
    kinds = [kind for kind in QUANTISED if isinstance(module, kind)]
    if not kinds:
        return f"{type(module).__name__} has no quantised form; Linear, Conv1d and Conv2d have"
    if type(module) not in (*QUANTISED, *QUANTISED.values()):
        return f"{type(module).__name__} is a subclass of {kinds[0].__name__}, whose forward may be another"
    if len(owners) > 1:
        return f"its weight is shared by {', '.join(owners)}"
    return None


@dataclass(frozen=True)
class _Canonical:
    """The canonical form of a network with that of its bits, which the space that was quantised does not know."""

    network: Any

    def __call__(self, architecture: Architecture) -> Hashable:
        bits = tuple((name, value) for name, value in architecture.items() if name.startswith(PREFIX))
        return self.network(architecture), bits


def _rescaled(space: Space, forms: tuple[str, ...], keep: tuple[str, ...], **changes: Any) -> Space:
    return quantised(space.scale(**changes), forms=forms, keep=keep)
