"""The space of activation functions (Ramachandran et al. 2017, arXiv:1710.05941)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import nn

from archwright.primitives.networks import network_around
from archwright.primitives.pointwise import PointwiseFunction
from archwright.spaces import Space
from archwright.spaces.nodes import layer
from archwright.spaces.scale import scalable

__all__ = ["activation_space"]


@scalable
def activation_space(
    input_shape: Sequence[int],
    outputs: int,
    *,
    functions: str = "ramachandran",
    unary: Sequence[str] | None = None,
    binary: Sequence[str] | None = None,
    depth: int = 1,
    edge_scales: bool = False,
    standardized: bool = False,
    family: str | None = None,
    channels: int = 16,
    blocks: int = 1,
) -> Space:
    """The space of activation functions made of unary and binary ones, in a network that is otherwise fixed.

    Ramachandran et al. 2017, arXiv:1710.05941. One function is decided for all hidden layers; what is learned in it is
    learned for each channel of each. Functions are rejected before training where a value or a derivative on [-1000,
    1000] is not finite, or all values are the same; two that are the same up to a factor above 0 and a constant, at 64
    points to 10^-6, are one.

    Args:
        input_shape: Shape of one input: of an image, a sequence or a vector.
        outputs: Number of numbers the network gives for one input.
        functions: "ramachandran" (25 unary, 10 binary), "aquasurf" (31 and 7), or "all".
        unary: Labels of unary functions instead, see `archwright.primitives.UNARY`.
        binary: Labels of binary functions instead, see `archwright.primitives.BINARY`.
        depth: How many units b(u1(x), u2(x)) are in one another at most.
        edge_scales: Whether up to three edges of a unit have a learned factor for each channel (PANGAEA, Bingham &
            Miikkulainen 2022, arXiv:2006.03179).
        standardized: Whether functions are brought to mean 0 and variance 1 on normal inputs (AQuaSurF, Bingham &
            Miikkulainen 2023, arXiv:2301.05785).
        family: "residual" or "plain" convolutional networks, or "perceptron"; None takes the first for images, the
            last for all else.
        channels: Of the first stage, doubled at each further one; of a perceptron, features of a hidden layer.
        blocks: Of each stage; of a perceptron, hidden layers.

    Returns:
        The space, with the addresses `activation.binary`, `activation.unary_1`, `activation.unary_2`, and below depth 1
        `activation.nested_1`, `activation.1.binary` and so on. `space.scale(channels=32)` searches small, trains large.

    Raises:
        SpaceError: When an option is unknown or out of range.
    """
    function = PointwiseFunction("activation", functions, unary, binary, depth, edge_scales, standardized)
    norm = nn.BatchNorm2d if len(input_shape) == 3 and family != "perceptron" else nn.BatchNorm1d

    def normalized(width: Any) -> Any:
        return layer(nn.Sequential, layer(norm, width), function.layer(width))

    network = network_around(
        "activation",
        input_shape,
        outputs,
        family=family,
        channels=channels,
        blocks=blocks,
        normalized=normalized,
        norm=lambda width: layer(norm, width),
        activation=function.layer,
    )
    return Space(
        network, constraints=function.constraints, canonicalize=function.canonicalize, name="activation"
    )
