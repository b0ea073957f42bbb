"""How many floating-point operations a network needs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, final

from archwright.errors import UsageError
from archwright.objectives.meter import Meter

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor, nn

__all__ = ["Flops", "count_flops"]


@final
class Flops(Meter):
    """Counts the floating-point operations of one example, see `count_flops`."""

    seconds = 0.1

    def measure(self, network: nn.Module, *args: Any, **kwargs: Any) -> float:
        """The count."""
        return count_flops(network, args[0])


def count_flops(network: nn.Module, example: Tensor) -> int:
    """The floating-point operations of one forward pass on one example, in evaluation mode.

    Counted by torch's own `FlopCounterMode`: matrix products, convolutions, recurrent layers and attention,
    at two operations for each multiply-accumulate, so a linear layer from m to n features costs 2 m n and
    a convolution 2 * (kernel size) * (input channels / groups) * (output values). Biases, activations,
    normalisation and pooling count as nothing. Fused kernels that the counter does not know (attention, LSTM)
    are counted as the products they stand for. Count on the CPU: recurrent layers on a GPU are opaque to it.

    Args:
        network: A network. Its mode, weights and buffers are left as they were.
        example: A batch of inputs, shape (N, ...) with N >= 1; the first is used.

    Returns:
        A count; fewer is better. It is that of one example, whatever N is.

    Raises:
        UsageError: When the example is an empty batch.
    """
    import torch
    from torch.nn.attention import SDPBackend, sdpa_kernel
    from torch.utils.flop_counter import FlopCounterMode

    if example.ndim < 1 or len(example) < 1:
        raise UsageError(f"expected a batch of at least one example, got the shape {tuple(example.shape)}")
    modes = [(module, module.training) for module in network.modules()]
    fast_path = torch.backends.mha.get_fastpath_enabled()
    counter = FlopCounterMode(display=False, custom_mapping={torch.ops.aten.mkldnn_rnn_layer: _lstm_flops})
    try:
        network.eval()
        # The fused paths hide their matrix products from the counter.
        torch.backends.mha.set_fastpath_enabled(False)
        # With gradients: without, the counter stumbles over a module that gives a view of its own parameter.
        with torch.enable_grad(), sdpa_kernel(SDPBackend.MATH), counter:
            network(example[:1])
    finally:
        torch.backends.mha.set_fastpath_enabled(fast_path)
        for module, training in modes:
            module.training = training
    return int(counter.get_total_flops())


def _lstm_flops(
    inputs: Sequence[int], input_weight: Sequence[int], hidden_weight: Sequence[int], *_: Any, **__: Any
) -> int:
    """One layer in one direction: shapes (time, N, features), (4 hidden, features), (4 hidden, hidden)."""
    steps = inputs[0] * inputs[1]
    return 2 * steps * (input_weight[0] * input_weight[1] + hidden_weight[0] * hidden_weight[1])
