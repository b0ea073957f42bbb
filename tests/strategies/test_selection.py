from __future__ import annotations

import itertools
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archwright.errors import SearchError
from archwright.objectives import Direction, Objective
from archwright.strategies.selection import Exchanges

WHOLE = st.integers(0, 50)


@st.composite
def libraries(draw: st.DrawFn) -> Exchanges:
    """A few blocks with a few alternatives each, the own one among them."""
    base = {"loss": 0.0, "params": 1000.0, "flops": 2000.0}
    effects = {}
    for block in range(draw(st.integers(1, 4))):
        effects[f"b{block}"] = {"own": base}
        for one in range(draw(st.integers(1, 3))):
            loss, params, flops = (draw(WHOLE) for _ in range(3))
            effects[f"b{block}"][f"a{one}"] = {
                "loss": float(loss),
                "params": 1000.0 - params,
                "flops": 2000.0 - flops,
            }
    return Exchanges(base, effects)


def brute_force(library: Exchanges, limits: list[Objective], metric: str = "loss") -> list[float]:
    """The sums of all combinations that keep the limits, in rising order, without the solver."""
    sums = []
    for chosen in itertools.product(*(known.values() for known in library.effects.values())):
        total = {
            name: value + sum(one[name] - value for one in chosen) for name, value in library.base.items()
        }
        if all(total[limit.name] <= limit.limit for limit in limits):  # type: ignore[operator]
            sums.append(total[metric])
    return sorted(sums)


@settings(max_examples=25, deadline=None)
@given(libraries(), st.integers(0, 120), st.integers(0, 120), st.integers(1, 12))
def test_the_best_combinations_are_those_of_brute_force(
    library: Exchanges, params: int, flops: int, count: int
) -> None:
    limits = [
        Objective("params", limit=1000.0 - params, optimize=False),
        Objective("flops", limit=2000.0 - flops, optimize=False),
    ]
    expected = brute_force(library, limits)
    if not expected:
        with pytest.raises(SearchError, match=r"where \d+ is the best"):
            library.propose(Objective("loss"), limits, count)
        return
    found = library.propose(Objective("loss"), limits, count)
    assert [library.estimate(one, "loss") for one in found] == expected[:count]
    assert len({tuple(sorted(one.items())) for one in found}) == len(found)
    for one in found:
        assert all(library.estimate(one, limit.name) <= limit.limit for limit in limits)  # type: ignore[operator]


def test_what_is_known_already_is_not_proposed_again() -> None:
    base = {"loss": 0.0}
    effects = {f"b{i}": {"own": base, "other": {"loss": float(2**i)}} for i in range(4)}
    library = Exchanges(base, effects)
    first = library.propose(Objective("loss"), [], count=5)
    later = library.propose(Objective("loss"), [], count=20, without=first)
    assert [library.estimate(one, "loss") for one in [*first, *later]] == list(range(16))


def test_a_score_that_is_maximised_and_a_limit_from_below() -> None:
    base = {"accuracy": 0.9, "speed": 1.0}
    library = Exchanges(
        base,
        {
            "a": {"own": base, "fast": {"accuracy": 0.8, "speed": 3.0}},
            "b": {"own": base, "fast": {"accuracy": 0.85, "speed": 3.0}},
        },
    )
    best, *rest = library.propose(
        Objective("accuracy"), [Objective("speed", Direction.MAXIMIZE, limit=2.5)], count=5
    )
    assert best == {"a": "own", "b": "fast"}
    assert rest == [{"a": "fast", "b": "own"}, {"a": "fast", "b": "fast"}]


def test_without_limits_the_own_blocks_are_best_where_every_exchange_costs() -> None:
    base = {"loss": 1.0}
    effects = {f"b{i}": {"own": base, "other": {"loss": 1.0 + 0.1 * (i + 1)}} for i in range(3)}
    found = Exchanges(base, effects).propose(Objective("loss"), [], count=3)
    assert [sorted(name for name, one in choice.items() if one == "other") for choice in found] == [
        [],
        ["b0"],
        ["b1"],
    ]
    assert math.isclose(Exchanges(base, effects).estimate(found[2], "loss"), 1.2)
