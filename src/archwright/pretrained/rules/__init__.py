"""What each operation of the traced graph says about the dimensions of its inputs and outputs.

`layers`: what has weights. `products`: of activations. `arrangement`: everything that computes nothing new.
"""

from __future__ import annotations

from typing import Any

import torch

from archwright.pretrained.rules.arrangement import ARRANGEMENT, pointwise
from archwright.pretrained.rules.call import Call, Rule, unknown
from archwright.pretrained.rules.layers import LAYERS
from archwright.pretrained.rules.products import PRODUCTS

__all__ = ["LAYERS", "PRODUCTS", "Call", "rule_of", "unknown"]

_RULES: dict[str, Rule] = {**LAYERS, **PRODUCTS, **ARRANGEMENT}


def rule_of(target: Any) -> Rule:
    """The rule for an operation of ATen; one in place has that of its twin."""
    name = target._schema.name.split("::")[-1]
    if rule := _RULES.get(name) or _RULES.get(name.removesuffix("_")):
        return rule
    return pointwise if torch.Tag.pointwise in target.tags else unknown
