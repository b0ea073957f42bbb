"""Batch norms in a supernet: their mode in the search, and their statistics before a network is scored."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm, _NormBase

from archwright.evaluating import evaluating
from archwright.supernets.shared_weights import SharedWeights

__all__ = ["freeze_scales", "recalibrate"]


def freeze_scales(supernet: nn.Module) -> None:
    """Fix the scale of every batch norm at one and its shift at zero, as for `affine=False`.

    With a scale that is learned, an operation could make up for a small weight in the mixture, so that the weights
    would say nothing (Liu et al. 2019, arXiv:1806.09055, section 3.1).

    Args:
        supernet: Changed in place; its statistics are those of the batch as long as it is in training mode.
    """
    for module in supernet.modules():
        if isinstance(module, _NormBase):
            scales = [(module.weight, 1.0), (module.bias, 0.0)]
        elif isinstance(module, SharedWeights):
            held = [(name, module.get_parameter(name)) for name in sorted(module.of_norms)]
            scales = [(tensor, float(name.endswith("weight"))) for name, tensor in held]
        else:
            continue
        for tensor, value in scales:
            if tensor is not None:
                nn.init.constant_(tensor, value)
                tensor.requires_grad_(False)


def recalibrate(
    network: nn.Module, batches: Iterable[Any], forward: Callable[[nn.Module, Any], Any] | None = None
) -> None:
    """Replace the running statistics of every batch norm by their mean over some batches.

    Shared weights leave statistics of no single network (Cai et al. 2020, arXiv:1908.09791, section 3.3).

    Args:
        network: A plain network; its mode is as before afterwards.
        batches: Inputs, each of shape (N, ...), N >= 2, or whatever `forward` takes.
        forward: Runs the network on a batch; None calls it with the batch.
    """
    norms = [
        module
        for module in network.modules()
        if isinstance(module, _BatchNorm) and module.track_running_stats
    ]
    if not norms:
        return
    momenta = [norm.momentum for norm in norms]
    with evaluating(network):  # dropout stays off
        try:
            for norm in norms:
                norm.reset_running_stats()
                norm.momentum = None  # the plain mean over the batches
                norm.training = True
            for batch in batches:
                network(batch) if forward is None else forward(network, batch)
        finally:
            for norm, momentum in zip(norms, momenta, strict=True):
                norm.momentum = momentum
