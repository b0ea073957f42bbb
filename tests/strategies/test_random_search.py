from __future__ import annotations

from archwright.strategies import RandomSearch
from archwright.testing import StrategyContract
from archwright.testing.toy_spaces import flat
from archwright.trials import Candidate, Trial, TrialState


class TestRandomSearch(StrategyContract):
    make = RandomSearch


def test_another_seed_gives_other_architectures() -> None:
    def first(seed: int) -> list[Candidate]:
        strategy = RandomSearch(flat(10, 5), seed=seed)
        return [strategy.ask() for _ in range(10)]

    assert not set(first(0)) & set(first(1))
    assert not set(first(5)) & set(first(-5))


def test_an_ask_depends_on_its_position_alone() -> None:
    space = flat(20, 5)
    strategy = RandomSearch(space, seed=3)
    sixth = [strategy.ask() for _ in range(6)][-1]
    other = RandomSearch(space, seed=3)
    other.load_state_dict({"asked": 5, "seen": {"addresses": [], "values": []}})
    assert other.ask() == sixth


def test_a_trial_from_elsewhere_is_not_proposed_again() -> None:
    space = flat(2, 2)
    strategy = RandomSearch(space)
    elsewhere = space.sample(0)
    strategy.tell(Trial(0, Candidate(elsewhere), TrialState.FAILED))
    assert elsewhere not in {strategy.ask().architecture for _ in range(3)}
