"""Each proxy as an estimator with a name: what `--estimator NAME` makes. See `ZeroCost` for what they share."""

from __future__ import annotations

from typing import Any

from archwright.estimators.zero_cost.estimator import ZeroCost
from archwright.spaces import Space
from archwright.tasks import Task

# fmt: off
__all__ = [
    "az_nas", "fisher", "flops", "grad_norm", "grasp", "jacob_cov", "naswot", "params", "plain", "snip", "swap",
    "synflow", "te_nas", "vkdnw", "zen", "zico",
]
# fmt: on


def synflow(space: Space, task: Task, **options: Any) -> ZeroCost:
    """Synaptic flow: log Σ |w·∂R/∂w| for inputs of ones, without data (Tanaka et al. 2020, arXiv:2006.05467).

    Args:
        space: Builds the networks.
        task: Gives the shape of the inputs.
        options: Of `ZeroCost`.
    """
    return ZeroCost(space, task, ["synflow"], **options)


def snip(space: Space, task: Task, **options: Any) -> ZeroCost:
    """The loss that a weight is worth: Σ |w·g| (Lee et al. 2019, arXiv:1810.02340).

    Args:
        space: Builds the networks.
        task: Gives minibatches and the loss.
        options: Of `ZeroCost`.
    """
    return ZeroCost(space, task, ["snip"], **options)


def grasp(space: Space, task: Task, **options: Any) -> ZeroCost:
    """How much pruning would lower the gradient's flow: −Σ w·(Hg) (Wang et al. 2020, arXiv:2002.07376).

    Args:
        space: Builds the networks.
        task: Gives minibatches and the loss.
        options: Of `ZeroCost`.
    """
    return ZeroCost(space, task, ["grasp"], **options)


def fisher(space: Space, task: Task, **options: Any) -> ZeroCost:
    """The Fisher information of the channels: Σ ½·E(Σ a·∂L/∂a)² (Turner et al. 2020, arXiv:1906.04113).

    Args:
        space: Builds the networks.
        task: Gives minibatches and the loss.
        options: Of `ZeroCost`.
    """
    return ZeroCost(space, task, ["fisher"], **options)


def grad_norm(space: Space, task: Task, **options: Any) -> ZeroCost:
    """The norm of the gradient: Σ over tensors of ‖g‖₂ (Abdelfattah et al. 2021, arXiv:2101.08134).

    Args:
        space: Builds the networks.
        task: Gives minibatches and the loss.
        options: Of `ZeroCost`.
    """
    return ZeroCost(space, task, ["grad_norm"], **options)


def plain(space: Space, task: Task, **options: Any) -> ZeroCost:
    """The gradient along the weights: Σ w·g (Abdelfattah et al. 2021, arXiv:2101.08134).

    Args:
        space: Builds the networks.
        task: Gives minibatches and the loss.
        options: Of `ZeroCost`.
    """
    return ZeroCost(space, task, ["plain"], **options)


def jacob_cov(space: Space, task: Task, **options: Any) -> ZeroCost:
    """How little the gradients by the inputs correlate (Mellor et al. 2020, arXiv:2006.04647v1).

    Args:
        space: Builds the networks.
        task: Gives minibatches and the loss.
        options: Of `ZeroCost`.
    """
    return ZeroCost(space, task, ["jacob_cov"], **options)


def naswot(space: Space, task: Task, **options: Any) -> ZeroCost:
    """How differently ReLUs answer to examples: log|det K| (Mellor et al. 2021, arXiv:2006.04647).

    Args:
        space: Builds the networks.
        task: Gives minibatches and the loss.
        options: Of `ZeroCost`.
    """
    return ZeroCost(space, task, ["naswot"], **options)


def zen(space: Space, task: Task, **options: Any) -> ZeroCost:
    """The Gaussian complexity of a network with batch norms, without data (Lin et al. 2021, arXiv:2102.01063).

    Args:
        space: Builds the networks.
        task: Gives minibatches and the loss.
        options: Of `ZeroCost`.
    """
    return ZeroCost(space, task, ["zen"], **options)


def zico(space: Space, task: Task, **options: Any) -> ZeroCost:
    """The mean of gradients over their deviation between two batches (Li et al. 2023, arXiv:2301.11300).

    Args:
        space: Builds the networks.
        task: Gives minibatches and the loss.
        options: Of `ZeroCost`.
    """
    return ZeroCost(space, task, ["zico"], **options)


def te_nas(space: Space, task: Task, **options: Any) -> ZeroCost:
    """Ranks of the tangent kernel's condition and of linear regions (Chen et al. 2021, arXiv:2102.11535).

    Args:
        space: Builds the networks.
        task: Gives minibatches and the loss.
        options: Of `ZeroCost`.
    """
    return ZeroCost(space, task, ["te_nas"], **options)


def swap(space: Space, task: Task, **options: Any) -> ZeroCost:
    """The number of distinct activation patterns, plain or regularised (Peng et al. 2024, arXiv:2403.04161).

    Args:
        space: Builds the networks.
        task: Gives minibatches and the loss.
        options: Of `ZeroCost`.
    """
    return ZeroCost(space, task, ["swap"], **options)


def az_nas(space: Space, task: Task, **options: Any) -> ZeroCost:
    """Ranks of expressivity, progressivity, trainability and FLOPs (Lee & Ham 2024, arXiv:2403.19232).

    Args:
        space: Builds the networks.
        task: Gives minibatches and the loss.
        options: Of `ZeroCost`.
    """
    return ZeroCost(space, task, ["az_nas"], **options)


def vkdnw(space: Space, task: Task, **options: Any) -> ZeroCost:
    """The entropy of the Fisher information's eigenvalues, without data (Tybl & Neumann 2025, arXiv:2502.04975).

    Args:
        space: Builds the networks.
        task: Gives minibatches and the loss.
        options: Of `ZeroCost`.
    """
    return ZeroCost(space, task, ["vkdnw"], **options)


def params(space: Space, task: Task, **options: Any) -> ZeroCost:
    """The baseline: the number of parameters, the more the better.

    Args:
        space: Builds the networks.
        task: Gives minibatches and the loss.
        options: Of `ZeroCost`.
    """
    return ZeroCost(space, task, ["params"], **options)


def flops(space: Space, task: Task, **options: Any) -> ZeroCost:
    """The baseline: the number of floating-point operations, the more the better.

    Args:
        space: Builds the networks.
        task: Gives minibatches and the loss.
        options: Of `ZeroCost`.
    """
    return ZeroCost(space, task, ["flops"], **options)
