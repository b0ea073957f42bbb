"""Looking at a loss without leaving a trace: weights, statistics and random numbers are as before."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn

__all__ = ["kept", "same_draws", "still"]


@contextmanager
def still(parameters: Sequence[Tensor]) -> Iterator[None]:
    """While a block runs, no gradient of these parameters is worked out.

    Args:
        parameters: Those that have gradients otherwise.
    """
    for parameter in parameters:
        parameter.requires_grad_(False)
    try:
        yield
    finally:
        for parameter in parameters:
            parameter.requires_grad_(True)


@contextmanager
def kept(tensors: Sequence[Tensor]) -> Iterator[list[Tensor]]:
    """A block may change these tensors in place; afterwards they are as before, to the last bit.

    Args:
        tensors: Parameters or norm statistics.

    Yields:
        Copies of their values.
    """
    with torch.no_grad():
        copies = [tensor.detach().clone() for tensor in tensors]
    try:
        yield copies
    finally:
        with torch.no_grad():
            for tensor, copy in zip(tensors, copies, strict=True):
                tensor.copy_(copy)


@contextmanager
def same_draws(module: nn.Module, seed: int) -> Iterator[None]:
    """While a block runs, what the module's layers draw at random follows from the seed, and from nothing before.

    Args:
        module: Says on which devices.
        seed: Any whole number >= 0.
    """
    devices = {tensor.device for tensor in module.parameters() if tensor.device.type == "cuda"}
    with torch.random.fork_rng(devices=sorted(device.index or 0 for device in devices)):
        torch.manual_seed(seed)
        yield
