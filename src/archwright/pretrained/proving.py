"""The proof that a group may shrink: what is cut out must be worth what its silenced channels are."""

from __future__ import annotations

import random
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils import _pytree

from archwright.pretrained.examples import Inputs, inputs_of, sized
from archwright.pretrained.shrinking import indices_of, shrunk
from archwright.pretrained.tracing import Group, channel_groups

__all__ = ["proven_groups"]

_TOLERANCE = 1e-4  # of the largest output
_SHIFT = 0.1  # of a weight's own spread, so that a layer that begins at zero hides nothing


def proven_groups(network: nn.Module, example: Any) -> list[Group]:
    """All groups of a network; the free ones are proven, alone and together, on two batch sizes.

    A random half of a group's channels is dropped twice: in one copy the weights that consume them are set to zero,
    in another they are cut out. Both copies must give the same outputs to 1e-4 of the largest, in evaluation. Behind a
    norm over channels the two differ by nature, and shape and finite values are compared.

    Args:
        network: Any module; neither its weights nor its mode change.
        example: Its input, a tuple of its inputs, or a pair (args, kwargs) of these; the first dimension of each tensor
            is the batch.

    Returns:
        The groups of `channel_groups`; one that fails has its reason.
    """
    inputs = inputs_of(example)
    groups = channel_groups(network, inputs)
    copy = _shifted(network)
    proven: list[Group] = []
    accepted: list[Group] = []
    for group in groups:
        reason = group.reason or (
            "it has one channel only" if group.width < 2 else _refuted(copy, inputs, [group])
        )
        proven.append(replace(group, reason=reason))
        if reason is None:
            accepted.append(proven[-1])
    if len(accepted) < 2 or _refuted(copy, inputs, accepted) is None:
        return proven
    together: list[Group] = []
    for group in accepted:
        if reason := _refuted(copy, inputs, [*together, group]):
            proven[proven.index(group)] = replace(
                group, reason=f"together with the groups before it, {reason}"
            )
        else:
            together.append(group)
    return proven


def _shifted(network: nn.Module) -> nn.Module:
    copy = deepcopy(network).eval()
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for one in copy.parameters():
            if one.is_floating_point():
                spread = one.std(correction=0) if one.numel() > 1 else one.abs().sum()
                noise = torch.randn(one.shape, generator=generator).to(one)
                one.add_(_SHIFT * torch.where(spread > 0, spread, 1.0) * noise)
    return copy


def _refuted(network: nn.Module, inputs: Inputs, groups: list[Group]) -> str | None:
    """Why these groups cannot shrink; None when they can."""
    chance = random.Random(0)
    kept = [(one, sorted(chance.sample(range(one.width), (one.width + 1) // 2))) for one in groups]
    if not all(one.consumers for one in groups):
        return "no weight consumes it, so that nothing could silence a channel"
    silenced = deepcopy(network)
    tensors = dict(silenced.named_parameters()) | dict(silenced.named_buffers())
    dropped = indices_of(kept)
    with torch.no_grad():
        for group in groups:
            for name, axis in group.consumers:
                tensors[name].index_fill_(
                    axis, torch.tensor(sorted(dropped[name, axis])).to(tensors[name].device), 0
                )
        mixed = any(one.normalised for one in groups)
        try:
            small = shrunk(network, kept)
            for batch in (2, 3):
                args, kwargs = sized(inputs, batch)
                for one, other in _pairs(silenced(*args, **kwargs), small(*args, **kwargs)):
                    if one.shape != other.shape:
                        return f"an output has the shape {list(other.shape)} without its channels"
                    if not other.isfinite().all():
                        return "an output is not finite without its channels"
                    gap = float((one - other).abs().max() / one.abs().max().clamp(min=1e-12))
                    if not (mixed or gap <= _TOLERANCE):  # also where it is not a number
                        return f"the output moves by {gap:.1g} of its largest value without its silenced channels"
        except Exception as error:  # whatever the user's forward raises with fewer channels
            return (
                f"the network does not run without its channels: {str(error).strip().splitlines()[0][:200]}"
            )
    return None


def _pairs(one: Any, other: Any) -> Iterator[tuple[Tensor, Tensor]]:
    left, right = _pytree.tree_leaves(one), _pytree.tree_leaves(other)
    for a, b in zip(left, right, strict=True):
        if isinstance(a, Tensor):
            yield a.double(), b.double()
