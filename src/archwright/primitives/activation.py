"""The space of activation functions (Ramachandran et al. 2017, arXiv:1710.05941)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from torch import nn

from archwright.primitives.networks import network_around
from archwright.primitives.pointwise import PointwiseFunction
from archwright.primitives.trees import FunctionTree
from archwright.spaces import Space
from archwright.spaces.nodes import layer
from archwright.spaces.scale import scalable
from archwright.spaces.zoo.shapes import check_labels

__all__ = ["activation_space"]

_FORMS: dict[str, type[PointwiseFunction] | type[FunctionTree]] = {
    "units": PointwiseFunction,
    "tree": FunctionTree,
}


@scalable
def activation_space(
    input_shape: Sequence[int],
    outputs: int,
    *,
    form: str = "units",
    functions: str | None = None,
    unary: Sequence[str] | None = None,
    binary: Sequence[str] | None = None,
    depth: int | None = None,
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
        form: "units", of two unary functions and a binary one each, or "tree", of operators in any order, which
            mutations insert, remove, change or regenerate (PANGAEA), see `FunctionTree`.
        functions: "ramachandran" (25 unary, 10 binary; of units by default), "pangaea" (27 and 7; of trees by
            default), "aquasurf" (31 and 7), or "all".
        unary: Labels of unary functions instead, see `archwright.primitives.UNARY`.
        binary: Labels of binary functions instead, see `archwright.primitives.BINARY`.
        depth: How many units b(u1(x), u2(x)) are in one another at most, 1 by default; of a tree, how many operators
            are on a way from the output to the input at most, 3 by default.
        edge_scales: Whether up to three edges of a unit, or of the tree, have a learned factor for each channel
            (PANGAEA, Bingham & Miikkulainen 2022, arXiv:2006.03179).
        standardized: Whether functions are brought to mean 0 and variance 1 on normal inputs (AQuaSurF, Bingham &
            Miikkulainen 2023, arXiv:2301.05785).
        family: "residual", "plain" or "inverted" convolutional networks, or "perceptron"; None takes the first for
            images, the last for all else.
        channels: Of the first stage, doubled at each further one; of a perceptron, features of a hidden layer.
        blocks: Of each stage; of a perceptron, hidden layers.

    Returns:
        The space, with the addresses `activation.binary`, `activation.unary_1`, `activation.unary_2`, and below depth 1
        `activation.nested_1`, `activation.1.binary` and so on; of a tree, `activation.function`.
        `space.scale(channels=32)` searches small, trains large.

    Raises:
        SpaceError: When an option is unknown or out of range.
    """
    (form,) = check_labels("activation", "form", [form], _FORMS)
    usual = _FORMS[form]
    function = usual(
        "activation",
        usual.functions if functions is None else functions,
        unary,
        binary,
        usual.depth if depth is None else depth,
        edge_scales,
        standardized,
    )
    network = _network_with(
        function.layer, input_shape, outputs, family=family, channels=channels, blocks=blocks
    )
    return Space(
        network, constraints=function.constraints, canonicalize=function.canonicalize, name="activation"
    )


def _network_with(
    activation: Callable[[Any], Any],
    input_shape: Sequence[int],
    outputs: int,
    *,
    family: str | None,
    **sizes: int,
) -> Any:
    """The network around an activation function, which follows batch normalisation.

    Args:
        activation: The function's layer for so many channels.
        input_shape: As of `activation_space`.
        outputs: As of `activation_space`.
        family: As of `activation_space`.
        sizes: The channels and blocks, as of `activation_space`.
    """
    norm = nn.BatchNorm2d if len(input_shape) == 3 and family != "perceptron" else nn.BatchNorm1d

    def normalized(width: Any) -> Any:
        return layer(nn.Sequential, layer(norm, width), activation(width))

    return network_around(
        "activation",
        input_shape,
        outputs,
        family=family,
        normalized=normalized,
        norm=lambda width: layer(norm, width),
        activation=activation,
        **sizes,
    )
