"""What makes the networks of a supernet larger or smaller: decisions by what they change, their values in order."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from enum import Enum
from random import Random
from typing import Any

from archwright.spaces import Architecture, Decision, Space
from archwright.supernets.arguments import Argument, RepeatArg
from archwright.supernets.elastic import Elastic
from archwright.supernets.mixed import GatedEdge, MixedOp
from archwright.supernets.supernet import Supernet

__all__ = ["Elasticity", "elasticities", "extreme", "ordered_values", "sample_among"]

_TRIES = 100


class Elasticity(Enum):
    """What a decision changes in a network."""

    KERNEL = "kernel"
    """The sides of convolutions' kernels."""
    DEPTH = "depth"
    """How many layers there are, or whether a part is there."""
    WIDTH = "width"
    """The channels of weights."""
    OPERATION = "operation"
    """Which of several modules, with weights of their own, is there."""
    OTHER = "other"
    """No weights: the side of images, an activation."""


def elasticities(supernet: Supernet) -> dict[str, Elasticity]:
    """What each decision of a supernet changes, by address; of several the first of depth, width and kernel."""
    deep, wide, sided, chosen, unchanged = (set[str]() for _ in range(5))
    for module in supernet.modules():
        if isinstance(module, GatedEdge):
            deep.update(module.selector.reads)
        elif isinstance(module, MixedOp):
            chosen.update(module.selector.reads)
        elif isinstance(module, Elastic):
            deep.update(_repeated([*module.args, *module.kwargs.values()]))
            for address, sizes in module.sizes.items():
                axes = {axis for _, _, axis in sizes}
                (wide if axes & {0, 1} else sided if axes else unchanged).add(address)
            deep.update(module.optional & unchanged)
    kinds = (
        (Elasticity.DEPTH, deep),
        (Elasticity.WIDTH, wide),
        (Elasticity.KERNEL, sided),
        (Elasticity.OPERATION, chosen),
    )
    return {
        address: next((kind for kind, addresses in kinds if address in addresses), Elasticity.OTHER)
        for address in supernet.decisions
    }


def _repeated(arguments: Sequence[Argument]) -> Iterator[str]:
    for argument in arguments:
        if isinstance(argument, RepeatArg):
            yield from argument.selector.reads
        yield from _repeated(argument.inside)


def ordered_values(decision: Decision) -> list[Any]:
    """A decision's values from the largest on: numbers by size, subsets by how many they take, others as listed."""
    if decision.size == math.inf:
        return [decision.decode([place] * decision.columns) for place in (1.0, 0.5, 0.0)]
    if decision.several:
        relaxed = decision.relaxed()
        return [
            relaxed.value(relaxed.labels[:count]) for count in range(relaxed.most, relaxed.fewest - 1, -1)
        ]
    values = list(decision.values())
    return sorted(values, reverse=True) if all(isinstance(value, int | float) for value in values) else values


def extreme(
    space: Space, kinds: Mapping[str, Elasticity], place: int, decide: Callable[[str, Decision], Any]
) -> Architecture:
    """The largest or the smallest network, whose constraints are not asked.

    Args:
        space: The space.
        kinds: Of its supernet's decisions.
        place: 0 for the largest, -1 for the smallest.
        decide: Gives the value of a decision among operations, by its address.
    """

    def chosen(address: str, decision: Decision) -> Any:
        if kinds.get(address, Elasticity.OTHER) is Elasticity.OPERATION:
            return decide(address, decision)
        return ordered_values(decision)[place]

    return space.complete(chosen)


def sample_among(space: Space, allowed: Mapping[str, Sequence[Any]], random: Random) -> Architecture:
    """A random architecture, of some decisions with a value out of several, each equally likely.

    Args:
        space: The space.
        allowed: Address to the values that a decision may take; the others are drawn as `Space.sample` does.
        random: Where the randomness comes from.

    Returns:
        The first of 100 that keeps the space's constraints, where one does.
    """

    def decide(address: str, decision: Decision) -> Any:
        return random.choice(list(allowed[address])) if address in allowed else decision.sample(random)

    architecture = space.complete(decide)
    for _ in range(_TRIES if space.is_constrained else 0):
        if space.contains(architecture):
            break
        architecture = space.complete(decide)
    return architecture
