"""The elastic call: one set of weights for every form that a call takes."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from random import Random
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from archwright.errors import BuildError
from archwright.spaces import Decision
from archwright.supernets.arguments import Argument, Value, resolved
from archwright.supernets.dropout import dropouts_in
from archwright.supernets.gates import Gates, combinations
from archwright.supernets.mixed import GatedEdge, weighed_sum
from archwright.supernets.shared_weights import ParameterSlot, PickingCall, SharedWeights, own_tensors

__all__ = ["Elastic", "call"]

_Picked = tuple[ParameterSlot, Mapping[int, Tensor]]
_MOST = 256
"""Forms kept ready; the one that was not used for longest gives way."""
_STARTS = 3
_TRIED = 16
"""Values of one decision that are tried to find the largest weights."""


class Elastic(nn.Module):
    """A call whose own arguments depend on decisions: width, kernel, depth, activation, absent edges.

    Each form of the call is a subnet that borrows its weights: the leading channels of the largest, and the centre of
    a convolution's kernel (Cai et al. 2020, arXiv:1908.09791). So a convolution, a linear layer, a norm, and any class
    that is made of them, share the weights of all their widths and kernels, grouped and depthwise ones too. Modules
    among the arguments belong to all forms. A callable that picks other channels than the leading ones says which
    (`PickingCall`).

    Under a mixture of its decisions the output is the weighted sum of the forms' outputs.

    A call with a lazily sized module inside has a form for each shape of its input; while `sizing` is set, the largest
    weights grow with each new form.

    Args:
        fn: What is called.
        args: The positional arguments.
        kwargs: The arguments by keyword.
        gates: The supernet's.
        place: Where the call stands, for error texts.

    Raises:
        BuildError: When the call fails, or gives no module.
    """

    def __init__(
        self,
        fn: Callable[..., Any],
        args: list[Argument],
        kwargs: Mapping[str, Argument],
        gates: Gates,
        place: str,
    ) -> None:
        super().__init__()
        self.args, self.kwargs = args, dict(kwargs)
        self.fn: Any = fn
        self.gates, self.place = gates, place
        arguments = [*args, *kwargs.values()]
        self.parts = nn.ModuleList(dict.fromkeys(module for part in arguments for module in part.modules()))
        selectors = [selector for part in arguments for selector in part.selectors()]
        self.reads = tuple(dict.fromkeys(address for s in selectors for address in s.reads))
        """The addresses of the decisions that its own arguments depend on, absent edges aside."""
        self._numbers = [part for argument in arguments for part in _values_in(argument)]
        self._subnets: dict[Any, tuple[nn.Module, list[_Picked], list[nn.Module]]] = {}
        self.shared = SharedWeights()
        self.sizes: dict[str, dict[tuple[str, int, int], list[int]]] = {}
        """What each decision alone changes: of a weight (name, axes, axis) the sizes, the largest form's first."""
        self.optional: set[str] = set()
        """The decisions by which weights come and go."""
        self.is_lazy = self.sizing = False
        self._first: tuple[dict[str, Any], dict[str, tuple[int, ...]]] | None = None
        self._widen()

    def forward(self, *inputs: Any, **named: Any) -> Any:
        """From the call's input to its output, in the form or forms that the gates set."""
        mixed = [address for address in self.reads if address in self.gates.mixtures]
        if not mixed:
            return self.form(self.gates.values, inputs, named)(*inputs, **named)
        forms = (
            (self.form({**self.gates.values, **values}, inputs, named)(*inputs, **named), weight)
            for values, weight in combinations(self.gates, mixed)
        )
        return weighed_sum(forms, self.place)

    def form(
        self, values: Mapping[str, Any], inputs: tuple[Any, ...] = (), named: Mapping[str, Any] | None = None
    ) -> nn.Module:
        """The module of one form, in the mode of the call, with its weights in place until they next change.

        Args:
            values: Address to value.
            inputs: What it will be called with, by which a lazily sized one is sized.
            named: The same by keyword.
        """
        args, kwargs = resolved(self.args, self.kwargs, values)
        shapes = tuple(map(_shape, inputs)) if self.is_lazy else ()
        key = (_key(args), _key(kwargs), shapes)
        subnet = self._subnets.pop(key, None)
        if subnet is None:
            # Unless the largest weights come from it, its values are not used, so it must not draw any.
            with nullcontext() if self.sizing else torch.random.fork_rng(devices=[]):
                module = self._call(args, kwargs, valued=self.sizing)
                module = module.to(self._device()).train(self.training)
                if self.is_lazy:
                    self._sized(module, inputs, named or {})
            borrowed = list(self._picked(module, self._inner, args, kwargs))
            subnet = module, borrowed, list(dropouts_in(module))
            if len(self._subnets) >= _MOST:
                self._subnets.pop(next(iter(self._subnets)))
        self._subnets[key] = subnet  # the last one used stands last
        module, borrowed, dropouts = subnet
        for own, picked in borrowed:
            own.replace(self._part(own, picked))
        if module.training != self.training:
            module.train(self.training)
        for dropout in dropouts:
            dropout.training = self.training and self.gates.drops
        return module

    def inherit(
        self, module: nn.Module, inner: set[int], args: Sequence[Any], kwargs: Mapping[str, Any]
    ) -> None:
        """Give a plain module of one of the forms a copy of the weights.

        Args:
            module: The module; what is borrowed here is copied there.
            inner: The `id` of each module inside that is another call's.
            args: The positional arguments of the call that made it.
            kwargs: Those by keyword.
        """
        with torch.no_grad():
            for own, picked in self._picked(module, inner, args, kwargs):
                own.tensor.copy_(self._part(own, picked))

    @property
    def picks(self) -> bool:
        """Whether its forms have other parts of the weights than the leading ones."""
        return isinstance(self.fn, PickingCall)

    def _picked(
        self, module: nn.Module, inner: set[int], args: Sequence[Any], kwargs: Mapping[str, Any]
    ) -> Iterator[_Picked]:
        """The weights of a form, and for each the indices that it has of the largest one."""
        selection: Mapping[str, Mapping[int, Tensor]] = {}
        if isinstance(self.fn, PickingCall):
            selection = self.fn.selection(*args, **kwargs)
        device = self._device()
        for own in own_tensors(module, inner):
            yield own, {axis: kept.to(device) for axis, kept in selection.get(own.name, {}).items()}

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_subnets": {}}  # made again when they are wanted

    def _apply(self, *args: Any, **kwargs: Any) -> Elastic:
        super()._apply(*args, **kwargs)  # type: ignore[no-untyped-call]
        self._subnets.clear()  # their constants are where they were
        return self

    def _part(self, own: ParameterSlot, picked: Mapping[int, Tensor]) -> Tensor:
        part = self.shared.part(own, picked)
        if part is None:
            cure = "use its sized form" if self.is_lazy else "state the sizes by decisions of few values"
            raise BuildError(
                f"{self.place}: this form needs {own.name} of shape {tuple(own.tensor.shape)}, which none of the "
                f"forms had that were tried for the largest; {cure}"
            )
        return part

    def _sized(self, module: nn.Module, inputs: tuple[Any, ...], named: Mapping[str, Any]) -> None:
        """Let a form take its size from its input."""
        with torch.no_grad():
            module.eval()(*inputs, **named)
        module.train(self.training)
        for own in own_tensors(module, self._inner) if self.sizing else ():
            self.shared.widen(own)

    @property
    def _inner(self) -> set[int]:
        """The `id` of each module that belongs to an argument."""
        return {id(module) for part in self.parts for module in part.modules()}

    def _device(self) -> torch.device | None:
        return next((tensor.device for tensor in self.shared.parameters()), None)

    def _widen(self) -> None:
        """Find the largest of each weight: from the largest value of every decision, and each other one alone."""
        failed: BuildError | None = None
        succeeded = False
        for values in self._forms():
            try:
                module = self._call(*resolved(self.args, self.kwargs, values), valued=not succeeded)
            except BuildError as error:  # a combination that the space need not have
                failed = failed or error
                continue
            succeeded = True
            tensors = list(own_tensors(module, self._inner))
            if any(is_lazy(own.tensor) for own in tensors):
                self.is_lazy = self.sizing = True
                return
            self._compare(values, {own.name: tuple(own.tensor.shape) for own in tensors})
            for own in tensors:
                self.shared.widen(own)
        if not succeeded and failed is not None:
            raise failed

    def _compare(self, values: dict[str, Any], shapes: dict[str, tuple[int, ...]]) -> None:
        """Note what a form has otherwise than the first, where one decision alone differs."""
        if self._first is None:
            self._first = values, shapes
            return
        before, first = self._first
        differing = [address for address in values if values[address] != before[address]]
        if len(differing) != 1:
            return
        if first.keys() != shapes.keys():
            self.optional.add(differing[0])
        sizes = self.sizes.setdefault(differing[0], {})
        for name in first.keys() & shapes.keys():
            if len(first[name]) == len(shapes[name]):
                for axis, (most, size) in enumerate(zip(first[name], shapes[name], strict=True)):
                    if most != size:
                        sizes.setdefault((name, len(first[name]), axis), [most]).append(size)

    def _forms(self) -> Iterator[dict[str, Any]]:
        edges = [module for module in self.parts if isinstance(module, GatedEdge)]
        addresses = dict.fromkeys([*self.reads, *(a for edge in edges for a in edge.selector.reads)])
        tried = {address: _tried(self.gates.space.decisions[address]) for address in addresses}
        largest = {address: values[0] for address, values in tried.items()}
        yield largest
        for part in self._numbers:
            yield _highest(part, largest, tried)
        for address in self.reads:
            for value in tried[address][1:]:
                yield {**largest, address: value}

    def _call(self, args: list[Any], kwargs: dict[str, Any], *, valued: bool) -> nn.Module:
        """The module of a form; where its values are not used, only what it consists of."""
        fn = self.fn.outline if isinstance(self.fn, PickingCall) and not valued else self.fn
        module = call(fn, args, kwargs, self.place)
        if not isinstance(module, nn.Module):
            raise BuildError(
                f"{self.place}: a call that depends on a decision must give a torch.nn.Module in a supernet, got "
                f"{type(module).__name__}; move it into the module that uses it"
            )
        return module


def _shape(value: Any) -> Any:
    """The shape of one example of an input."""
    if isinstance(value, list | tuple):
        return tuple(map(_shape, value))
    return tuple(value.shape[1:]) if isinstance(value, Tensor) else None


def call(fn: Callable[..., Any], args: list[Any], kwargs: Mapping[str, Any], place: str) -> Any:
    """What a call returns.

    Raises:
        BuildError: When it fails. Names its place and arguments.
    """
    try:
        return fn(*args, **kwargs)
    except (Exception, SystemExit) as error:
        shown = ", ".join([*map(_brief, args), *(f"{keyword}={_brief(v)}" for keyword, v in kwargs.items())])
        name = getattr(fn, "__name__", None) or type(fn).__name__
        reason = f"{type(error).__name__}: {error}".rstrip(": ")
        raise BuildError(f"could not build {name}({shown}) at {place}, in a supernet: {reason}") from error


def _values_in(part: Argument) -> Iterator[Value]:
    if isinstance(part, Value):
        yield part
    for inner in part.inside:
        yield from _values_in(inner)


def _highest(part: Value, largest: dict[str, Any], tried: Mapping[str, list[Any]]) -> dict[str, Any]:
    """Values for which an argument is as large as it gets by changing one decision after the other.

    It is climbed from the largest values, the smallest and a few random ones: a count of what is unused, say, is
    highest where all decisions agree.
    """
    random, addresses = Random(0), part.selector.reads
    starts = [largest, {**largest, **{address: tried[address][-1] for address in addresses}}]
    starts += [
        {**largest, **{address: random.choice(tried[address]) for address in addresses}}
        for _ in range(_STARTS)
    ]
    return max(
        (_climbed(part, start, addresses, tried) for start in starts), key=lambda end: _number(part, end)
    )


def _climbed(
    part: Value, start: dict[str, Any], addresses: Sequence[str], tried: Mapping[str, list[Any]]
) -> dict[str, Any]:
    best, score = start, _number(part, start)
    improved = True
    while improved:
        improved = False
        for address in addresses:
            for value in tried[address]:
                changed = {**best, address: value}
                if (number := _number(part, changed)) > score:
                    best, score, improved = changed, number, True
    return best


def _number(part: Value, values: Mapping[str, Any]) -> float:
    try:
        value = part.resolve(values)[0]
    except (ArithmeticError, KeyError, TypeError, ValueError):  # a combination that the space need not have
        return -math.inf
    return float(value) if isinstance(value, int | float) else -math.inf


def _tried(decision: Decision) -> list[Any]:
    """Some values of a decision, what is likely to make the largest weights first."""
    if decision.several:
        return [tuple(decision.relaxed().labels)]  # all items, whether or not a subset may have so many
    if decision.size == math.inf:
        return decision.alternatives(1)
    many = decision.ordered and decision.size > _TRIED
    values = decision.alternatives(2) if many else list(decision.values())
    return sorted(values, reverse=True) if decision.numeric else values


def _key(value: Any) -> Any:
    """What is equal for arguments that make the same form."""
    if isinstance(value, nn.Module):
        return id(value)
    if isinstance(value, list | tuple):
        return type(value), *map(_key, value)
    if isinstance(value, dict):
        return type(value), *((key, _key(item)) for key, item in value.items())
    try:
        hash(value)
    except TypeError:
        return id(value)
    return type(value), value


def _brief(value: Any) -> str:
    if isinstance(value, nn.Module):
        return f"{type(value).__name__}(...)"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_brief, value))}]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key!r}: {_brief(item)}" for key, item in value.items()) + "}"
    return getattr(value, "__name__", None) or repr(value)
