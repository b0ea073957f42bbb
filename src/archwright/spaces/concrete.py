"""One architecture of a space as an expression of its own, without decisions."""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Mapping
from typing import Any

from archwright.errors import SpaceError
from archwright.spaces.calls import Resolvable, ResolvedCall, calls_in, resolve, walk_calls
from archwright.spaces.expression import Expression, rebuilt
from archwright.spaces.nodes import DeferredCall, Tied

__all__ = ["concrete_expression"]


def concrete_expression(space: Resolvable, architecture: Mapping[str, Any]) -> Expression:
    """The network of an architecture as an expression that holds no decision, to stand in other expressions.

    It builds the same network; what was tied is tied.

    Args:
        space: The space.
        architecture: One of its architectures.

    Raises:
        SpaceError: When the architecture is none of the space, or its network is no call.
    """
    root = resolve(space, architecture)
    if not isinstance(root, ResolvedCall):
        raise SpaceError(f"expected the space's network to be an aw.layer, got {root!r}")
    places = Counter(id(inner) for call in walk_calls(root) for inner in calls_in([call.args, call.kwargs]))
    made: dict[int, Expression] = {}

    def expressed(value: Any) -> Any:
        if isinstance(value, ResolvedCall):
            if id(value) not in made:
                call = DeferredCall(value.fn, *map(expressed, value.args))
                call.kwargs = {
                    name: expressed(item) for name, item in value.kwargs.items()
                }  # one may be `name`
                made[id(value)] = Tied(call) if places[id(value)] > 1 else call
            return made[id(value)]
        if isinstance(value, dict):
            items = copy.copy(value)  # of its own type, such as an OrderedDict
            items.update({key: expressed(item) for key, item in value.items()})
            return items
        if isinstance(value, list | tuple):
            return rebuilt(value, [expressed(item) for item in value])
        return value

    found: Expression = expressed(root)
    return found
