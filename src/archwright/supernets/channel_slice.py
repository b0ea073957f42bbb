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
            name: self._shape(module, shell, name) for name, tensor in own.items() if tensor is not None
        }
        self._pairs.append(
            (module, shell, {name: torch.Size(shape) for name, shape in shapes.items() if shape})
        )
        for name, child in module._modules.items():
            shell._modules[name] = None if child is None else self._narrowed(child)
        return shell

    def _divided(self, module: nn.Module) -> dict[str, Any]:
        """The attributes of a module of torch that say its channels, divided."""
        if isinstance(module, _ConvNd):
            made = {name: self._part(module, name) for name in ("in_channels", "out_channels")}
            in_a_group = module.in_channels // module.groups
            grouped = module.groups > 1
            made["groups"] = max(1, made["in_channels"] // in_a_group) if grouped else 1
            return made
        if isinstance(module, nn.Linear):
            return {name: self._part(module, name) for name in ("in_features", "out_features")}
        if isinstance(module, _NormBase):
            return {"num_features": self._part(module, "num_features")}
        if isinstance(module, nn.GroupNorm):
            channels = self._part(module, "num_channels")
            whole = module.num_groups == module.num_channels
            return {
                "num_channels": channels,
                "num_groups": channels if whole else math.gcd(module.num_groups, channels),
            }
        if isinstance(module, nn.LayerNorm | nn.RMSNorm) and len(module.normalized_shape) == 1:
            return {"normalized_shape": (self._size(module, module.normalized_shape[0]),)}
        if isinstance(module, nn.PReLU) and module.num_parameters > 1:
            return {"num_parameters": self._part(module, "num_parameters")}
        if any(tensor is not None for tensor in (*module._parameters.values(), *module._buffers.values())):
            if isinstance(module, nn.PReLU):
                return {}
            raise BuildError(f"{type(module).__name__} has weights of its own, whose channels are not known")
        return {}

    def _shape(self, module: nn.Module, shell: Any, name: str) -> tuple[int, ...]:
        """The shape of a narrowed weight; () where it has no channels."""
        tensor = getattr(module, name)
        if tensor.dim() == 0:
            return ()
        if isinstance(module, _ConvNd):
            if name == "bias":
                return (shell.out_channels,)
            first, second = shell.out_channels, shell.in_channels // shell.groups
            if isinstance(module, _ConvTransposeNd):
                first, second = shell.in_channels, shell.out_channels // shell.groups
            return (first, second, *tensor.shape[2:])
        if isinstance(module, nn.Linear):
            return (shell.out_features,) if name == "bias" else (shell.out_features, shell.in_features)
        if isinstance(module, nn.PReLU):
            return (shell.num_parameters,)
        for attribute in ("num_features", "num_channels"):
            if attribute in vars(shell):
                return (vars(shell)[attribute],)
        return tuple(shell.normalized_shape)

    def _part(self, module: nn.Module, attribute: str) -> int:
        return self._size(module, getattr(module, attribute))

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
