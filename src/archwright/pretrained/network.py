"""A user's network as a space: its own widths, and smaller ones that inherit its weights."""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from collections.abc import Sequence
from copy import deepcopy
from dataclasses import replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from torch import nn

from archwright.errors import SpaceError, did_you_mean
from archwright.pretrained.depth import Stage, shortened
from archwright.pretrained.loading import Buildable, loaded_network
from archwright.pretrained.proving import examined
from archwright.pretrained.shrinking import importance, shrunk
from archwright.pretrained.tracing import Group
from archwright.spaces import Space, categorical, integer, layer

__all__ = ["Members", "from_network"]


class Members:
    """Makes the networks of `from_network`: called with a width for each decision.

    Args:
        network: The user's network; a copy of it is kept.
        groups: All its groups, free or fixed; those without a reason are decided.
        stages: Its residual stages whose depth is decided.
        origin: What the user gave: the network itself, or the class or function that builds it.
    """

    def __init__(
        self, network: nn.Module, groups: Sequence[Group], stages: Sequence[Stage], origin: Buildable
    ) -> None:
        self.network = deepcopy(network)
        self.origin = origin
        self.groups = tuple(groups)
        """Every group, in the order of the parameters; a fixed one has its `reason`."""
        self.free = _named(groups)
        """Name of the decision to group."""
        self.stages = _named_stages(stages)
        """Name of the decision to stage."""
        self._order = {name: importance(network, group) for name, group in self.free.items()}

    def __call__(self, **decided: int) -> nn.Module:
        """A copy of the user's network: the most important channels of each group, the first blocks of each stage."""
        kept = [
            (group, sorted(self._order[name][: decided[name] // _unit(group)]))
            for name, group in self.free.items()
            if decided[name] < group.width * _unit(group)
        ]
        depths = [(stage, decided[name]) for name, stage in self.stages.items()]
        return shortened(shrunk(self.network, kept), depths)

    def __repr__(self) -> str:
        digest = hashlib.sha256()
        for name, one in self.network.state_dict().items():
            digest.update(f"{name} {tuple(one.shape)} {one.dtype}".encode())
            digest.update(one.detach().cpu().contiguous().view(-1).double().numpy().tobytes())
        return f"members of {type(self.network).__name__} {digest.hexdigest()[:12]}"


def from_network(
    network: Buildable,
    example: Any,
    *,
    weights: str | Path | None = None,
    only: Sequence[str] = (),
    keep: Sequence[str] = (),
    step: int = 8,
    seconds: float = 60,
) -> Space:
    """The space of a network's widths and depths: the network itself is its default, all others inherit its weights.

    Channels that only exist together are found in the network's graph and proven on a copy (`proven_groups`); what
    cannot be proven stays. Members are copies of the module tree, so that the forward stays the user's own, and keep
    the channels of largest L1 norm (Li et al. 2017, arXiv:1608.08710) in their order. The last blocks of residual
    stages may be left out (`residual_stages`).

    Args:
        network: Any module, which is not changed, or a class or function that builds one. A function that can be
            imported lets the winner be printed as source.
        example: Its input, a tuple of its inputs, or a pair (args, kwargs) of these; the first dimension of each tensor
            is the batch.
        weights: A file with the network's state dict, of `torch.save` or safetensors; None keeps those it has.
        only: Patterns of parameter names, such as `"layer3.*"`; other groups stay. Empty means all.
        keep: Patterns of parameter names whose groups stay.
        step: Widths are multiples of this many channels, and the network's own.
        seconds: How long tracing and proving may take, see `proven_groups`.

    Returns:
        A space with a decision per proven group, under the name of the first layer that makes its channels; of heads of
        attention, their number; and one for each stage's depth, under the name of its container. Its
        `network.fn.groups` are all groups, the fixed ones with their reason.

    Raises:
        SpaceError: When it is no network, does not take the example or the weights, nothing in it may shrink, or a
            pattern matches no parameter.

    Example:
        >>> import archwright as aw, torch
        >>> from torch import nn
        >>> network = nn.Sequential(nn.Linear(4, 32), nn.ReLU(), nn.Linear(32, 2))
        >>> space = aw.from_network(network, torch.randn(2, 4))
        >>> dict(space.default)
        {'0': 32}
    """
    if step < 1:
        raise SpaceError(f"from_network: expected a step of at least 1 channel, got {step}")
    made = loaded_network(network, weights)
    _check_patterns([*only, *keep], made)
    found = examined(made, example, seconds=seconds)
    groups = [_chosen(group, only, keep, step) for group in found.groups]
    stages = [stage for stage in found.stages if _may_shorten(stage, made, only, keep)]
    members = Members(made, groups, stages, network)
    if not members.free and not members.stages:
        reasons = Counter(group.reason for group in groups).most_common(3)
        told = "; ".join(f"{reason} ({count})" for reason, count in reasons)
        raise SpaceError(f"from_network: nothing in {type(made).__name__} may shrink: {told}")
    decided: dict[str, Any] = {name: _decision(group, step, name) for name, group in members.free.items()}
    for name, stage in members.stages.items():
        most = len(stage.blocks)
        decided[name] = integer(stage.fewest, most, name=name, default=most)
    return Space(layer(members, **decided), name=type(made).__name__)


def _unit(group: Group) -> int:
    """How many channels of the first place go together; heads are counted themselves."""
    return 1 if group.heads else len(next(iter(group.places.values()))[0])


def _widths(group: Group, step: int) -> list[int]:
    whole, by = group.width * _unit(group), 1 if group.heads else math.lcm(step, _unit(group))
    return [*range(by, whole, by), whole]


def _decision(group: Group, step: int, name: str) -> Any:
    """A number on a scale; a category where the network's own width is no multiple of the step."""
    values = _widths(group, step)
    if values[-1] % values[0]:
        return categorical(values, name=name, default=values[-1])
    return integer(values[0], values[-1], step=values[0], name=name, default=values[-1])


def _matches(group: Group, patterns: Sequence[str]) -> bool:
    return any(fnmatchcase(name, pattern) for name, _ in group.places for pattern in patterns)


def _chosen(group: Group, only: Sequence[str], keep: Sequence[str], step: int) -> Group:
    reason = group.reason
    if reason is None and only and not _matches(group, only):
        reason = "no pattern of `only` names it"
    if reason is None and _matches(group, keep):
        reason = "a pattern of `keep` names it"
    if reason is None and len(_widths(group, step)) == 1:
        reason = f"it has no width of a multiple of {step} below its own"
    return replace(group, reason=reason)


def _may_shorten(stage: Stage, network: nn.Module, only: Sequence[str], keep: Sequence[str]) -> bool:
    """Whether the patterns leave a stage's depth open: one of `only` names it, and none of `keep`."""
    names = [
        f"{block}.{name}"
        for block in stage.blocks
        for name, _ in network.get_submodule(block).named_parameters()
    ]

    def named(patterns: Sequence[str]) -> bool:
        return any(fnmatchcase(name, pattern) for name in names for pattern in patterns)

    return (not only or named(only)) and not named(keep)


def _check_patterns(patterns: Sequence[str], network: nn.Module) -> None:
    names = [name for name, _ in network.named_parameters(remove_duplicate=False)]
    for pattern in patterns:
        if not any(fnmatchcase(name, pattern) for name in names):
            raise SpaceError(
                f"from_network: the pattern {pattern!r} matches no parameter of {type(network).__name__}."
                f"{did_you_mean(pattern, names)}"
            )


def _named_stages(stages: Sequence[Stage]) -> dict[str, Stage]:
    named: dict[str, Stage] = {}
    for stage in stages:
        base = name = f"{stage.container.replace('.', '_') or 'network'}_depth"
        count = 1
        while name in named:
            count += 1
            name = f"{base}_{count}"
        named[name] = stage
    return named


def _named(groups: Sequence[Group]) -> dict[str, Group]:
    named: dict[str, Group] = {}
    for group in groups:
        if group.reason is None:
            base = group.name.rpartition(".")[0].replace(".", "_") or group.name
            base += "_heads" if group.heads else ""
            name, count = base, 1
            while name in named:
                count += 1
                name = f"{base}_{count}"
            named[name] = group
    return named
