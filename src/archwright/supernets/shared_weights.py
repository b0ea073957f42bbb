"""Weights that all forms of a call share: each takes its corner of the largest."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _NormBase
from torch.nn.modules.conv import _ConvNd

__all__ = ["ParameterSlot", "PickingCall", "SharedWeights", "corner", "own_tensors"]


@runtime_checkable
class PickingCall(Protocol):
    """A callable whose modules have other parts of the largest weights than the leading ones."""

    def outline(self, *args: Any, **kwargs: Any) -> nn.Module:
        """The module of a call, whose parameters need no values."""
        ...

    def selection(self, *args: Any, **kwargs: Any) -> Mapping[str, Mapping[int, Tensor]]:
        """Which indices of the largest weights it has, where not the leading ones: name to axis to indices."""
        ...


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
        self._sides: dict[str, list[tuple[int, ...]]] = {}  # of kernels, those that forms have
        self.of_norms: set[str] = set()
        """The names under which it holds scales and shifts of batch norms."""

    def widen(self, own: ParameterSlot) -> None:
        """Make room for a weight of a form; the first one is taken as it is, with its values."""
        key = (own.name, own.tensor.dim())
        is_new = key not in self._keys
        if is_new:
            stem = own.name.replace(".", "/")  # a parameter's name cannot hold a dot
            self._keys[key] = stem if not hasattr(self, stem) else f"{stem}/{own.tensor.dim()}"
        if own.is_kernel:
            known = self._sides.setdefault(self._keys[key], [])
            self._sides[self._keys[key]] = sorted({*known, tuple(own.tensor.shape[2:])}, reverse=True)
        if is_new:
            self._hold(key, own.tensor.detach(), own)
            return
        held = getattr(self, self._keys[key])
        shape = tuple(map(max, held.shape, own.tensor.shape))
        if shape != tuple(held.shape):
            largest = own.tensor if own.tensor.numel() >= held.numel() else held
            self._hold(key, _grown(largest.detach(), shape), own)

    def part(self, own: ParameterSlot, picked: Mapping[int, Tensor] | None = None) -> Tensor | None:
        """The part that a form's weight is of the largest; None where the largest is smaller, or not there.

        Args:
            own: The form's weight.
            picked: Axis to the indices that it has there; of other axes it has the leading ones.
        """
        name = self._keys.get((own.name, own.tensor.dim()))
        if name is None:
            return None
        held: Tensor = getattr(self, name)
        if any(wanted > there for wanted, there in zip(own.tensor.shape, held.shape, strict=True)):
            return None
        for axis, indices in (picked or {}).items():
            held = held.index_select(axis, indices)
        if own.is_kernel and (matrices := self._matrices(name)):
            return self._transformed(held, own.tensor.shape, matrices)
        return corner(held, own.tensor.shape, own.is_kernel)

    def largest(self, name: str, axes: int) -> Tensor:
        """The largest of a weight that forms have under a name, with so many axes."""
        held: Tensor = getattr(self, self._keys[name, axes])
        return held

    def learn_kernels(self) -> None:
        """Let smaller kernels be learned transforms of the centres of larger ones, at first the identity.

        A matrix for each step from one side to the next smaller, shared by all channels (Cai et al. 2020,
        arXiv:1908.09791, section 3.2). Sides of which one does not hold the next go without.
        """
        for name, sides in self._sides.items():
            nested = all(
                a >= b for more, less in itertools.pairwise(sides) for a, b in zip(more, less, strict=True)
            )
            held: Tensor = getattr(self, name)
            for side in sides[1:] if nested and not self._matrices(name) else ():
                matrix = torch.eye(math.prod(side), dtype=held.dtype, device=held.device)
                self.register_parameter(_matrix_name(name, side), nn.Parameter(matrix))

    def _matrices(self, name: str) -> dict[tuple[int, ...], Tensor]:
        """Of a kernel: the sides that are learned from the next larger, with their matrices, from the largest on."""
        sides = self._sides.get(name, ())[1:]
        return {side: getattr(self, at) for side in sides if hasattr(self, at := _matrix_name(name, side))}

    def _transformed(
        self, held: Tensor, shape: torch.Size, matrices: Mapping[tuple[int, ...], Tensor]
    ) -> Tensor:
        """A kernel of a form through the sides that lie between it and the largest."""
        kernel = corner(held, torch.Size((*shape[:2], *held.shape[2:])), is_kernel=True)
        for side, matrix in matrices.items():
            if kernel.shape == shape:
                break
            kernel = corner(kernel, torch.Size((*shape[:2], *side)), is_kernel=True)
            kernel = (kernel.flatten(2) @ matrix.T).view(kernel.shape)
        return kernel

    def _hold(self, key: tuple[str, int], tensor: Tensor, own: ParameterSlot) -> None:
        name = self._keys[key]
        if own.is_statistic:
            self.register_buffer(name, tensor)
        else:
            self.register_parameter(name, nn.Parameter(tensor, own.tensor.requires_grad))
            if isinstance(own.owner, _NormBase):
                self.of_norms.add(name)


def _matrix_name(kernel: str, side: tuple[int, ...]) -> str:
    return f"{kernel}/to_{'x'.join(map(str, side))}"


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
