from __future__ import annotations

import json
from collections import Counter
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archwright.errors import SpaceError, SpaceExhaustedError
from archwright.spaces import Space
from archwright.strategies.proposed_set import ProposedSet
from archwright.testing import TOY_SPACES
from archwright.testing.toy_spaces import flat, reals, spellings, subsets, uneven


def draw_all(seen: ProposedSet, seed: int = 0) -> int:
    """How many could be drawn before there was none."""
    random, count = Random(seed), 0
    try:
        while True:
            seen.draw(random)
            count += 1
    except SpaceExhaustedError:
        return count


def test_first_draws_are_uniform() -> None:
    space = flat(2, 3)
    counts = Counter(ProposedSet(space).draw(Random(seed)) for seed in range(1800))
    assert len(counts) == 9
    chi_square = sum((count - 200) ** 2 / 200 for count in counts.values())
    assert chi_square < 26.1  # the 99.9 % point for 8 degrees of freedom


def test_spellings_count_once() -> None:
    space = spellings()
    seen = ProposedSet(space)
    assert seen.add(space.architecture({"d0": 1, "d1": 2, "d2": 3}))
    twin = space.architecture({"d0": 3, "d1": 1, "d2": 2})
    assert twin in seen
    assert not seen.add(twin)
    assert len(seen) == 1


def test_the_end_of_an_uneven_space_is_found() -> None:
    seen = ProposedSet(uneven())
    assert draw_all(seen) == uneven().size == len(seen)


def test_says_that_all_were_proposed() -> None:
    seen = ProposedSet(flat(2, 2))
    draw_all(seen)
    with pytest.raises(
        SpaceExhaustedError, match=r"every architecture of the space has been proposed \(4 in all\); to go on"
    ):
        seen.draw(Random(0))


def test_few_networks_with_infinitely_many_spellings_end_too() -> None:
    space = Space(reals().network, canonicalize=lambda a: a["optimizer"])
    seen = ProposedSet(space)
    assert draw_all(seen) == 2
    with pytest.raises(
        SpaceExhaustedError, match="10,000 random architectures in a row were spellings of the 2"
    ):
        seen.draw(Random(0))


def test_what_sampling_cannot_find_is_listed() -> None:
    allowed = ({"d0": 14, "d1": 14, "d2": 14, "d3": 14}, {"d0": 7, "d1": 0, "d2": 3, "d3": 1})
    space = Space(flat(4, 15).network, constraints=[lambda a: dict(a) in allowed])
    with pytest.raises(SpaceError, match="refused"):
        space.sample(0)
    assert draw_all(ProposedSet(space)) == 2


def test_a_space_that_allows_nothing_is_an_error_not_an_end() -> None:
    space = Space(flat(2, 3).network, constraints=[lambda a: False])
    with pytest.raises(SpaceError, match="refused"):
        ProposedSet(space).draw(Random(0))


def test_an_endless_space_that_allows_nothing_is_an_error_too() -> None:
    space = Space(reals().network, constraints=[lambda a: False])
    with pytest.raises(SpaceError, match="refused"):
        ProposedSet(space).draw(Random(0))


@given(name=st.sampled_from(sorted(TOY_SPACES)), seed=st.integers(0, 99), count=st.integers(0, 20))
def test_what_was_seen_survives_json(name: str, seed: int, count: int) -> None:
    space = TOY_SPACES[name]()
    seen, random = ProposedSet(space), Random(seed)
    for _ in range(count):
        seen.add(space.sample(random))
    text = json.dumps(seen.to_json())
    copy = ProposedSet(space)
    copy.add(space.sample(seed + 1))
    copy.load_json(json.loads(text))
    assert len(copy) == len(seen)
    assert json.dumps(copy.to_json()) == text
    for other in (space.sample(random) for _ in range(20)):
        assert (other in copy) == (other in seen)
    random.seed(seed)
    other_random = Random(seed)
    for _ in range(8):
        assert outcome(copy, other_random) == outcome(seen, random)


def outcome(seen: ProposedSet, random: Random) -> object:
    try:
        return seen.draw(random)
    except SpaceExhaustedError:
        return None


def test_addresses_are_written_once() -> None:
    space = subsets()
    seen = ProposedSet(space)
    draw_all(seen)
    data = seen.to_json()
    assert sorted(map(tuple, data["addresses"])) == [("chosen",), ("chosen", "extra")]
    assert len(data["values"]) == space.size
    assert all(isinstance(row[1], list) for row in data["values"])
