"""A network with fewer channels: a copy of the user's module tree with the weights of those that are kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import deepcopy
from typing import Any, TypeAlias

import torch
from torch import Tensor, nn

from archwright.pretrained.tracing import Group, Place

__all__ = ["Kept", "importance", "indices_of", "shrunk"]

Kept: TypeAlias = Sequence[tuple[Group, Sequence[int]]]
"""Groups and the channels of each that are kept, in rising order."""


def importance(network: nn.Module, group: Group) -> list[int]:
    """The group's channels, the most important first, by the L1 norm of all their weights (Li et al. 2017).

    Source: arXiv:1608.08710; here over every parameter in which the channel appears, equal norms in their order.
    """
    parameters = dict(network.named_parameters(remove_duplicate=False))
    norms = torch.zeros(group.width, dtype=torch.float64)
    for (name, axis), channels in group.places.items():
        if name in parameters:
            weights = parameters[name].detach().abs().double().transpose(0, axis)
            each = weights.reshape(len(weights), -1).sum(1).cpu()
            norms += torch.stack([each[indices].sum() for indices in channels])
    return torch.sort(norms, descending=True, stable=True).indices.tolist()


def indices_of(kept: Kept) -> dict[Place, set[int]]:
    """For every place, the indices that are dropped."""
    dropped: dict[Place, set[int]] = {}
    for group, channels in kept:
        gone = set(range(group.width)).difference(channels)
        for place, indices in group.places.items():
            dropped.setdefault(place, set()).update(one for channel in gone for one in indices[channel])
    return dropped


def shrunk(network: nn.Module, kept: Kept) -> nn.Module:
    """A copy of the network with the other channels of these groups cut out; weights keep their order.

    Args:
        network: It is not changed. Its copy is in the same mode, and tied weights stay tied.
        kept: Groups and the channels that stay. A group that is not named keeps all.
    """
    copy = deepcopy(network)
    cut = dict(copy.named_parameters(remove_duplicate=False)) | dict(
        copy.named_buffers(remove_duplicate=False)
    )
    keep: dict[str, dict[int, Tensor]] = {}
    for (name, axis), gone in indices_of(kept).items():
        size = cut[name].shape[axis]
        keep.setdefault(name, {})[axis] = torch.tensor([one for one in range(size) if one not in gone])
    made = {id(cut[name]): _selected(cut[name], axes) for name, axes in keep.items()}
    for group, channels in kept:
        for path, name in group.attributes:
            holder = copy.get_submodule(path)
            setattr(holder, name, getattr(holder, name) * len(channels) // group.width)
    for module in copy.modules():
        changed = False
        tables: tuple[dict[str, Any], ...] = (module._parameters, module._buffers)
        for held in tables:
            for name, one in held.items():
                if one is not None and id(one) in made:
                    held[name] = made[id(one)]
                    changed = True
        if changed:
            _describe(module)
    return copy


def _selected(tensor: Tensor, axes: Mapping[int, Tensor]) -> Tensor:
    with torch.no_grad():
        data = tensor.detach()
        for axis, indices in axes.items():
            data = data.index_select(axis, indices.to(data.device))
        data = data.clone()
    return (
        nn.Parameter(data, requires_grad=tensor.requires_grad) if isinstance(tensor, nn.Parameter) else data
    )


def _describe(module: Any) -> None:
    """Brings the attributes with which a module of PyTorch describes its weights to their new shapes."""
    if isinstance(module, nn.RNNBase):
        module.input_size = int(module.weight_ih_l0.shape[1])  # type: ignore[index]
        module.hidden_size = int(module.weight_hh_l0.shape[1])  # type: ignore[index]
        module._flat_weights = [getattr(module, name) for name in module._flat_weights_names]
        return
    weight = getattr(module, "weight", None)
    if not isinstance(weight, Tensor):
        return
    shape = weight.shape
    if isinstance(module, nn.modules.conv._ConvNd):
        a, b = (1, 0) if module.transposed else (0, 1)
        if shape[1] == 1 and 1 < module.groups == module.in_channels:
            each = 1 if module.transposed else module.out_channels // module.groups
            module.groups = shape[0] // each
        module.out_channels = shape[a] * (module.groups if module.transposed else 1)
        module.in_channels = shape[b] * (1 if module.transposed else module.groups)
    elif isinstance(module, nn.Linear):
        module.out_features, module.in_features = shape
    elif isinstance(module, nn.modules.batchnorm._NormBase):
        module.num_features = shape[0]
    elif isinstance(module, nn.LayerNorm | nn.RMSNorm):
        module.normalized_shape = tuple(shape)
    elif isinstance(module, nn.GroupNorm):
        module.num_channels = shape[0]
    elif isinstance(module, nn.Embedding):
        module.embedding_dim = shape[1]
    elif isinstance(module, nn.PReLU):
        module.num_parameters = shape[0]
