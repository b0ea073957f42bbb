"""Given architectures first."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from archwright.errors import SpaceExhaustedError
from archwright.objectives import Objective
from archwright.spaces import Architecture, Space
from archwright.strategies import FixedStrategy, RandomSearch, Strategy, make_strategy
from archwright.testing.toy_spaces import flat, spellings
from archwright.trials import Candidate, Fidelity, Measurement, Trial, TrialState

SPACE = flat(2, 3)


class Repeating(Strategy):
    """Proposes the same architecture in all ways, then nothing for now."""

    def __init__(self, architecture: Architecture) -> None:
        self.told: list[int] = []
        self.ahead: list[Candidate | None] = [
            Candidate(architecture),
            Candidate(architecture, Fidelity(epochs=2)),
            Candidate(architecture),
            Candidate(architecture, parent=0, inherit="continue"),
            Candidate(architecture, parent=0),
            None,
        ]

    def ask(self, running: object = ()) -> Candidate | None:
        return self.ahead.pop(0)

    def tell(self, trial: Trial) -> None:
        self.told.append(trial.number)

    def state_dict(self) -> dict[str, object]:
        return {}

    def load_state_dict(self, state: dict[str, object]) -> None: ...


def test_alone_they_end() -> None:
    strategy = FixedStrategy(SPACE, [SPACE.sample(0), SPACE.sample(1)])
    assert [strategy.ask(), strategy.ask()] == [Candidate(SPACE.sample(0)), Candidate(SPACE.sample(1))]
    with pytest.raises(SpaceExhaustedError, match=r"every proposal was tried \(2 in all\)"):
        strategy.ask()


def test_spellings_of_one_network_are_asked_for_once() -> None:
    space = spellings()
    turned = [
        space.architecture({"d0": a, "d1": b, "d2": c}) for a, b, c in ((1, 2, 3), (3, 2, 1), (0, 0, 0))
    ]
    strategy = FixedStrategy(space, turned)
    assert [strategy.ask(), strategy.ask()] == [Candidate(turned[0]), Candidate(turned[2])]


def test_what_is_proposed_again_is_passed_over_but_not_a_new_look_at_it() -> None:
    given = SPACE.sample(0)
    inner = Repeating(given)
    strategy = FixedStrategy(SPACE, [given], inner)
    asked = [strategy.ask() for _ in range(4)]
    assert asked == [
        Candidate(given),
        Candidate(given, Fidelity(epochs=2)),
        Candidate(given, parent=0, inherit="continue"),
        None,
    ]
    strategy.tell(Trial(0, Candidate(given), TrialState.COMPLETED, Measurement({"score": 1.0})))
    assert inner.told == [0]


def test_the_source_is_not_called_before_it_is_needed() -> None:
    calls = []

    def source() -> Iterator[Architecture]:
        calls.append(1)
        yield from SPACE

    strategy = FixedStrategy(SPACE, source)
    strategy.load_state_dict(json.loads(json.dumps({"asked": 3, "then": None})))
    assert not calls
    assert strategy.ask() == Candidate(list(SPACE)[3])
    assert strategy.state_dict() == {"asked": 4, "then": None}


def test_evolution_breeds_from_what_it_was_given() -> None:
    space: Space = flat(6, 3)
    best = space.architecture({f"d{i}": 2 for i in range(6)})
    inner = make_strategy("local", space, [Objective("score", "maximize")], seed=1, initial=1)
    strategy = FixedStrategy(space, [best], inner)
    first = strategy.ask()
    assert first == Candidate(best)
    strategy.tell(Trial(0, first, TrialState.COMPLETED, Measurement({"score": 9.0})))
    strategy.ask()
    found = strategy.ask()
    assert found is not None
    assert found.parent == 0
    assert found.architecture in space.neighbors(best)


def test_random_search_goes_on_behind_it() -> None:
    strategy = FixedStrategy(SPACE, [SPACE.default], RandomSearch(SPACE, seed=3))
    proposed = [strategy.ask() for _ in range(9)]
    assert len({candidate.architecture for candidate in proposed if candidate}) == 9
