"""What varies derivations: always members, and what it says of them."""

from __future__ import annotations

from itertools import product
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archwright.spaces import layer
from archwright.spaces.grammars import Grammar, Leaf
from archwright.spaces.grammars.derivation import Place
from archwright.spaces.grammars.variation import (
    CROSSOVERS,
    align,
    cross_by_alignment,
    mutate_subtree,
    neighbors,
)
from archwright.spaces.zoo.hierarchical import hierarchical_grammar

GRAMMAR = Grammar.parse(
    "row -> chain(row, row) [2] | wrap(row) | a | b | c",
    {"chain": list, "wrap": tuple, "a": layer(int), "b": layer(int), "c": Leaf(layer(int))},
)
LANGUAGE = GRAMMAR.language("row", 5)
_CELLS = hierarchical_grammar((1, 8, 8), 10, 4, macro="stage").language("network", 10, (4, 8, 8))
_seeds = st.integers(0, 2**32)


def _symbols(text: str) -> list[str]:
    return text.replace("(", " ").replace(")", " ").replace(",", " ").split()


@pytest.mark.parametrize("language", [LANGUAGE, _CELLS], ids=["plain", "typed"])
@settings(max_examples=40, deadline=None)
@given(seed=_seeds)
def test_mutants_and_children_are_members(language: object, seed: int) -> None:
    assert isinstance(language, type(LANGUAGE))
    random = Random(seed)
    first, second = language.sample(random), language.sample(random)
    mutant = mutate_subtree(language, first, random)
    assert mutant != first
    assert language.read(str(mutant)) == mutant
    for cross in CROSSOVERS.values():
        child = cross(language, first, second, random)
        assert language.read(str(child)) == child
        assert set(_symbols(str(child))) <= set(_symbols(str(first))) | set(_symbols(str(second)))
        assert cross(language, first, first, random) == first


def test_mutation_reaches_the_whole_language() -> None:
    small = GRAMMAR.language("row", 2)
    random, known = Random(0), {small.unrank(0)}
    for _ in range(600):
        known.add(mutate_subtree(small, random.choice(sorted(known, key=str)), random))
    assert known == set(small)


def test_neighbours_connect_the_whole_language() -> None:
    small = GRAMMAR.language("row", 3)
    reached, new = {small.unrank(0)}, [small.unrank(0)]
    while new:
        found = set(neighbors(small, new.pop())) - reached
        reached |= found
        new += found
    assert reached == set(small)


def _score(first: str, second: str) -> int:
    """The best score of a global alignment, by trying every one."""
    if not first or not second:
        return -len(first) - len(second)
    pair = _score(first[1:], second[1:]) + (2 if first[0] == second[0] else -1)
    return max(pair, _score(first[1:], second) - 1, _score(first, second[1:]) - 1)


def _rows(text: str) -> list[Place]:
    derivation = LANGUAGE.read(text)
    return list(derivation.places(None, 5))


@pytest.mark.parametrize(
    ("first", "second"),
    list(product(["a", "chain(a, b)", "chain(wrap(a), c)", "chain(chain(a, b), a)"], repeat=2)),
)
def test_the_alignment_is_a_best_one(first: str, second: str) -> None:
    ours, theirs = _rows(first), _rows(second)
    pairs = align(ours, theirs)
    assert pairs == sorted(set(pairs))
    same = sum(ours[i].derivation.rule is theirs[j].derivation.rule for i, j in pairs)
    score = 2 * same - (len(pairs) - same) - (len(ours) + len(theirs) - 2 * len(pairs))
    letters = [[place.derivation.rule.name[:2] for place in row] for row in (ours, theirs)]
    codes = {name: chr(97 + i) for i, name in enumerate(sorted({*letters[0], *letters[1]}))}
    assert score == _score(*("".join(codes[name] for name in row) for row in letters))


def test_alignment_keeps_what_parents_share() -> None:
    first = LANGUAGE.read("chain(wrap(a), chain(b, wrap(c)))")
    second = LANGUAGE.read("chain(wrap(b), chain(b, wrap(a)))")
    children = {str(cross_by_alignment(LANGUAGE, first, second, Random(seed))) for seed in range(200)}
    between = {f"chain(wrap({x}), chain(b, wrap({y})))" for x in "ab" for y in "ca"}
    assert between - {str(first), str(second)} <= children
