"""The zoo: ready spaces for images, sequences and tables, and a hand-made baseline for each.

Names load when they are used, so that listing the zoo needs no torch.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from archwright.spaces.zoo.registry import SPACES, ZooSpace, default_space, make_space

if TYPE_CHECKING:
    from archwright.spaces.zoo.baselines import baseline
    from archwright.spaces.zoo.cells import CellDecisions, cell, cell_decisions
    from archwright.spaces.zoo.chains import chain, conv1d
    from archwright.spaces.zoo.darts import cell_space, darts_operation, darts_space
    from archwright.spaces.zoo.enas import enas_space
    from archwright.spaces.zoo.nasbench201 import nasbench201_space
    from archwright.spaces.zoo.nasnet import nasnet_operation, nasnet_space
    from archwright.spaces.zoo.perceptrons import mlp
    from archwright.spaces.zoo.proxyless import proxyless_space
    from archwright.spaces.zoo.recurrent import recurrent_space

__all__ = [
    "SPACES",
    "CellDecisions",
    "ZooSpace",
    "baseline",
    "cell",
    "cell_decisions",
    "cell_space",
    "chain",
    "conv1d",
    "darts_operation",
    "darts_space",
    "default_space",
    "enas_space",
    "make_space",
    "mlp",
    "nasbench201_space",
    "nasnet_operation",
    "nasnet_space",
    "proxyless_space",
    "recurrent_space",
]

_MODULES = {
    "baseline": "baselines",
    "cell": "cells",
    "CellDecisions": "cells",
    "cell_decisions": "cells",
    "chain": "chains",
    "conv1d": "chains",
    "cell_space": "darts",
    "darts_operation": "darts",
    "darts_space": "darts",
    "mlp": "perceptrons",
    "nasnet_operation": "nasnet",
    "nasnet_space": "nasnet",
    "nasbench201_space": "nasbench201",
    "enas_space": "enas",
    "proxyless_space": "proxyless",
    "recurrent_space": "recurrent",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_MODULES[name]}"), name)
