"""Hierarchical NAS-Bench-201 (Schrodi et al. 2023, arXiv:2211.01842): stages, blocks, cells and convolution blocks.

The published grammar (from the authors' configuration files), each symbol derived anew at each place::

    D2   -> Linear3(D1, D1, D0) | Linear3(D0, D1, D1) | Linear4(D1, D1, D0, D0)
    D1   -> Linear3(C, C, DOWN) | Linear4(C, C, C, DOWN) | Residual3(C, C, DOWN, DOWN)
    D0   -> Linear3(C, C, CELL) | Linear4(C, C, C, CELL) | Residual3(C, C, CELL, CELL)
    DOWN -> Linear2(CELL, down) | Linear3(CELL, CELL, down) | Residual2(CELL, down, down)
    C    -> Linear2(CELL, CELL) | Linear3(CELL, CELL, CELL) | Residual2(CELL, CELL, CELL)
    CELL -> Cell(OP, OP, OP, OP, OP, OP)
    OP   -> id | zero | BLOCK | BLOCK | avg_pool
    BLOCK -> Linear3(ACT, CONV, NORM)
    ACT  -> relu | hardswish | mish
    CONV -> conv3x3 | conv1x1 | dconv3x3
    NORM -> batch | instance | layer

Linear is a series. Residual2(a, b, c) is c(a(x)) + b(x), Residual3(a, b, c, d) is d(b(a(x))) + c(x). A cell is that
of NAS-Bench-201, with an operation on each edge. `down` is its residual block of stride 2, which doubles the
channels. BLOCK stands twice among the published operations, which makes it twice as likely and their count 10^446;
here it stands once, with the weight 2, and there are 10^375 derivations (10^376 where `connected` is False). A 3x3
convolution comes before, and normalisation, ReLU, a global average and a linear layer behind.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any

from torch import nn

from archwright.errors import SpaceError
from archwright.spaces.grammars import CanonicalDerivation, Chain, Function, Grammar, Leaf
from archwright.spaces.nodes import DeferredCall, layer
from archwright.spaces.space import Space
from archwright.spaces.zoo.blocks import CellNode, ResidualReduction, SummedCell, Zero
from archwright.spaces.zoo.blocks.einspace import Branches, Clone, SumBranches
from archwright.spaces.zoo.parts import pooled_head, stem
from archwright.spaces.zoo.shapes import check_numbers, check_shape, stem_stride

__all__ = ["MACROS", "hierarchical_grammar", "hierarchical_space"]

MACROS = {
    "variable": """
        network -> output(D2)
        D2   -> linear3(D1, D1, D0) | linear3(D0, D1, D1) | linear4(D1, D1, D0, D0)
        D1   -> linear3(C, C, DOWN) | linear4(C, C, C, DOWN) | residual3(C, C, DOWN, DOWN)
        D0   -> linear3(C, C, CELL) | linear4(C, C, C, CELL) | residual3(C, C, CELL, CELL)
        DOWN -> linear2(CELL, down) | linear3(CELL, CELL, down) | residual2(CELL, down, down)
        C    -> linear2(CELL, CELL) | linear3(CELL, CELL, CELL) | residual2(CELL, CELL, CELL)
    """,
    "fixed": """
        network -> output(D2)
        D2   -> linear3(D1, D1, D0)
        D1   -> linear3(C, C, DOWN)
        D0   -> linear3(C, C, CELL)
        DOWN -> linear2(CELL, down)
        C    -> linear2(CELL, CELL)
    """,
    "stage": """
        network -> output(D1)
        D1   -> linear2(CELL, DOWN)
        DOWN -> linear2(CELL, down)
    """,
}
"""The levels above the cell: the published ones, NAS-Bench-201's own, and a small one of two cells."""

_CELL = """
    CELL  -> cell(OP, OP, OP, OP, OP, OP)
    OP    -> id | zero | block(ACT, CONV, NORM) [2] | avg_pool
    ACT   -> relu | hardswish | mish
    CONV  -> conv3x3 | conv1x1 | dconv3x3
    NORM  -> batch | instance | layer
"""

_EDGES = ((1, 0), (2, 0), (2, 1), (3, 0), (3, 1), (3, 2))
"""The edges of a cell as (node, the state that it reads), in the grammar's order."""


def hierarchical_space(
    input_shape: Sequence[int],
    outputs: int,
    *,
    macro: str = "variable",
    channels: int = 16,
    connected: bool = True,
    unrolled: bool = False,
    crossover: str = "alignment",
) -> Space:
    """Hierarchical NAS-Bench-201 (Schrodi et al. 2023, arXiv:2211.01842): NAS-Bench-201 as a grammar of five levels.

    The published grammar, each symbol derived anew at each place; see this module for its rules and their source.

    Args:
        input_shape: Shape of one image: (channels, height, width).
        outputs: Number of numbers the network gives for one image.
        macro: "variable" for the published levels above the cell; "fixed" for those of NAS-Bench-201 with one
            cell a stage less in each; "stage" for two cells. See `MACROS`.
        channels: Channels of the first stage.
        connected: Whether every cell's output hangs on its input, as in the published code: `zero` stands only where
            another way is left. Not for `unrolled`.
        unrolled: Nested choices instead of one derivation, of which a supernet can be made; with `macro` "fixed" or
            "stage", since every place of the grammar is a part of it, and `connected` False.
        crossover: "alignment" or "subtree", see `archwright.spaces.grammars.variation`.

    Returns:
        The space, with the one address `derivation`; unrolled, with one for each choice.

    Raises:
        SpaceError: When the shape is not that of an image, or an option is out of range.
    """
    shape = check_shape("hierarchical_nasbench201", input_shape, outputs, [3])
    check_numbers("hierarchical_nasbench201", "(channels,)", (channels,), ("channels",))
    if macro not in MACROS:
        raise SpaceError(
            f"hierarchical_nasbench201: expected macro to be one of {', '.join(MACROS)}, got {macro!r}"
        )
    if unrolled and (connected or macro == "variable"):
        raise SpaceError(
            "hierarchical_nasbench201: unrolled=True needs connected=False, since what one edge may be hangs on "
            "the others, and macro 'fixed' or 'stage', since the published macro unrolls to tens of thousands of layers"
        )
    stride = stem_stride(min(shape[1:]), 56)
    given = (channels, *(-(-side // stride) for side in shape[1:]))
    grammar = hierarchical_grammar(shape, outputs, channels, macro=macro, connected=connected)
    depth = 10
    if unrolled:
        return Space(grammar.unroll("network", depth, given), name="hierarchical_nasbench201")
    derived = grammar.derive("network", depth, given, crossover=crossover)
    return Space(derived, canonicalize=CanonicalDerivation(derived), name="hierarchical_nasbench201")


def hierarchical_grammar(
    shape: Sequence[int], outputs: int, channels: int = 16, *, macro: str = "variable", connected: bool = True
) -> Grammar:
    """The grammar of `hierarchical_space`, from the symbol `network`; its types are (channels, height, width).

    Args:
        shape: Of one image.
        outputs: Number of numbers the network gives.
        channels: Channels of the first stage.
        macro: A key of `MACROS`.
        connected: Whether every cell's output hangs on its input.
    """
    chain = Chain(nn.Sequential, nn.Identity)
    functions: dict[str, Any] = {
        "output": _Network(shape, channels, outputs),
        "linear2": chain,
        "linear3": chain,
        "linear4": chain,
        "block": chain,
        "residual2": _Residual(2),
        "residual3": _Residual(3),
        "cell": _Cell(),
        "down": Leaf(_reduction, _reduced),
        "id": Leaf(layer(nn.Identity), is_identity=True),
        "zero": Leaf(layer(Zero), _zeros if connected else None),
        "avg_pool": layer(nn.AvgPool2d, 3, 1, 1, count_include_pad=False),
        "relu": layer(nn.ReLU),
        "hardswish": layer(nn.Hardswish),
        "mish": layer(nn.Mish),
        "conv3x3": _conv3x3,
        "conv1x1": _conv1x1,
        "dconv3x3": _dconv3x3,
        "batch": _batch_norm,
        "instance": _instance_norm,
        "layer": _layer_norm,
    }
    return Grammar.parse(MACROS[macro] + _CELL, functions)


Shape = tuple[int, ...]


def _reduced(shape: Shape) -> Shape:
    return (2 * shape[0], *(-(-side // 2) for side in shape[1:]))


def _zeros(shape: Shape) -> tuple[Any, ...]:
    return ("zero", *shape)


def _reduction(shape: Shape) -> DeferredCall:
    return layer(ResidualReduction, shape[0], 2 * shape[0])


def _conv3x3(shape: Shape) -> DeferredCall:
    return layer(nn.Conv2d, shape[0], shape[0], 3, padding=1, bias=False)


def _conv1x1(shape: Shape) -> DeferredCall:
    return layer(nn.Conv2d, shape[0], shape[0], 1, bias=False)


def _dconv3x3(shape: Shape) -> DeferredCall:
    return layer(nn.Conv2d, shape[0], shape[0], 3, padding=1, groups=shape[0], bias=False)


def _batch_norm(shape: Shape) -> DeferredCall:
    return layer(nn.BatchNorm2d, shape[0])


def _instance_norm(shape: Shape) -> DeferredCall:
    return layer(nn.GroupNorm, shape[0], shape[0])


def _layer_norm(shape: Shape) -> DeferredCall:
    return layer(nn.LayerNorm, list(shape))


class _Network(Function):
    """The stem, what is derived, and the head."""

    def __init__(self, shape: Sequence[int], channels: int, outputs: int) -> None:
        self.shape, self.channels, self.outputs = tuple(shape), channels, outputs

    def input(self, state: Any, position: int) -> Any:
        return state

    def after(self, state: Any, position: int, output: Any) -> Any:
        return ("vector", self.outputs)

    def output(self, state: Any) -> Any:
        return state

    def build(self, given: Any, parts: Sequence[Any], types: Sequence[Any]) -> Any:
        ((width, *_),) = types
        head = [layer(nn.BatchNorm2d, width), layer(nn.ReLU), *pooled_head(width, self.outputs)]
        row = [*stem(self.shape, self.channels), *parts, *head]
        return Chain(nn.Sequential, nn.Identity).build(given, row, types)

    def canonical(self, name: str, parts: Sequence[Hashable]) -> Hashable:
        return parts[0]


class _Residual(Function):
    """Parts in series, of which the last but one stands beside the others instead and is added."""

    def __init__(self, length: int) -> None:
        self.length = length

    def begin(self, given: Any) -> Any:
        return given, given, None

    def input(self, state: Any, position: int) -> Any:
        given, last, _ = state
        return given if position == self.length - 1 else last

    def after(self, state: Any, position: int, output: Any) -> Any:
        given, last, beside = state
        if position == self.length - 1:
            return given, last, output
        return (given, output, beside) if beside in (None, output) else None

    def output(self, state: Any) -> Any:
        return state[1]

    def build(self, given: Any, parts: Sequence[Any], types: Sequence[Any]) -> Any:
        body = [*parts[:-2], parts[-1]]
        paths = [Chain(nn.Sequential, nn.Identity).build(given, body, types), parts[-2]]
        return layer(Branches, layer(Clone, 2), paths, layer(SumBranches))

    def canonical(self, name: str, parts: Sequence[Hashable]) -> Hashable:
        body = Chain(nn.Sequential, nn.Identity).canonical(name, [*parts[:-2], parts[-1]])
        return ("sum", *sorted([body, parts[-2]], key=repr))


class _Cell(Function):
    """The cell of NAS-Bench-201; where zeros have a type of their own, its output must hang on its input."""

    def begin(self, given: Any) -> Any:
        return given, frozenset((0,))

    def input(self, state: Any, position: int) -> Any:
        return state[0]

    def after(self, state: Any, position: int, output: Any) -> Any:
        given, reached = state
        node, earlier = _EDGES[position]
        if output == given and earlier in reached:
            reached |= {node}
        is_lost = position == len(_EDGES) - 1 and node not in reached
        return None if is_lost else (given, reached)

    def output(self, state: Any) -> Any:
        return state[0]

    def build(self, given: Any, parts: Sequence[Any], types: Sequence[Any]) -> Any:
        nodes: dict[int, dict[str, Any]] = {}
        for (node, earlier), part in zip(_EDGES, parts, strict=True):
            nodes.setdefault(node, {})[str(earlier)] = part
        return layer(SummedCell, [layer(CellNode, edges) for edges in nodes.values()])
