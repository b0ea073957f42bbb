"""What every trained network is measured by besides its task."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from archwright.objectives.meter import METERS, measure_by

if TYPE_CHECKING:
    from torch import nn

__all__ = ["measure_cheap"]


def measure_cheap(network: nn.Module, example: Any) -> dict[str, float]:
    """What the cheap ones of the built-in meters say of a network.

    Args:
        network: A network whose lazy modules, if any, already have their size.
        example: A batch of inputs, shape (N, ...) with N >= 1, or a pair (args, kwargs) of what it is called with.

    Returns:
        "params", and "flops" for one example.
    """
    meters = {name: METERS.make(name) for name in METERS.entries}
    return measure_by({name: meter for name, meter in meters.items() if meter.is_cheap}, network, example)
