"""The layers of a network that hold weights or statistics, by the call that they came from, to pair two networks."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import Any

from torch import nn

from archwright.estimators.morphism.layers import is_channelwise, is_mixing
from archwright.spaces.calls import ResolvedCall, calls_in, walk_calls

__all__ = ["Leaf", "leaves_of", "paired"]


@dataclass(frozen=True, slots=True)
class Leaf:
    """A module with weights or statistics of its own.

    Args:
        module: The module.
        call: The innermost call that made it.
        path: Its dotted name inside what that call made; "" for that itself.
        outer: The structural keys of the calls around it, outermost first, its own last.
    """

    module: nn.Module
    call: ResolvedCall
    path: str
    outer: tuple[Hashable, ...]

    @property
    def key(self) -> tuple[Hashable, str]:
        """Equal for the same layer in two architectures of a space."""
        return self.call.structural_key, self.path


def leaves_of(root: ResolvedCall, made: Mapping[ResolvedCall, Any]) -> dict[tuple[Hashable, str], Leaf]:
    """The layers of a network by key.

    Args:
        root: The call of the network.
        made: What each call returned, from `archwright.spaces.build.construct`.
    """
    around = _callers(root)
    found: dict[int, Leaf] = {}
    for call in walk_calls(root):  # a caller before the calls in its arguments, which so have the last word
        module = made[call]
        for path, part in module.named_modules() if isinstance(module, nn.Module) else ():
            if any(held is not None for held in (*part._parameters.values(), *part._buffers.values())):
                found[id(part)] = Leaf(part, call, path, around[call])
    return {leaf.key: leaf for leaf in found.values()}


def paired(
    parent: Mapping[tuple[Hashable, str], Leaf], child: Mapping[tuple[Hashable, str], Leaf]
) -> dict[tuple[Hashable, str], Leaf]:
    """The layer of the parent that each layer of the child goes on from, by the child's key.

    Layers of the same place are pairs. So are those of two options of one switch with the same class under the same
    name, such as the convolutions of a block with a kernel of 3 and of one with a kernel of 5: their places differ in
    one step alone.
    """
    pairs = {key: parent[key] for key, leaf in child.items() if key in parent and _alike(parent[key], leaf)}
    left = [leaf for key, leaf in parent.items() if key not in child]
    for key, leaf in child.items():
        if key in parent:
            continue
        for other in left:
            if _alike(other, leaf) and other.path == leaf.path and _differ_once(other, leaf):
                pairs[key] = other
                left.remove(other)
                break
    return pairs


def _alike(one: Leaf, other: Leaf) -> bool:
    """Whether the weights of one mean the same in the other."""
    kinds = [
        (type(leaf.module), is_mixing(leaf.module), is_channelwise(leaf.module)) for leaf in (one, other)
    ]
    return kinds[0] == kinds[1]


def _differ_once(one: Leaf, other: Leaf) -> bool:
    here, there = one.call.structural_key, other.call.structural_key
    return len(here) == len(there) and sum(a != b for a, b in zip(here, there, strict=True)) == 1


def _callers(root: ResolvedCall) -> dict[ResolvedCall, tuple[Hashable, ...]]:
    """The structural keys of the calls around each call, outermost first, its own last."""
    around: dict[ResolvedCall, tuple[Hashable, ...]] = {root: (root.structural_key,)}
    for call in walk_calls(root):
        for inner in calls_in([call.args, call.kwargs]):
            around.setdefault(inner, (*around[call], inner.structural_key))
    return around
