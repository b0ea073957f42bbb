"""Weight sharing: one supernet that holds every architecture of a space, and the methods that search in it.

- `Supernet`: the network, its gates, `extract`. Its parts: `MixedOp`, `GatedEdge`, `Elastic`.
- Gates: `OnePath`, `Mixture`.
- `check`: what a method cannot share weights over, said before any training.
- `METHODS`, `make_method`: the one-shot methods by name; `OneShot`, the seam they keep; `train_epoch` trains one.
- `shared_score`: an architecture's score by shared weights; `recalibrate`, `freeze_scales`: batch norms.

Names load when they are used, so that listing the methods needs no torch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from archwright.lazy import imported_on_use
from archwright.supernets.methods.registry import METHODS, Method, make_method

if TYPE_CHECKING:
    from archwright.supernets.checking import Unshared, check
    from archwright.supernets.elastic import Elastic
    from archwright.supernets.gates import Gate, Gates, Mixture, OnePath
    from archwright.supernets.methods.bilevel import Bilevel
    from archwright.supernets.methods.gate_sampler import GateSampler
    from archwright.supernets.methods.one_shot import OneShot, train_epoch
    from archwright.supernets.mixed import GatedEdge, MixedOp
    from archwright.supernets.norms import freeze_scales, recalibrate
    from archwright.supernets.scoring import shared_score
    from archwright.supernets.supernet import Supernet, covering_architectures

# fmt: off
__all__ = [
    "METHODS", "Bilevel", "Elastic", "Gate", "GateSampler", "GatedEdge", "Gates", "Method", "MixedOp", "Mixture",
    "OnePath", "OneShot", "Supernet", "Unshared", "check", "covering_architectures", "freeze_scales",
    "make_method", "recalibrate", "shared_score", "train_epoch",
]
# fmt: on

__getattr__ = imported_on_use(__name__)
