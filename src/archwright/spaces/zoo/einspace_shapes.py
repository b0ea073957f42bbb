"""How shapes flow through the operations of einspace.

A shape is ("image", C, H, W) or ("series", C, L); or ("tokens", S, D, grid) of a tensor (S, D), or
("features", S, D, grid) of one (D, S). The grid is the (height, width) of the image, or the (length,) of the series,
that the tokens come from, by which they become one again; None where they come from none. A function that gives None
cannot take the shape.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from torch import nn

from archwright.spaces.grammars import Chain, Function
from archwright.spaces.nodes import DeferredCall, layer
from archwright.spaces.zoo.blocks.einspace import (
    Branches,
    ConcatBranches,
    FoldTokens,
    Group,
    PositionalEncoding,
    TokenMean,
    UnfoldImage,
    UnfoldSeries,
)

__all__ = [
    "HEADS",
    "Branching",
    "Concatenation",
    "Folding",
    "Grouping",
    "Linear",
    "Output",
    "Unfolding",
    "norm",
    "Permutation",
    "positional_encoding",
    "product",
    "softmax",
    "sum_shape",
]

Shape = tuple[Any, ...]
HEADS = ("places", "last")
"""What the mean before the last linear layer is of: all pixels, steps or tokens; or, as published, of tokens the last
axis, whatever it holds."""


def has_channels(shape: Shape) -> bool:
    """Whether it is that of an image or a series, and not of tokens."""
    return shape[0] in ("image", "series")


def sizes_of(shape: Shape) -> tuple[int, ...]:
    """The sizes of one input, without the batch."""
    mode, *sizes = shape
    if has_channels(shape):
        return tuple(sizes)
    tokens, features, _ = sizes
    return (tokens, features) if mode == "tokens" else (features, tokens)


def axis_of(shape: Shape) -> int:
    """The axis of channels or features, counted with the batch's."""
    return 2 if shape[0] == "tokens" else 1


def channels_of(shape: Shape) -> int:
    """The number of channels or features."""
    channels: int = shape[1] if has_channels(shape) else shape[2]
    return channels


def with_channels(shape: Shape, channels: int) -> Shape:
    """The shape with another number of channels or features."""
    mode, first, *rest = shape
    return (mode, channels, *rest) if has_channels(shape) else (mode, first, channels, *rest[1:])


@dataclass(frozen=True)
class Linear:
    """A linear layer: on the channels of an image or a series, else on the last axis.

    Args:
        width: What it gives.
    """

    width: int

    def __call__(self, shape: Shape) -> Shape:
        """The shape that it gives; tokens that are mixed come from no image, unless they stay as many."""
        mode, *sizes = shape
        if mode != "features":
            return with_channels(shape, self.width)
        tokens, features, _ = sizes
        return shape if self.width == tokens else (mode, self.width, features, None)

    def make(self, shape: Shape) -> DeferredCall:
        """The layer."""
        if has_channels(shape):
            return layer(nn.Conv2d if shape[0] == "image" else nn.Conv1d, shape[1], self.width, 1)
        return layer(nn.Linear, sizes_of(shape)[-1], self.width)


def norm(shape: Shape) -> DeferredCall:
    """Batch normalisation of an image or a series, layer normalisation of the last axis of tokens."""
    if has_channels(shape):
        return layer(nn.BatchNorm2d if shape[0] == "image" else nn.BatchNorm1d, shape[1])
    return layer(nn.LayerNorm, sizes_of(shape)[-1])


def softmax(shape: Shape) -> DeferredCall:
    """Over the channels of an image or a series, else over the last axis."""
    return layer(nn.Softmax, dim=1 if has_channels(shape) else -1)


def positional_encoding(shape: Shape) -> DeferredCall:
    """One number for each place."""
    return layer(PositionalEncoding, *sizes_of(shape))


@dataclass(frozen=True)
class Permutation:
    """The last two axes exchanged.

    Args:
        channels: The numbers of features that tokens may have for it, unless they have one for each token.
    """

    channels: frozenset[int]

    def __call__(self, shape: Shape) -> Shape | None:
        """The shape that it gives."""
        if shape[0] == "series":  # as tokens its axes can be exchanged
            return None
        mode, first, second, third = shape
        if mode == "image":
            return (mode, first, third, second)
        if first != second and second not in self.channels:
            return None
        return ("features" if mode == "tokens" else "tokens", first, second, third)


@dataclass(frozen=True)
class Unfolding:
    """An image's patches, or a series' windows, as tokens.

    Args:
        kernel: Side of a patch.
        stride: Step from patch to patch.
        padding: Zeros at each end of each axis.
    """

    kernel: int
    stride: int
    padding: int

    def __call__(self, shape: Shape) -> Shape | None:
        """Tokens, from an image or a series of at least the kernel's size."""
        if not has_channels(shape) or min(shape[2:]) < self.kernel:
            return None
        grid = tuple((side + 2 * self.padding - self.kernel) // self.stride + 1 for side in shape[2:])
        return ("tokens", math.prod(grid), shape[1] * self.kernel ** len(grid), grid)

    def make(self, shape: Shape) -> DeferredCall:
        """The layer."""
        made = UnfoldImage if shape[0] == "image" else UnfoldSeries
        return layer(made, self.kernel, self.stride, self.padding)


@dataclass(frozen=True)
class Folding:
    """Tokens that come from an image or a series as one.

    Args:
        channels: The numbers of channels that it may have.
    """

    channels: frozenset[int]

    def __call__(self, shape: Shape) -> Shape | None:
        """An image or a series."""
        if shape[0] != "tokens" or shape[3] is None or shape[2] not in self.channels:
            return None
        return ("image" if len(shape[3]) > 1 else "series", shape[2], *shape[3])

    def make(self, shape: Shape) -> DeferredCall:
        """The layer."""
        return layer(FoldTokens, *shape[3])


@dataclass(frozen=True)
class Grouping:
    """Channels or features in parts.

    Args:
        branches: How many.
        channels: The numbers of channels that a part may have.
    """

    branches: int
    channels: frozenset[int]

    def __call__(self, shape: Shape) -> Shape | None:
        """The shape of a part."""
        part, rest = divmod(channels_of(shape), self.branches)
        return with_channels(shape, part) if not rest and part in self.channels else None

    def make(self, shape: Shape) -> DeferredCall:
        """The layer."""
        return layer(Group, self.branches, axis_of(shape))


def sum_shape(shapes: tuple[Shape, ...]) -> Shape | None:
    """That of a sum: all must be the same."""
    return shapes[0] if shapes.count(shapes[0]) == len(shapes) else None


@dataclass(frozen=True)
class Concatenation:
    """Channels or features behind each other.

    Args:
        channels: The numbers of channels that there may be then.
    """

    channels: frozenset[int]

    def __call__(self, shapes: tuple[Shape, ...]) -> Shape | None:
        """The shape, where all else is the same."""
        total = sum(map(channels_of, shapes))
        joined = {with_channels(shape, total) for shape in shapes}
        return joined.pop() if len(joined) == 1 and total in self.channels else None

    def make(self, shapes: tuple[Shape, ...]) -> DeferredCall:
        """The layer."""
        return layer(ConcatBranches, axis_of(shapes[0]))


def product(shapes: tuple[Shape, Shape]) -> Shape | None:
    """That of a matrix product over the last two axes: (a, b) and (b, c) give (a, c).

    Either of two images, or a map from tokens to tokens, by tokens and the same tokens' features, or of such a map and
    tokens.
    """
    first, second = shapes
    if first[0] == second[0] == "image":
        fits = first[1] == second[1] and first[3] == second[2]
        return ("image", *first[1:3], second[3]) if fits else None
    if first[0] != "tokens" or second[0] == "image":
        return None
    _, tokens, features, grid = first
    if second == ("features", tokens, features, grid):
        return ("tokens", tokens, tokens, grid)
    return second if second[0] == "tokens" and features == tokens == second[1] and second[3] == grid else None


class Output(Function):
    """A module and the head: a mean, then a linear layer.

    Args:
        outputs: Numbers that the network gives.
        head: Of what the mean is, see `HEADS`.
    """

    def __init__(self, outputs: int, head: str = "places") -> None:
        self.outputs, self.head = outputs, head

    def input(self, state: Any, position: int) -> Any:
        """The image or the series."""
        return state

    def after(self, state: Any, position: int, output: Any) -> Any:
        """Whatever the module gives."""
        return ("vector", self.outputs)

    def output(self, state: Any) -> Any:
        """A vector."""
        return state

    def build(self, given: Any, parts: Sequence[Any], types: Sequence[Any]) -> Any:
        """All in one row."""
        (shape,) = types
        kept = channels_of(shape)
        if shape[0] == "image":
            pool = [layer(nn.AdaptiveAvgPool2d, 1), layer(nn.Flatten)]
        elif shape[0] == "tokens" and self.head == "places":
            pool = [layer(TokenMean, 1)]
        else:
            pool, kept = [layer(TokenMean, 2)], sizes_of(shape)[0]
        head = [*pool, layer(nn.Linear, kept, self.outputs)]
        return Chain(nn.Sequential, nn.Identity).build(given, [*parts, *head], types)

    def canonical(self, name: str, parts: Sequence[Hashable]) -> Hashable:
        """The module's key."""
        return parts[0]


class Branching(Function):
    """A branching module of two modules, or of one module several times.

    Args:
        branches: How many branches.
    """

    def __init__(self, branches: int) -> None:
        self.branches = branches

    def begin(self, given: Any) -> Any:
        """Before the split."""
        return "split", given

    def input(self, state: Any, position: int) -> Any:
        """The whole, a branch's part, or what the branches give."""
        return state[1]

    def after(self, state: Any, position: int, output: Any) -> Any:
        """What the next part needs to know."""
        step, given = state[:2]
        if step == "split":
            return "first", output
        if step == "first" and self.branches == 2:
            return "second", given, output
        if step == "first":
            return "join", (output,) * self.branches
        return ("join", (state[2], output)) if step == "second" else ("end", output)

    def index(self, types: Sequence[Any]) -> Any:
        """The types by what they have in common with those that can be joined to them."""
        groups: dict[Any, list[Any]] = {}
        for shape in types:
            if isinstance(shape[0], str):
                groups.setdefault(_group(shape), []).append(shape)
        return types, groups

    def fitting(self, state: Any, position: int, index: Any) -> Iterable[Any]:
        """For the second of two branches those of the first one's group."""
        types, groups = index
        found: Sequence[Any] = groups.get(_group(state[2]), ()) if state[0] == "second" else types
        return found

    def output(self, state: Any) -> Any:
        """What the join gives."""
        return state[1]

    def build(self, given: Any, parts: Sequence[Any], types: Sequence[Any]) -> Any:
        """The module; one branch several times has weights for each."""
        split, *inner, join = parts
        return layer(Branches, split, inner * (self.branches // len(inner)), join)

    def canonical(self, name: str, parts: Sequence[Hashable]) -> Hashable:
        """The branches sorted where a sum of clones joins them."""
        split, *inner, join = parts
        is_sum = join == "add" and str(split).startswith("clone")
        return (name, split, *(sorted(inner, key=repr) if is_sum else inner), join)


def _group(shape: Shape) -> Hashable:
    """Equal for two shapes that can be joined.

    These are images of one size, turned or not, series of one length, and as many tokens of one grid.
    """
    return (shape[0], frozenset(shape[2:])) if has_channels(shape) else (shape[1], shape[3])
