"""How a layer's weights go over to a layer of another size, and which of its channels are then the old ones.

A map from the channels of a child's tensor to those of the parent's is an int64 tensor: the parent's channel that each
of the child's holds, -1 where it holds none of them.
"""

from __future__ import annotations

from collections import deque
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.conv import _ConvNd, _ConvTransposeNd

__all__ = ["channel_axis", "copy_corner", "make_identity", "match_channels", "transfer"]

_CLOSE = 1e-5


def channel_axis(module: nn.Module) -> int:
    """The axis of the channels in a layer's input and output."""
    return 1 if isinstance(module, _ConvNd | _BatchNorm | nn.GroupNorm) or _is_instance_norm(module) else -1


def is_mixing(module: nn.Module) -> bool:
    """Whether each channel of the output is a sum over all those of the input."""
    is_convolution = isinstance(module, _ConvNd) and not isinstance(module, _ConvTransposeNd)
    return isinstance(module, nn.Linear) or (is_convolution and cast("_ConvNd", module).groups == 1)


def is_channelwise(module: nn.Module) -> bool:
    """Whether each channel of the output comes from one of the input alone, and has weights of its own."""
    if isinstance(module, _ConvNd) and not isinstance(module, _ConvTransposeNd):
        return bool(module.groups == module.in_channels == module.out_channels > 1)
    is_norm = isinstance(module, _BatchNorm | nn.GroupNorm | nn.LayerNorm) or _is_instance_norm(module)
    return is_norm and all(p is None or p.dim() == 1 for p in module._parameters.values())


def match_channels(parent: Tensor, child: Tensor, axis: int, *, many: bool = False) -> Tensor:
    """Which channel of the parent's tensor each of the child's equals.

    Args:
        parent: Any shape.
        child: The same shape but for the length of the channels.
        axis: That of the channels.
        many: Whether several of the child's may be equal to one of the parent's; else only the first is.

    Returns:
        The map, shape (the child's channels,); where shapes do not agree, no channel is any.
    """
    source = torch.full((child.shape[axis],), -1)
    if parent.dim() != child.dim():
        return source
    old, new = (tensor.movedim(axis, 0).flatten(1) for tensor in (parent, child))
    if old.shape[1] != new.shape[1] or parent.movedim(axis, 0).shape[1:] != child.movedim(axis, 0).shape[1:]:
        return source
    groups = _groups(torch.cat([old, new]))
    waiting: dict[int, deque[int]] = {}
    for channel, group in enumerate(groups[: len(old)]):
        waiting.setdefault(group, deque()).append(channel)
    first = {group: channels[0] for group, channels in waiting.items()}
    for channel, group in enumerate(groups[len(old) :]):
        if waiting.get(group):
            source[channel] = waiting[group].popleft()
        elif many and group in first:
            source[channel] = first[group]
    return source


def _groups(rows: Tensor) -> list[int]:
    """A number for each row, equal for rows that are equal but for rounding: by two random projections."""
    drawn = torch.Generator().manual_seed(0)
    weights = torch.randn(rows.shape[1], 2, generator=drawn, dtype=torch.float64)
    seen = rows.double() @ weights
    scale = _CLOSE * max(1.0, float(seen.abs().max()))
    marks = []
    for column in seen.T:
        order = column.argsort()
        steps = (column[order].diff() > scale).long().cumsum(0)
        marks.append(torch.empty_like(order).index_put_((order,), torch.cat([order.new_zeros(1), steps])))
    pairs = {
        pair: number
        for number, pair in enumerate(dict.fromkeys(zip(*map(Tensor.tolist, marks), strict=True)))
    }
    return [pairs[pair] for pair in zip(*map(Tensor.tolist, marks), strict=True)]


@torch.no_grad()
def transfer(
    parent: nn.Module, child: nn.Module, source: Tensor, rows: Tensor, generator: torch.Generator
) -> Tensor:
    """Give a layer the weights of another size of it.

    Args:
        parent: A mixing or channelwise layer.
        child: One of the same class; changed in place. Its new channels keep the weights that it has.
        source: From the channels of its input to the parent's.
        rows: From the channels of its output to the parent's; read for mixing layers alone.
        generator: Draws how the weights of a channel are divided where several hold the same.

    Returns:
        From the channels of its output to the parent's.
    """
    if not is_mixing(child):
        kept = source >= 0
        for name, tensor in _channelwise_tensors(child):
            held = dict(_channelwise_tensors(parent)).get(name)
            if held is not None:
                tensor[kept] = _resized(held[source[kept]], tensor[kept])
        return source
    weight, old = _weight(child), _weight(parent)
    kept = rows >= 0
    columns = torch.zeros_like(weight[kept])
    there = _filled(source, old.shape[1])
    at = (there >= 0).nonzero().flatten()
    shares = _shares(there[at], generator).to(weight).view(1, -1, *[1] * (weight.dim() - 2))
    columns[:, at] = _resized(old[rows[kept]][:, there[at]], columns[:, at], axes=2) * shares
    weight[kept] = columns
    if isinstance(child.bias, Tensor):
        child.bias[kept] = parent.bias[rows[kept]] if isinstance(parent.bias, Tensor) else 0.0
    return rows


def _filled(source: Tensor, channels: int) -> Tensor:
    """Where channels of the parent are found nowhere, they take the free places in order: the best guess."""
    found = set(source.tolist())
    missing = [channel for channel in range(channels) if channel not in found]
    free = (source < 0).nonzero().flatten().tolist()
    filled = source.clone()
    for place, channel in zip(free, missing, strict=False):
        filled[place] = channel
    return filled


def _shares(sources: Tensor, generator: torch.Generator) -> Tensor:
    """What part of a weight each of several equal channels takes: random parts that add up to 1, 1 for a single one."""
    drawn = 0.25 + 0.5 * torch.rand(len(sources), generator=generator)
    counts = torch.zeros(int(sources.max()) + 1 if len(sources) else 0)
    return drawn / counts.index_add(0, sources, drawn)[sources]


def _weight(layer: nn.Module) -> Tensor:
    return cast("Tensor", layer.weight).detach()


def _channelwise_tensors(layer: nn.Module) -> list[tuple[str, Tensor]]:
    held = [*layer._parameters.items(), *layer._buffers.items()]
    return [(name, tensor.detach()) for name, tensor in held if tensor is not None and tensor.dim()]


def _resized(tensor: Tensor, like: Tensor, axes: int = 1) -> Tensor:
    """A kernel with zeros around it, or its centre: all axes after the first ones get the lengths of another tensor."""
    for axis in range(axes, tensor.dim()):
        spare = like.shape[axis] - tensor.shape[axis]
        if spare < 0:
            tensor = tensor.narrow(axis, -spare // 2, like.shape[axis])
        elif spare:
            shape = list(tensor.shape)
            shape[axis] = like.shape[axis]
            made = tensor.new_zeros(shape)
            made.narrow(axis, spare // 2, tensor.shape[axis]).copy_(tensor)
            tensor = made
    return tensor


@torch.no_grad()
def copy_corner(parent: nn.Module, child: nn.Module) -> None:
    """Give any other layer what both have: the leading part of each axis of each tensor of the same name."""
    there = dict(_channelwise_tensors(parent))
    for name, tensor in _channelwise_tensors(child):
        held = there.get(name)
        if held is not None and held.dim() == tensor.dim():
            corner = tuple(slice(0, min(a, b)) for a, b in zip(held.shape, tensor.shape, strict=True))
            tensor[corner] = held[corner]


@torch.no_grad()
def make_identity(layer: nn.Module) -> bool:
    """Make a layer give the channels of its input; those of its output beyond keep their weights.

    Batch norms do so in evaluation mode, by the statistics that they hold.

    Returns:
        Whether it can: a convolution of stride 1 that keeps the size, with at least as many channels out as in.
    """
    if isinstance(layer, _BatchNorm):
        if layer.running_var is None or layer.running_mean is None or layer.weight is None:
            return False
        layer.weight.copy_((layer.running_var + layer.eps).sqrt())
        layer.bias.copy_(layer.running_mean)
        return True
    if not (is_mixing(layer) or (isinstance(layer, _ConvNd) and is_channelwise(layer))):
        return False
    weight = _weight(layer)
    if isinstance(layer, _ConvNd):
        sizes = [(k - 1) * d for k, d in zip(layer.kernel_size, layer.dilation, strict=True)]
        padding = sizes if layer.padding == "same" else [2 * cast("int", pad) for pad in layer.padding]
        if any(stride != 1 for stride in layer.stride) or any(size % 2 for size in sizes) or sizes != padding:
            return False
    channels = weight.shape[1] if is_mixing(layer) else weight.shape[0]
    if weight.shape[0] < channels:
        return False
    weight[:channels] = 0.0
    centre = tuple(size // 2 for size in weight.shape[2:])
    for channel in range(channels):
        weight[(channel, channel if is_mixing(layer) else 0, *centre)] = 1.0
    if isinstance(layer.bias, Tensor):
        layer.bias[:channels] = 0.0
    return True


def _is_instance_norm(module: nn.Module) -> bool:
    return isinstance(module, nn.InstanceNorm1d | nn.InstanceNorm2d | nn.InstanceNorm3d)
