"""A module on fewer channels: a shell of it that borrows the leading corner of each weight."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _NormBase
from torch.nn.modules.conv import _ConvNd, _ConvTransposeNd

from archwright.errors import BuildError
from archwright.supernets.elastic import Elastic
from archwright.supernets.mixed import MixedOp
from archwright.supernets.shared_weights import corner

__all__ = ["ChannelSlice"]

# What says the channels of each of torch's modules that can be narrowed; norms over one axis and PReLU stand apart.
_SIZES: tuple[tuple[type[nn.Module], tuple[str, ...]], ...] = (
    (_ConvNd, ("in_channels", "out_channels")),
    (nn.Linear, ("in_features", "out_features")),
    (_NormBase, ("num_features",)),
    (nn.GroupNorm, ("num_channels",)),
    (nn.PReLU, ("num_parameters",)),
)


class ChannelSlice:
    """A shell of a module in which all numbers of channels are divided, with weights that are views of the module's.

    Torch's convolutions, linear layers and norms are divided, so are classes made of them, elastic calls and switches
    among them. A convolution in groups keeps the channels of a group.

    Args:
        module: Its weights and statistics are borrowed; it is not changed, but by training its shell.
        divisor: What numbers of channels are divided by, at least 2.

    Raises:
        BuildError: When a part of the module has fewer channels, or weights whose channels are not known.
    """

    def __init__(self, module: nn.Module, divisor: int) -> None:
        self.divisor = divisor
        self._pairs: list[tuple[nn.Module, nn.Module, dict[str, torch.Size]]] = []
        self._made: dict[int, nn.Module] = {}
        self.source = module
        self._shell = self._narrowed(module)

    @property
    def module(self) -> nn.Module:
        """The shell, with its weights in place until the module's next change, and in the module's mode."""
        for source, shell, shapes in self._pairs:
            for held, kept in ((source._parameters, shell._parameters), (source._buffers, shell._buffers)):
                borrowed = cast("dict[str, Tensor | None]", kept)  # a view is no Parameter, and works as one
                for name, tensor in cast("dict[str, Tensor | None]", held).items():
                    # What has no channels, such as the count of batches, is the module's own.
                    if tensor is not None and name in shapes:
                        tensor = corner(tensor, shapes[name], is_kernel=False)
                    borrowed[name] = tensor
        if self._shell.training != self.source.training:
            self._shell.train(self.source.training)
        return self._shell

    def _narrowed(self, module: nn.Module) -> nn.Module:
        if id(module) in self._made:
            return self._made[id(module)]
        if isinstance(module, Elastic):
            shell: nn.Module = _NarrowElastic(module, self.divisor)
            self._made[id(module)] = shell
            return shell
        shell = type(module).__new__(type(module))
        # A shallow copy: what is in it is replaced one by one, and nothing of it belongs to the supernet's state.
        shell.__dict__ = {**module.__dict__, "_modules": {}, "_parameters": {}, "_buffers": {}}
        self._made[id(module)] = shell
        shell.__dict__.update(self._divided(module))
        if isinstance(module, MixedOp):
            shell.__dict__["mixer"] = None  # the channels of what is inside were divided already
        own = {**module._parameters, **module._buffers}
        shapes = {
            name: torch.Size(self._shape(module, shell, tensor))
            for name, tensor in own.items()
            if tensor is not None and tensor.dim()
        }
        self._pairs.append((module, shell, shapes))
        for name, child in module._modules.items():
            shell._modules[name] = None if child is None else self._narrowed(child)
        return shell

    def _divided(self, module: nn.Module) -> dict[str, Any]:
        """The attributes of a module of torch that say its channels, divided."""
        if isinstance(module, nn.LayerNorm | nn.RMSNorm) and len(module.normalized_shape) == 1:
            return {"normalized_shape": (self._size(module, module.normalized_shape[0]),)}
        if isinstance(module, nn.PReLU) and module.num_parameters == 1:
            return {}
        names = next((names for kind, names in _SIZES if isinstance(module, kind)), None)
        if names is None:
            if any(
                tensor is not None for tensor in [*module._parameters.values(), *module._buffers.values()]
            ):
                raise BuildError(
                    f"{type(module).__name__} has weights of its own, whose channels are not known"
                )
            return {}
        made = {name: self._size(module, getattr(module, name)) for name in names}
        if isinstance(module, _ConvNd):
            made["groups"] = max(1, made["in_channels"] // (module.in_channels // module.groups))
        if isinstance(module, nn.GroupNorm):
            channels, groups = made["num_channels"], module.num_groups
            made["num_groups"] = channels if groups == module.num_channels else math.gcd(groups, channels)
        return made

    def _shape(self, module: nn.Module, shell: Any, tensor: Tensor) -> tuple[int, ...]:
        """The shape of a narrowed weight."""
        if isinstance(module, _ConvNd) and tensor.dim() > 1:
            first, second = shell.out_channels, shell.in_channels // shell.groups
            if isinstance(module, _ConvTransposeNd):
                first, second = shell.in_channels, shell.out_channels // shell.groups
            return (first, second, *tensor.shape[2:])
        return tuple(max(1, size // self.divisor) for size in tensor.shape)

    def _size(self, module: nn.Module, size: int) -> int:
        if size < self.divisor:
            raise BuildError(f"{type(module).__name__} has {size} channels, fewer than {self.divisor}")
        return size // self.divisor


class _NarrowElastic(Elastic):
    """An elastic call each of whose forms is narrowed."""

    def __init__(self, source: Elastic, divisor: int) -> None:
        nn.Module.__init__(self)
        self.gates, self.reads, self.place = source.gates, source.reads, source.place
        self.training = source.training
        self._subnets = {}
        self._divisor = divisor
        self._form = source.form
        self._narrow: dict[int, ChannelSlice] = {}

    def form(
        self, values: Mapping[str, Any], inputs: tuple[Any, ...] = (), named: Mapping[str, Any] | None = None
    ) -> nn.Module:
        module = self._form(values, inputs, named)
        if id(module) not in self._narrow:
            self._narrow[id(module)] = ChannelSlice(module, self._divisor)
        return self._narrow[id(module)].module
