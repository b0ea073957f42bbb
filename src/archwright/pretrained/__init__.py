"""Beginning with a trained network: what in it may shrink, found in its graph and proven; what may be exchanged."""

from archwright.pretrained.blockwise import blockwise  # a network as a space of its blocks
from archwright.pretrained.loading import Buildable  # a network, or what builds one
from archwright.pretrained.network import from_network  # a network as a space of widths
from archwright.pretrained.originals import original_network  # the trained network of a space
from archwright.pretrained.proving import (
    proven_groups,  # all groups of channels, free or fixed with the reason
)
from archwright.pretrained.shrinking import importance, shrunk  # which channels to keep; the smaller network
from archwright.pretrained.tracing import Group  # channels that are dropped together

# fmt: off
__all__ = [
    "Buildable", "blockwise", "from_network", "original_network", "proven_groups", "importance", "shrunk", "Group",
]
# fmt: on
