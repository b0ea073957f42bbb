"""Quantised layers as torchao has them, whose kernels run on whole numbers."""

from __future__ import annotations

import copy

from torch import Tensor, nn

from archwright.errors import ExportError
from archwright.export.packages import check_packages
from archwright.spaces.zoo.blocks.quantised import GROUP, Quantised, QuantisedLinear

__all__ = ["to_torchao"]


def to_torchao(network: nn.Module) -> nn.Module:
    """A copy of a network whose quantised linear layers hold torchao's tensors of whole numbers.

    It gives the outputs of the network: the whole numbers and scales are the same, and inputs of layers in 8 bits are
    rounded as in the network.

    Args:
        network: Of a quantised space; left as it is.

    Raises:
        MissingExtraError: When torchao is not installed.
        ExportError: When a quantised layer is a convolution, of which torchao has no kernel. Names it.
    """
    check_packages(("torchao",), "compress", "layers of torchao")
    import torch
    from torchao.quantization import IntxWeightOnlyConfig, quantize_
    from torchao.quantization.granularity import PerAxis, PerGroup

    made = copy.deepcopy(network)
    layers = {name: module for name, module in made.named_modules() if isinstance(module, Quantised)}
    if refused := [name for name, module in layers.items() if not isinstance(module, QuantisedLinear)]:
        kinds = {type(layers[name]).__mro__[2].__name__ for name in refused}
        raise ExportError(
            f"torchao has kernels of linear layers only, and {', '.join(refused)} are {', '.join(sorted(kinds))}; keep "
            "them in float32: aw.quantised(space, keep=[...])"
        )
    for layer in layers.values():
        is_grouped = layer.bits == 4 and layer.weight[0].numel() % GROUP == 0
        config = IntxWeightOnlyConfig(
            weight_dtype=getattr(torch, f"int{layer.bits}"),
            granularity=PerGroup(GROUP) if is_grouped else PerAxis(0),
        )
        layer.__class__ = nn.Linear  # type: ignore[assignment]  # which its parameters are of
        quantize_(layer, config)
        if layer.bits == 8:
            layer.register_forward_pre_hook(_round_inputs)
    return made.eval()


def _round_inputs(layer: nn.Module, args: tuple[Tensor]) -> tuple[Tensor]:
    return (Quantised.rounded_input(layer, *args),)  # type: ignore[arg-type]  # it was one, and has its ranges
