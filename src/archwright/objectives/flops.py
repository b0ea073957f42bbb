"""How many floating-point operations a network needs."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any, final

from archwright.errors import UsageError
from archwright.evaluating import evaluating
from archwright.objectives.meter import Meter
from archwright.spaces.build import arguments_of, first_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import nn

__all__ = ["Flops", "Macs", "count_flops"]


@final
class Flops(Meter):
    """Counts the floating-point operations of one example, see `count_flops`."""

    seconds = 0.1

    def measure(self, network: nn.Module, *args: Any, **kwargs: Any) -> float:
        """The count."""
        return count_flops(network, (args, kwargs))


@final
class Macs(Meter):
    """Counts the multiply-accumulates of one example: half of `count_flops`, which counts two operations for each.

    Published "FLOPs" of mobile networks, EfficientNet included, are these.
    """

    seconds = 0.1

    def measure(self, network: nn.Module, *args: Any, **kwargs: Any) -> float:
        """The count."""
        return count_flops(network, (args, kwargs)) // 2


def count_flops(network: nn.Module, example: Any) -> int:
    """The floating-point operations of one forward pass on one example, in evaluation mode.

    Counted by torch's own `FlopCounterMode`: matrix products, convolutions, recurrent layers and attention,
    at two operations for each multiply-accumulate, so a linear layer from m to n features costs 2 m n and
    a convolution 2 * (kernel size) * (input channels / groups) * (output values). Biases, activations,
    normalisation and pooling count as nothing. Fused kernels that the counter does not know (attention, LSTM)
    are counted as the products they stand for. Count on the CPU: recurrent layers on a GPU are opaque to it.

    Args:
        network: A network. Its mode, weights and buffers are left as they were.
        example: A batch of inputs, shape (N, ...) with N >= 1, or a pair (args, kwargs). Where all arguments are
            tensors of one length the first of each is used, or all of them if the network cannot take that (a graph,
            whose edges are no examples).

    Returns:
        A count; fewer is better. It is that of one example, whatever N is, or of one call where an example cannot be
        told apart.

    Raises:
        UsageError: When the example is an empty batch.
    """
    import torch
    from torch.nn.attention import SDPBackend, sdpa_kernel
    from torch.utils.flop_counter import FlopCounterMode

    whole, first = arguments_of(example), first_of(example)
    values = [*whole[0], *whole[1].values()]
    if values and all(hasattr(value, "ndim") and (not value.ndim or not len(value)) for value in values):
        raise UsageError(f"expected a batch of at least one example, got the shape {tuple(values[0].shape)}")
    fast_path = torch.backends.mha.get_fastpath_enabled()
    try:
        # The fused paths hide their matrix products from the counter.
        torch.backends.mha.set_fastpath_enabled(False)
        # With gradients: without, the counter stumbles over a module that gives a view of its own parameter.
        with evaluating(network), torch.enable_grad(), sdpa_kernel(SDPBackend.MATH):
            # Only where there are several arguments may the first of each be no example.
            for last, (args, kwargs) in enumerate((first, whole)):
                counter = FlopCounterMode(display=False, custom_mapping=_products())
                try:
                    with counter:
                        network(*args, **kwargs)
                    break
                except Exception:
                    if last or len(values) == 1:
                        raise
    finally:
        torch.backends.mha.set_fastpath_enabled(fast_path)
    return int(counter.get_total_flops())


def _products() -> dict[Any, Any]:
    """Products that torch's counter does not know, by operator; each gets the shapes of the arguments."""
    from torch import ops

    aten = ops.aten
    return {
        aten.mkldnn_rnn_layer: _lstm_flops,
        aten.mv: lambda matrix, vector, *_, **__: 2 * prod(matrix),
        aten.addmv: lambda bias, matrix, vector, *_, **__: 2 * prod(matrix),
        aten.dot: lambda left, right, *_, **__: 2 * prod(left),
        aten.vdot: lambda left, right, *_, **__: 2 * prod(left),
        aten.addr: lambda bias, left, right, *_, **__: 2 * prod(left) * prod(right),
        aten.addbmm: lambda bias, left, right, *_, **__: 2 * prod(left) * right[-1],
        aten._euclidean_dist: lambda left, right, *_, **__: 2 * prod(left) * right[-2],
        aten._trilinear: _trilinear_flops,
    }


def _trilinear_flops(*shapes: Any, **_: Any) -> int:
    """X A y of a bilinear layer: the product x A, then that with y; shapes (N, in1), (out, in1, in2), (N, in2)."""
    (examples, first), (outputs, _, second) = shapes[0], shapes[1]
    return int(2 * examples * outputs * (first * second + second))


def _lstm_flops(
    inputs: Sequence[int], input_weight: Sequence[int], hidden_weight: Sequence[int], *_: Any, **__: Any
) -> int:
    """One layer in one direction: shapes (time, N, features), (4 hidden, features), (4 hidden, hidden)."""
    steps = inputs[0] * inputs[1]
    return 2 * steps * (input_weight[0] * input_weight[1] + hidden_weight[0] * hidden_weight[1])
