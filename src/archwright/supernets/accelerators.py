"""Faster ways to run a supernet, each known by name and used where it is installed and has something to do."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from archwright.errors import ArchwrightWarning, MissingExtraError, UsageError
from archwright.registry import Entry, Registry

if TYPE_CHECKING:  # listing what there is loads no torch
    from torch import nn

__all__ = [
    "ACCELERATORS",
    "Accelerator",
    "AcceleratorEntry",
    "accelerate",
    "compile_forward",
    "use_channels_last",
]

Accelerator = Callable[["nn.Module"], bool]
"""Changes a supernet in place; false where it found nothing to do. Parameters and their names stay as they are."""


@dataclass(frozen=True)
class AcceleratorEntry(Entry):
    """What is known of an accelerator before its module is loaded.

    Args:
        automatic: Whether it is tried where none is asked for by name.
        mixtures: Whether it pays only where mixtures are computed in full.
    """

    automatic: bool = False
    mixtures: bool = False


ACCELERATORS: Registry[Accelerator, AcceleratorEntry] = Registry(
    "accelerator",
    "archwright.accelerators",
    {
        "kernels": AcceleratorEntry(
            "archwright.supernets.fused:accelerate",
            "cells of mixed operations by compiled CPU kernels (extra: cpu)",
            automatic=True,
            mixtures=True,
        ),
        "channels_last": AcceleratorEntry(
            f"{__name__}:use_channels_last", "convolutions with the channels last in memory", automatic=True
        ),
        "compile": AcceleratorEntry(f"{__name__}:compile_forward", "torch.compile"),
    },
    AcceleratorEntry,
    positional=1,
)
"""Accelerators by name; the first of the automatic ones that finds something to do is used."""


def accelerate(
    supernet: nn.Module, names: Sequence[str] | None = None, *, mixes: bool = True
) -> tuple[str, ...]:
    """Let a supernet run faster.

    Args:
        supernet: Changed in place, on its device.
        names: Accelerators, all of which are used; none for an empty sequence. None takes the first of the automatic
            ones that is installed and finds something to do; one that is installed and broken is left out, with a
            warning.
        mixes: Whether its gates will be mixtures of which all is computed.

    Returns:
        The names of those that found something to do.

    Raises:
        UsageError: When a name is unknown, or what is asked for by name cannot be loaded.
        MissingExtraError: When one that is asked for by name is not installed.
    """
    if names is not None:
        return tuple(name for name in names if ACCELERATORS.known(name).load()(supernet))
    for name, entry in ACCELERATORS.items():
        if entry.automatic and (mixes or not entry.mixtures):
            try:
                found = entry.load()
            except MissingExtraError:
                continue
            except UsageError as error:
                warnings.warn(
                    f"the accelerator {name!r} is left out: {error}", ArchwrightWarning, stacklevel=2
                )
                continue
            if found(supernet):
                return (name,)
    return ()


def use_channels_last(network: nn.Module) -> bool:
    """Keep images and the kernels of convolutions with the channels last in memory; on a CPU where that pays."""
    import torch
    from torch import nn

    from archwright.learning.layout import channels_last_pays

    on_cpu = all(parameter.device.type == "cpu" for parameter in network.parameters())
    if on_cpu and not channels_last_pays(network):
        return False
    if not any(isinstance(module, nn.Conv2d) for module in network.modules()):
        return False
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    network.register_forward_pre_hook(_channels_last)
    return True


def compile_forward(network: nn.Module) -> bool:
    """Compile the forward pass by torch.compile, for each set of gates anew."""
    network.compile()
    return True


def _channels_last(_: nn.Module, inputs: tuple[Any, ...]) -> tuple[Any, ...]:
    import torch

    return tuple(
        x.contiguous(memory_format=torch.channels_last) if isinstance(x, torch.Tensor) and x.dim() == 4 else x
        for x in inputs
    )
