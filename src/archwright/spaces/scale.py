"""The same decisions at another scale: more cells, wider layers, another image."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from typing import Any, ParamSpec, TypeVar

from archwright.errors import SpaceError, did_you_mean
from archwright.spaces.description import described_decisions

__all__ = ["rescale", "scalable"]


M = TypeVar("M")
P = ParamSpec("P")


def scalable(make: Callable[P, M]) -> Callable[P, M]:
    """Decorate a module's function that makes a space: `space.scale` calls it again with other arguments."""
    signature = inspect.signature(make)

    @functools.wraps(make)
    def made(*args: P.args, **kwargs: P.kwargs) -> M:
        space: Any = make(*args, **kwargs)
        space.scaled = functools.partial(made, **signature.bind(*args, **kwargs).arguments)
        found: M = space
        return found

    return made


def rescale(space: Any, scaled: Callable[..., Any] | None, changes: Mapping[str, Any]) -> Any:
    """Make a space at another scale, and check that it decides the same.

    Args:
        space: The `Space` at the present scale.
        scaled: Makes it at another scale.
        changes: Keyword arguments of `scaled`.

    Raises:
        SpaceError: When the space has no `scaled`, it takes no such argument, or what it makes has other decisions.
    """
    name = space.name or "unnamed"
    if scaled is None:
        raise SpaceError(
            f"the space {name!r} has no other scale; decorate the function that makes it with "
            "@archwright.spaces.scalable, or give aw.Space(..., scaled=a function that takes the scale by keyword)"
        )
    parameters = inspect.signature(scaled).parameters.values()
    if not any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters):
        known = [p.name for p in parameters if p.kind in (p.KEYWORD_ONLY, p.POSITIONAL_OR_KEYWORD)]
        for option in changes:
            if option not in known:
                raise SpaceError(
                    f"the space {name!r} has no option {option!r} to scale.{did_you_mean(option, known)}"
                )
    made = scaled(**changes).fix(space.held).obey(map(str, space.rules))
    before, after = described_decisions(space.decisions), described_decisions(made.decisions)
    # Compared without their order: it may follow where a decision first stands, which a deeper network changes.
    if odd := [address for address in {**before, **after} if before.get(address) != after.get(address)]:
        raise SpaceError(
            f"the space {name!r}: {', '.join(f'{k}={v!r}' for k, v in changes.items())} changes what is decided at "
            f"{odd[0]!r}, so that an architecture of the one is none of the other; make the other space by its own "
            "function"
        )
    return made
