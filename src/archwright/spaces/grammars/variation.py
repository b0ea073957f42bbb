"""How derivations are varied: subtrees grown anew, exchanged, or aligned; and what is one step away."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

import numpy as np
from numpy.typing import NDArray

from archwright.errors import SpaceError
from archwright.spaces.grammars.derivation import Derivation, Place, Rule
from archwright.spaces.grammars.function import Type
from archwright.spaces.grammars.language import Language

__all__ = ["CROSSOVERS", "align", "cross_by_alignment", "cross_subtrees", "mutate_subtree", "neighbors"]

_TRIES = 1000
_MATCH, _OTHER, _GAP = 2, -1, -1


def mutate_subtree(language: Language, parent: Derivation, random: Random) -> Derivation:
    """Grow a random part of a derivation anew (subtree mutation, Koza 1992).

    Every part is chosen equally often. What is grown may give any type with which all else still fits.

    Raises:
        SpaceError: When 1,000 tries in a row change nothing.
    """
    places = list(parent.places(language.given, language.depth))
    for _ in range(_TRIES):
        place = places[int(random.random() * len(places))]
        may = _types(language, parent, place)
        symbol = place.derivation.rule.symbol
        grown = language.grow(symbol, place.given, place.depth, may, random)
        if grown != place.derivation:
            return parent.replaced(place.path, grown)
    raise SpaceError(f"{_TRIES:,} mutations of a derivation in a row changed nothing")


def _types(language: Language, whole: Derivation, place: Place) -> frozenset[Type]:
    """The types that may be given at a place."""
    known = language.types(place.derivation.rule.symbol, place.given, place.depth)
    return language.place_types(whole, place.path, known)


def cross_subtrees(language: Language, first: Derivation, second: Derivation, random: Random) -> Derivation:
    """The first with a random part exchanged for one of the second's, of the same symbol (Koza 1992).

    The part of the second must fit: its depth, what it is given and what it gives. Of 1,000 draws the first that fits
    and changes something is taken; where there is none the child is either parent.
    """
    if first == second:
        return first
    places = list(first.places(language.given, language.depth))
    donors: dict[str, dict[Derivation, None]] = {}
    for one in second.places(language.given, language.depth):
        donors.setdefault(one.derivation.rule.symbol, {})[one.derivation] = None
    for _ in range(_TRIES):
        place = places[int(random.random() * len(places))]
        fitting = list(donors.get(place.derivation.rule.symbol, ()))
        if not fitting:
            continue
        donor = fitting[int(random.random() * len(fitting))]
        if donor == place.derivation or donor.depth > place.depth:
            continue
        child = first.replaced(place.path, donor)
        if child.output(language.given) is not None:
            return child
    return first if random.random() < 0.5 else second


def align(first: list[Place], second: list[Place]) -> list[tuple[int, int]]:
    """The pairs of places that a best global alignment of two rows of rules sets opposite each other.

    Needleman & Wunsch 1970: a pair of equal rules scores 2, of other rules of one symbol -1, a gap -1; rules of
    different symbols are never paired.

    Args:
        first: The places of a derivation, outer ones before inner ones.
        second: Those of another.
    """
    symbols = [[place.derivation.rule.symbol for place in places] for places in (first, second)]
    rules = [[place.derivation.rule.name for place in places] for places in (first, second)]
    kind = np.unique(np.array(symbols[0] + symbols[1]), return_inverse=True)[1]
    name = np.unique(np.array(rules[0] + rules[1]), return_inverse=True)[1]
    rows, columns = len(first), len(second)
    pairs: NDArray[np.int64] = np.where(name[:rows, None] == name[None, rows:], _MATCH, _OTHER)
    pairs[kind[:rows, None] != kind[None, rows:]] = -4 * (rows + columns)
    slope = _GAP * np.arange(columns + 1)
    best = np.empty((rows + 1, columns + 1), np.int64)
    best[0] = slope
    for row in range(rows):
        best[row + 1] = best[row] + _GAP
        np.maximum(best[row + 1, 1:], best[row, :-1] + pairs[row], out=best[row + 1, 1:])
        # A gap in the second costs the same at each step, so the running best over all of them is one pass.
        best[row + 1] = np.maximum.accumulate(best[row + 1] - slope) + slope
    found: list[tuple[int, int]] = []
    row, column = rows, columns
    while row and column:
        if best[row, column] == best[row - 1, column - 1] + pairs[row - 1, column - 1]:
            row, column = row - 1, column - 1
            found.append((row, column))
        elif best[row, column] == best[row - 1, column] + _GAP:
            row -= 1
        else:
            column -= 1
    return found[::-1]


def cross_by_alignment(
    language: Language, first: Derivation, second: Derivation, random: Random
) -> Derivation:
    """What two derivations share stays; where they differ, each difference comes from either with equal chance.

    Their rows of rules are aligned, as Gómez Martín et al. 2025, arXiv:2512.04992, cross networks of a grammar by
    aligning their tokens (there by a constrained form of Smith & Waterman's local alignment, here by the global one,
    see `align`). Of each aligned pair of different rules, outer ones first, the second's part replaces the first's with
    chance 1/2, where it fits. Where none does, subtrees are exchanged at random.
    """
    if first == second:
        return first
    ours = list(first.places(language.given, language.depth))
    theirs = list(second.places(language.given, language.depth))
    child, fits = first, False
    replaced: tuple[int, ...] = ()
    for i, j in align(ours, theirs):
        place, donor = ours[i], theirs[j].derivation
        is_inside = fits and place.path[: len(replaced)] == replaced
        if is_inside or place.derivation.rule is donor.rule or donor.depth > place.depth:
            continue
        made = child.replaced(place.path, donor)
        if made.output(language.given) is None:
            continue
        if random.random() < 0.5:
            child, replaced, fits = made, place.path, True
    return child if child not in (first, second) else cross_subtrees(language, first, second, random)


CROSSOVERS = {"alignment": cross_by_alignment, "subtree": cross_subtrees}
"""The ways to cross two derivations, by name."""


def neighbors(language: Language, derivation: Derivation) -> Iterator[Derivation]:
    """What differs in one rule, in a fixed order; some stand there twice.

    At each place: another rule that gives the same type, with the parts that were there as far as they fit, else the
    smallest; what stands there as a part of another rule; and a part of what stands there in its stead.
    """
    for place in derivation.places(language.given, language.depth):
        old = place.derivation
        allowed = frozenset((place.output,))
        for rule in language.rules(old.rule.symbol, place.given, place.depth, allowed):
            inside = list(old.parts) if rule is not old.rule else []
            wrapped = [old] if old.rule.symbol in rule.parts else []
            for available in ([inside] if inside or not wrapped else []) + ([wrapped] if wrapped else []):
                made = _filled(language, place, rule, available)
                if made is not None and made != old:
                    yield derivation.replaced(place.path, made)
        for part in dict.fromkeys(old.parts):
            if part.rule.symbol == old.rule.symbol and part.output(place.given) == (place.output,):
                yield derivation.replaced(place.path, part)


def _filled(language: Language, place: Place, rule: Rule, available: list[Derivation]) -> Derivation | None:
    """A rule at a place, its parts taken from those available in order, else the smallest that fit."""
    function, left = rule.function, list(available)
    parts: list[Derivation] = []
    state, allowed = function.begin(place.given), frozenset((place.output,))
    for position, symbol in enumerate(rule.parts):
        inner = function.input(state, position)
        may = language.fitting(rule, position, state, place.depth, allowed)
        fitting = (
            part
            for part in left
            if part.rule.symbol == symbol
            and part.depth < place.depth
            and (found := part.output(inner)) is not None
            and found[0] in may
        )
        made = next(fitting, None)
        if made is None:
            made = language.smallest(symbol, inner, place.depth - 1, may)
        else:
            left.remove(made)
        if made is None:
            return None
        parts.append(made)
        found = made.output(inner)
        assert found is not None
        state = function.after(state, position, found[0])
    return Derivation(rule, tuple(parts))
