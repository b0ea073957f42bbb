"""The same decisions at another scale: more cells, wider layers, another image."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from archwright.errors import SpaceError, did_you_mean
from archwright.spaces.description import described_decisions

if TYPE_CHECKING:
    from archwright.spaces.space import Space

__all__ = ["rescaled"]


def rescaled(space: Space, changes: Mapping[str, Any]) -> Space:
    """What the space's `scaled` makes of the changes, checked.

    Args:
        space: The space.
        changes: Keyword arguments of `scaled`.

    Raises:
        SpaceError: When the space has no `scaled`, it takes no such argument, or what it makes has other decisions.
    """
    name = space.name or "unnamed"
    if space.scaled is None:
        raise SpaceError(
            f"the space {name!r} has no other scale; give aw.Space(..., scaled=functools.partial(make, ...)), where "
            "`make` is the function that makes this space and takes the scale by keyword"
        )
    parameters = inspect.signature(space.scaled).parameters.values()
    if not any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters):
        known = [p.name for p in parameters if p.kind in (p.KEYWORD_ONLY, p.POSITIONAL_OR_KEYWORD)]
        for option in changes:
            if option not in known:
                raise SpaceError(
                    f"the space {name!r} has no option {option!r} to scale.{did_you_mean(option, known)}"
                )
    made = space.scaled(**changes)
    before, after = described_decisions(space), described_decisions(made)
    # Compared without their order: it may follow where a decision first stands, which a deeper network changes.
    if odd := [address for address in {**before, **after} if before.get(address) != after.get(address)]:
        raise SpaceError(
            f"the space {name!r}: {', '.join(f'{k}={v!r}' for k, v in changes.items())} changes what is decided at "
            f"{odd[0]!r}, so that an architecture of the one is none of the other; make the other space by its own "
            "function"
        )
    return made
