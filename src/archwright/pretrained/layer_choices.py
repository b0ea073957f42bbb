"""Single layers of a network in other forms: smaller kernels, cut from the middle of the trained ones; activations."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F
from torch.nn.modules.conv import _ConvNd
from torch.overrides import TorchFunctionMode

from archwright.evaluating import evaluating
from archwright.pretrained.activations import activation_of, alternative_activations, exchange_activation
from archwright.pretrained.blocks import without_fast_path
from archwright.pretrained.comparison import difference, failing
from archwright.pretrained.examples import Inputs, sized, told

__all__ = ["ACTIVATION", "KERNEL", "LayerChoice", "crop_kernel", "layer_choices", "with_layers"]

KERNEL, ACTIVATION = "kernel", "activation"
_CONVOLUTIONS = tuple(getattr(F, f"conv{kind}{n}d") for kind in ("", "_transpose") for n in (1, 2, 3))
_CALLED = "its forward calls it as a function, not as a layer"
_NOT_REACHED = "the example does not reach it"


@dataclass(frozen=True)
class LayerChoice:
    """A layer that may have another form.

    Args:
        name: Of the layer; of an activation that a module holds as a function, of that attribute; of a function that
            a forward calls, of the module.
        kind: `KERNEL` or `ACTIVATION`.
        values: The longest side of the kernel, rising; or the names of activations.
        own: Which of them the network has.
        reason: Why it stays; None where it is free.
    """

    name: str
    kind: str
    values: tuple[Any, ...]
    own: Any
    reason: str | None = None


def layer_choices(
    network: nn.Module, inputs: Inputs, kinds: Collection[str] = (KERNEL, ACTIVATION)
) -> tuple[LayerChoice, ...]:
    """The convolutions and activations of a network, free or fixed with the reason.

    A smaller kernel is proven: both the layer and the network give what they give with its outer weights at zero, to
    1e-4 of the largest output. Of another activation is asked that the network runs, with finite outputs of the same
    shape. The network is tried on two batch sizes, with all changes at once, and where that fails in halves.

    Args:
        network: In evaluation mode. It does not change.
        inputs: What it is called with.
        kinds: Which of the two are looked for.
    """
    calls = _Calls(network)
    args, kwargs = sized(inputs, 2)
    try:
        with calls.heard(), without_fast_path(), evaluating(network):
            network(*args, **kwargs)
    except Exception as error:  # a forward that torch cannot listen to
        reason = f"what its forward calls cannot be told: {told(error)}"
        return tuple(LayerChoice("", kind, (), None, reason) for kind in kinds)
    found = {KERNEL: _kernels, ACTIVATION: _activations}
    return tuple(one for kind in kinds for one in _proven(network, inputs, list(found[kind](network, calls))))


def with_layers(network: nn.Module, chosen: Iterable[tuple[LayerChoice, Any]]) -> nn.Module:
    """The network itself, with these forms of its layers."""
    for choice, value in chosen:
        if value == choice.own:
            continue
        if choice.kind == KERNEL:
            crop_kernel(network.get_submodule(choice.name), value)
        else:
            exchange_activation(network, choice.name, value)
    return network


def crop_kernel(layer: Any, side: int) -> None:
    """Keep the middle of a convolution's kernel, in place; the padding shrinks along, so that the outputs' shape stays.

    Args:
        layer: A convolution, transposed or not.
        side: The most places that stay along each axis; one more where only that keeps the middle.
    """
    cuts = [max(0, k - side) // 2 for k in layer.kernel_size]
    weight = layer.weight.detach()
    for axis, cut in enumerate(cuts, start=2):
        weight = weight.narrow(axis, cut, weight.shape[axis] - 2 * cut)
    layer.weight = nn.Parameter(weight.clone(), requires_grad=layer.weight.requires_grad)
    layer.kernel_size = tuple(k - 2 * cut for k, cut in zip(layer.kernel_size, cuts, strict=True))
    outer = [d * cut for d, cut in zip(layer.dilation, cuts, strict=True)]
    if isinstance(layer.padding, str):
        twice = [p - outer[-1 - i // 2] for i, p in enumerate(layer._reversed_padding_repeated_twice)]
        layer._reversed_padding_repeated_twice = twice
    else:
        layer.padding = tuple(max(0, p - cut) for p, cut in zip(layer.padding, outer, strict=True))
        layer._reversed_padding_repeated_twice = tuple(p for p in reversed(layer.padding) for _ in range(2))


def _fits(layer: Any, side: int, args: Any, kwargs: Any) -> bool:
    """Whether a kernel of this side gives what the layer gives with its outer weights at zero, without its hooks."""
    small, zeroed = deepcopy(layer), deepcopy(layer)
    crop_kernel(small, side)
    _without_outer(zeroed, side)
    try:
        one, other = zeroed.forward(*args, **kwargs), small.forward(*args, **kwargs)
        return one.shape == other.shape and torch.allclose(
            one, other, rtol=0, atol=1e-4 * float(one.abs().max())
        )
    except Exception:  # whatever a forward of the user's raises with another kernel
        return False


def _without_outer(layer: Any, side: int) -> None:
    """Set to zero what `crop_kernel` cuts off."""
    with torch.no_grad():
        for axis, k in enumerate(layer.kernel_size, start=2):
            cut = max(0, k - side) // 2
            layer.weight.narrow(axis, 0, cut).zero_()
            layer.weight.narrow(axis, k - cut, cut).zero_()


class _Calls:
    """What a forward calls: which layers, and which activations and convolutions as functions of torch."""

    def __init__(self, network: nn.Module) -> None:
        self.network = network
        self.layers: set[str] = set()
        self.functions: dict[tuple[str, Any], None] = {}
        """Name of the calling module and the function, in order."""
        self.sides: dict[str, tuple[int, ...]] = {}
        """Name of a convolution to the smaller kernels that give what it gives with its outer weights at zero."""

    @contextmanager
    def heard(self) -> Iterator[None]:
        """Listens while it is entered."""
        inside: list[str] = []

        def before(name: str) -> Any:
            def hook(*_: Any) -> None:
                self.layers.add(name)
                inside.append(name)

            return hook

        def after(module: nn.Module, args: Any, kwargs: Any, _: Any) -> None:
            name = inside[-1]  # until the end: what is tried here is called by the layer
            if isinstance(module, _ConvNd) and "weight" in module._parameters:
                sides = self.sides.get(
                    name, range(2 - max(module.kernel_size) % 2, max(module.kernel_size), 2)
                )
                self.sides[name] = tuple(side for side in sides if _fits(module, side, args, kwargs))
            inside.pop()

        calls = self.functions

        class Mode(TorchFunctionMode):
            def __torch_function__(
                self, function: Any, types: Any, args: Any = (), kwargs: Any = None
            ) -> Any:
                calls.setdefault((inside[-1] if inside else "", function))
                return function(*args, **(kwargs or {}))

        handles = []
        for name, module in self.network.named_modules():
            handles.append(module.register_forward_pre_hook(before(name)))
            handles.append(module.register_forward_hook(after, with_kwargs=True, always_call=True))
        try:
            with Mode():
                yield
        finally:
            for handle in handles:
                handle.remove()


def _kernels(network: nn.Module, calls: _Calls) -> Iterator[LayerChoice]:
    shared = Counter(
        id(one.weight) for one in network.modules() if isinstance(getattr(one, "weight", None), nn.Parameter)
    )
    for name, layer in network.named_modules():
        if isinstance(layer, _ConvNd):
            own = max(layer.kernel_size)
            smaller = calls.sides.get(name, ())
            reason: str | None = None
            if "weight" not in layer._parameters:
                reason = "its weight is computed from other parameters"
            elif shared[id(layer.weight)] > 1:
                reason = "its weight is another layer's, too"
            elif name not in calls.layers:
                reason = _NOT_REACHED
            elif not smaller:
                reason = "no smaller kernel keeps its middle and its padding"
            if own > 1:
                yield LayerChoice(name, KERNEL, (*smaller, own), own, reason)
    for name, function in calls.functions:
        if function in _CONVOLUTIONS and not isinstance(network.get_submodule(name), _ConvNd):
            yield LayerChoice(name, KERNEL, (), None, _CALLED)


def _activations(network: nn.Module, calls: _Calls) -> Iterator[LayerChoice]:
    held: set[tuple[str, Any]] = set()
    for name, module in network.named_modules():
        if name and (own := activation_of(module)) is not None:
            reason = None if name in calls.layers else _NOT_REACHED
            yield LayerChoice(name, ACTIVATION, (own, *alternative_activations(own)), own, reason)
        for attribute, value in vars(module).items():
            if callable(value) and (name, value) in calls.functions and (own := activation_of(value)):
                held.add((name, value))
                path = f"{name}.{attribute}" if name else attribute
                yield LayerChoice(path, ACTIVATION, (own, *alternative_activations(own)), own)
    for name, function in calls.functions:
        module = network.get_submodule(name)
        is_layer = type(module).__module__.startswith("torch.nn.") or activation_of(module)
        if not is_layer and (name, function) not in held and (own := activation_of(function)):
            yield LayerChoice(name, ACTIVATION, (own,), own, _CALLED)


def _proven(network: nn.Module, inputs: Inputs, choices: Sequence[LayerChoice]) -> list[LayerChoice]:
    """The choices of one kind, of which those that fail have their reason."""
    free = {i: one for i, one in enumerate(choices) if one.reason is None}
    reasons = failing(free, lambda some: _refuted(network, inputs, some))
    return [replace(one, reason=reasons.get(i, one.reason)) for i, one in enumerate(choices)]


def _refuted(network: nn.Module, inputs: Inputs, choices: Collection[LayerChoice]) -> str | None:
    """Why these layers cannot have their other forms; None when they can."""
    if all(one.kind == KERNEL for one in choices):

        def silenced() -> nn.Module:
            copy = deepcopy(network)
            for one in choices:
                _without_outer(copy.get_submodule(one.name), one.values[0])
            return copy

        smallest = [(one, one.values[0]) for one in choices]
        return difference(
            silenced, lambda: with_layers(deepcopy(network), smallest), inputs, "with a smaller kernel"
        )
    for place in range(1, max(len(one.values) for one in choices)):
        taken = [(one, one.values[min(place, len(one.values) - 1)]) for one in choices]
        made = lambda taken=taken: with_layers(deepcopy(network), taken)  # noqa: E731
        if reason := difference(lambda: network, made, inputs, "with another activation", exact=False):
            return reason
    return None
