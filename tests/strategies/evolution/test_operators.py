from __future__ import annotations

from collections import Counter
from random import Random

import pytest

from archwright.strategies import Score
from archwright.strategies.evolution import Aging, Member, Offspring, Tournament
from archwright.testing.toy_spaces import flat

SPACE = flat(10, 5)
MEMBERS = [Member(i, SPACE.sample(i), Score(0.0, (float(i),))) for i in range(6)]


def test_a_large_tournament_selects_the_best() -> None:
    standings = [(0.0, 3.0), (0.0, 1.0), (0.0, 2.0), (0.5, 0.0), (0.0, 9.0), (0.0, 4.0)]
    random = Random(0)
    assert {Tournament(200)(MEMBERS, standings, random).number for _ in range(20)} == {1}


def test_chances_in_a_tournament_of_two() -> None:
    standings = [(0.0, float(i)) for i in range(6)]
    random = Random(0)
    wins = Counter(Tournament(2)(MEMBERS, standings, random).number for _ in range(6000))
    for place in range(6):  # drawn with replacement: 1 - (share not better or equal)^2, by differences
        expected = ((6 - place) ** 2 - (5 - place) ** 2) / 36
        assert wins[place] / 6000 == pytest.approx(expected, abs=0.03)


def test_equals_win_equally_often() -> None:
    random = Random(0)
    wins = Counter(Tournament(4)(MEMBERS, [(0.0, 0.0)] * 6, random).number for _ in range(6000))
    assert all(wins[i] / 6000 == pytest.approx(1 / 6, abs=0.03) for i in range(6))


def test_a_mutant_differs_in_one_decision() -> None:
    child, parent = Offspring()(SPACE, lambda: MEMBERS[2], Random(0))
    assert parent is MEMBERS[2]
    assert sum(child[a] != parent.architecture[a] for a in child) == 1


def test_a_cross_takes_from_two() -> None:
    parents = iter(MEMBERS)
    child, parent = Offspring(crossover=1.0)(SPACE, lambda: next(parents), Random(0))
    assert parent is MEMBERS[0]
    first, second = MEMBERS[0].architecture, MEMBERS[1].architecture
    assert all(child[a] in (first[a], second[a]) for a in child)
    assert child not in (first, second)


def test_crosses_are_as_frequent_as_asked() -> None:
    random = Random(0)
    calls = 0

    def select() -> Member:
        nonlocal calls
        calls += 1
        return random.choice(MEMBERS)

    for _ in range(1000):
        Offspring(crossover=0.3)(SPACE, select, random)
    assert calls == pytest.approx(1300, abs=50)


def test_the_oldest_die() -> None:
    assert Aging(4)(MEMBERS) == MEMBERS[2:]
    assert Aging(9)(MEMBERS) == MEMBERS
