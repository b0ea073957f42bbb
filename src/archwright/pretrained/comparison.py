"""Whether two networks give the same, and which of many changes make them differ."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any, TypeVar

import torch
from torch import Tensor, nn
from torch.utils import _pytree

from archwright.pretrained.examples import Inputs, sized, told

__all__ = ["difference", "failing"]

T = TypeVar("T")

_TOLERANCE = 1e-4  # of the largest output


def difference(
    silenced: Callable[[], nn.Module],
    small: Callable[[], nn.Module],
    inputs: Inputs,
    how: str,
    *,
    exact: bool = True,
) -> str | None:
    """Why a changed network does not stand for the one in which what it lacks is silenced; None where it does.

    Both must give the same outputs, to 1e-4 of the largest, on two batch sizes.

    Args:
        silenced: Makes the one, in evaluation mode.
        small: Makes the other.
        inputs: What they are called with.
        how: What was changed, for the reason: "without its channels".
        exact: Whether values are compared; else shapes, and that all is finite.
    """
    try:
        one, other = silenced(), small()
        with torch.no_grad():
            for batch in (2, 3):
                args, kwargs = sized(inputs, batch)
                given = other(*args, **kwargs)  # first, since it is what may not run
                for before, after in _pairs(one(*args, **kwargs), given):
                    if before.shape != after.shape:
                        return f"an output has the shape {list(after.shape)} {how}"
                    if not after.isfinite().all():
                        return f"an output is not finite {how}"
                    gap = float((before - after).abs().max() / before.abs().max().clamp(min=1e-12))
                    if exact and not gap <= _TOLERANCE:  # also where it is not a number
                        return f"the output moves by {gap:.1g} of its largest value {how}"
    except BaseException as error:  # whatever the user's forward raises with less
        return f"the network does not run {how}: {told(error)}"
    return None


def _pairs(one: Any, other: Any) -> Iterator[tuple[Tensor, Tensor]]:
    left, right = _pytree.tree_leaves(one), _pytree.tree_leaves(other)
    for a, b in zip(left, right, strict=True):
        if isinstance(a, Tensor):
            yield a.double(), b.double()


def failing(items: Mapping[int, T], refuted: Callable[[Collection[T]], str | None]) -> dict[int, str]:
    """Those of some items that fail by themselves, with the reason: found by halving.

    Args:
        items: By any numbers.
        refuted: Why several of them fail together; None where they do not.
    """
    reason = refuted(items.values()) if items else None
    if reason is None:
        return {}
    if len(items) == 1:
        return dict.fromkeys(items, reason)
    order, middle = list(items.items()), len(items) // 2
    return failing(dict(order[:middle]), refuted) | failing(dict(order[middle:]), refuted)
