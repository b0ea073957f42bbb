"""The layers of a network that hold weights or statistics, by the call that they came from, to pair two networks."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import Any

from torch import nn

from archwright.estimators.morphism.layers import is_channelwise, is_mixing
from archwright.spaces.calls import ResolvedCall, Written, calls_in, walk_calls

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
    one step alone. In a part that was generated for other arguments, such as a derivation of a grammar, places say
    little: there the layers of both, in their order, are aligned, see `_aligned`.
    """
    pairs = {key: parent[key] for key, leaf in child.items() if key in parent and _alike(parent[key], leaf)}
    pairs |= _aligned(parent, child)
    left = [leaf for key, leaf in parent.items() if key not in child and not _written(leaf)]
    for key, leaf in child.items():
        if key in parent or _written(leaf):
            continue
        for other in left:
            if _alike(other, leaf) and other.path == leaf.path and _differ_once(other, leaf):
                pairs[key] = other
                left.remove(other)
                break
    return pairs


def _aligned(
    parent: Mapping[tuple[Hashable, str], Leaf], child: Mapping[tuple[Hashable, str], Leaf]
) -> dict[tuple[Hashable, str], Leaf]:
    """The pairs of the best global alignment of the layers in generated parts (Needleman & Wunsch 1970).

    Two layers of one kind score 2, and 3 more where their weights have one shape, so that a layer inserted in the midst
    does not take over the weights of the one that stood in its place; a gap scores 0. Parts in different places of the
    network are aligned by themselves.
    """
    groups: dict[Hashable, tuple[list[Leaf], list[Leaf]]] = {}
    for side, leaves in enumerate((parent, child)):
        other = child if side == 0 else parent
        for key, leaf in leaves.items():
            if key not in other and (begin := _written(leaf)):
                groups.setdefault(leaf.call.structural_key[: begin - 1], ([], []))[side].append(leaf)
    pairs: dict[tuple[Hashable, str], Leaf] = {}
    for old, new in groups.values():
        worth = [[(2 + 3 * _same_shapes(a, b)) * _alike(a, b) for b in new] for a in old]
        best = [[0] * (len(new) + 1) for _ in range(len(old) + 1)]
        for i, row in enumerate(worth):
            for j, score in enumerate(row):
                best[i + 1][j + 1] = max(best[i][j] + score, best[i][j + 1], best[i + 1][j])
        i, j = len(old), len(new)
        while i and j:
            score = worth[i - 1][j - 1]
            if best[i][j] == best[i][j - 1]:
                j -= 1
            elif best[i][j] == best[i - 1][j]:
                i -= 1
            else:
                assert best[i][j] == best[i - 1][j - 1] + score
                i, j = i - 1, j - 1
                pairs[new[j].key] = old[i]
    return pairs


def _written(leaf: Leaf) -> int:
    """How many steps of a layer's key lead into a part that was generated; 0 where it stands in none."""
    steps = leaf.call.structural_key
    return next((place for place, step in enumerate(steps, 1) if isinstance(step, Written)), 0)


def _same_shapes(one: Leaf, other: Leaf) -> bool:
    shapes = [[p.shape for p in leaf.module._parameters.values() if p is not None] for leaf in (one, other)]
    return shapes[0] == shapes[1]


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
