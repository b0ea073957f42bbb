"""The channels of shared weights by importance, so that narrow networks keep what matters (Cai et al. 2020)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

import torch
from torch import Tensor

from archwright.evaluating import evaluating
from archwright.spaces import Architecture
from archwright.spaces.build import arguments_of
from archwright.supernets.elastic import Elastic
from archwright.supernets.shrinking import Elasticity, ordered_values, sample_among
from archwright.supernets.supernet import Supernet
from archwright.tasks.batches import tensors_in

__all__ = ["sort_channels"]

_PATHS = 4
_TOLERANCE = 1e-3


@dataclass(frozen=True, slots=True)
class _Axis:
    """An axis of a shared weight."""

    tensor: Tensor
    axis: int


def sort_channels(supernet: Supernet, kinds: Mapping[str, Elasticity]) -> tuple[str, ...]:
    """Put the most important channels of every elastic width first, where that leaves the network as it is.

    A narrow network takes the leading channels. The importance of a channel is the L1 norm of the weights that read it
    (Cai et al. 2020, arXiv:1908.09791, section 3.3); where nothing that is elastic reads it, of those that make it. Of
    a decision all axes of one size are sorted alike. What the widest networks compute is compared before and after:
    channels that are tied to others in a way that shapes do not show stay as they are.

    Args:
        supernet: With an example; its weights and the statistics of its norms are changed in place.
        kinds: Of its decisions.

    Returns:
        The addresses of the decisions whose channels could not be sorted.
    """
    groups = _groups(supernet, kinds)
    paths = _widest(supernet, kinds)
    if _sorted(supernet, list(groups.values()), paths):
        return ()
    failed = [address for (address, _), group in groups.items() if not _sorted(supernet, [group], paths)]
    return tuple(dict.fromkeys(failed))


def _groups(
    supernet: Supernet, kinds: Mapping[str, Elasticity]
) -> dict[tuple[str, tuple[int, ...]], list[_Axis]]:
    """The axes that a decision changes in the same way, by its address and their sizes."""
    groups: dict[tuple[str, tuple[int, ...]], list[_Axis]] = defaultdict(list)
    for module in supernet.modules():
        if isinstance(module, Elastic) and not module.picks:  # else it knows itself which channels matter
            for address, sizes in module.sizes.items():
                if kinds.get(address) is Elasticity.WIDTH:
                    for (name, axes, axis), found in sizes.items():
                        tensor = module.shared.largest(name, axes)
                        if axis < 2 and tensor.shape[axis] == found[0]:
                            groups[address, tuple(found)].append(_Axis(tensor, axis))
    return groups


def _sorted(supernet: Supernet, groups: Sequence[Sequence[_Axis]], paths: Sequence[Architecture]) -> bool:
    """Sort groups of axes; where that changes what the networks compute, leave all as it was."""
    before = _outputs(supernet, paths)
    orders = [_order(group) for group in groups]
    for group, order in zip(groups, orders, strict=True):
        _permute(group, order)
    if all(_agree(a, b) for a, b in zip(before, _outputs(supernet, paths), strict=True)):
        return True
    for group, order in zip(groups, orders, strict=True):
        _permute(group, order.argsort())
    return False


def _order(group: Sequence[_Axis]) -> Tensor:
    """The channels from the most important on."""
    readers = [one for one in group if one.axis == 1]
    makers = [one for one in group if one.tensor.dim() > 1]
    importance = torch.stack(
        [
            one.tensor.detach().abs().double().sum([i for i in range(one.tensor.dim()) if i != one.axis])
            for one in readers or makers or group
        ]
    ).sum(0)
    return importance.argsort(descending=True, stable=True)


def _permute(group: Iterable[_Axis], order: Tensor) -> None:
    with torch.no_grad():
        for one in group:
            one.tensor.copy_(one.tensor.index_select(one.axis, order))


def _widest(supernet: Supernet, kinds: Mapping[str, Elasticity]) -> list[Architecture]:
    """Some architectures with all widths at their largest."""
    allowed: dict[str, Sequence[Any]] = {
        address: ordered_values(decision)[:1]
        for address, decision in supernet.decisions.items()
        if kinds[address] is Elasticity.WIDTH
    }
    random = Random(0)
    return [sample_among(supernet.space, allowed, random) for _ in range(_PATHS)]


@torch.no_grad()
def _outputs(supernet: Supernet, paths: Sequence[Architecture]) -> list[list[Tensor]]:
    args, kwargs = arguments_of(supernet.example)
    like = next(supernet.parameters())
    args, kwargs = torch.utils._pytree.tree_map(
        lambda value: _as(value, like) if isinstance(value, Tensor) else value, (args, kwargs)
    )
    found = []
    with evaluating(supernet):
        for path in paths:
            with supernet.on(path):
                found.append(list(tensors_in(supernet(*args, **kwargs))))
    return found


def _as(value: Tensor, like: Tensor) -> Tensor:
    return value.to(like.device, like.dtype if value.is_floating_point() else value.dtype)


def _agree(first: Sequence[Tensor], second: Sequence[Tensor]) -> bool:
    """Whether outputs are the same but for rounding."""
    return all(
        bool((a - b).abs().max() <= _TOLERANCE * a.abs().max()) for a, b in zip(first, second, strict=True)
    )
