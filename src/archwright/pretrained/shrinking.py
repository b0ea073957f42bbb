"""A network with fewer channels: a copy of the user's module tree with the weights of those that are kept."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from copy import deepcopy
from typing import Any, TypeAlias

import torch
from torch import Tensor, nn

from archwright.pretrained.tracing import Group, Place

__all__ = ["Kept", "importance", "indices_of", "selection_of", "shrunk"]

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


def selection_of(network: nn.Module, kept: Kept) -> dict[str, dict[int, Tensor]]:
    """What is kept of each parameter and buffer that becomes smaller: axis to indices, under each of its names.

    Args:
        network: The whole one.
        kept: Groups and the channels that stay.
    """
    named = _named_tensors(network)
    found: dict[int, dict[int, Tensor]] = {}
    for (name, axis), gone in indices_of(kept).items():
        size = named[name].shape[axis]
        left = torch.tensor([one for one in range(size) if one not in gone])
        found.setdefault(id(named[name]), {})[axis] = left
    return {name: found[id(one)] for name, one in named.items() if id(one) in found}


def shrunk(network: nn.Module, kept: Kept, *, valued: bool = True) -> nn.Module:
    """A copy of the network with the other channels of these groups cut out; weights keep their order.

    Args:
        network: It is not changed. Its copy is in the same mode, and tied weights stay tied.
        kept: Groups and the channels that stay. A group that is not named keeps all.
        valued: Whether its parameters have their values; without them, it is made in a fraction of the time.
    """
    memo = _empty_tables(network)
    if not valued:
        memo |= {id(one): _empty(one, one.shape) for one in network.parameters()}
    copy = deepcopy(network, memo)
    cut = _named_tensors(copy)
    made = {
        id(cut[name]): _selected(cut[name], axes, valued=valued)
        for name, axes in selection_of(network, kept).items()
    }
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


def _named_tensors(network: nn.Module) -> dict[str, Tensor]:
    """Every parameter and buffer by each of its names."""
    parameters = dict(network.named_parameters(remove_duplicate=False))
    return {**parameters, **dict(network.named_buffers(remove_duplicate=False))}


def _empty_tables(network: nn.Module) -> dict[int, Any]:
    """What `deepcopy` is to put in the place of empty tables, such as those of hooks, which take most of its time."""
    held = [value for module in network.modules() for value in vars(module).values()]
    return {id(one): type(one)() for one in held if type(one) in (dict, OrderedDict) and not one}


def _empty(like: nn.Parameter, shape: Sequence[int]) -> nn.Parameter:
    return nn.Parameter(like.detach().new_empty(tuple(shape)), requires_grad=like.requires_grad)


def _selected(tensor: Tensor, axes: Mapping[int, Tensor], *, valued: bool) -> Tensor:
    if not valued and isinstance(tensor, nn.Parameter):
        return _empty(tensor, [len(axes.get(axis, range(n))) for axis, n in enumerate(tensor.shape)])
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
