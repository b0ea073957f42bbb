"""What may change in a user's network and what stays, in numbers and as a line of the log."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Sequence

from torch import nn

from archwright.durations import count_of
from archwright.pretrained.blockwise import Combinations
from archwright.pretrained.network import Members
from archwright.pretrained.originals import maker_of
from archwright.pretrained.tracing import Group
from archwright.spaces import Space

__all__ = ["staying", "summary_line"]

_TOLD = 3
_LEAST = 0.0005
_NOUNS = {"heads": ("number of heads", "numbers of heads")}


def staying(network: nn.Module, groups: Sequence[Group]) -> tuple[float, dict[str, float]]:
    """The share of the parameters that lies in free groups, and of what does not the shares by reason.

    A parameter lies in free groups by the share of its elements that go where all of these go.

    Args:
        network: The user's.
        groups: All its groups, as of `proven_groups`.

    Returns:
        The share, and the three largest reasons with theirs, the largest first.
    """
    sizes = dict(network.named_parameters())
    free: dict[str, dict[int, int]] = defaultdict(lambda: defaultdict(int))
    why: dict[str, list[tuple[int, str]]] = defaultdict(list)
    for group in groups:
        for (name, axis), channels in group.places.items():
            count = sum(map(len, channels))
            if group.reason is None:
                free[name][axis] += count
            elif name in sizes:
                why[name].append((count, _short(group.reason)))
    reasons: dict[str, float] = defaultdict(float)
    total = sum(one.numel() for one in sizes.values())
    for name, one in sizes.items():
        left = float(one.numel())
        for axis, count in free[name].items():
            left *= 1 - count / one.shape[axis]
        told = [
            reason for _, reason in sorted(why[name], reverse=True) if reason != "it is the kernel's size"
        ]
        if left > 0:
            reasons[told[0] if told else "a number"] += left / total
    largest = sorted(reasons.items(), key=lambda one: -one[1])[:_TOLD]
    return max(0.0, 1 - sum(reasons.values())), dict(largest)


def summary_line(space: Space) -> str | None:
    """What is decided in a user's network, which share of its parameters may shrink, and what stays for which reason.

    Args:
        space: Any; None is returned of one that was not made from a network.
    """
    made = maker_of(space)
    if made is None:
        return None
    kind = type(made.network).__name__
    if isinstance(made, Combinations):
        count = sum(map(len, made.made.values()))
        return f"network: {kind}, {count_of(len(made.blocks), 'block')} with {count_of(count, 'alternative')}"
    return f"network: {kind}, {_decided(made)}; {_stays(made)}"


def _decided(made: Members) -> str:
    kinds: Counter[str] = Counter("heads" if group.heads else "width" for group in made.free.values())
    kinds["depth"] = len(made.stages)
    kinds.update(one.kind for one in made.choices.values())
    told = [count_of(count, *_NOUNS.get(name, (name,))) for name, count in kinds.items() if count]
    return f"{count_of(sum(kinds.values()), 'decision')} ({', '.join(told)})"


def _stays(made: Members) -> str:
    share, reasons = staying(made.network, made.groups)
    count = sum(one.numel() for one in made.network.parameters())
    told = [f"{reason} ({part:.1%})" for reason, part in reasons.items() if part >= _LEAST]
    fixed = Counter((one.kind, _short(one.reason)) for one in made.layers if one.reason)
    told += [f"{count_of(many, kind)}: {why}" for (kind, why), many in fixed.most_common(_TOLD)]
    stays = f"; what stays: {'; '.join(told)}" if told else ""
    return f"{share:.1%} of its {count:,} parameters lie in proven groups{stays}"


def _short(reason: str) -> str:
    """A reason without what follows a bracket, such as shapes, so that alike ones count together."""
    return re.sub(r"[\[(].*", "…", reason)
