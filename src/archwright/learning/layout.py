"""The order of the numbers of pictures and kernels in memory, which decides how fast convolutions are on a CPU."""

from __future__ import annotations

import torch
from torch import nn

from archwright.tasks.task import Task

__all__ = ["channels_last_pays", "lay_out", "plain_layout"]


_WIDEST = 16
"""Numbers of 32 bits in the widest register of a CPU."""


def channels_last_pays(network: nn.Module) -> bool:
    """Whether two-dimensional convolutions of a network are faster with the channels last in memory, and safe.

    They are faster on a CPU in 32 bits, and safe with one thread only: with more, the backward pass of torch's
    convolutions of few channels corrupts memory in that order. With one it does so, too, for kernels of a single point
    that skip points, where the channels do not fill a register: with torch 2.13, oneDNN 3.12 and AVX2 for 1 to 7
    channels, not for 8 and more. On a GPU it depends on the precision.
    """
    on_cpu = all(p.device.type == "cpu" and p.dtype is torch.float32 for p in network.parameters())
    has_kernels = any(isinstance(module, nn.Conv2d) for module in network.modules())
    return on_cpu and has_kernels and torch.get_num_threads() == 1 and not _has_skipping_points(network)


def _has_skipping_points(network: nn.Module) -> bool:
    """Whether there may be a kernel of a single point that skips points and reads channels that fill no register."""
    steps = {
        module.weight: max(module.stride) for module in network.modules() if isinstance(module, nn.Conv2d)
    }
    return any(
        weight.dim() == 4
        and weight.shape[2:] == (1, 1)
        and weight.shape[1] % _WIDEST
        and steps.get(weight, 2) > 1
        for weight in network.parameters()
    )


def lay_out(network: nn.Module, task: Task) -> bool:
    """Keep a network's kernels with the channels last in memory where that pays; its outputs then are, too.

    Names and values of parameters stay as they are.

    Args:
        network: Changed in place; in evaluation mode afterwards where it was tried.
        task: Its example is what the network is tried on. Where that raises, as `x.view(...)` does on what is laid out
            in another order than it expects, the order stays the usual one.

    Returns:
        Whether the order is another one now.
    """
    if not channels_last_pays(network):
        return False
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    try:
        with torch.no_grad():
            task.forward(network.eval(), task.example())
    except RuntimeError:
        plain_layout(network)
        return False
    return True


def plain_layout(network: nn.Module) -> None:
    """Take `lay_out` back."""
    network.to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]
