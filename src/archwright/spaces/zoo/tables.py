"""Networks for tables beside the perceptron: a residual one, FT-Transformer, and TabM."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import nn

from archwright.errors import SpaceError
from archwright.spaces.decisions import Categorical, categorical, integer
from archwright.spaces.nodes import DeferredCall, layer, repeat
from archwright.spaces.space import Space
from archwright.spaces.zoo.blocks import (
    EnsembleLinear,
    EnsembleMean,
    FeatureTokens,
    ResidualRowBlock,
    RowAttentionBlock,
    RowHead,
)
from archwright.spaces.zoo.perceptrons import embedded
from archwright.spaces.zoo.shapes import check_numbers, check_shape, check_widths

__all__ = ["ft_transformer", "tabm", "tabular_resnet"]


def tabular_resnet(
    input_shape: Sequence[int],
    outputs: int,
    *,
    depth: tuple[int, int] = (1, 4),
    widths: Sequence[int] = (64, 128, 256),
    factors: Sequence[int] = (1, 2, 4),
    dropouts: Sequence[float] = (0.0, 0.2, 0.4),
    residual_dropouts: Sequence[float] = (0.0, 0.2),
    embeddings: Sequence[int] = (4, 8, 16),
    cardinalities: Sequence[int] = (),
) -> Space:
    """The residual networks of Gorishniy et al. 2021, arXiv:2106.11959, section 3.2.

    Linear(ReLU(BatchNorm(B_d(...B_1(Linear(x)))))), where a block B(x) is
    x + Dropout(Linear(Dropout(ReLU(Linear(BatchNorm(x)))))).

    Args:
        input_shape: (features,).
        outputs: Number of numbers the network gives for one input.
        depth: Fewest and most blocks.
        widths: Features that the blocks can add to.
        factors: How many times as many features a block can have within.
        dropouts: Probabilities of dropping a feature within a block, in [0, 1).
        residual_dropouts: Probabilities of dropping a feature of what a block adds.
        embeddings: Lengths that the vector of a category can have, one for all columns.
        cardinalities: For each number of an input how many codes it takes, 0 where it is an amount; empty where all
            are.

    Returns:
        The space, with the addresses `width`, `blocks.depth`, `blocks.factor`, `blocks.dropout`,
        `blocks.residual_dropout`, and `embedding` where there are categories.

    Raises:
        SpaceError: When the shape is not that of a row, or an option is out of range.
    """
    shape = check_shape("tabular_resnet", input_shape, outputs, [1])
    times = _depth("tabular_resnet", depth)
    width = _numbers("tabular_resnet", "width", widths)
    factor = _numbers("tabular_resnet", "factor", factors)
    dropout = _shares("tabular_resnet", "dropout", dropouts)
    residual = _shares("tabular_resnet", "residual_dropout", residual_dropouts)
    begin, features = embedded("tabular_resnet", shape, cardinalities, embeddings)

    def block(i: int) -> DeferredCall:
        return layer(ResidualRowBlock, width, width * factor, dropout, residual)

    end = [layer(nn.BatchNorm1d, width), layer(nn.ReLU), layer(nn.Linear, width, outputs)]
    blocks = repeat(block, times, name="blocks")
    network = layer(nn.Sequential, *begin, layer(nn.Linear, features, width), blocks, *end)
    return Space(network, name="tabular_resnet")


def ft_transformer(
    input_shape: Sequence[int],
    outputs: int,
    *,
    depth: tuple[int, int] = (1, 4),
    widths: Sequence[int] = (16, 32, 64),
    heads: int = 4,
    factors: Sequence[int] = (1, 2),
    attention_dropouts: Sequence[float] = (0.0, 0.2),
    dropouts: Sequence[float] = (0.0, 0.1, 0.3),
    residual_dropouts: Sequence[float] = (0.0, 0.1),
    cardinalities: Sequence[int] = (),
) -> Space:
    """FT-Transformer (Gorishniy et al. 2021, arXiv:2106.11959): a transformer on a vector for each number of a row.

    See `FeatureTokens`, `RowAttentionBlock` and `RowHead` for the formulas. The paper's own networks have vectors of 64
    to 512 numbers and 8 heads; these defaults are made for a few minutes on a CPU.

    Args:
        input_shape: (features,).
        outputs: Number of numbers the network gives for one input.
        depth: Fewest and most blocks.
        widths: Lengths that a vector can have, multiples of the heads.
        heads: Heads of the attention.
        factors: How many times as many features the feed-forward part of a block can have.
        attention_dropouts: Probabilities of dropping a weight of the attention, in [0, 1).
        dropouts: Probabilities of dropping a feature of the feed-forward part.
        residual_dropouts: Probabilities of dropping a feature of what a block adds.
        cardinalities: For each number of an input how many codes it takes, 0 where it is an amount; empty where all
            are.

    Returns:
        The space, with the addresses `width`, `blocks.depth`, `blocks.factor`, `blocks.attention_dropout`,
        `blocks.dropout` and `blocks.residual_dropout`.

    Raises:
        SpaceError: When the shape is not that of a row, or an option is out of range.
    """
    shape = check_shape("ft_transformer", input_shape, outputs, [1])
    times = _depth("ft_transformer", depth)
    (heads,) = check_numbers("ft_transformer", "heads", [heads], ["heads"])
    if odd := [width for width in widths if isinstance(width, int) and width % heads]:
        raise SpaceError(
            f"the space 'ft_transformer': expected widths that are multiples of {heads} heads, got {odd[0]}"
        )
    width = _numbers("ft_transformer", "width", widths)
    factor = _numbers("ft_transformer", "factor", factors)
    attention = _shares("ft_transformer", "attention_dropout", attention_dropouts)
    dropout = _shares("ft_transformer", "dropout", dropouts)
    residual = _shares("ft_transformer", "residual_dropout", residual_dropouts)

    def block(i: int) -> DeferredCall:
        return layer(
            RowAttentionBlock, width, width * factor, heads, attention, dropout, residual, is_first=i == 0
        )

    counts = list(cardinalities) if any(cardinalities) else []
    tokens = layer(FeatureTokens, shape[0], width, *([counts] if counts else []))
    blocks = repeat(block, times, name="blocks")
    network = layer(nn.Sequential, tokens, blocks, layer(RowHead, width, outputs))
    return Space(network, name="ft_transformer")


def tabm(
    input_shape: Sequence[int],
    outputs: int,
    *,
    depth: tuple[int, int] = (1, 3),
    widths: Sequence[int] = (64, 128, 256),
    members: Sequence[int] = (8, 16, 32),
    dropouts: Sequence[float] = (0.0, 0.1, 0.3),
    embeddings: Sequence[int] = (4, 8, 16),
    cardinalities: Sequence[int] = (),
    kind: str = "",
) -> Space:
    """TabM (Gorishniy et al. 2024, arXiv:2410.24210): many perceptrons in one, which share most of their weights.

    Each member i has layers s_i * (W (r_i * x)) + b_i with one W for all, ReLU, dropout, and an output layer of its
    own. In training a network gives what each member says, and its loss is the mean of theirs; else the mean of their
    predictions. Amounts go in as they are: the paper's variants with embeddings of amounts are not among them.

    Args:
        input_shape: (features,).
        outputs: Number of numbers the network gives for one input.
        depth: Fewest and most hidden layers.
        widths: Features that the hidden layers can have.
        members: Numbers of members.
        dropouts: Probabilities of dropping a feature after a layer, in [0, 1).
        embeddings: Lengths that the vector of a category can have, one for all columns.
        cardinalities: For each number of an input how many codes it takes, 0 where it is an amount; empty where all
            are.
        kind: Of the task: "classification" and "multilabel" have members' probabilities averaged, anything else what
            they give.

    Returns:
        The space, with the addresses `width`, `members`, `layers.depth`, `layers.dropout`, and `embedding` where there
        are categories.

    Raises:
        SpaceError: When the shape is not that of a row, or an option is out of range.
    """
    shape = check_shape("tabm", input_shape, outputs, [1])
    times = _depth("tabm", depth)
    width = _numbers("tabm", "width", widths)
    count = _numbers("tabm", "members", members)
    dropout = _shares("tabm", "dropout", dropouts)
    begin, features = embedded("tabm", shape, cardinalities, embeddings)

    def hidden(i: int) -> DeferredCall:
        linear = layer(EnsembleLinear, width if i else features, width, count, is_first=i == 0)
        return layer(nn.Sequential, linear, layer(nn.ReLU), layer(nn.Dropout, dropout))

    end = layer(EnsembleMean, width, outputs, count, kind)
    return Space(layer(nn.Sequential, *begin, repeat(hidden, times, name="layers"), end), name="tabm")


def _depth(space: str, depth: tuple[int, int]) -> Any:
    fewest, most = check_numbers(space, "depth", depth, ["fewest", "most"])
    return integer(fewest, most, name="depth")


def _numbers(space: str, name: str, given: Sequence[int]) -> Categorical:
    return categorical(check_numbers(space, f"{name}s", given, [name, "..."]), name=name)


def _shares(space: str, name: str, given: Sequence[float]) -> Categorical:
    for probability in given:
        check_widths(space, None, f"{name}s", probability)
    return categorical(given, name=name)
