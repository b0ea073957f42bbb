"""Beginning with a trained network: what in it may shrink, found in its graph and proven; what may be exchanged."""

from archwright.pretrained.blockwise import blockwise  # a network as a space of its blocks
from archwright.pretrained.loading import Buildable  # a network, or what builds one
from archwright.pretrained.network import (
    DECIDED,  # what is decided unless it is said
    from_network,  # a network as a space of widths, depths, kernels, activations
)
from archwright.pretrained.originals import original_network  # the trained network of a space
from archwright.pretrained.proving import (
    proven_groups,  # all groups of channels, free or fixed with the reason
)
from archwright.pretrained.shrinking import importance, shrunk  # which channels to keep; the smaller network
from archwright.pretrained.summary import staying, summary_line  # what may change, in numbers and as a line
from archwright.pretrained.tracing import Group  # channels that are dropped together

# fmt: off
__all__ = [
    "Buildable", "DECIDED", "blockwise", "from_network", "original_network", "proven_groups", "importance", "shrunk",
    "staying", "summary_line", "Group",
]
# fmt: on
