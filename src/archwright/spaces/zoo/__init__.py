"""The zoo: ready spaces for images, sequences and tables, and a hand-made baseline for each.

Names load when they are used, so that listing the zoo needs no torch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from archwright.lazy import imported_on_use
from archwright.spaces.zoo.registry import SPACES, ZooSpace, default_space, make_space

if TYPE_CHECKING:
    from archwright.spaces.zoo.baselines import baseline
    from archwright.spaces.zoo.bit_widths import quantised, refused_layers
    from archwright.spaces.zoo.cells import CellDecisions, cell, cell_decisions
    from archwright.spaces.zoo.chains import chain, conv1d
    from archwright.spaces.zoo.darts import cell_space, darts_operation, darts_space
    from archwright.spaces.zoo.efficientnet import efficientnet_space, mnasnet_space
    from archwright.spaces.zoo.einspace import einspace_grammar, einspace_resnet, einspace_space
    from archwright.spaces.zoo.enas import enas_space
    from archwright.spaces.zoo.hierarchical import hierarchical_grammar, hierarchical_space
    from archwright.spaces.zoo.mobilenet_v3 import mobilenet_v3_space
    from archwright.spaces.zoo.nago import nago_space
    from archwright.spaces.zoo.nasbench201 import nasbench201_space
    from archwright.spaces.zoo.nasnet import nasnet_operation, nasnet_space
    from archwright.spaces.zoo.perceptrons import mlp
    from archwright.spaces.zoo.proxyless import proxyless_space
    from archwright.spaces.zoo.published_networks import PUBLISHED, PublishedNetwork, published
    from archwright.spaces.zoo.randomly_wired import randomly_wired_space
    from archwright.spaces.zoo.recurrent import recurrent_space
    from archwright.spaces.zoo.tables import ft_transformer, tabm, tabular_resnet

# fmt: off
__all__ = [
    "PUBLISHED", "SPACES", "CellDecisions", "PublishedNetwork", "ZooSpace", "baseline", "cell",
    "cell_decisions", "cell_space", "chain", "conv1d", "darts_operation", "darts_space",
    "default_space", "efficientnet_space", "einspace_grammar", "einspace_resnet", "einspace_space",
    "enas_space", "ft_transformer", "hierarchical_grammar", "hierarchical_space", "make_space", "mlp",
    "mnasnet_space", "mobilenet_v3_space", "nago_space", "nasbench201_space", "nasnet_operation",
    "nasnet_space", "proxyless_space", "published", "quantised", "randomly_wired_space",
    "recurrent_space", "refused_layers", "tabm", "tabular_resnet",
]
# fmt: on

__getattr__ = imported_on_use(__name__)
