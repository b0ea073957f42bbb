"""How trees of operators are mutated: insert, remove, change, regenerate (PANGAEA)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from random import Random
from typing import TypeVar

from archwright.errors import SpaceError
from archwright.spaces.grammars import Derivation, Language, Rule

__all__ = [
    "INPUT",
    "MUTATIONS",
    "SCALED",
    "TreeMutation",
    "change",
    "insert",
    "regenerate",
    "remove",
    "scale_edges",
]

INPUT, SCALED = "x", "scaled"
"""The rules that are no operators: the input, and a learned factor on an edge."""

_TRIES = 1000
_NEUTRAL = {
    **dict.fromkeys(("add", "subtract"), "zero"),
    **dict.fromkeys(("multiply", "divide", "ratio", "power"), "one"),
}
"""Binary operator to the constant with which its result is its first operand."""

Rules = Mapping[str, Rule]
Path = tuple[int, ...]
T = TypeVar("T")


def insert(tree: Derivation, rules: Rules, random: Random) -> Derivation:
    """Put an operator, each equally likely, on an edge, each equally likely.

    The edge's value is its first operand. The second one of a binary operator leaves the function as it is: 0 for sum
    and difference, 1 for product, quotient and power, a copy for maximum and minimum. A copy stands there, too, where
    the rules have no such constant, and for other operators: then the function changes.
    """
    path, inner = _drawn(list(_nodes(tree)), random)
    rule = _drawn([one for one in rules.values() if one.name not in (INPUT, SCALED)], random)
    parts: tuple[Derivation, ...] = (inner,)
    if len(rule.parts) == 2:
        constant = rules.get(_NEUTRAL.get(rule.name, ""))
        parts += (inner if constant is None else Derivation(constant, (Derivation(rules[INPUT]),)),)
    return tree.replaced(path, Derivation(rule, parts))


def remove(tree: Derivation, rules: Rules, random: Random) -> Derivation | None:
    """Delete an operator, each equally likely: its operand stands in its place, of two a random one."""
    operators = list(_operators(tree))
    if not operators:
        return None
    path, node = _drawn(operators, random)
    return tree.replaced(path, _drawn(list(node.parts), random))


def change(tree: Derivation, rules: Rules, random: Random) -> Derivation | None:
    """Replace an operator, each equally likely, by a random other one with as many operands."""
    operators = list(_operators(tree))
    if not operators:
        return None
    path, node = _drawn(operators, random)
    return tree.replaced(path, Derivation(_other(node.rule, rules, random), node.parts))


def regenerate(tree: Derivation, rules: Rules, random: Random) -> Derivation | None:
    """Replace every operator by a random other one with as many operands; the form of the tree stays."""
    if not tree.parts:
        return None
    parts = tuple(regenerate(part, rules, random) or part for part in tree.parts)
    return Derivation(_other(tree.rule, rules, random), parts)


Mutation = Callable[[Derivation, Rules, Random], Derivation | None]

MUTATIONS: Mapping[str, Mutation] = {
    "insert": insert,
    "remove": remove,
    "change": change,
    "regenerate": regenerate,
}
"""The mutations by name: from a tree without learned factors to another; None where there is nothing to act on."""


def scale_edges(tree: Derivation, rules: Rules, number: int, random: Random) -> Derivation:
    """The tree with learned factors on so many edges, each equally likely; on all where there are fewer."""
    paths = [path for path, _ in _nodes(tree)]
    chosen = set(random.sample(paths, min(number, len(paths))))

    def scaled(node: Derivation, path: Path) -> Derivation:
        made = Derivation(
            node.rule, tuple(scaled(part, (*path, place)) for place, part in enumerate(node.parts))
        )
        return Derivation(rules[SCALED], (made,)) if path in chosen else made

    return scaled(tree, ())


@dataclass(frozen=True)
class TreeMutation:
    """One of the four mutations with equal chance, then learned factors on random edges.

    Bingham & Miikkulainen 2022, arXiv:2006.03179, section 3: what the mutation makes has 0 to `scales` learned
    factors, each number equally likely, on random edges. Mutations that would pass the depth are drawn again.

    Args:
        scales: Most learned factors.
    """

    scales: int = 0

    def __call__(self, language: Language, parent: Derivation, random: Random) -> Derivation:
        """Another tree of the language.

        Raises:
            SpaceError: When 1,000 mutations in a row change nothing or do not fit.
        """
        rules = language.productions[parent.rule.symbol]
        bare = _without_factors(parent)
        for _ in range(_TRIES):
            made = _drawn(list(MUTATIONS.values()), random)(bare, rules, random)
            if made is None:
                continue
            if self.scales:
                made = scale_edges(made, rules, random.randrange(self.scales + 1), random)
            fits = made.depth <= language.depth and made.output(language.given) is not None
            if fits and made != parent:
                return made
        raise SpaceError(f"{_TRIES:,} mutations of a function in a row changed nothing, or passed the depth")


def _without_factors(tree: Derivation) -> Derivation:
    if tree.rule.name == SCALED:
        return _without_factors(tree.parts[0])
    return Derivation(tree.rule, tuple(map(_without_factors, tree.parts)))


def _nodes(tree: Derivation, path: Path = ()) -> Iterator[tuple[Path, Derivation]]:
    """The nodes with their paths; above each one is an edge."""
    yield path, tree
    for place, part in enumerate(tree.parts):
        yield from _nodes(part, (*path, place))


def _operators(tree: Derivation) -> Iterator[tuple[Path, Derivation]]:
    return ((path, node) for path, node in _nodes(tree) if node.parts)


def _other(rule: Rule, rules: Rules, random: Random) -> Rule:
    """Another operator with as many operands; the same where there is none."""
    others = [
        one
        for one in rules.values()
        if len(one.parts) == len(rule.parts) and one.name not in (SCALED, rule.name)
    ]
    return _drawn(others, random) if others else rule


def _drawn(values: list[T], random: Random) -> T:
    return values[int(random.random() * len(values))]
