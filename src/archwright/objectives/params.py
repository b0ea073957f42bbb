"""How many parameters a network has."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, final

from archwright.errors import UsageError
from archwright.objectives.meter import Meter

if TYPE_CHECKING:
    from torch import nn

__all__ = ["Params", "count_params"]


@final
class Params(Meter):
    """Counts trainable parameters, see `count_params`."""

    def measure(self, network: nn.Module, *args: Any, **kwargs: Any) -> float:
        """The count."""
        return count_params(network)


def count_params(network: nn.Module) -> int:
    """The number of trainable parameters: each scalar of each parameter that requires a gradient.

    A parameter that stands in several places is counted once. Buffers, such as the running statistics of a
    batch normalisation, and frozen parameters are not counted.

    Args:
        network: A network whose lazy modules, if any, already have their size.

    Returns:
        A count; fewer is better.

    Raises:
        UsageError: When a lazy module has no size yet.
    """
    from torch.nn import UninitializedParameter

    total = 0
    for name, parameter in network.named_parameters():
        if isinstance(parameter, UninitializedParameter):
            raise UsageError(
                f"cannot count the parameters: {name!r} belongs to a lazy module that has no size yet; "
                "run the network once on an example first, or build it by space.build(architecture, example)"
            )
        if parameter.requires_grad:
            total += parameter.numel()
    return total
