"""Multilayer perceptrons, for tables."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from torch import nn

from archwright.errors import SpaceError
from archwright.spaces.decisions import Categorical, boolean, categorical, integer
from archwright.spaces.nodes import DeferredCall, layer, repeat, switch
from archwright.spaces.scale import scalable
from archwright.spaces.space import Space
from archwright.spaces.zoo.blocks import ColumnEmbedding, DenseBlock
from archwright.spaces.zoo.parts import last_width, scaled_widths
from archwright.spaces.zoo.shapes import AXES, check_labels, check_numbers, check_shape, check_widths

__all__ = ["ACTIVATIONS", "NORMALIZATIONS", "embedded", "mlp"]

ACTIVATIONS = {"relu": nn.ReLU, "gelu": nn.GELU, "silu": nn.SiLU, "tanh": nn.Tanh}
"""The activations of `mlp` by label."""

NORMALIZATIONS = {"none": nn.Identity, "batch": nn.BatchNorm1d, "layer": nn.LayerNorm}
"""The normalisations of `mlp` by label."""


@scalable
def mlp(
    input_shape: Sequence[int],
    outputs: int,
    *,
    depth: tuple[int, int] = (1, 4),
    widths: Sequence[int] = (32, 64, 128, 256),
    activations: Sequence[str] = ("relu", "gelu", "silu"),
    normalizations: Sequence[str] = ("none", "batch", "layer"),
    dropouts: Sequence[float] = (0.0, 0.1, 0.3),
    residual: bool = True,
    embeddings: Sequence[int] = (4, 8, 16),
    cardinalities: Sequence[int] = (),
    width: float = 1.0,
) -> Space:
    """The space of multilayer perceptrons.

    Width is decided for each layer, and for each but the first whether it has a shortcut; activation, normalisation
    and dropout once for all. Of the recipes for tables that Gorishniy et al. 2021, arXiv:2106.11959, compare, the
    space holds the plain perceptron and, with shortcuts, their residual one.

    Args:
        input_shape: Shape of one input: (features,). Sequences and images are flattened.
        outputs: Number of numbers the network gives for one input.
        depth: Fewest and most hidden layers.
        widths: Numbers of features that a hidden layer can have.
        activations: Some of `ACTIVATIONS`.
        normalizations: Some of `NORMALIZATIONS`.
        dropouts: Probabilities of dropping a feature after each layer, in [0, 1).
        residual: Whether layers may have shortcuts.
        embeddings: Lengths of a category's vector, one for all columns (Guo & Berkhahn 2016, arXiv:1604.06737).
        cardinalities: For each number of an input how many codes it takes, 0 where it is an amount; empty for none.
        width: Multiplies the widths that are decided; what it gives is rounded down, and at least 1.

    Returns:
        The space, with the addresses `embedding` where there are categories, `depth`, `layers.I.width`,
        `layers.I.residual`, `layers.activation`, `layers.normalization`, `layers.dropout`.

    Raises:
        SpaceError: When the shape is not that of an input, or an option is unknown or out of range.
    """
    shape = check_shape("mlp", input_shape, outputs, AXES)
    activations = check_labels("mlp", "activation", activations, ACTIVATIONS)
    normalizations = check_labels("mlp", "normalization", normalizations, NORMALIZATIONS)
    fewest, most = check_numbers("mlp", "depth", depth, ["fewest", "most"])
    widths = check_numbers("mlp", "widths", widths, ["width", "..."])
    for probability in dropouts:
        check_widths("mlp", None, "dropouts", probability)

    times = integer(fewest, most, name="depth")
    sizes = scaled_widths("mlp", [categorical(widths, name=f"{i}.width") for i in range(most)], width)
    kinds = categorical(normalizations, name="normalization"), categorical(activations, name="activation")
    dropout = categorical(dropouts, name="dropout")
    begin, features = embedded("mlp", shape, cardinalities, embeddings)

    def hidden(i: int) -> DeferredCall:
        before, shortcut = (sizes[i - 1], residual) if i else (features, False)
        return _block(before, sizes[i], *kinds, dropout, shortcut)

    head = layer(nn.Linear, last_width(times, sizes), outputs)
    return Space(layer(nn.Sequential, *begin, repeat(hidden, times, name="layers"), head), name="mlp")


def embedded(
    space: str, shape: tuple[int, ...], cardinalities: Sequence[int], sizes: Sequence[int]
) -> tuple[list[DeferredCall], Any]:
    """How a network for vectors begins, and how many numbers it goes on with.

    Args:
        space: Name of the space, for an error's text.
        shape: Of one input.
        cardinalities: For each number of an input how many codes it takes, 0 where it is an amount; empty for none.
        sizes: Lengths that the vector of a category can have: the decision `embedding` where there are several.

    Raises:
        SpaceError: When there is not one cardinality for each number.
    """
    if not any(cardinalities):
        return ([layer(nn.Flatten)] if len(shape) > 1 else []), math.prod(shape)
    if shape != (len(cardinalities),):
        raise SpaceError(
            f"the space {space!r}: expected one cardinality for each number of an input of shape {shape}, got "
            f"{len(cardinalities)}"
        )
    sizes = check_numbers(space, "embeddings", sizes, ["size", "..."])
    size = categorical(sizes, name="embedding") if len(sizes) > 1 else sizes[0]
    codes = sum(count > 0 for count in cardinalities)
    return [layer(ColumnEmbedding, list(cardinalities), size)], len(cardinalities) - codes + size * codes


def _block(
    before: Any, width: Any, normalization: Categorical, activation: Categorical, dropout: Any, residual: bool
) -> DeferredCall:
    kinds = {label: NORMALIZATIONS[label] for label in normalization.labels}
    norms = {label: layer(kind, *[width] * (label != "none")) for label, kind in kinds.items()}
    return layer(
        DenseBlock,
        before,
        width,
        switch(normalization, norms),
        switch(activation, {label: layer(ACTIVATIONS[label]) for label in activation.labels}),
        dropout=dropout,
        residual=boolean(name="residual") if residual else False,
    )
