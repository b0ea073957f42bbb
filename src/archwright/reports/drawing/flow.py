"""Which calls of a network read what others give, seen by running it once."""

from __future__ import annotations

from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode
from torch.utils.weak import WeakTensorKeyDictionary

from archwright.evaluating import evaluating
from archwright.spaces import ResolvedCall
from archwright.spaces.build import arguments_of, construct, dry_run
from archwright.tasks.batches import tensors_in

__all__ = ["Flow", "Source", "Sources", "trace"]

Sources = frozenset[Any]
"""Where a tensor is from, inside one call: the calls beside each other there by `id`, and `Source` for what came in."""


_COMPUTED = "computed"
"""Stands among the sources of a tensor that the running call computed itself, besides what it is computed from."""


@dataclass(frozen=True, slots=True)
class Source:
    """An input of a call.

    Args:
        outside: Where it is from, inside the call around.
    """

    outside: Sources


@dataclass(slots=True)
class Flow:
    """What runs directly inside one call.

    Args:
        order: The calls, in the order in which they ran first.
        reads: By `id` of each, what it reads.
        gives: What the call's output is made of.
    """

    order: list[ResolvedCall] = field(default_factory=list)
    reads: dict[int, Sources] = field(default_factory=dict)
    gives: Sources = frozenset()


def trace(root: ResolvedCall, example: Any) -> dict[int, Flow]:
    """Run the network of a call and see what flows where.

    A module that is called several times inside one other is passed through: what it gives is from where its input is.

    Args:
        root: The outermost call.
        example: A batch of inputs, or a pair (args, kwargs) of what the network is called with.

    Returns:
        By `id` of each call that ran, what runs inside it; empty where the network cannot be run.
    """
    repeated: set[int] = set()
    with torch.random.fork_rng(devices=[]):  # building draws weights
        try:
            network, made = construct(root)
            dry_run(network, example, made)
            while True:
                tracer = _Tracer(made, repeated)
                tracer.run(network, example)
                if tracer.repeated <= repeated:
                    return tracer.flows
                repeated |= tracer.repeated
        except Exception:  # a user's network may fail in any way, and is drawn all the same
            return {}


@dataclass(slots=True)
class _Frame:
    """A call that is running: its inputs with where they are from outside, and which of these it used so far."""

    call: ResolvedCall
    inputs: list[tuple[Tensor, Sources]]
    used: set[Any] = field(default_factory=set)
    ran: Counter[int] = field(default_factory=Counter)


class _Tracer(TorchFunctionMode):
    def __init__(self, made: dict[ResolvedCall, Any], passed: set[int]) -> None:
        super().__init__()
        self.modules = {
            id(made[call]): (call, made[call]) for call in reversed(made) if isinstance(made[call], nn.Module)
        }
        self.passed = passed
        self.repeated: set[int] = set()
        self.flows: dict[int, Flow] = {}
        self.frames: list[_Frame] = []
        self.sources = WeakTensorKeyDictionary()

    def run(self, network: nn.Module, example: Any) -> None:
        """Run the network with hooks on every module that a call made."""
        args, kwargs = arguments_of(example)
        with evaluating(network), ExitStack() as hooks, self:
            for call, module in self.modules.values():
                hooks.callback(
                    module.register_forward_pre_hook(self._entering(call), with_kwargs=True).remove
                )
                hooks.callback(module.register_forward_hook(self._leaving(call), with_kwargs=True).remove)
            network(*args, **kwargs)

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        found = func(*args, **(kwargs or {}))
        made = list(tensors_in(found))
        if made:
            sources = frozenset().union(*(self._of(tensor) for tensor in tensors_in((args, kwargs))))
            self._use(sources)
            for tensor in made:
                self.sources[tensor] = sources | {_COMPUTED}
        return found

    def _of(self, tensor: Tensor) -> Sources:
        found: Sources = self.sources.get(tensor, frozenset())  # type: ignore[no-untyped-call]
        return found

    def _use(self, sources: Sources) -> None:
        """Note that the running call looked at something."""
        if self.frames:
            self.frames[-1].used |= _outside(sources)

    def _entering(self, call: ResolvedCall) -> Any:
        def enter(module: nn.Module, args: Any, kwargs: Any) -> None:
            inputs = [(tensor, self._of(tensor)) for tensor in tensors_in((args, kwargs))]
            self.frames.append(_Frame(call, inputs))
            for tensor, outside in inputs:
                self.sources[tensor] = frozenset({Source(outside - {_COMPUTED})})

        return enter

    def _leaving(self, call: ResolvedCall) -> Any:
        def leave(module: nn.Module, args: Any, kwargs: Any, output: Any) -> Any:
            frame = self.frames.pop()
            given = list(tensors_in(output))
            inside = [self._of(tensor) for tensor in given]
            if len(given) == 1:
                frame.used |= _outside(inside[0])
            all_inputs = frozenset().union(*(outside for _, outside in frame.inputs))
            for tensor, outside in frame.inputs:
                self.sources[tensor] = outside
            flow = self.flows.setdefault(id(call), Flow())
            for sources in inside:
                if len(given) == 1 or not _is_handed_on(sources):
                    flow.gives |= sources - {_COMPUTED}
            if isinstance(output, Tensor) and any(output is tensor for tensor, _ in frame.inputs):
                output = output.view_as(output)  # what it gives is told apart from what it got
                given = [output]
            for tensor, sources in zip(given, inside, strict=True):
                self.sources[tensor] = self._outside(call, sources, len(given), all_inputs)
            self._beside(call, frozenset(frame.used) or all_inputs)
            return output

        return leave

    def _outside(self, call: ResolvedCall, inside: Sources, outputs: int, all_inputs: Sources) -> Sources:
        """Where something that a call gives is from, for the call around it."""
        if id(call) in self.passed:
            return all_inputs
        if outputs > 1 and _is_handed_on(inside):
            return _outside(inside)
        return frozenset({id(call)})

    def _beside(self, call: ResolvedCall, used: Sources) -> None:
        """Note in the call around what this one read."""
        if not self.frames:
            return
        around = self.frames[-1]
        around.ran[id(call)] += 1
        if around.ran[id(call)] > 1:
            self.repeated.add(id(call))
        if id(call) in self.passed:
            return
        self._use(used)
        flow = self.flows.setdefault(id(around.call), Flow())
        if id(call) not in flow.reads:
            flow.order.append(call)
        flow.reads[id(call)] = flow.reads.get(id(call), frozenset()) | (used - {_COMPUTED})


def _is_handed_on(sources: Sources) -> bool:
    """Whether something is an input as it came, which a call that gives several tensors hands on."""
    return bool(sources) and all(isinstance(source, Source) for source in sources)


def _outside(sources: Sources) -> Sources:
    """Where the inputs among them are from, inside the call around."""
    return frozenset().union(*(source.outside for source in sources if isinstance(source, Source)))
