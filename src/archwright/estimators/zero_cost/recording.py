"""What a network computes while it runs, seen at the functions of torch that it calls.

Modules are not hooked: an activation that works in place, and a module that is called several times, are seen call by
call, and each call's result as it was before anything wrote into it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.overrides import TorchFunctionMode

from archwright.errors import TrialError

__all__ = ["Features", "Layer", "Layers", "NormVariances", "Patterns", "WithoutNorms"]

_RELUS: set[Callable[..., Any]] = {
    F.relu, F.relu_, torch.relu, torch.relu_, Tensor.relu, Tensor.relu_, F.relu6, F.leaky_relu, F.leaky_relu_,
    F.prelu, torch.prelu, F.rrelu,
}  # fmt: skip
_NORMS: set[Callable[..., Any]] = {
    F.batch_norm, F.instance_norm, F.layer_norm, F.group_norm, F.rms_norm, F.local_response_norm,
    torch.layer_norm, torch.group_norm, torch.rms_norm,
}  # fmt: skip
CONVOLUTIONS: set[Callable[..., Any]] = {torch.conv1d, torch.conv2d, torch.conv3d}
_TRANSPOSED = {torch.conv_transpose1d, torch.conv_transpose2d, torch.conv_transpose3d}
_POOLS: set[Callable[..., Any]] = {
    F.adaptive_avg_pool1d, F.adaptive_avg_pool2d, F.adaptive_avg_pool3d, torch.adaptive_avg_pool1d,
    F.adaptive_max_pool1d, F.adaptive_max_pool2d, F.adaptive_max_pool3d,
}  # fmt: skip


class Observer(TorchFunctionMode):
    """Passes on what it does not know; a subclass answers the calls of its functions by `_seen`.

    Args:
        functions: Those that it knows.
    """

    def __init__(self, functions: Iterable[Callable[..., Any]]) -> None:
        super().__init__()
        self.functions = frozenset(functions)

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        if func not in self.functions:
            return func(*args, **(kwargs or {}))
        return self._seen(func, args, kwargs or {})

    def _seen(self, function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Answer a call."""
        raise NotImplementedError


class Patterns(Observer):
    """Which units of the network's rectifiers are active, for each example.

    Rectifiers are ReLU, ReLU6, leaky, randomised and parametric ReLU, as modules and as functions.

    Args:
        examples: How many there are in the batch.

    Attributes:
        found: One of the shape (examples, units) a call, true where the output is positive.
    """

    def __init__(self, examples: int) -> None:
        super().__init__({*_RELUS, F.hardtanh})
        self.examples = examples
        self.found: list[Tensor] = []

    def _seen(self, function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        output = function(*args, **kwargs)
        low = kwargs["min_val"] if "min_val" in kwargs else args[1] if len(args) > 1 else -1.0
        if function is F.hardtanh and low != 0.0:  # as nn.ReLU6 calls it
            return output
        if output.ndim < 1 or output.shape[0] % self.examples:
            raise TrialError(
                f"activation patterns are told apart by example, but a ReLU has the output shape {tuple(output.shape)} "
                f"for {self.examples} examples"
            )
        self.found.append((output.detach() > 0).reshape(self.examples, -1))
        return output


@dataclass(eq=False)
class Layer:
    """The calls of one weight: a convolution's or a linear layer's.

    Args:
        weight: Its weight.
        channels: The dimension of its outputs in which the channels are.
        outputs: What each call gave, as nodes of the graph of gradients.
    """

    weight: Tensor
    channels: int
    outputs: list[Tensor]


class Layers(Observer):
    """The outputs of convolutions and linear layers, a layer that is called several times as one.

    Attributes:
        found: By the identity of the weight.
    """

    def __init__(self) -> None:
        super().__init__({*CONVOLUTIONS, *_TRANSPOSED, F.linear})
        self.found: dict[int, Layer] = {}

    def _seen(self, function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        output = function(*args, **kwargs)
        weight = kwargs["weight"] if "weight" in kwargs else args[1]
        channels = -1 if function is F.linear else 1
        self.found.setdefault(id(weight), Layer(weight, channels, [])).outputs.append(output)
        return output.clone()  # so that what is kept stays as it is when the next operation works in place


class NormVariances(Observer):
    """The variance of what enters each batch normalisation: the mean over its channels.

    Attributes:
        found: One number a call, on the batch's own statistics, with the divisor n.
    """

    def __init__(self) -> None:
        super().__init__({F.batch_norm})
        self.found: list[Tensor] = []

    def _seen(self, function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        entering = args[0] if args else kwargs["input"]
        others = [axis for axis in range(entering.ndim) if axis != 1]
        self.found.append(entering.detach().var(others, unbiased=False).mean())
        return function(*args, **kwargs)


class WithoutNorms(Observer):
    """Lets normalisation give a copy of what enters it, so that nothing behind it writes into that."""

    def __init__(self) -> None:
        super().__init__(_NORMS)

    def _seen(self, function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        return (args[0] if args else kwargs["input"]).clone()


class Features(Observer):
    """What a network's head reads: what is last pooled to one place, or else what enters its last linear layer.

    Attributes:
        pooled: What entered the last adaptive pooling; None where there was none.
        entering: What entered the last linear layer; None where there was none.
    """

    def __init__(self) -> None:
        super().__init__({*_POOLS, F.linear})
        self.pooled: Tensor | None = None
        self.entering: Tensor | None = None

    def _seen(self, function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        entering = args[0] if args else kwargs["input"]
        kept = entering.detach().clone()
        if function is F.linear:
            self.entering = kept
        else:
            self.pooled = kept
        return function(*args, **kwargs)
