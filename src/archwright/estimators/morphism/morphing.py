"""Network morphism: a child network that begins as its parent computes.

Chen et al. 2016 (Net2Net, arXiv:1511.05641) widen and deepen a trained network; Wei et al. 2016 (arXiv:1603.01670)
change kernels and insert layers; Elsken et al. 2017 (arXiv:1711.04528) search by such steps. Here one procedure serves
all, and any space: layers are paired by the calls that made them, and which channel of a child's tensor is which of the
parent's is seen by running both networks with markers in place of what each layer computes. Pooling, concatenation,
flattening and the user's own code between layers so need no rules.
"""

from __future__ import annotations

import copy
import math
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any, Literal, cast

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from archwright.errors import UsageError
from archwright.estimators.morphism.layers import (
    channel_axis,
    copy_corner,
    is_channelwise,
    is_mixing,
    make_identity,
    match_channels,
    transfer,
)
from archwright.estimators.morphism.leaves import Leaf, leaves_of, paired
from archwright.evaluating import evaluating
from archwright.spaces import Architecture, Space
from archwright.spaces.build import construct, dry_run, own_memory
from archwright.spaces.calls import resolve
from archwright.tasks.batches import tensors_in

__all__ = ["EXACT", "Morphism", "NewUnits", "morph"]

EXACT = 1e-5
"""A child whose outputs differ from its parent's by no more, in evaluation mode, is called exact."""

NewUnits = Literal["fresh", "copies"]
"""What new units compute at the start: "fresh" draws their weights, and nothing reads them yet; "copies" repeats
random old units, whose readers are divided among them (Net2Net)."""

Key = tuple[Hashable, str]
_Policy = Literal["identity", "zero", "fresh"]
_POLICIES: tuple[_Policy, ...] = ("identity", "zero", "fresh")
_MOST_GROUPS = 8


@dataclass(frozen=True, slots=True)
class Morphism:
    """How a child began.

    Args:
        network: The child, in evaluation mode, in 32 bits.
        change: The largest difference between an output of the child and of the parent on the example, in evaluation
            mode, in units of the largest output where that is above 1.
        inherited: Share of the child's parameters that stand in a layer which the parent has too, in [0, 1].
    """

    network: nn.Module
    change: float
    inherited: float

    @property
    def is_exact(self) -> bool:
        """Whether the child computes what its parent does."""
        return self.change <= EXACT


def morph(
    space: Space,
    parent: tuple[Architecture, Mapping[str, Tensor]],
    architecture: Architecture,
    run: Callable[[nn.Module], Any],
    example: Any = None,
    *,
    units: NewUnits = "fresh",
    seed: int = 0,
) -> Morphism:
    """Build a network that begins as another of the same space computes, as far as there is a way.

    Layers that the parent lacks begin as an identity, as a branch that adds nothing where the outputs then stay as they
    are and the branch can learn, or with drawn weights, whichever changes the outputs least; kernels that grow have
    zeros around them. What has no counterpart is left as drawn, and the outputs change: see `Morphism.change`.

    Args:
        space: The space of both.
        parent: Its architecture, and the state of its network.
        architecture: The child's.
        run: Runs a network on a batch and returns the outputs: tensors, or lists, tuples and dicts of them.
        example: What the networks are called with, to size lazy modules. See `Space.build`.
        units: What new units of a widened layer compute at the start.
        seed: Of the markers and of whatever is drawn for copies. Weights are drawn by torch's own generator.

    Raises:
        BuildError: When a network does not build.
        UsageError: When the state is none of the parent's network.
    """
    old = _Built.of(space, parent[0], example)
    try:
        old.network.load_state_dict(dict(parent[1]))
    except RuntimeError as error:
        raise UsageError(f"the state is not that of a network of {parent[0]!r}: {error}") from None
    new = _Built.of(space, architecture, example)
    for built in (old, new):
        built.network.eval()
    work = _Work(old, new, run, units, seed)
    change = work.best()
    shared = sum(p.numel() for key in work.pairs for p in _own_parameters(new.leaves[key].module))
    total = sum(p.numel() for p in new.network.parameters())
    return Morphism(new.network, change, shared / max(1, total))


@dataclass(frozen=True, slots=True)
class _Built:
    network: nn.Module
    leaves: dict[Key, Leaf]

    @classmethod
    def of(cls, space: Space, architecture: Architecture, example: Any) -> _Built:
        root = resolve(space, architecture)
        network, made = construct(root)
        if example is not None:
            dry_run(network, example, made)
        own_memory(network)
        return cls(network, leaves_of(root, made))


class _Work:
    """The attempts to make one child like its parent."""

    def __init__(
        self, old: _Built, new: _Built, run: Callable[[nn.Module], Any], units: NewUnits, seed: int
    ) -> None:
        self.old, self.new, self.run, self.units, self.seed = old, new, run, units, seed
        self.pairs = paired(old.leaves, new.leaves)
        self.inputs: dict[Key, list[Tensor]] = defaultdict(list)
        self.outputs: dict[Key, list[Tensor]] = defaultdict(list)
        self.wanted = self._outputs(old.network)
        self.drawn = copy.deepcopy(new.network.state_dict())
        self.order = self._order()
        there = {place for leaf in old.leaves.values() for place in leaf.outer}
        self.groups = {
            key: next((place for place in leaf.outer if place not in there), key)
            for key, leaf in new.leaves.items()
            if key not in self.pairs
        }
        """What is decided together for a new layer: the outermost call around it that the parent lacks."""
        self._mark_parent()

    def best(self) -> float:
        """Leave the child with the weights that change the outputs least; returns how much that is."""
        groups = list(dict.fromkeys(self.groups.values()))
        policy: dict[Hashable, _Policy] = dict.fromkeys(groups, "identity")
        change, state = self._tried(policy)
        updates = [dict.fromkeys(groups, each) for each in _POLICIES]
        for update in [*updates, *({group: each} for group in groups[:_MOST_GROUPS] for each in _POLICIES)]:
            attempt = {**policy, **update}
            if change <= EXACT or attempt == policy:
                continue
            changed, attempted = self._tried(attempt)
            if changed < change:
                policy, change, state = attempt, changed, attempted
        self.new.network.load_state_dict(state)
        return change

    def _tried(self, policy: Mapping[Hashable, _Policy]) -> tuple[float, dict[str, Tensor]]:
        network = self.new.network
        network.load_state_dict(self.drawn)
        new = [key for key in self.order if key in self.groups]
        last = {self.groups[key]: key for key in new}
        for key in new:
            group = self.groups[key]
            if policy[group] == "identity":
                make_identity(self.new.leaves[key].module)
            elif policy[group] == "zero" and last[group] == key:
                _make_zero(self.new.leaves[key].module)
        self._transfer()
        kept = [key for key in new if policy[self.groups[key]] == "identity"]
        self._calibrate(kept)
        change = _difference(self.wanted, self._outputs(network))
        zeros = [self.new.leaves[last[group]].module for group in last if policy[group] == "zero"]
        if zeros and not (change <= EXACT and self._learns(zeros)):
            change = (
                math.inf
            )  # what gives zeros on the way to the outputs, or can never give anything else, is dead
        return change, copy.deepcopy(network.state_dict())

    def _learns(self, layers: list[nn.Module]) -> bool:
        """Whether each of some layers has a slope, seen from a random sum of the outputs."""
        generator = torch.Generator().manual_seed(self.seed)
        network = self.new.network.eval()
        with torch.enable_grad():
            outputs = [tensor for tensor in tensors_in(self.run(network)) if tensor.requires_grad]
            torch.autograd.backward([(tensor * _marker(tensor, generator)).sum() for tensor in outputs])
        slopes = [[p.grad for p in _own_parameters(layer) if p.grad is not None] for layer in layers]
        network.zero_grad(set_to_none=True)
        return all(any(bool(slope.any()) for slope in own) for own in slopes)

    def _outputs(self, network: nn.Module) -> list[Tensor]:
        with evaluating(network):
            return [tensor.clone() for tensor in tensors_in(self.run(network))]

    def _order(self) -> list[Key]:
        """The child's layers in the order of their first run; those that are not called as modules are left out."""
        order: list[Key] = []
        with _hooked(self.new.leaves, lambda key, module, x, y: order.append(key)):
            self._outputs(self.new.network)
        return list(dict.fromkeys(order))

    def _mark_parent(self) -> None:
        generator = torch.Generator().manual_seed(self.seed)

        def mark(key: Key, module: nn.Module, x: Tensor, y: Tensor) -> Tensor:
            self.inputs[key].append(x.clone())
            self.outputs[key].append(_marker(y, generator))
            return self.outputs[key][-1].clone()

        with _hooked(self.old.leaves, mark):
            self._outputs(self.old.network)

    def _transfer(self) -> None:
        """Give the child's layers the parent's weights, by the channels that are seen to be the same."""
        generator = torch.Generator().manual_seed(self.seed + 1)
        calls: dict[Key, int] = defaultdict(int)

        def mark(key: Key, module: nn.Module, x: Tensor, y: Tensor) -> Tensor | None:
            there = self.pairs.get(key)
            if there is None:
                return None
            number = calls[key]
            calls[key] += 1
            made = self._moved(there, module, x, number, generator)
            marks = self.outputs[there.key]
            if made is None or number >= len(marks):
                return None
            return _marked(marks[number], made, y, channel_axis(module), generator)

        with _hooked(self.new.leaves, mark):
            self._outputs(self.new.network)
        for key, there in self.pairs.items():
            if not calls[key]:
                copy_corner(there.module, self.new.leaves[key].module)

    def _moved(
        self, there: Leaf, module: nn.Module, x: Tensor, number: int, generator: torch.Generator
    ) -> Tensor | None:
        """Transfer the weights of one layer at its first call; the map of its output's channels, if it has one."""
        if not (is_mixing(module) or is_channelwise(module)) or not self.inputs[there.key]:
            if number == 0:
                copy_corner(there.module, module)
            return None
        seen = self.inputs[there.key][min(number, len(self.inputs[there.key]) - 1)]
        source = match_channels(seen, x, channel_axis(module), many=self.units == "copies")
        if not is_mixing(module) and bool((source < 0).all()):
            source = torch.arange(len(source)).where(
                torch.arange(len(source)) < seen.shape[channel_axis(module)], -1
            )
        rows = self._rows(there.module, module, generator) if is_mixing(module) else source
        return transfer(there.module, module, source, rows, generator) if number == 0 else rows

    def _rows(self, parent: nn.Module, child: nn.Module, generator: torch.Generator) -> Tensor:
        before, after = (len(cast("Tensor", layer.weight)) for layer in (parent, child))
        rows = torch.arange(after)
        if after > before:
            copies = torch.randint(before, (after - before,), generator=generator)
            rows[before:] = copies if self.units == "copies" else -1
        return rows

    def _calibrate(self, keys: list[Key]) -> None:
        """Give new batch norms the statistics of what they read, so that they are identities in training as well."""
        new = {key: self.new.leaves[key] for key in keys}
        norms = {
            key: leaf
            for key, leaf in new.items()
            if isinstance(leaf.module, _BatchNorm) and leaf.module.affine
        }

        def settle(key: Key, module: nn.Module, x: Tensor, y: Tensor) -> Tensor | None:
            mean, var, rows = module.running_mean, module.running_var, x.movedim(1, 0).flatten(1)
            if not (isinstance(mean, Tensor) and isinstance(var, Tensor)) or rows.shape[1] < 2:
                return None
            mean.copy_(rows.mean(1))
            var.copy_(rows.var(1).clamp(min=cast("float", module.eps)))
            make_identity(module)
            return x

        with _hooked(norms, settle):
            self._outputs(self.new.network)


@contextmanager
def _hooked(
    leaves: Mapping[Key, Leaf], hook: Callable[[Key, nn.Module, Tensor, Tensor], Any]
) -> Iterator[None]:
    """Call a function after each run of each layer from a tensor to a tensor; what it returns replaces the output."""

    def attached(key: Key) -> Callable[..., Any]:
        def after(module: nn.Module, args: tuple[Any, ...], output: Any) -> Any:
            if (
                args
                and isinstance(args[0], Tensor)
                and isinstance(output, Tensor)
                and output.is_floating_point()
            ):
                return hook(key, module, args[0].detach(), output)
            return None

        return after

    with ExitStack() as stack:
        for key, leaf in leaves.items():
            stack.callback(leaf.module.register_forward_hook(attached(key)).remove)
        yield


def _marker(like: Tensor, generator: torch.Generator) -> Tensor:
    """Random positive numbers, which a ReLU lets pass, so that no two channels are equal by chance."""
    return torch.rand(like.shape, generator=generator, dtype=torch.float64).add(0.5).to(like)


def _marked(old: Tensor, source: Tensor, like: Tensor, axis: int, generator: torch.Generator) -> Tensor:
    """Markers for an output: the parent's on the channels that are its, fresh ones elsewhere."""
    made = _marker(like, generator).movedim(axis, 0)
    there = old.movedim(axis, 0)
    if made.shape[1:] == there.shape[1:]:
        kept = source >= 0
        made[kept] = there[source[kept]]
    return made.movedim(0, axis).contiguous()


def _make_zero(layer: nn.Module) -> None:
    with torch.no_grad():
        for parameter in _own_parameters(layer):
            parameter.zero_()


def _own_parameters(layer: nn.Module) -> list[Tensor]:
    return [parameter for parameter in layer._parameters.values() if parameter is not None]


def _difference(wanted: list[Tensor], found: list[Tensor]) -> float:
    if [tensor.shape for tensor in wanted] != [tensor.shape for tensor in found]:
        return float("inf")
    pairs = zip(wanted, found, strict=True)
    return max((float((a - b).abs().max() / a.abs().max().clamp(min=1)) for a, b in pairs), default=0.0)
