"""A user's network as a space: its own widths, and smaller ones that inherit its weights."""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Literal, TypeVar

from torch import Tensor, nn

from archwright.errors import SpaceError, did_you_mean
from archwright.pretrained.depth import Stage, shortened
from archwright.pretrained.layer_choices import ACTIVATION, KERNEL, LayerChoice, with_layers
from archwright.pretrained.loading import Buildable, loaded_network
from archwright.pretrained.proving import Findings, examined
from archwright.pretrained.shrinking import importance, selection_of, shrunk
from archwright.pretrained.steps import LATENCY, USUAL, latency_step
from archwright.pretrained.tracing import Group
from archwright.spaces import Space, categorical, integer, layer

__all__ = ["DECIDED", "Members", "from_network"]

T = TypeVar("T")
Found = TypeVar("Found", Group, LayerChoice)


DECIDED = ("width", "heads", "depth")
"""What is decided in a network unless it is said."""
_KINDS = (*DECIDED, KERNEL, ACTIVATION)


class Members:
    """Makes the networks of `from_network`: called with a value for each decision.

    Args:
        network: The user's network; a copy of it is kept.
        found: All that was found in it, free or fixed; what has no reason is decided.
        origin: What the user gave: the network itself, or the class or function that builds it.
        step: Widths are multiples of so many channels.

    Attributes:
        groups: Every group, in the order of the parameters; a fixed one has its `reason`.
        layers: Every convolution and activation, likewise.
        free: Name of the decision to group.
        stages: Name of the decision to stage.
        choices: Name of the decision to convolution or activation.
    """

    def __init__(self, network: nn.Module, found: Findings, origin: Buildable, step: int) -> None:
        self.network = deepcopy(network)
        self.origin, self.step = origin, step
        self.groups, self.layers = tuple(found.groups), found.layers
        taken: set[str] = set()
        self.free = _named(_free(found.groups), _name_of_group, taken)
        self.stages = _named(found.stages, lambda one: f"{one.container or 'network'}_depth", taken)
        self.choices = _named(_free(found.layers), _name_of_layer, taken)
        self._order = {name: importance(network, group) for name, group in self.free.items()}

    def __call__(self, **decided: Any) -> nn.Module:
        """A copy of the user's network: the most important channels of each group, the first blocks of each stage."""
        return self._made(decided, valued=True)

    def outline(self, **decided: Any) -> nn.Module:
        """The same, whose parameters have no values: for supernets, which put theirs in their places."""
        return self._made(decided, valued=False)

    def selection(self, **decided: Any) -> dict[str, dict[int, Tensor]]:
        """Which indices of the user's weights a member has, where not all: name to axis to indices."""
        return selection_of(self.network, self._kept(decided))

    def _made(self, decided: Mapping[str, Any], *, valued: bool) -> nn.Module:
        smaller = shrunk(self.network, self._kept(decided), valued=valued)
        return shortened(with_layers(smaller, _valued(self.choices, decided)), _valued(self.stages, decided))

    def _kept(self, decided: Mapping[str, Any]) -> list[tuple[Group, list[int]]]:
        return [
            (group, sorted(self._order[name][: decided[name] // _unit(group)]))
            for name, group in self.free.items()
            if decided[name] < group.width * _unit(group)
        ]

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
    decide: Sequence[str] = DECIDED,
    step: int | Literal["latency"] = USUAL,
    seconds: float = 60,
) -> Space:
    """The space of a network's widths, depths and layers: it is the default itself, all others inherit its weights.

    Channels that only exist together are found in the network's graph and proven on a copy (`proven_groups`); what
    cannot be proven stays. Members are copies of the module tree, so that the forward stays the user's own, and keep
    the channels of largest L1 norm (Li et al. 2017, arXiv:1608.08710) in their order. The last blocks of residual
    stages may be left out (`residual_stages`); where `decide` says so, kernels are cut to their middle and activations
    exchanged (`layer_choices`).

    Args:
        network: Any module, which is not changed, or a class or function that builds one. A function that can be
            imported lets the winner be printed as source.
        example: Its input, a tuple of its inputs, or a pair (args, kwargs) of these; the first dimension of each tensor
            is the batch.
        weights: A file with the network's state dict, of `torch.save` or safetensors; None keeps those it has.
        only: Patterns of names of parameters and activations, such as `"layer3.*"`; all else stays. Empty means all.
        keep: Patterns of names of parameters and activations that stay, with all that shrinks with them.
        decide: What is decided, of "width", "heads" (of attention), "depth", "kernel" and "activation". Each kernel and
            activation is one more decision, which a short search pays for.
        step: Widths are multiples of this many channels, and the network's own; "latency" measures on this machine in
            which steps the network gets faster (`latency_step`).
        seconds: Processor time that tracing and proving may take, see `proven_groups`.

    Returns:
        A space with a decision per proven group, under the name of the first layer that makes its channels; of heads of
        attention, their number; one for each stage's depth, under the name of its container; and for the longest side
        of each kernel and each activation, under the layer's name. Its `network.fn` has all `groups` and `layers`, the
        fixed ones with their reason.

    Raises:
        SpaceError: When it is no network, does not take the example or the weights, nothing in it may change, or a
            pattern matches nothing.

    Example:
        >>> import archwright as aw, torch
        >>> from torch import nn
        >>> network = nn.Sequential(nn.Linear(4, 32), nn.ReLU(), nn.Linear(32, 2))
        >>> space = aw.from_network(network, torch.randn(2, 4))
        >>> dict(space.default)
        {'0': 32}
    """
    if step != LATENCY and not (isinstance(step, int) and step >= 1):
        raise SpaceError(f"from_network: expected a step of at least 1 channel, or {LATENCY!r}, got {step!r}")
    made = loaded_network(network, weights)
    _check_patterns([*only, *keep], made)
    for one in decide:
        if one not in _KINDS:
            raise SpaceError(
                f"decide: expected some of {', '.join(_KINDS)}, got {one!r}.{did_you_mean(one, _KINDS)}"
            )
    found = examined(made, example, seconds=seconds, kinds=decide)
    patterns = _Patterns(only, keep)
    by = step if isinstance(step, int) else latency_step(made, example, _free(found.groups))
    found = Findings(
        [_chosen(group, patterns, decide, by) for group in found.groups],
        tuple(one for one in found.stages if _may_shorten(one, made, patterns)),
        tuple(_chosen_layer(one, patterns) for one in found.layers),
    )
    members = Members(made, found, network, by)
    decided: dict[str, Any] = {name: _decision(group, by, name) for name, group in members.free.items()}
    for name, stage in members.stages.items():
        most = len(stage.blocks)
        decided[name] = integer(stage.fewest, most, name=name, default=most)
    for name, layer_choice in members.choices.items():
        decided[name] = _form(layer_choice, name)
    if not decided:
        reasons = Counter(
            [one.reason for one in found.groups] + [one.reason for one in found.layers]
        ).most_common(3)
        told = "; ".join(f"{reason} ({count})" for reason, count in reasons) or "it has no weights"
        raise SpaceError(f"from_network: nothing in {type(made).__name__} may change: {told}")
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


def _form(choice: LayerChoice, name: str) -> Any:
    if choice.kind == KERNEL:
        return integer(choice.values[0], choice.own, step=2, name=name, default=choice.own)
    return categorical(choice.values, name=name, default=choice.own)


@dataclass(frozen=True)
class _Patterns:
    """What a user opens and keeps, by patterns of names."""

    only: Sequence[str]
    keep: Sequence[str]

    def refused(self, names: Sequence[str]) -> str | None:
        """Why what has these names stays; None where it may change."""

        def named(patterns: Sequence[str]) -> bool:
            return any(fnmatchcase(name, pattern) for name in names for pattern in patterns)

        if self.only and not named(self.only):
            return "no pattern of `only` names it"
        return "a pattern of `keep` names it" if named(self.keep) else None


def _chosen(group: Group, patterns: _Patterns, decide: Sequence[str], step: int) -> Group:
    reason = group.reason or patterns.refused([name for name, _ in group.places])
    if reason is None and ("heads" if group.heads else "width") not in decide:
        reason = "`decide` leaves it out"
    if reason is None and len(_widths(group, step)) == 1:
        reason = f"it has no width of a multiple of {step} below its own"
    return replace(group, reason=reason)


def _chosen_layer(choice: LayerChoice, patterns: _Patterns) -> LayerChoice:
    names = [choice.name, f"{choice.name}.weight"] if choice.kind == KERNEL else [choice.name]
    return replace(choice, reason=choice.reason or patterns.refused(names))


def _may_shorten(stage: Stage, network: nn.Module, patterns: _Patterns) -> bool:
    """Whether the patterns leave a stage's depth open: one of `only` names it, and none of `keep`."""
    names = [
        f"{block}.{name}"
        for block in stage.blocks
        for name, _ in network.get_submodule(block).named_parameters()
    ]
    return patterns.refused(names) is None


def _check_patterns(patterns: Sequence[str], network: nn.Module) -> None:
    names = [name for name, _ in network.named_parameters(remove_duplicate=False)]
    names += [name for name, one in network.named_modules() if not [*one.children(), *one.parameters()]]
    for pattern in patterns:
        if not any(fnmatchcase(name, pattern) for name in names):
            raise SpaceError(
                f"from_network: the pattern {pattern!r} matches no parameter and no activation of "
                f"{type(network).__name__}.{did_you_mean(pattern, names)}"
            )


def _free(found: Iterable[Found]) -> list[Found]:
    return [one for one in found if one.reason is None]


def _name_of_group(group: Group) -> str:
    return (group.name.rpartition(".")[0] or group.name) + ("_heads" if group.heads else "")


def _name_of_layer(choice: LayerChoice) -> str:
    return choice.name if choice.name.endswith(choice.kind) else f"{choice.name}_{choice.kind}"


def _named(items: Iterable[T], name_of: Callable[[T], str], taken: set[str]) -> dict[str, T]:
    """Each under a name of its own; of those that would have the same, the later ones are numbered."""
    named: dict[str, T] = {}
    for one in items:
        base = name = name_of(one).replace(".", "_")
        count = 1
        while name in taken:
            count += 1
            name = f"{base}_{count}"
        taken.add(name)
        named[name] = one
    return named


def _valued(named: Mapping[str, T], decided: Mapping[str, Any]) -> list[tuple[T, Any]]:
    return [(one, decided[name]) for name, one in named.items()]
