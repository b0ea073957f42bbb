"""Weight sharing: one supernet that holds every architecture of a space, and the methods that search in it.

- `Supernet`: the network, its gates, `extract`. Its parts: `MixedSwitch`, `GatedEdge`, `Elastic`.
- Gates: `OnePath`, `Mixture`.
- `check`: what a method cannot share weights over, said before any training.
- `METHODS`, `make_method`: the one-shot methods by name; `OneShot`, the seam they keep.
- `shared_score`: an architecture's score by shared weights; `recalibrate`, `freeze_scales`: batch norms.

Names load when they are used, so that listing the methods needs no torch.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from archwright.supernets.methods.registry import METHODS, Method, make_method

if TYPE_CHECKING:
    from archwright.supernets.checking import Unshared, check
    from archwright.supernets.elastic import Elastic
    from archwright.supernets.gates import Gate, Gates, Mixture, OnePath
    from archwright.supernets.methods.bilevel import Bilevel
    from archwright.supernets.methods.one_shot import OneShot
    from archwright.supernets.methods.policy import Policy
    from archwright.supernets.mixed import GatedEdge, MixedSwitch
    from archwright.supernets.norms import freeze_scales, recalibrate
    from archwright.supernets.scoring import shared_score
    from archwright.supernets.supernet import Supernet, covering

__all__ = [
    "METHODS",
    "Bilevel",
    "Elastic",
    "Gate",
    "GatedEdge",
    "Gates",
    "Method",
    "MixedSwitch",
    "Mixture",
    "OnePath",
    "OneShot",
    "Policy",
    "Supernet",
    "Unshared",
    "check",
    "covering",
    "freeze_scales",
    "make_method",
    "recalibrate",
    "shared_score",
]

_HOMES = {
    "Bilevel": "methods.bilevel",
    "Elastic": "elastic",
    "Gate": "gates",
    "GatedEdge": "mixed",
    "Gates": "gates",
    "MixedSwitch": "mixed",
    "Mixture": "gates",
    "OnePath": "gates",
    "OneShot": "methods.one_shot",
    "Policy": "methods.policy",
    "Supernet": "supernet",
    "Unshared": "checking",
    "check": "checking",
    "covering": "supernet",
    "freeze_scales": "norms",
    "recalibrate": "norms",
    "shared_score": "scoring",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
