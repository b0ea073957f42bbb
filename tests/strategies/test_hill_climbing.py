from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from random import Random
from typing import Any

import pytest

import archwright as aw
from archwright.errors import UsageError
from archwright.spaces.zoo import make_space
from archwright.strategies import RegularizedEvolution
from archwright.strategies.growth import grown, is_larger
from archwright.strategies.hill_climbing import HillClimbing
from archwright.testing import StrategyContract, ToyEstimator
from archwright.testing.toy_spaces import flat
from archwright.trials import Candidate, Measurement, Trial, TrialState

SCORE = ToyEstimator.objectives[:1]


@pytest.mark.sampled(3)
class TestHillClimbing(StrategyContract):
    make = HillClimbing


@pytest.mark.sampled(4)
class TestSeveralBeginningsAndChanges(StrategyContract):
    make = partial(HillClimbing, initial=3, children=2, changes=3)


@pytest.mark.sampled(2)
class TestEvolutionThatInherits(StrategyContract):
    make = partial(RegularizedEvolution, population_size=4, tournament_size=2, inherit=True)


def run(strategy: HillClimbing, scores: Sequence[float | None], first: int = 0) -> list[Candidate]:
    """Ask and tell in turn; None fails."""
    asked = []
    for number, score in enumerate(scores, first):
        asked.append(strategy.ask())
        state = TrialState.FAILED if score is None else TrialState.COMPLETED
        strategy.tell(Trial(number, asked[-1], state, Measurement({"score": score or 0.0})))
    return asked


def test_goes_on_from_the_best_of_a_network_and_its_children() -> None:
    """The climb of Elsken et al. 2017, algorithm 1, by hand: three children a step."""
    strategy = HillClimbing(flat(8, 9), SCORE, children=3)
    asked = run(strategy, [0.5, 0.4, 0.7, 0.6, 0.65, 0.6, 0.5, 0.9, None, 0.8, 0.1])
    parents = [candidate.parent for candidate in asked]
    assert parents == [None, 0, 0, 0, 2, 2, 2, 2, 2, 2, 7]
    assert [c.inherit for c in asked] == ["nothing", *["morph"] * 10]


def test_a_beginning_that_failed_is_made_anew() -> None:
    assert [c.parent for c in run(HillClimbing(flat(8, 3), SCORE), [None, 0.5, 0.1])] == [None, None, 1]


def test_a_child_that_ends_late_still_counts() -> None:
    strategy = HillClimbing(flat(8, 9), SCORE, children=2)
    run(strategy, [0.5])
    late = [strategy.ask() for _ in range(3)]
    for number, score in ((1, 0.6), (2, 0.4), (3, 0.9)):
        strategy.tell(Trial(number, late[number - 1], TrialState.COMPLETED, Measurement({"score": score})))
    assert strategy.needed() == {1, 3}
    run(strategy, [0.2], first=4)
    assert strategy.ask().parent == 3


def test_only_networks_that_may_still_be_grown_are_needed() -> None:
    strategy = HillClimbing(flat(8, 9), SCORE, children=2)
    run(strategy, [0.5, 0.4])
    assert strategy.needed() == {0, 1}
    run(strategy, [0.6], first=2)
    assert strategy.needed() == {2}
    assert RegularizedEvolution(flat(8, 3), SCORE).needed() == set()


@pytest.mark.parametrize("option", ["initial", "children", "changes"])
def test_options_below_one_are_refused(option: str) -> None:
    with pytest.raises(UsageError, match=f"hill climbing: expected {option} >= 1, got 0"):
        HillClimbing(flat(2, 2), SCORE, **{option: 0})


DEPTH = aw.integer(1, 3, name="depth")
SPACE = aw.Space(
    aw.layer(
        dict,
        width=aw.integer(1, 9, name="width"),
        skips=aw.subset(4, name="skips"),
        kind=aw.choice("a", "b", name="kind"),
        more=[aw.repeat(lambda i: aw.layer(dict, n=aw.integer(1, 3, name="n")), DEPTH, name="more")],
    )
)
BEFORE = {"width": 5, "skips": (1,), "kind": "a", "more.depth": 2}


def at(**values: Any) -> aw.Architecture:
    wanted: dict[str, Any] = {**BEFORE, **values}
    return SPACE.complete(lambda address, decision: wanted.get(address, decision.default()))


@pytest.mark.parametrize(
    ("after", "larger"),
    [
        ({"width": 6}, True),
        ({"width": 4}, False),
        ({"skips": (1, 3)}, True),
        ({"skips": ()}, False),
        ({"skips": (2,)}, False),
        ({"kind": "b"}, True),
        ({"more.depth": 3}, True),
        ({"more.depth": 1}, False),
        ({"width": 6, "skips": (0,)}, False),
    ],
)
def test_what_is_larger(after: dict[str, Any], larger: bool) -> None:
    assert is_larger(SPACE.decisions, at(), at(**after)) is larger


def test_growing_ends_where_nothing_is_larger() -> None:
    space = aw.Space(aw.layer(dict, a=aw.integer(1, 4, name="a"), b=aw.integer(1, 3, name="b")))
    architecture, steps = space.architecture({"a": 1, "b": 1}), 0
    while (larger := grown(space, architecture, Random(steps))) is not None:
        architecture, steps = larger, steps + 1
    assert dict(architecture) == {"a": 4, "b": 3}
    assert steps == 5


def test_what_only_moves_does_not_grow() -> None:
    """In a chain, a pooling one layer later is the same network in another order."""
    space = make_space("chain", (1, 16, 16), 3, kernel_sizes=(3,), operations=("conv",))
    architecture, pools, steps = space.default, set(), 0
    while steps < 16 and (larger := grown(space, architecture, Random(steps))) is not None:
        changed = {address for address in larger if larger[address] != architecture.get(address)}
        assert changed
        assert not changed <= {address for address in larger if "pool_" in address}
        architecture, steps = larger, steps + 1
        pools.add(larger["layers.pool_0"])
    assert steps > 10
    assert pools == {space.default["layers.pool_0"]}
    only = {address: architecture[address] for address in architecture if "pool_" not in address}
    assert grown(space.fix(only), architecture, Random(0)) is None  # though both poolings may move on


def test_a_new_part_is_like_the_one_before_it() -> None:
    def body(i: int) -> Any:
        width = aw.integer(8 * 2**i, 64, step=8 * 2**i, name="width")
        return aw.layer(dict, width=width, kind=aw.choice("a", "b", name="kind"))

    space = aw.Space(aw.layer(dict, parts=[aw.repeat(body, aw.integer(1, 3, name="depth"), name="parts")]))
    first = {"parts.depth": 1, "parts.0.width": 64, "parts.0.kind": "b"}
    seen = {tuple(grown(space, space.architecture(first), Random(i)).items()) for i in range(20)}
    assert any(dict(each).get("parts.depth") == 2 for each in seen)
    for each in seen:
        if dict(each)["parts.depth"] == 2:
            assert dict(each)["parts.1.width"] == 64
            assert dict(each)["parts.1.kind"] == "b"
    narrow = space.architecture({**first, "parts.0.width": 24})
    deeper = [grown(space, narrow, Random(i)) for i in range(20)]
    assert {child["parts.1.width"] for child in deeper if child["parts.depth"] == 2} == {32}
