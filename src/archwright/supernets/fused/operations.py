"""Which operations are done here, and how: the operations of a cell's edges sorted by what they share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from archwright.supernets.fused.halves import Half, halves_of, is_plain_norm
from archwright.supernets.fused.pooling import Window, window_of
from archwright.supernets.fused.zoo_blocks import is_block

__all__ = ["Chain", "Identity", "Nothing", "Operation", "Other", "Pool", "recognise"]


@dataclass(frozen=True, eq=False)
class Chain:
    """Halves one after the other.

    Args:
        halves: At least one.
    """

    halves: tuple[Half, ...]

    def parameters(self) -> list[Tensor]:
        """Those of the convolutions and norms."""
        return [p for half in self.halves for p in (*half.weights(), *_of_norm(half.norm))]


@dataclass(frozen=True, eq=False)
class Pool:
    """A pooling, and a norm if it has one.

    Args:
        window: The pooling.
        norm: The norm; None without one.
    """

    window: Window
    norm: nn.BatchNorm2d | None

    def parameters(self) -> list[Tensor]:
        """Those of the norm."""
        return _of_norm(self.norm)


@dataclass(frozen=True, eq=False)
class Identity:
    """The state itself."""

    def parameters(self) -> list[Tensor]:
        """None."""
        return []


@dataclass(frozen=True, eq=False)
class Nothing:
    """Zeros."""

    def parameters(self) -> list[Tensor]:
        """None."""
        return []


@dataclass(frozen=True, eq=False)
class Other:
    """A module that runs as it is.

    Args:
        module: Any.
    """

    module: nn.Module

    def parameters(self) -> list[Tensor]:
        """The module's."""
        return list(self.module.parameters())


Operation = Chain | Pool | Identity | Nothing | Other


def recognise(module: nn.Module) -> Operation:
    """How a module is done."""
    if any(_is_watched(part) for part in module.modules()):
        return Other(module)
    if type(module) is nn.Identity:
        return Identity()
    if is_block(module, "Zero"):
        return Nothing()
    parts: list[nn.Module] = [module]
    if isinstance(module, nn.Sequential) and type(module).forward is nn.Sequential.forward:
        parts = list(module)
    window = window_of(parts[0]) if parts else None
    if window is not None and len(parts) == 1:
        return Pool(window, None)
    if (
        window is not None
        and len(parts) == 2
        and isinstance(parts[1], nn.BatchNorm2d)
        and is_plain_norm(parts[1])
    ):
        return Pool(window, parts[1])
    halves = halves_of(module)
    return Other(module) if halves is None else Chain(tuple(halves))


def _is_watched(module: Any) -> bool:
    """Whether calling the module does more than its forward: hooks, reparametrised weights."""
    return bool(
        module._forward_hooks
        or module._forward_pre_hooks
        or module._backward_hooks
        or module._backward_pre_hooks
        or hasattr(module, "parametrizations")
    )


def _of_norm(norm: nn.BatchNorm2d | None) -> list[Tensor]:
    return [] if norm is None else [p for p in norm._parameters.values() if p is not None]
