"""The trained network from which a space was made: its teacher, and what its networks are compared with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from archwright.pretrained.blockwise import Combinations
from archwright.pretrained.network import Members
from archwright.spaces.zoo.blocks.quantised import quantise

if TYPE_CHECKING:
    from torch import nn

    from archwright.spaces import Space

__all__ = ["maker_of", "original_network"]


def maker_of(space: Space) -> Members | Combinations | None:
    """What makes the networks of a space of `from_network` or `blockwise`, quantised or not; None of another space."""
    call: Any = space.network
    while getattr(call, "fn", None) is quantise:
        call = call.args[0]
    made = getattr(call, "fn", None)
    return made if isinstance(made, Members | Combinations) else None


def original_network(space: Space) -> nn.Module | None:
    """The network whose weights the networks of a space begin with; not to be changed. None where they have none.

    Args:
        space: Any; those of `from_network` and `blockwise` have one, quantised or not.
    """
    made = maker_of(space)
    return None if made is None else made.network
