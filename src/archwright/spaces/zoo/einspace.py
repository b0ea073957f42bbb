"""The space einspace: networks from fundamental operations, by a recursive grammar with shapes."""

from __future__ import annotations

from collections.abc import Sequence

from torch import nn

from archwright.errors import SpaceError
from archwright.spaces.grammars import CanonicalDerivation, Chain, Grammar, Leaf, Rule
from archwright.spaces.nodes import layer
from archwright.spaces.space import Space
from archwright.spaces.zoo.blocks.einspace import (
    Clone,
    MultiplyBranches,
    SumBranches,
    Transpose,
)
from archwright.spaces.zoo.einspace_axes import AxisBranching, axis_leaves
from archwright.spaces.zoo.einspace_shapes import (
    HEADS,
    Branching,
    Concatenation,
    Folding,
    Grouping,
    Linear,
    Output,
    Permutation,
    Unfolding,
    norm,
    positional_encoding,
    product,
    softmax,
    sum_shape,
)
from archwright.spaces.zoo.shapes import check_labels, check_numbers, check_shape

__all__ = ["einspace_grammar", "einspace_resnet", "einspace_space"]

PATCHES = {
    "1s1": (1, 1, 0),
    "1s2": (1, 2, 0),
    "3s1": (3, 1, 1),
    "3s2": (3, 2, 1),
    "4s4": (4, 4, 0),
    "8s8": (8, 8, 0),
    "16s16": (16, 16, 0),
}
"""Name to kernel, stride and padding of what makes tokens of an image or a series."""

_DEPTHS = {"channels": 9, "all": 6}
_RESNET_DEPTH, _RESNET_SIDE = 9, 5
"""The depth of `einspace_resnet`, and the shortest side that it takes."""


def einspace_space(
    input_shape: Sequence[int],
    outputs: int,
    *,
    depth: int | None = None,
    widths: Sequence[int] = (16, 32),
    computation: float = 0.32,
    axes: str = "channels",
    head: str = "places",
    start: str | None = None,
    crossover: str = "alignment",
) -> Space:
    """Networks from fundamental operations, in the manner of einspace (Ericsson et al. 2024, arXiv:2405.20838).

    The published grammar, with M a module, B a branching, A an aggregation, P and R routings, C a computation::

        S -> M, but no C
        M -> B M M A | B M A | P M R | C | M M
        B -> clone(b) | group(b)            b = 2: two modules; b = 4, 8: one module, b times, each with its weights
        A -> matmul | scaled matmul (b = 2) | add | concat
        P -> identity | permute | im2col(k, s)
        R -> identity | permute | col2im
        C -> identity | linear(d) | norm | leaky relu | softmax | positional encoding

    A module is a computation with the probability p = 0.32, and one of the three others with (1 - p) / 3 each: with
    fewer than one new module for each on average, derivations end by themselves. All else is equally likely. Every
    symbol carries the shape and mode of its input (an image, a series or tokens), and only what can be completed is
    drawn, so that no derivation is thrown away. A convolution is `routing(im2col, linear, col2im)`; attention is a
    branch with `scaled_matmul`. `identity` and nested sequences make no difference to the canonical form.

    A series (channels, length) is taken as an image of one axis: im2col makes tokens of its windows, so that
    `routing(im2col3s1, linear, col2im)` is a convolution of three steps. The published 1-D form has convolutions among
    its computations instead, and a series is tokens from the beginning.

    What differs from the published code: channels stay among the input's and `widths`, which bounds the number of
    shapes; a matrix product is of images, or one of attention; the head is the mean over pixels, steps or tokens and a
    linear layer, or with head="last" as published, where tokens (S, D) keep S numbers, the means of the last axis. With
    axes="channels" a linear layer and a softmax act on the channels of an image (there on its last axis), groups and
    concatenation take channels or features only, and of the permutations of an image there is the exchange of height
    and width. With axes="all" there are beside these the published ones: linear layers and a softmax on an image's last
    axis, groups and concatenation along height, width and tokens, and all five permutations; an axis that they make
    then has the length of one of `widths`, or a side of the image divided by 1, 2, 4 or 8.

    Args:
        input_shape: Shape of one image, (channels, height, width), or of one series, (channels, length).
        outputs: Number of numbers the network gives for one input.
        depth: Most rules on a way from the root to a leaf; a convolution takes 3, and 2 are the network's own. None
            takes 9, with all axes 6.
        widths: Channels and features that linear layers may give.
        computation: The probability p, in (0, 1).
        axes: "channels", or for images "all", for the operations along the other axes, too; there are many more shapes
            then, and a depth above 6 takes minutes to prepare.
        head: Of what the mean before the last linear layer is: "places", all pixels, steps or tokens, or "last", of
            tokens the last axis.
        start: What the default is, from which a search may begin: "resnet" is a residual network, see
            `einspace_resnet`, "smallest" the smallest derivation; any other text is a derivation. None takes the
            residual network where depth and input suffice.
        crossover: "alignment" or "subtree", see `archwright.spaces.grammars.variation`.

    Returns:
        The space, with the one address `derivation`.

    Raises:
        SpaceError: When the shape is not that of an image or a series, an option is out of range, or the depth does not
            suffice.
    """
    shape = check_shape("einspace", input_shape, outputs, [2, 3])
    check_labels("einspace", "axes", [axes], _DEPTHS)
    check_labels("einspace", "head", [head], HEADS)
    mode = "image" if len(shape) > 2 else "series"
    if axes == "all" and mode == "series":
        raise SpaceError(
            f"einspace: axes='all' is for images, got a series of shape {shape}; its length is an axis of the tokens "
            "that im2col makes of it: leave axes out"
        )
    depth = _DEPTHS[axes] if depth is None else depth
    sides = frozenset(shape[1:]) if axes == "all" else frozenset[int]()
    grammar = einspace_grammar(
        shape[0], outputs, widths=widths, computation=computation, sides=sides, head=head
    )
    begin = start or ("resnet" if depth >= _RESNET_DEPTH and min(shape[1:]) >= _RESNET_SIDE else "smallest")
    known = {"resnet": einspace_resnet(min(widths)), "smallest": None}
    derived = grammar.derive(
        "network", depth, (mode, *shape), default=known.get(begin, begin), crossover=crossover
    )
    return Space(derived, canonicalize=CanonicalDerivation(derived), name="einspace")


def einspace_resnet(width: int = 16) -> str:
    """The derivation of a residual network of that many channels: a convolution, then two residual blocks.

    Each block is norm, leaky relu, convolution, twice (He et al. 2016, arXiv:1603.05027); between them a convolution
    halves height and width. Its depth is 9.

    Args:
        width: Channels, one of the space's `widths`.
    """

    def rows(*parts: str) -> str:
        if len(parts) == 1:
            return parts[0]
        half = len(parts) // 2
        return f"sequential({rows(*parts[:half])}, {rows(*parts[half:])})"

    def convolution(patch: str) -> str:
        return f"routing(im2col{patch}, computation(linear{width}), col2im)"

    before = "sequential(computation(norm), computation(leaky_relu))"
    half = f"sequential({before}, {convolution('3s1')})"
    block = f"branch2(clone2, {rows(half, half)}, computation(identity), add)"
    return f"output({rows(rows(convolution('3s1'), block), rows(convolution('3s2'), block))})"


def einspace_grammar(
    channels: int,
    outputs: int,
    *,
    widths: Sequence[int] = (16, 32),
    computation: float = 0.32,
    sides: frozenset[int] = frozenset(),
    head: str = "places",
) -> Grammar:
    """The grammar of `einspace_space`, from the symbol `network`.

    Args:
        channels: Of the inputs.
        outputs: Number of numbers the network gives.
        widths: Channels and features that linear layers may give.
        computation: The probability of a computation.
        sides: Those of the images, where operations along them are to be there; see `einspace_space`.
        head: See `einspace_space`.

    Raises:
        SpaceError: When an option is out of range.
    """
    widths = check_numbers("einspace", "widths", widths, ["width", "..."])
    if not 0 < computation < 1:
        raise SpaceError(f"einspace: expected a probability of a computation in (0, 1), got {computation!r}")
    other = (1 - computation) / 3
    chain = Chain(nn.Sequential, nn.Identity)
    module, pair = "module", ("module", "module")
    branching = AxisBranching if sides else Branching
    rules = [
        Rule("network", "output", ("whole",), Output(outputs, head)),
        Rule(module, "computation", ("computation",), chain, computation),
    ]
    for symbol in (module, "whole"):  # which is a module, but not a computation
        rules += [
            Rule(symbol, "sequential", pair, chain, other),
            Rule(symbol, "routing", ("prerouting", module, "postrouting"), chain, other),
            Rule(symbol, "branch2", ("split2", *pair, "join2"), branching(2), other / 3),
            Rule(symbol, "branch4", ("split4", module, "join4"), branching(4), other / 3),
            Rule(symbol, "branch8", ("split8", module, "join8"), branching(8), other / 3),
        ]
    sizes = frozenset((channels, *widths))
    leaves = _leaves(widths, sizes)
    if sides:
        parts = frozenset(side // n for side in sides for n in (1, 2, 4, 8) if side % n == 0)
        for symbol, more in axis_leaves(widths, sizes | parts).items():
            leaves[symbol] |= more
    rules += [
        Rule(symbol, name, (), leaf) for symbol, named in leaves.items() for name, leaf in named.items()
    ]
    return Grammar(rules)


def _leaves(widths: Sequence[int], sizes: frozenset[int]) -> dict[str, dict[str, Leaf]]:
    """Symbol to name to operation.

    Args:
        widths: What linear layers give.
        sizes: The numbers of channels that there may be.
    """
    identity = Leaf(layer(nn.Identity), is_identity=True)
    permute = Leaf(layer(Transpose), Permutation(sizes))
    leaves: dict[str, dict[str, Leaf]] = {
        "computation": {
            "identity": identity,
            **{f"linear{width}": Leaf(Linear(width).make, Linear(width)) for width in widths},
            "norm": Leaf(norm),
            "leaky_relu": Leaf(layer(nn.LeakyReLU)),
            "softmax": Leaf(softmax),
            "positional_encoding": Leaf(positional_encoding),
        },
        "prerouting": {
            "identity": identity,
            "permute": permute,
            **{f"im2col{n}": Leaf(Unfolding(*p).make, Unfolding(*p)) for n, p in PATCHES.items()},
        },
        "postrouting": {
            "identity": identity,
            "permute": permute,
            "col2im": Leaf(Folding(sizes).make, Folding(sizes)),
        },
    }
    add, concat = Leaf(layer(SumBranches), sum_shape), Leaf(Concatenation(sizes).make, Concatenation(sizes))
    for n in (2, 4, 8):
        leaves[f"split{n}"] = {
            f"clone{n}": Leaf(layer(Clone, n)),
            f"group{n}": Leaf(Grouping(n, sizes).make, Grouping(n, sizes)),
        }
        leaves[f"join{n}"] = {"add": add, "concat": concat}
    leaves["join2"] |= {
        "matmul": Leaf(layer(MultiplyBranches, False), product),
        "scaled_matmul": Leaf(layer(MultiplyBranches, True), product),
    }
    return leaves
