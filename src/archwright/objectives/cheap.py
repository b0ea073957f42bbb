"""The objectives that need no training."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from archwright.errors import UsageError, did_you_mean
from archwright.objectives.flops import count_flops
from archwright.objectives.objective import CHEAP
from archwright.objectives.params import count_params

if TYPE_CHECKING:
    from torch import Tensor, nn

__all__ = ["measure_cheap"]


def measure_cheap(names: Iterable[str], network: nn.Module, example: Tensor) -> dict[str, float]:
    """What is read off a built network, for those names.

    Args:
        names: Of `CHEAP`: "params", "flops".
        network: A network whose lazy modules, if any, already have their size.
        example: A batch of inputs, shape (N, ...) with N >= 1.

    Returns:
        Name to count, in the order of the names. "flops" is for one example.

    Raises:
        UsageError: When a name is not one of `CHEAP`.
    """
    measured: dict[str, float] = {}
    for name in names:
        if name == "params":
            measured[name] = count_params(network)
        elif name == "flops":
            measured[name] = count_flops(network, example)
        else:
            raise UsageError(
                f"{name!r} cannot be read off a network without training.{did_you_mean(name, CHEAP)}"
            )
    return measured
