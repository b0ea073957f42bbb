from __future__ import annotations

import contextlib
import itertools
import json

import pytest

import archwright as aw
from archwright.errors import SearchError, SpaceExhaustedError, UsageError
from archwright.objectives import Objective
from archwright.strategies import make_strategy
from archwright.strategies.puzzle import EXCHANGE, Puzzle, exchanges_of
from archwright.trials import Candidate, Measurement, Trial, TrialState

LOSSES = {
    "a": {"own": 0, "half": 2, "none": 9},
    "b": {"own": 0, "half": 3, "none": 4},
    "c": {"own": 0, "half": 1},
}
PARAMS = {
    "a": {"own": 40, "half": 20, "none": 0},
    "b": {"own": 30, "half": 15, "none": 0},
    "c": {"own": 30, "half": 15},
}
OBJECTIVES = [Objective("accuracy"), Objective("params", limit=55, optimize=False)]


def blocks(**choices: str) -> dict[str, str]:
    return choices


def every() -> list[dict[str, str]]:
    return [dict(zip(LOSSES, values, strict=True)) for values in itertools.product(*LOSSES.values())]


def params(choice: dict[str, str]) -> int:
    return sum(PARAMS[name][value] for name, value in choice.items())


def space() -> aw.Space:
    decisions = {
        name: aw.categorical(list(known), name=name, default="own") for name, known in LOSSES.items()
    }
    return aw.Space(aw.layer(blocks, **decisions))


def measured(candidate: Candidate) -> dict[str, float]:
    chosen = candidate.architecture.items()
    params = sum(PARAMS[name][value] for name, value in chosen)
    return {
        "loss": 1.0 + sum(LOSSES[name][value] for name, value in chosen),
        "params": params,
        "accuracy": 0.5,
    }


def told(
    strategy: Puzzle, candidate: Candidate, number: int = 0, state: TrialState = TrialState.COMPLETED
) -> None:
    measurement = Measurement(measured(candidate)) if state is TrialState.COMPLETED else None
    strategy.tell(Trial(number, candidate, state=state, measurement=measurement))


def run(strategy: Puzzle) -> list[Candidate]:
    found: list[Candidate] = []
    with contextlib.suppress(SpaceExhaustedError):
        while (candidate := strategy.ask()) is not None:
            found.append(candidate)
            told(strategy, candidate, len(found))
    return found


def test_first_the_default_then_every_single_exchange_then_the_best_combinations_that_keep_the_limit() -> (
    None
):
    found = run(Puzzle(space(), OBJECTIVES, proposals=4))
    singles, combinations = found[:6], found[6:]
    assert all(one.fidelity == EXCHANGE for one in singles)
    assert singles[0].architecture == space().default
    assert [
        {name: value for name, value in one.architecture.items() if value != "own"} for one in singles[1:]
    ] == [{"a": "half"}, {"a": "none"}, {"b": "half"}, {"b": "none"}, {"c": "half"}]
    able = [one for one in every() if params(one) <= 55]
    best = sorted(sum(LOSSES[name][value] for name, value in one.items()) for one in able)[:4]
    assert [measured(one)["loss"] - 1 for one in combinations] == best
    assert all(one.fidelity is None and measured(one)["params"] <= 55 for one in combinations)


def test_nothing_is_proposed_before_all_exchanges_have_ended() -> None:
    strategy = Puzzle(space(), OBJECTIVES)
    asked = [strategy.ask() for _ in range(6)]
    assert strategy.ask() is None
    for number, one in enumerate(reversed(asked)):  # in any order
        assert one is not None
        told(strategy, one, number)
    assert strategy.ask() == run_to_first_combination()


def run_to_first_combination() -> Candidate:
    return run(Puzzle(space(), OBJECTIVES))[6]


def test_an_exchange_that_failed_is_no_alternative() -> None:
    strategy = Puzzle(space(), OBJECTIVES, proposals=3)
    for number in range(6):
        candidate = strategy.ask()
        assert candidate is not None
        failed = candidate.architecture["a"] == "half"
        told(strategy, candidate, number, TrialState.FAILED if failed else TrialState.COMPLETED)
    for _ in range(3):
        candidate = strategy.ask()
        assert candidate is not None
        assert candidate.architecture["a"] != "half"


def test_it_goes_on_from_its_state_at_every_moment() -> None:
    expected = run(Puzzle(space(), OBJECTIVES, proposals=3))
    for stop in range(len(expected)):
        first = Puzzle(space(), OBJECTIVES, proposals=3)
        for number in range(stop):
            candidate = first.ask()
            assert candidate is not None
            told(first, candidate, number)
        second = Puzzle(space(), OBJECTIVES, proposals=3)
        second.load_state_dict(json.loads(json.dumps(first.state_dict())))
        assert run(second) == expected[stop:]


def test_exchanges_of_a_search_give_a_whole_front_of_other_limits() -> None:
    scored = [(one.architecture, measured(one)) for one in run(Puzzle(space(), OBJECTIVES)) if one.fidelity]
    known = exchanges_of(scored, space())
    front = []
    for limit in range(100, 10, -5):
        bound = Objective("params", limit=limit, optimize=False)
        (best,) = known.propose(Objective("loss"), [bound], count=1)
        able = [one for one in every() if params(one) <= limit]
        assert sum(LOSSES[name][value] for name, value in best.items()) == min(
            sum(LOSSES[name][value] for name, value in one.items()) for one in able
        )
        assert params(best) <= limit
        front.append(known.estimate(best, "loss"))
    assert front == sorted(front)
    with pytest.raises(SearchError, match="could not be scored"):
        exchanges_of(scored[1:], space())


@pytest.mark.parametrize("factor", [0.8, 1.25])
def test_where_costs_do_not_add_up_the_limit_is_moved_until_enough_keep_it(factor: float) -> None:
    limit = Objective("params", limit=55, optimize=False)
    strategy = Puzzle(space(), [Objective("accuracy"), limit], proposals=3)
    kept, over = [], 0
    with contextlib.suppress(SpaceExhaustedError):
        while (candidate := strategy.ask()) is not None:
            metrics = measured(candidate)
            state = TrialState.COMPLETED
            if candidate.fidelity is None:
                metrics["params"] *= factor
                if limit.violation(metrics["params"]):
                    state = TrialState.INFEASIBLE
                    over += 1
                else:
                    kept.append(candidate)
            strategy.tell(Trial(0, candidate, state=state, measurement=Measurement(metrics)))
    assert len(kept) == len(set(kept)) == 3
    assert (over > 0) == (factor > 1)


def test_it_says_how_well_the_sums_order_what_was_trained() -> None:
    strategy = Puzzle(space(), OBJECTIVES, proposals=4)
    assert strategy.conclusions() == []
    run(strategy)  # whose losses do add up
    (told,) = strategy.conclusions()
    assert "orders 4 combinations of nearly one cost with the rank correlation 1.00" in told


def test_a_limit_that_nothing_keeps_is_told_with_what_can_be_reached() -> None:
    strategy = Puzzle(space(), [Objective("accuracy"), Objective("params", limit=10, optimize=False)])
    with pytest.raises(SearchError, match=r"params<=10, where 15 is the best"):
        run(strategy)


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(UsageError, match="at least 1 proposal"):
        Puzzle(space(), OBJECTIVES, proposals=0)
    with pytest.raises(UsageError, match="6 trials before the first combination, got a budget of 6"):
        Puzzle(space(), OBJECTIVES, configurations=6)
    with pytest.raises(UsageError, match="categorical"):
        Puzzle(aw.Space(aw.layer(blocks, a=aw.real(0, 1, name="a"))), OBJECTIVES)
    strategy = make_strategy(
        "puzzle", space(), [Objective("accuracy"), Objective("energy", "minimize", limit=1)]
    )  # type: ignore[arg-type]
    with pytest.raises(SearchError, match="give no 'energy'"):
        run(strategy)  # type: ignore[arg-type]
