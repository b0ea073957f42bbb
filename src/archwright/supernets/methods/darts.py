"""DARTS: differentiable architecture search (Liu et al. 2019, arXiv:1806.09055)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, final

import torch
from torch import nn

from archwright.supernets.gates import Gate, Mixture
from archwright.supernets.methods.bilevel import Bilevel, mixture_search
from archwright.supernets.methods.derivation import Preferences, Refused
from archwright.supernets.methods.policy import Policy
from archwright.supernets.methods.relaxation import Relaxation
from archwright.supernets.supernet import Supernet

__all__ = ["Softmax", "darts", "darts2"]


@final
class Softmax(Policy):
    """All values of every decision at once, weighed by the softmax of alpha (eq. 2)."""

    def setup(self, supernet: Supernet, generator: torch.Generator) -> None:
        """Make alpha."""
        self.relaxation = Relaxation(supernet, generator)

    def parameters(self) -> list[nn.Parameter]:
        """Alpha."""
        return list(self.relaxation.alphas.values())

    def weight_gates(self, progress: float) -> dict[str, Gate]:
        """The mixture, alpha held fixed."""
        return {address: gate.detached() for address, gate in self._mixtures().items()}

    def architecture_gates(self, progress: float) -> dict[str, Gate]:
        """The mixture."""
        return dict(self._mixtures())

    def preferences(self) -> Preferences:
        """The two (or so many as a node reads) strongest edges of each node, each with its best operation."""
        return self.relaxation.preferences()

    def preferences_without(self, refused: Refused) -> Preferences:
        """The same, where refused operations lend their edge no strength."""
        return self.relaxation.preferences(refused=refused)

    def probabilities(self) -> dict[str, dict[str, float]]:
        """The softmax of alpha."""
        return self.relaxation.probabilities()

    def state_dict(self) -> dict[str, Any]:
        """Alpha."""
        return self.relaxation.state_dict()

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take over alpha."""
        self.relaxation.load_state_dict(state)

    def _mixtures(self) -> dict[str, Mixture]:
        relaxation = self.relaxation
        gates = {a: Mixture(relaxation.weights(a), relaxation.allowed(a)) for a in relaxation.choices()}
        return {**gates, **relaxation.subset_gates()}


def darts(**options: Any) -> Bilevel:
    """DARTS, first order. The defaults are the paper's.

    Args:
        options: Of `mixture_search`.
    """
    return mixture_search(Softmax(), **options)


def darts2(*, second_order: bool = True, **options: Any) -> Bilevel:
    """DARTS, second order: alpha's gradient goes through a step of the weights (section 2.3).

    Args:
        second_order: False for `darts`.
        options: Of `mixture_search`.
    """
    return mixture_search(Softmax(), second_order=second_order, **options)
