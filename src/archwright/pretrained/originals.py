"""The trained network from which a space was made: its teacher, and what its networks are compared with."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archwright.pretrained.blockwise import Combinations
from archwright.pretrained.network import Members

if TYPE_CHECKING:
    from torch import nn

    from archwright.spaces import Space

__all__ = ["original_network"]


def original_network(space: Space) -> nn.Module | None:
    """The network whose weights the networks of a space begin with; not to be changed. None where they have none.

    Args:
        space: Any; those of `from_network` and `blockwise` have one.
    """
    made = getattr(space.network, "fn", None)
    return made.network if isinstance(made, Members | Combinations) else None
