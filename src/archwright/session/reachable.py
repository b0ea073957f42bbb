"""Limits that not even the smallest form of a trained network keeps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from archwright.errors import UsageError
from archwright.objectives import Direction, Objective
from archwright.objectives.meter import measure_by
from archwright.pretrained.network import Members
from archwright.session.sampling import tried
from archwright.spaces import Decision, Space
from archwright.tasks import Task

__all__ = ["check_reachable"]

_GROWING = {
    "params": 1.0,
    "flops": 1.0,
    "macs": 1.0,
    "size": 1.0,
    "int8_size": 1.0,
    "memory": 1.0,
    "latency_ms": 2.0,
}
"""What grows with widths, depths and kernels, and by which factor the smallest form may miss a limit: a latency is
measured anew each time."""


def check_reachable(space: Space, task: Task, objectives: Sequence[Objective]) -> None:
    """Refuse limits that the smallest form of a trained network does not keep, before anything is trained.

    Spaces that are no forms of a network are not looked at: which of their networks is the smallest is not known.

    Args:
        space: What is searched, with decisions held.
        task: What is learned.
        objectives: Their limits count, where they are of what grows with the network.

    Raises:
        UsageError: When a limit is out of reach.
    """
    members = getattr(space.network, "fn", None)
    limits = {one.name: one for one in objectives if one.name in _GROWING and _is_upper(one)}
    if not isinstance(members, Members) or not limits:
        return
    example = task.example_arguments()
    smallest = space.complete(lambda _, decision: _smallest(decision))
    meters: Mapping[str, Any] = {name: meter for name, one in limits.items() if (meter := one.load_meter())}
    measured = tried(lambda: measure_by(meters, space.build(smallest, example).eval(), example))
    if measured is None:  # then trials say what went wrong
        return
    over = [
        f"{one.limit_text} was asked for, and its smallest form has {measured[name]:g}"
        for name, one in limits.items()
        if one.violation(measured[name] / _GROWING[name])
    ]
    if over:
        raise UsageError(
            f"no form of {type(members.network).__name__} keeps the limit: {'; '.join(over)}; loosen it, or let more "
            "of the network change (--only, --keep, --step), or its kernels too (--decide kernel)"
        )


def _is_upper(one: Objective) -> bool:
    return one.limit is not None and one.direction is Direction.MINIMIZE and one.meter is None


def _smallest(decision: Decision) -> Any:
    """A decision's smallest number; of what is no number, such as an activation, the network's own."""
    values = list(decision.values())
    return min(values) if all(isinstance(one, int | float) for one in values) else decision.default()
