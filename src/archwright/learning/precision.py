"""Running a network in a precision of Lightning Fabric, without its wrapper."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from torch import nn

if TYPE_CHECKING:
    from lightning_fabric import Fabric

__all__ = ["prepare"]


def prepare(network: nn.Module, fabric: Fabric) -> tuple[nn.Module, nn.Module]:
    """Move a network to where it is to run, and convert it to the precision.

    Args:
        network: Changed in place.
        fabric: Says where, and in what precision.

    Returns:
        The network, and what to call in its place: itself in 32 bits, where Fabric's own wrapper would cost a small
        network more than its forward pass does.
    """
    precision = fabric.strategy.precision
    converted: nn.Module = precision.convert_module(network.to(fabric.device))
    return converted, converted if precision.precision == "32-true" else _Precise(converted, precision)


class _Precise(nn.Module):
    """A network whose inputs and outputs are converted as a precision wants, and that runs under its autocast."""

    def __init__(self, network: nn.Module, precision: Any) -> None:
        super().__init__()
        self.network = network
        self._precision = precision

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        args, kwargs = self._precision.convert_input((args, kwargs))
        with self._precision.forward_context():
            outputs = self.network(*args, **kwargs)
        return self._precision.convert_output(outputs)
