"""The proof that a group may shrink: what is cut out must be worth what its silenced channels are."""

from __future__ import annotations

import random
from collections.abc import Callable, Collection, Mapping
from copy import deepcopy
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils import _pytree

from archwright.pretrained.bounded import BoundError, bounded
from archwright.pretrained.comparison import difference, failing
from archwright.pretrained.counting import counting
from archwright.pretrained.depth import Stage, residual_stages
from archwright.pretrained.examples import Inputs, check_runs, inputs_of
from archwright.pretrained.layer_choices import ACTIVATION, KERNEL, LayerChoice, layer_choices
from archwright.pretrained.shrinking import Kept, indices_of, shrunk
from archwright.pretrained.tracing import Group, channel_groups

__all__ = ["Findings", "examined", "proven_groups"]

_SHIFT = 0.1  # of a weight's own spread, so that a layer that begins at zero hides nothing


@dataclass(frozen=True)
class Findings:
    """What was found in a network.

    Args:
        groups: All its groups, as of `proven_groups`.
        stages: Its residual stages, whose depth may change.
        layers: Its convolutions and activations, free or fixed.
    """

    groups: list[Group]
    stages: tuple[Stage, ...] = ()
    layers: tuple[LayerChoice, ...] = ()


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
        seconds: Processor time that it may take; by the clock ten times as long, for machines with other work.
        memory: Bytes that it may take (Linux only).

    Returns:
        The groups of `channel_groups`; one that fails has its reason. Where the bounds are reached, or the forward
        ended the process, every parameter stays, for that reason.

    Raises:
        SpaceError: When the network does not run on the example.
    """
    return examined(network, example, seconds=seconds, memory=memory, kinds=()).groups


def examined(
    network: nn.Module,
    example: Any,
    *,
    seconds: float = 60,
    memory: int = 4 * 2**30,
    kinds: Collection[str],
) -> Findings:
    """The groups of a network, see `proven_groups`; its stages, kernels and activations where `kinds` name them."""
    inputs = _on_cpu(inputs_of(example))
    held = [*network.parameters(), *network.buffers()]
    here = network if all(one.is_cpu for one in held) else deepcopy(network).cpu()
    try:
        return bounded(_examined, here, inputs, kinds, seconds=seconds, memory=memory)
    except BoundError as error:
        reason = f"it was not traced: {error}"
        return Findings(
            [
                Group(name, {(name, axis): [[one] for one in range(size)]}, (), reason=reason)
                for name, parameter in network.named_parameters()
                for axis, size in enumerate(parameter.shape)
            ]
        )


def _examined(network: nn.Module, inputs: Inputs, kinds: Collection[str]) -> Findings:
    check_runs(network, inputs)
    groups, shifted = _proven_groups(network, inputs), _shifted(network)
    stages = residual_stages(shifted, inputs) if "depth" in kinds else ()
    wanted = [kind for kind in (KERNEL, ACTIVATION) if kind in kinds]
    return Findings(groups, stages, layer_choices(shifted, inputs, wanted) if wanted else ())


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

    def refuted(some: Collection[Group]) -> str | None:
        return _refuted(copy, inputs, some)

    found = {i: one for i, one in enumerate(groups) if one.reason is None}
    exact = {i: one for i, one in found.items() if not one.normalised}
    # Those behind a norm join last, since with them less can be compared.
    plain = {i: one for i, one in exact.items() if not one.heads}
    if plain and refuted(plain.values()):
        # Blocks of one class read their widths from attributes alike, and one by one they take dozens of calls.
        counted = _counted(network, plain)
        if counted != plain and refuted(counted.values()) is None:
            plain = counted
            exact, found = exact | plain, found | plain
            groups = [found.get(i, one) for i, one in enumerate(groups)]
    reasons = failing(plain, refuted)
    reasons |= failing({i: one for i, one in exact.items() if one.heads}, refuted)
    for i in list(reasons):  # where the forward reads the width from an attribute
        other = replace(groups[i], attributes=() if groups[i].attributes else counting(network, groups[i]))
        if other != groups[i] and refuted([other]) is None:
            groups[i] = found[i] = other
            del reasons[i]
    kept = {i: one for i, one in found.items() if i not in reasons}
    if kept != plain and refuted(kept.values()):
        reasons |= failing({i: one for i, one in kept.items() if one.normalised}, refuted)
        kept = {i: one for i, one in kept.items() if i not in reasons}
        if kept != plain and refuted(kept.values()):
            reasons |= _clashing(kept, refuted)
    return [replace(one, reason=reasons.get(i, one.reason)) for i, one in enumerate(groups)]


def _counted(network: nn.Module, groups: Mapping[int, Group]) -> dict[int, Group]:
    """The groups with the attributes that may hold their widths, each with the first of them that it fits."""
    taken: set[tuple[str, str]] = set()
    found = {}
    for i, one in groups.items():
        own = tuple(place for place in counting(network, one) if place not in taken)
        taken.update(own)
        found[i] = replace(one, attributes=own)
    return found


def _clashing(
    groups: Mapping[int, Group], refuted: Callable[[Collection[Group]], str | None]
) -> dict[int, str]:
    """Those of some groups that can shrink alone, but not together with those before them."""
    together: list[Group] = []
    reasons: dict[int, str] = {}
    for i, one in groups.items():
        if reason := refuted([*together, one]):
            reasons[i] = f"together with the groups before it, {reason}"
        else:
            together.append(one)
    return reasons


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
    return difference(
        lambda: _silenced(network, kept),
        lambda: shrunk(network, kept),
        inputs,
        "without its channels",
        exact=not any(one.normalised for one in groups),
    )


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
