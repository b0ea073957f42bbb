"""What of a network with weights is trained, and how fast: frozen parts, and layers from its end to its beginning."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase

from torch import nn

from archwright.errors import TrialError, did_you_mean

__all__ = ["FrozenParts", "depths"]


class FrozenParts:
    """The parameters of a network that a training leaves as they are; other ones of the network are not touched.

    Args:
        network: Its parameters that match lose `requires_grad` until `release`.
        patterns: Of names of parameters, such as "backbone.*".

    Raises:
        TrialError: When a pattern matches no parameter, or nothing is left to train.
    """

    def __init__(self, network: nn.Module, patterns: Sequence[str]) -> None:
        named = dict(network.named_parameters())
        for pattern in patterns:
            if not any(fnmatchcase(name, pattern) for name in named):
                raise TrialError(
                    f"freeze: the pattern {pattern!r} matches no parameter.{did_you_mean(pattern, named)}"
                )
        self._parameters = [
            one
            for name, one in named.items()
            if one.requires_grad and any(fnmatchcase(name, pattern) for pattern in patterns)
        ]
        for parameter in self._parameters:
            parameter.requires_grad_(False)
        if patterns and not any(one.requires_grad for one in named.values()):
            self.release()
            raise TrialError(f"freeze: {', '.join(patterns)} leave no parameter to train")
        frozen = set(map(id, self._parameters))
        self._modules = [
            module
            for module in network.modules()
            if (own := list(module.parameters(recurse=False))) and all(id(one) in frozen for one in own)
        ]

    def hold(self) -> None:
        """Put the frozen layers into evaluation mode: norms do not take new statistics. Call it after `train()`."""
        for module in self._modules:
            module.train(False)

    def release(self) -> None:
        """Make the parameters trainable again."""
        for parameter in self._parameters:
            parameter.requires_grad_(True)


def depths(network: nn.Module) -> dict[nn.Parameter, int]:
    """How many layers lie between each parameter and the end of the network.

    A layer is a module with a parameter of two or more dimensions of its own; what else has parameters goes with the
    layer before it, or with the first one. The order is that in which the network registers its modules.
    """
    found: dict[nn.Parameter, int] = {}
    layer = -1
    for module in network.modules():
        own = [one for one in module.parameters(recurse=False) if one not in found]
        layer += any(one.ndim >= 2 for one in own)
        found.update(dict.fromkeys(own, max(layer, 0)))
    return {parameter: max(layer, 0) - place for parameter, place in found.items()}
