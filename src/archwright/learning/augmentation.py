"""Random changes of training inputs, on whole batches at once.

Shapes: N examples, C channels, L length, H height, W width.
"""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["augment", "flip", "noise", "shift"]

_LARGEST_SHIFT = 1 / 8
_NOISE = 0.1


def augment(inputs: Tensor, names: tuple[str, ...], generator: torch.Generator) -> Tensor:
    """The inputs with the random changes that a recipe asks for, of the same shape.

    Args:
        inputs: Shape (N, ...).
        names: Of `recipe.AUGMENTATIONS`, in the order in which they are done.
        generator: Where the randomness comes from, on the CPU.
    """
    for name in names:
        inputs = _FUNCTIONS[name](inputs, generator)
    return inputs


def shift(inputs: Tensor, generator: torch.Generator) -> Tensor:
    """Move each example along every spatial axis by up to an eighth of its length, at least by up to one.

    The border is repeated into the room that becomes free, so no value is made up.

    Args:
        inputs: Shape (N, C, L) or (N, C, H, W).
        generator: Where the randomness comes from.
    """
    for axis in range(2, inputs.ndim):
        length = inputs.shape[axis]
        largest = max(1, int(length * _LARGEST_SHIFT))
        steps = torch.randint(-largest, largest + 1, (len(inputs),), generator=generator)
        sources = (torch.arange(length) + steps[:, None]).clamp_(0, length - 1)
        shape = [len(inputs)] + [1] * (inputs.ndim - 1)
        shape[axis] = length
        inputs = inputs.gather(axis, sources.to(inputs.device).view(shape).expand(inputs.shape))
    return inputs


def flip(inputs: Tensor, generator: torch.Generator) -> Tensor:
    """Mirror each example along its last axis, half of the time.

    Args:
        inputs: Shape (N, C, L) or (N, C, H, W).
        generator: Where the randomness comes from.
    """
    is_flipped = torch.rand(len(inputs), generator=generator) < 0.5
    is_flipped = is_flipped.to(inputs.device).view(-1, *[1] * (inputs.ndim - 1))
    return torch.where(is_flipped, inputs.flip(-1), inputs)


def noise(inputs: Tensor, generator: torch.Generator) -> Tensor:
    """Add Gaussian noise of a tenth of the batch's standard deviation.

    Args:
        inputs: Shape (N, ...).
        generator: Where the randomness comes from.
    """
    drawn = torch.randn(inputs.shape, generator=generator, dtype=inputs.dtype).to(inputs.device)
    return inputs + _NOISE * inputs.std(correction=0) * drawn


_FUNCTIONS = {"shift": shift, "flip": flip, "noise": noise}
