"""The proof that a group may shrink: what is cut out must be worth what its silenced channels are."""

from __future__ import annotations

import random
from collections.abc import Collection, Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils import _pytree

from archwright.pretrained.bounded import BoundError, bounded
from archwright.pretrained.counting import counting
from archwright.pretrained.depth import Stage, residual_stages
from archwright.pretrained.examples import Inputs, check_runs, inputs_of, sized, told
from archwright.pretrained.shrinking import Kept, indices_of, shrunk
from archwright.pretrained.tracing import Group, channel_groups

__all__ = ["Findings", "examined", "proven_groups"]

_TOLERANCE = 1e-4  # of the largest output
_SHIFT = 0.1  # of a weight's own spread, so that a layer that begins at zero hides nothing


@dataclass(frozen=True)
class Findings:
    """What was found in a network.

    Args:
        groups: All its groups, as of `proven_groups`.
        stages: Its residual stages, whose depth may change.
    """

    groups: list[Group]
    stages: tuple[Stage, ...] = ()


def proven_groups(
    network: nn.Module, example: Any, *, seconds: float = 60, memory: int = 4 * 2**30
) -> list[Group]:
    """All groups of a network; the free ones are proven together, on two batch sizes.

    A random half of the channels of every group is dropped twice: in one copy the weights that consume them are set
    to zero, in another they are cut out. Both copies must give the same outputs to 1e-4 of the largest, in evaluation.
    Where they do not, halves of the groups are tried, down to each group that fails alone. Behind a norm over channels
    the two differ by nature, and shape and finite values are compared.

    The network is traced and run in a child process (`bounded`), on the CPU.

    Args:
        network: Any module; neither its weights nor its mode change.
        example: Its input, a tuple of its inputs, or a pair (args, kwargs) of these; the first dimension of each tensor
            is the batch.
        seconds: How long that may take.
        memory: Bytes that it may take (Linux only).

    Returns:
        The groups of `channel_groups`; one that fails has its reason. Where the bounds are reached, or the forward
        ended the process, every parameter stays, for that reason.

    Raises:
        SpaceError: When the network does not run on the example.
    """
    return examined(network, example, seconds=seconds, memory=memory, depth=False).groups


def examined(
    network: nn.Module, example: Any, *, seconds: float = 60, memory: int = 4 * 2**30, depth: bool = True
) -> Findings:
    """The groups of a network, see `proven_groups`, and with `depth` its residual stages."""
    inputs = _on_cpu(inputs_of(example))
    held = [*network.parameters(), *network.buffers()]
    here = network if all(one.is_cpu for one in held) else deepcopy(network).cpu()
    try:
        return bounded(_examined, here, inputs, depth, seconds=seconds, memory=memory)
    except BoundError as error:
        reason = f"it was not traced: {error}"
        return Findings(
            [
                Group(name, {(name, axis): [[one] for one in range(size)]}, (), reason=reason)
                for name, parameter in network.named_parameters()
                for axis, size in enumerate(parameter.shape)
            ]
        )


def _examined(network: nn.Module, inputs: Inputs, depth: bool) -> Findings:
    check_runs(network, inputs)
    groups = _proven_groups(network, inputs)
    return Findings(groups, residual_stages(_shifted(network), inputs) if depth else ())


def _on_cpu(inputs: Inputs) -> Inputs:
    found: Inputs = _pytree.tree_map(lambda one: one.cpu() if isinstance(one, Tensor) else one, inputs)
    return found


def _proven_groups(network: nn.Module, inputs: Inputs) -> list[Group]:
    groups = [
        replace(one, reason=one.reason or "it has one channel only")
        if one.width < 2
        else replace(one, attributes=counting(network, one) if one.heads else ())
        for one in channel_groups(network, inputs)
    ]
    copy = _shifted(network)
    found = {i: one for i, one in enumerate(groups) if one.reason is None}
    exact = {i: one for i, one in found.items() if not one.normalised}
    # Those behind a norm join last, since with them less can be compared.
    plain = {i: one for i, one in exact.items() if not one.heads}
    reasons = _failing(copy, inputs, plain)
    reasons |= _failing(copy, inputs, {i: one for i, one in exact.items() if one.heads})
    for i in list(reasons):  # where the forward reads the width from an attribute
        other = replace(groups[i], attributes=() if groups[i].attributes else counting(network, groups[i]))
        if other != groups[i] and _refuted(copy, inputs, [other]) is None:
            groups[i] = found[i] = other
            del reasons[i]
    kept = {i: one for i, one in found.items() if i not in reasons}
    if kept != plain and _refuted(copy, inputs, kept.values()):
        reasons |= _failing(copy, inputs, {i: one for i, one in kept.items() if one.normalised})
        kept = {i: one for i, one in kept.items() if i not in reasons}
        if kept != plain and _refuted(copy, inputs, kept.values()):
            reasons |= _clashing(copy, inputs, kept)
    return [replace(one, reason=reasons.get(i, one.reason)) for i, one in enumerate(groups)]


def _clashing(copy: nn.Module, inputs: Inputs, groups: Mapping[int, Group]) -> dict[int, str]:
    """Those of some groups that can shrink alone, but not together with those before them."""
    together: list[Group] = []
    reasons: dict[int, str] = {}
    for i, one in groups.items():
        if reason := _refuted(copy, inputs, [*together, one]):
            reasons[i] = f"together with the groups before it, {reason}"
        else:
            together.append(one)
    return reasons


def _failing(copy: nn.Module, inputs: Inputs, groups: Mapping[int, Group]) -> dict[int, str]:
    """Those of some groups that cannot shrink, with the reason: found by halving."""
    reason = _refuted(copy, inputs, groups.values()) if groups else None
    if reason is None:
        return {}
    if len(groups) == 1:
        return dict.fromkeys(groups, reason)
    order, middle = list(groups.items()), len(groups) // 2
    return _failing(copy, inputs, dict(order[:middle])) | _failing(copy, inputs, dict(order[middle:]))


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


def _refuted(network: nn.Module, inputs: Inputs, groups: Collection[Group]) -> str | None:
    """Why these groups cannot shrink; None when they can."""
    if not all(one.consumers for one in groups):
        return "no weight consumes it, so that nothing could silence a channel"
    chance = random.Random(0)
    kept = [(one, sorted(chance.sample(range(one.width), (one.width + 1) // 2))) for one in groups]
    mixed = any(one.normalised for one in groups)
    try:
        small, silenced = shrunk(network, kept), _silenced(network, kept)
        with torch.no_grad():
            for batch in (2, 3):
                args, kwargs = sized(inputs, batch)
                given = small(*args, **kwargs)  # first, since it is what may not run
                for one, other in _pairs(silenced(*args, **kwargs), given):
                    if one.shape != other.shape:
                        return f"an output has the shape {list(other.shape)} without its channels"
                    if not other.isfinite().all():
                        return "an output is not finite without its channels"
                    gap = float((one - other).abs().max() / one.abs().max().clamp(min=1e-12))
                    if not (mixed or gap <= _TOLERANCE):  # also where it is not a number
                        return f"the output moves by {gap:.1g} of its largest value without its silenced channels"
    except BaseException as error:  # whatever the user's forward raises with fewer channels
        return f"the network does not run without its channels: {told(error)}"
    return None


def _silenced(network: nn.Module, kept: Kept) -> nn.Module:
    """A copy in which the weights that consume the other channels are zero."""
    silenced = deepcopy(network)
    tensors = dict(silenced.named_parameters()) | dict(silenced.named_buffers())
    dropped = indices_of(kept)
    with torch.no_grad():
        for name, axis in {place for group, _ in kept for place in group.consumers}:
            gone = torch.tensor(sorted(dropped[name, axis]), device=tensors[name].device)
            tensors[name].index_fill_(axis, gone, 0)
    return silenced


def _pairs(one: Any, other: Any) -> Iterator[tuple[Tensor, Tensor]]:
    left, right = _pytree.tree_leaves(one), _pytree.tree_leaves(other)
    for a, b in zip(left, right, strict=True):
        if isinstance(a, Tensor):
            yield a.double(), b.double()
