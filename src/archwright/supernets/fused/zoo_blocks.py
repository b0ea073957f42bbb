"""Which modules are blocks of the zoo that the kernels know.

The zoo is not imported: where there is one of its blocks, its module was loaded already.
"""

from __future__ import annotations

import sys
from typing import Any

from torch import nn

__all__ = ["is_block", "is_class_of_block"]

_HOME = "archwright.spaces.zoo.blocks"


def is_block(module: nn.Module, name: str) -> bool:
    """Whether a module is of the zoo's class of this name, and of no subclass."""
    return is_class_of_block(type(module), name)


def is_class_of_block(made: Any, name: str) -> bool:
    """Whether something is the zoo's class of this name."""
    home = sys.modules.get(_HOME)
    return home is not None and made is getattr(home, name)
