"""Pointwise functions as trees of operators, of any form (PANGAEA: Bingham & Miikkulainen 2022, arXiv:2006.03179)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from torch import nn

from archwright.primitives.catalog import BINARY, UNARY, Primitive, chosen_functions
from archwright.primitives.pointwise import profile_of
from archwright.primitives.searched import Profile, SearchedModule
from archwright.primitives.tree_mutation import INPUT, SCALED, TreeMutation
from archwright.primitives.units import ChannelScale, OperatorNode, Standardized
from archwright.spaces.expression import Expression
from archwright.spaces.grammars import DerivationDecision, Function, Grammar, Language, Leaf, Rule
from archwright.spaces.nodes import Generated, layer
from archwright.spaces.zoo.shapes import check_numbers

__all__ = ["FunctionTree"]

_SYMBOL = "function"
_MOST_SCALES = 3
_SCALE = Primitive(ChannelScale, "b*x", learned=True)


@dataclass(eq=False)
class FunctionTree(SearchedModule):
    """A pointwise function that is searched, as a tree of unary and binary operators of any form.

    PANGAEA (Bingham & Miikkulainen 2022, arXiv:2006.03179): the grammar is f -> x | u(f) | b(f, f), one derivation is
    the decision, and a mutation inserts, removes or changes one operator or regenerates all, see `TreeMutation`. With
    `edge_scales` up to three edges have a learned factor for each channel, written `scaled(f)`. Draws are by the
    grammar: x with probability 1/2, else a unary or a binary operator.

    Give `constraints` and `canonicalize` to the space, as with `PointwiseFunction`.

    Args:
        name: Begins the address `NAME.function`.
        functions: Of `PRESETS`.
        unary: Some of `UNARY` instead.
        binary: Some of `BINARY` instead.
        depth: Most operators on a way from the output to x.
        edge_scales: Whether edges have learned factors.
        standardized: Whether functions are brought to mean 0 and variance 1 on normal inputs, see `Standardized`.

    Raises:
        SpaceError: When an option is unknown or out of range.

    Example:
        >>> tree = FunctionTree(unary=["sigmoid"], binary=["multiply"], depth=2)
        >>> tree.space.default["activation.function"]
        'multiply(x, sigmoid(x))'
    """

    name: str = "activation"
    functions: str = "pangaea"
    unary: Sequence[str] | None = None
    binary: Sequence[str] | None = None
    depth: int = 3
    edge_scales: bool = False
    standardized: bool = False
    _decision: DerivationDecision = field(init=False, repr=False)
    root: ClassVar[str] = "function"

    def __post_init__(self) -> None:
        self.unary, self.binary = chosen_functions(self.name, self.functions, self.unary, self.binary)
        (self.depth,) = check_numbers(self.name, "depth", (self.depth,), ["depth"])
        scales = _MOST_SCALES if self.edge_scales else 0
        language = self._grammar(scales).language(_SYMBOL, self.depth + 1 + scales, (1, False))
        swish = self.depth > 1 and "sigmoid" in self.unary and "multiply" in self.binary
        self._decision = DerivationDecision(
            language,
            name=f"{self.name}.{self.root}",
            default=f"multiply({INPUT}, sigmoid({INPUT}))" if swish else INPUT,
            mutation=TreeMutation(scales),
        )

    def _grammar(self, scales: int) -> Grammar:
        assert self.unary is not None
        assert self.binary is not None
        rules = [Rule(_SYMBOL, INPUT, (), Leaf(layer(nn.Identity), _no_operator, is_identity=True))]
        for known, labels in ((UNARY, self.unary), (BINARY, self.binary)):
            parts = (_SYMBOL,) * (1 if known is UNARY else 2)
            rules += [
                Rule(_SYMBOL, label, parts, _Operator(known[label], self.depth, scales), 0.5 / len(labels))
                for label in labels
            ]
        if scales:
            rules.append(Rule(_SYMBOL, SCALED, (_SYMBOL,), _Scale(_SCALE, self.depth, scales), 0.25))
        return Grammar(rules)

    def layer(self, channels: Any = 1) -> Expression:
        """The function at one place of a network. What is learned is learned there; what is decided, for all places.

        Args:
            channels: Of its input, along axis 1, an expression or a number; 1 learns one number for all channels.
        """
        made = Generated(_Builder(self._decision.language), self._decision, channels)
        return layer(Standardized, made) if self.standardized else made

    def look(self, module: nn.Module) -> Profile:
        """What a function does on fixed points. See `profile_of`."""
        return profile_of(module)


def _no_operator(given: tuple[int, bool]) -> tuple[int, int]:
    return 0, 0


class _Operator(Function):
    """An operator of its operands' values.

    What is given is the number of channels, and whether a learned factor stands above; a part gives how many learned
    factors and how many operators, on the longest way, there are in it.
    """

    def __init__(self, primitive: Primitive, depth: int, scales: int) -> None:
        self.primitive, self.depth, self.scales = primitive, depth, scales

    def begin(self, given: tuple[int, bool]) -> Any:
        return given[0], 0, 0

    def input(self, state: tuple[int, int, int], position: int) -> tuple[int, bool]:
        return state[0], False

    def after(self, state: tuple[int, int, int], position: int, output: tuple[int, int]) -> Any:
        scales, height = state[1] + output[0], max(state[2], output[1])
        return (state[0], scales, height) if scales <= self.scales and height < self.depth else None

    def output(self, state: tuple[int, int, int]) -> tuple[int, int]:
        return state[1], state[2] + 1

    def build(self, given: tuple[int, bool], parts: Sequence[Any], types: Sequence[Any]) -> Any:
        arguments = given[:1] if self.primitive.learned else self.primitive.arguments
        return layer(OperatorNode, layer(self.primitive.make, *arguments), list(parts))


class _Scale(_Operator):
    """A learned factor on an edge, which has none yet."""

    def begin(self, given: tuple[int, bool]) -> Any:
        return None if given[1] else (given[0], 1, 0)

    def input(self, state: tuple[int, int, int], position: int) -> tuple[int, bool]:
        return state[0], True

    def after(self, state: tuple[int, int, int], position: int, output: tuple[int, int]) -> Any:
        scales = state[1] + output[0]
        return (state[0], scales, output[1]) if scales <= self.scales else None

    def output(self, state: tuple[int, int, int]) -> tuple[int, int]:
        return state[1], state[2]


class _Builder:
    """From a derivation and a number of channels to the function's expression."""

    __name__ = "function"

    def __init__(self, language: Language) -> None:
        self.language = language

    def __call__(self, derivation: str, channels: int) -> Any:
        return self.language.read(derivation).build((channels, False))
