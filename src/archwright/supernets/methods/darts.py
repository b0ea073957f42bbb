"""DARTS: differentiable architecture search (Liu et al. 2019, arXiv:1806.09055)."""

from __future__ import annotations

from typing import Any, final

from archwright.supernets.gates import Gate
from archwright.supernets.methods.bilevel import Bilevel, mixture_search
from archwright.supernets.methods.gate_sampler import GateSampler

__all__ = ["Softmax", "darts", "darts2"]


@final
class Softmax(GateSampler):
    """All values of every decision at once, weighed by the softmax of alpha (eq. 2)."""

    def architecture_gates(self, progress: float) -> dict[str, Gate]:
        """The mixture."""
        return dict(self.mixtures())


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
