"""Primitives: functions below the level of layers that are searched.

- `activation_space`, `PointwiseFunction`, `FunctionTree`: activation functions as units of unary and binary functions
  or as trees of them, in a ready network or in one of your own. `UNARY`, `BINARY`, `PRESETS`: what they are made of.
  `MUTATIONS`: how trees are mutated (PANGAEA).
- `normalisation_space`, `NormActivation`: normalisation and activation as one graph, `EVONORMS` among them.
  `RejectionTests`: of quality and of stability, after 100 steps.
- `taylor_loss_space`, `taylor_loss_of`: the loss of training as a polynomial.
- `spiking_space`, `LeakyIntegrateAndFire`: spiking networks with surrogate gradients.
- `formula_of`, `formulas_in`, `Formula`: what was found as a formula, and as a module of a few lines.

Names load when they are used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from archwright.lazy import imported_on_use

if TYPE_CHECKING:
    from archwright.primitives.activation import activation_space
    from archwright.primitives.catalog import BINARY, PRESETS, UNARY
    from archwright.primitives.formulas import (
        Formula,
        formula_of,
        formulas_in,
        functions_script,
        untrained_functions_script,
    )
    from archwright.primitives.losses import TaylorLoss, taylor_loss_of, taylor_loss_space
    from archwright.primitives.normalisation import (
        EVONORMS,
        GRAPH_PRIMITIVES,
        NormActivation,
        graph_formula,
        graph_formulas,
        normalisation_space,
    )
    from archwright.primitives.pointwise import PointwiseFunction, profile_of, standard_values
    from archwright.primitives.rejection import RejectionTests
    from archwright.primitives.spiking import LeakyIntegrateAndFire, SpikingNetwork, spiking_space
    from archwright.primitives.tree_mutation import MUTATIONS, TreeMutation
    from archwright.primitives.trees import FunctionTree
    from archwright.primitives.units import searched_functions

__all__ = [
    "BINARY",
    "EVONORMS",
    "GRAPH_PRIMITIVES",
    "MUTATIONS",
    "PRESETS",
    "UNARY",
    "Formula",
    "FunctionTree",
    "LeakyIntegrateAndFire",
    "NormActivation",
    "PointwiseFunction",
    "RejectionTests",
    "SpikingNetwork",
    "TaylorLoss",
    "TreeMutation",
    "activation_space",
    "formula_of",
    "formulas_in",
    "normalisation_space",
    "functions_script",
    "graph_formula",
    "graph_formulas",
    "profile_of",
    "searched_functions",
    "spiking_space",
    "standard_values",
    "taylor_loss_of",
    "taylor_loss_space",
    "untrained_functions_script",
]

__getattr__ = imported_on_use(__name__)
