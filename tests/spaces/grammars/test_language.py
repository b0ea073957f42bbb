"""Counts, numbers and draws of derivations, against a listing made another way."""

from __future__ import annotations

import math
import pickle
from collections import Counter
from itertools import product
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archwright.errors import SpaceError
from archwright.spaces import layer
from archwright.spaces.grammars import Grammar, Language, Leaf


class Pair(list[object]):
    """Stands in for a layer."""


def _doubled(size: int) -> int | None:
    return 2 * size if size < 8 else None


def _halved(size: int) -> int | None:
    return size // 2 if size > 1 else None


FUNCTIONS = {
    "both": Pair,
    "up": Leaf(layer(Pair), _doubled),
    "down": Leaf(layer(Pair), _halved),
    "same": layer(Pair),
}
PLAIN = """
row -> both(row, cell) [3] | same    # a comment
cell -> both(cell, row) | up | down
  | same [0.5]
"""
TYPED = "row -> both(row, row) [2] | up | down | same"


def _typed() -> Grammar:
    return Grammar.parse(TYPED, FUNCTIONS)


def _texts(rules: dict[str, list[tuple[str, list[str]]]], symbol: str, depth: int) -> list[str]:
    """Every derivation's text, by the definition."""
    found: list[str] = []
    for name, parts in rules[symbol] if depth else ():
        inner = [_texts(rules, part, depth - 1) for part in parts]
        found += [f"{name}({', '.join(one)})" if parts else name for one in product(*inner)]
    return found


RULES: dict[str, list[tuple[str, list[str]]]] = {
    "row": [("both", ["row", "cell"]), ("same", [])],
    "cell": [("both", ["cell", "row"]), ("up", []), ("down", []), ("same", [])],
}


def _given(text: str, size: int) -> int | None:
    """The type that a derivation of `TYPED` gives, worked out by Python itself: both parts must give one."""

    def both(*sizes: int | None) -> int | None:
        return sizes[0] if None not in sizes and len(set(sizes)) == 1 else None

    names = {"both": both, "up": _doubled(size), "down": _halved(size), "same": size}
    found: int | None = eval(text, {"__builtins__": {}}, names)
    return found


@pytest.mark.parametrize("depth", [1, 2, 3, 4])
def test_counts_and_order_are_those_of_a_listing(depth: int) -> None:
    plain = {"up": layer(Pair), "down": layer(Pair)}
    language = Grammar.parse(PLAIN, {**FUNCTIONS, **plain}).language("row", depth)
    listed = _texts(RULES, "row", depth)
    assert language.size == len(listed) == len(set(listed))
    assert Counter(map(str, language)) == Counter(listed)
    assert language.counts() == [len(_texts(RULES, "row", d)) for d in range(1, depth + 1)]


@pytest.mark.parametrize("size", [1, 2, 8])
def test_with_types_only_what_fits_is_counted(size: int) -> None:
    language = _typed().language("row", 3, size)
    rules: dict[str, list[tuple[str, list[str]]]] = {
        "row": [("both", ["row", "row"]), ("up", []), ("down", []), ("same", [])]
    }
    listed = [text for text in _texts(rules, "row", 3) if _given(text, size) is not None]
    assert Counter(map(str, language)) == Counter(listed)
    assert {made.output(size)[0] for made in language} == {_given(text, size) for text in listed}


def test_a_number_is_the_place_in_the_listing() -> None:
    language = _typed().language("row", 4, 2)
    assert [language.rank(made) for made in language] == list(range(language.size))
    with pytest.raises(SpaceError, match="below"):
        language.unrank(language.size)


def test_chances_are_those_of_the_draws_and_add_up() -> None:
    language = _typed().language("row", 3, 2)
    chances = {str(made): language.probability(made) for made in language}
    assert math.isclose(sum(chances.values()), 1.0)
    random, draws = Random(0), 20_000
    seen = Counter(str(language.sample(random)) for _ in range(draws))
    assert set(seen) <= set(chances)
    for text, chance in chances.items():
        assert abs(seen[text] - draws * chance) < 6 * math.sqrt(draws * chance) + 1


def test_a_weight_is_a_chance() -> None:
    language = Grammar.parse("row -> same [3] | up [1]", FUNCTIONS).language("row", 1, 1)
    assert {str(made): language.probability(made) for made in language} == {"same": 0.75, "up": 0.25}


@settings(max_examples=50, deadline=None)
@given(seed=st.integers(0, 2**32), depth=st.integers(1, 7), size=st.sampled_from([1, 2, 4, 8]))
def test_draws_are_members(seed: int, depth: int, size: int) -> None:
    language = _typed().language("row", depth, size)
    made = language.sample(Random(seed))
    assert made.depth <= depth
    assert language.read(str(made)) == made
    assert language.unrank(language.rank(made)) == made


def test_it_survives_pickling() -> None:
    language = _typed().language("row", 3, 2)
    copy: Language = pickle.loads(pickle.dumps(language))
    assert list(map(str, copy)) == list(map(str, language))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("row = same", "expected 'symbol -> option | option'"),
        ("row -> both(row, row)", "nothing is derived from 'row' within depth 3"),
        ("row -> both(row, cel) | same\ncell -> same", "'cel' is no symbol and means nothing"),
        ("row -> cell\ncell -> same", "cannot become 'cell' alone"),
        ("row -> same [-1]", "expected a weight > 0"),
        ("row -> same [much]", "expected a number as the weight"),
        ("row -> both(row", "expected 'layer' or 'function"),
        ("row -> same(row) | up", "'same' parts, but it is a layer"),
    ],
)
def test_a_wrong_grammar_is_told(text: str, told: str) -> None:
    with pytest.raises(SpaceError) as error:
        Grammar.parse(text, FUNCTIONS).language("row", 3, 2)
    assert told in str(error.value)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("both(up, sam)", "'row' has no rule 'sam'. Did you mean 'same'"),
        ("both(up same)", "expected ','"),
        ("both(up, same", "expected ')'"),
        ("same same", "expected the end"),
        ("both(up, down)", "the types do not fit"),
        ("both(both(both(up, up), up), up)", "depth 3 at most"),
        ("same!", "cannot hold '!'"),
        ("", "has no rule ''"),
    ],
)
def test_a_wrong_derivation_is_told(text: str, told: str) -> None:
    with pytest.raises(SpaceError) as error:
        _typed().language("row", 3, 2).read(text)
    assert told in str(error.value)
