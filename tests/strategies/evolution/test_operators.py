from __future__ import annotations

import json
from collections import Counter
from random import Random

import pytest

from archwright.spaces import Architecture
from archwright.strategies import Score
from archwright.strategies.evolution import (
    Aging,
    Chain,
    Crossover,
    Either,
    Elitism,
    Member,
    Mutation,
    ParetoTournament,
    PointMutations,
    Tournament,
    Variation,
)
from archwright.testing.toy_spaces import flat

SPACE = flat(10, 5)
MEMBERS = [Member(i, SPACE.sample(i), Score(0.0, (float(i),))) for i in range(6)]


def test_a_large_tournament_selects_the_best() -> None:
    rank_keys = [(0.0, 3.0), (0.0, 1.0), (0.0, 2.0), (0.5, 0.0), (0.0, 9.0), (0.0, 4.0)]
    random = Random(0)
    assert {Tournament(200)(MEMBERS, rank_keys, random).number for _ in range(20)} == {1}


def test_chances_in_a_tournament_of_two() -> None:
    rank_keys = [(0.0, float(i)) for i in range(6)]
    random = Random(0)
    wins = Counter(Tournament(2)(MEMBERS, rank_keys, random).number for _ in range(6000))
    for place in range(6):  # drawn with replacement: 1 - (share not better or equal)^2, by differences
        expected = ((6 - place) ** 2 - (5 - place) ** 2) / 36
        assert wins[place] / 6000 == pytest.approx(expected, abs=0.03)


@pytest.mark.slow
def test_a_pareto_tournament_is_won_by_any_of_the_front_and_by_no_other() -> None:
    losses = [
        (0.0, 3.0),
        (1.0, 1.0),
        (3.0, 0.0),
        (2.0, 2.0),
        (4.0, 4.0),
    ]  # the fourth is beaten by the second alone
    members = [Member(i, SPACE.sample(i), Score(0.0, both)) for i, both in enumerate(losses)]
    random = Random(0)
    wins = Counter(ParetoTournament(60)(members, [], random).number for _ in range(3000))
    assert set(wins) == {0, 1, 2}
    assert all(900 < count < 1100 for count in wins.values())
    # Of two drawn the fourth wins where it is drawn twice, with the last, or with one that does not beat it (half).
    pairs = Counter(ParetoTournament(2)(members, [], random).number for _ in range(6000))
    assert pairs[3] / 6000 == pytest.approx((1 + 2 + 2) / 25, abs=0.03)
    over = Member(9, SPACE.sample(9), Score(0.5))
    assert ParetoTournament(40)([members[4], over], [], random).number == 4


def test_equals_win_equally_often() -> None:
    random = Random(0)
    wins = Counter(Tournament(4)(MEMBERS, [(0.0, 0.0)] * 6, random).number for _ in range(6000))
    assert all(wins[i] / 6000 == pytest.approx(1 / 6, abs=0.03) for i in range(6))


def changed(first: Architecture, second: Architecture) -> int:
    return sum(first[address] != second[address] for address in first)


def vary(
    variation: Variation, random: Random, parent: Member = MEMBERS[2], other: Member = MEMBERS[0]
) -> Architecture:
    return variation(SPACE, parent.architecture, lambda: other, random)


def test_a_mutant_differs_in_one_decision() -> None:
    child = vary(Mutation(), Random(0))
    assert changed(child, MEMBERS[2].architecture) == 1


def test_point_mutations_are_as_many_as_expected() -> None:
    random = Random(0)
    counts = [changed(vary(PointMutations(1.5), random), MEMBERS[2].architecture) for _ in range(4000)]
    assert min(counts) == 0
    # two mutations in a row hit one decision with a chance of 1/10, and then restore it with a chance of 1/4
    assert 1.3 < sum(counts) / 4000 < 1.5
    assert changed(vary(PointMutations(0.0), random), MEMBERS[2].architecture) == 0


def test_a_cross_takes_from_two() -> None:
    child = vary(Crossover(), Random(0))
    first, second = MEMBERS[2].architecture, MEMBERS[0].architecture
    assert all(child[a] in (first[a], second[a]) for a in child)
    assert child not in (first, second)


def test_crosses_are_as_frequent_as_asked() -> None:
    random = Random(0)
    parent = MEMBERS[2].architecture
    crossed = sum(vary(Crossover(0.3), random) is not parent for _ in range(1000))
    assert crossed == pytest.approx(300, abs=50)
    either = Either(0.3, Crossover(), Mutation())
    mutants = sum(changed(vary(either, random), parent) == 1 for _ in range(1000))
    assert mutants == pytest.approx(700, abs=60)
    assert all(vary(Crossover(0.0), random) is parent for _ in range(10))


def test_a_chain_varies_by_each() -> None:
    child = vary(Chain((Mutation(), Mutation(), Crossover(0.0))), Random(1))
    assert changed(child, MEMBERS[2].architecture) == 2


def test_the_oldest_die() -> None:
    assert Aging(4)(MEMBERS) == MEMBERS[2:]
    assert Aging(9)(MEMBERS) == MEMBERS


def test_the_best_stay_in_their_order_and_of_equals_the_youngest() -> None:
    losses = [3.0, 1.0, 2.0, 2.0, 9.0]
    members = [Member(i, SPACE.sample(i), Score(0.0, (loss,))) for i, loss in enumerate(losses)]
    assert [member.number for member in Elitism(2)(members)] == [1, 3]
    assert [member.number for member in Elitism(3)(members)] == [1, 2, 3]
    assert Elitism(5)(members) == members


def test_a_member_survives_json() -> None:
    assert Member.from_json(json.loads(json.dumps(MEMBERS[3].to_json(SPACE))), SPACE) == MEMBERS[3]
