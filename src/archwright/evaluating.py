"""Running a network without training it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import nn

__all__ = ["evaluating"]


@contextmanager
def evaluating(network: nn.Module) -> Iterator[None]:
    """Evaluation mode without gradients inside the block; each module's mode is as before after it."""
    import torch

    modes = [(module, module.training) for module in network.modules()]
    network.eval()
    try:
        # Not inference_mode: what a module caches in it could not be used in training.
        with torch.no_grad():
            yield
    finally:
        for module, mode in modes:
            module.training = mode
