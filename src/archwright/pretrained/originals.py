"""The trained network from which a space was made: its teacher, and what its networks are compared with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from archwright.pretrained.blockwise import Combinations
from archwright.pretrained.network import Members
from archwright.spaces.zoo.blocks.quantised import quantise

if TYPE_CHECKING:
    from torch import nn

    from archwright.spaces import Space

__all__ = ["original_network"]


def original_network(space: Space) -> nn.Module | None:
    """The network whose weights the networks of a space begin with; not to be changed. None where they have none.

    Args:
        space: Any; those of `from_network` and `blockwise` have one, quantised or not.
    """
    call: Any = space.network
    while getattr(call, "fn", None) is quantise:
        call = call.args[0]
    made = getattr(call, "fn", None)
    return made.network if isinstance(made, Members | Combinations) else None
