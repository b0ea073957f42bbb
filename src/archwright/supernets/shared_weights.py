"""Weights that all forms of a call share: each takes its corner of the largest."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _NormBase
from torch.nn.modules.conv import _ConvNd

__all__ = ["ParameterSlot", "SharedWeights", "corner", "own_tensors"]


@dataclass(frozen=True, slots=True)
class ParameterSlot:
    """A weight or norm statistic of a module.

    Args:
        owner: The module that holds it.
        attribute: Its name there.
        name: Its name in the whole, the same for a weight that stands in two places.
        tensor: The tensor.
    """

    owner: nn.Module
    attribute: str
    name: str
    tensor: Tensor

    @property
    def is_statistic(self) -> bool:
        """Whether it is a buffer of a norm."""
        return self.attribute in self.owner._buffers

    @property
    def is_kernel(self) -> bool:
        """Whether it is the kernel of a convolution, shape (out, in / groups, *size)."""
        return isinstance(self.owner, _ConvNd) and self.attribute == "weight"

    def replace(self, tensor: Tensor) -> None:
        """Put another tensor, such as a view, in its place."""
        held = self.owner._buffers if self.is_statistic else self.owner._parameters
        held[self.attribute] = tensor  # type: ignore[assignment]  # a view is no Parameter, and works as one


def own_tensors(module: nn.Module, inner: set[int]) -> Iterator[ParameterSlot]:
    """The weights and norm statistics of a module.

    Args:
        module: A module.
        inner: The `id` of each module inside that does not count.
    """
    first: dict[int, str] = {}
    for path, owner in module.named_modules():
        if id(owner) in inner:
            continue
        statistics = owner._buffers if isinstance(owner, _NormBase) else {}
        for attribute, tensor in [*owner._parameters.items(), *statistics.items()]:
            if tensor is not None:
                name = first.setdefault(id(tensor), f"{path}.{attribute}" if path else attribute)
                yield ParameterSlot(owner, attribute, name, tensor)


class SharedWeights(nn.Module):
    """The largest of each weight that the forms of a call have.

    A weight of another number of axes under the same name is another weight.
    """

    def __init__(self) -> None:
        super().__init__()
        self._keys: dict[tuple[str, int], str] = {}
        self.of_norms: set[str] = set()
        """The names under which it holds scales and shifts of batch norms."""

    def widen(self, own: ParameterSlot) -> None:
        """Make room for a weight of a form; the first one is taken as it is, with its values."""
        key = (own.name, own.tensor.dim())
        if key not in self._keys:
            stem = own.name.replace(".", "/")  # a parameter's name cannot hold a dot
            self._keys[key] = stem if not hasattr(self, stem) else f"{stem}/{own.tensor.dim()}"
            self._hold(key, own.tensor.detach(), own)
            return
        held = getattr(self, self._keys[key])
        shape = tuple(map(max, held.shape, own.tensor.shape))
        if shape != tuple(held.shape):
            largest = own.tensor if own.tensor.numel() >= held.numel() else held
            self._hold(key, _grown(largest.detach(), shape), own)

    def part(self, own: ParameterSlot) -> Tensor | None:
        """The view that a form's weight is of the largest; None where the largest is smaller, or not there."""
        name = self._keys.get((own.name, own.tensor.dim()))
        if name is None:
            return None
        held: Tensor = getattr(self, name)
        if any(wanted > there for wanted, there in zip(own.tensor.shape, held.shape, strict=True)):
            return None
        return corner(held, own.tensor.shape, own.is_kernel)

    def _hold(self, key: tuple[str, int], tensor: Tensor, own: ParameterSlot) -> None:
        name = self._keys[key]
        if own.is_statistic:
            self.register_buffer(name, tensor)
        else:
            self.register_parameter(name, nn.Parameter(tensor, own.tensor.requires_grad))
            if isinstance(own.owner, _NormBase):
                self.of_norms.add(name)


def corner(largest: Tensor, shape: torch.Size, is_kernel: bool) -> Tensor:
    """The leading part of each axis; of a kernel's positions the centre (Cai et al. 2020, arXiv:1908.09791).

    Args:
        largest: Any shape.
        shape: Of as many axes, none longer.
        is_kernel: Whether it is (out, in / groups, *positions).

    Returns:
        A view, or the tensor itself where the shapes are equal.
    """
    if largest.shape == shape:
        return largest
    for axis, wanted in enumerate(shape):
        spare = largest.shape[axis] - wanted
        if spare:
            start = spare // 2 if is_kernel and axis >= 2 else 0
            largest = largest.narrow(axis, start, wanted)
    return largest


def _grown(tensor: Tensor, shape: tuple[int, ...]) -> Tensor:
    """A larger tensor with the same values in its corner; the rest is drawn with their mean and deviation."""
    spread = tensor.float().std(correction=0).item() if tensor.numel() > 1 else 0.0
    made = torch.empty(shape, dtype=tensor.dtype, device=tensor.device)
    if tensor.is_floating_point():
        made.normal_(tensor.mean().item(), spread)
    else:
        made.zero_()
    made[tuple(slice(0, length) for length in tensor.shape)] = tensor
    return made
