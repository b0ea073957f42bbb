"""The step of widths in which a network gets faster on this machine."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from torch import nn

from archwright.hardware.setting import Setting
from archwright.hardware.timing import time_modules
from archwright.pretrained.shrinking import shrunk
from archwright.pretrained.tracing import Group

__all__ = ["LATENCY", "USUAL", "latency_step"]

LATENCY = "latency"
USUAL = 8
_STEPS = (1, 2, 4, 8, 16, 32)
_NETWORKS = 3
_FALL = 0.02
"""Of the latency: less is not told from noise."""


def latency_step(
    network: nn.Module, example: Any, groups: Sequence[Group], setting: Setting | None = None
) -> int:
    """The smallest step by which a network gets faster again and again; 8 where none does.

    For each of 1, 2, 4, 8, 16 and 32 three networks are measured, of the largest multiples below the network's own
    widths, and of one and two steps less in all of them; in turn, beside a reference call. Each must take less than
    the one before.

    Args:
        network: It is not changed.
        example: A batch of inputs, shape (N, ...), or a pair (args, kwargs).
        groups: Its free groups; heads of attention keep their number.
        setting: How networks will be run; None means one example on one thread.
    """
    plain = [group for group in groups if not group.heads]
    rows: dict[int, list[str]] = {}
    members: dict[str, tuple[nn.Module, Any]] = {}
    for step in _STEPS:
        widths = [_widths(plain, step, less) for less in range(_NETWORKS)]
        if widths[0] != widths[1]:
            rows[step] = [f"{step} {less}" for less in range(_NETWORKS)]
            members |= {
                name: (_narrower(network, plain, one), example)
                for name, one in zip(rows[step], widths, strict=True)
            }
    timed = time_modules(members, setting or Setting()) if members else {}
    faster = (
        step
        for step, names in rows.items()
        if all(timed[b].least < (1 - _FALL) * timed[a].least for a, b in pairwise(names))
    )
    return next(faster, USUAL)


def _widths(groups: Sequence[Group], step: int, less: int) -> list[int]:
    """How many channels each group keeps; all of one in which the steps do not fit below its own width."""
    counts = []
    for group in groups:
        unit = len(next(iter(group.places.values()))[0])
        each = max(1, step // unit)
        multiple = (group.width - 1) // each - less
        counts.append(multiple * each if (group.width - 1) // each >= _NETWORKS else group.width)
    return counts


def _narrower(network: nn.Module, groups: Sequence[Group], counts: Sequence[int]) -> nn.Module:
    """A copy with the first so many channels of each group, which take the time that any others do."""
    return shrunk(network, [(group, range(count)) for group, count in zip(groups, counts, strict=True)])
