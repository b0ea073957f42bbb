"""Search by a language model: the contract, conversations, what is told back, and what happens instead."""

from __future__ import annotations

import json
from collections.abc import Sequence
from random import Random
from zlib import crc32

import pytest

from archwright.errors import SpaceError, UsageError
from archwright.objectives import Direction, Objective
from archwright.spaces import Space
from archwright.strategies import FixedStrategy, make_strategy
from archwright.strategies.proposer import (
    Message,
    NoAnswerError,
    Proposer,
    ProposerSearch,
    UnreachableError,
)
from archwright.strategies.proposer.conversation import described_space, read_architecture
from archwright.testing import ProposerContract, StrategyContract, toy_spaces
from archwright.testing.chat_server import scripted_chat
from archwright.trials import Measurement, Trial, TrialState

SCORE = Objective("score", Direction.MAXIMIZE)
LIMIT = Objective("cost", Direction.MINIMIZE, limit=2.0)


class Guesser(Proposer):
    """A stand-in that knows the space: what it answers depends on the conversation alone; a third is nonsense."""

    def __init__(self, space: Space, nonsense: int = 3) -> None:
        self.space, self.nonsense = space, nonsense

    def answer(self, messages: Sequence[Message]) -> str:
        random = Random(crc32(repr(messages).encode()))
        kind = random.randrange(self.nonsense) if self.nonsense else 1
        if kind == 0:
            return random.choice(["I cannot.", '{"depth": ', '{"no such": 1}', "[1, 2]"])
        text = json.dumps(self.space.to_json(self.space.sample(random)))
        return text if kind == 1 else f"Here you are:\n```json\n{text}\n```"


def guessing(space: Space, objectives: Sequence[Objective], *, seed: int) -> ProposerSearch:
    return ProposerSearch(space, objectives, Guesser(space) if isinstance(space, Space) else None, seed=seed)


@pytest.mark.sampled(4)
class TestProposerSearch(StrategyContract):
    make = guessing


@pytest.mark.sampled(2)
class TestGuesser(ProposerContract):
    make = Guesser


class Script(Proposer):
    """Says what it is given, one after another; keeps the conversations."""

    def __init__(self, *answers: str | Exception) -> None:
        self.answers, self.heard = list(answers), list[Sequence[Message]]()

    def answer(self, messages: Sequence[Message]) -> str:
        self.heard.append(list(messages))
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


def completed(strategy: ProposerSearch, number: int, score: float) -> dict[str, object]:
    candidate = strategy.ask()
    strategy.tell(
        Trial(number, candidate, TrialState.COMPLETED, Measurement({"score": score, "cost": 1.0 + number}))
    )
    return dict(candidate.architecture)


def space() -> Space:
    return toy_spaces.conditional()


def written(seed: int) -> str:
    return json.dumps(space().to_json(space().sample(seed)))


def test_the_model_is_shown_the_space_what_counts_and_what_was_tried() -> None:
    script = Script(written(0), written(1), written(3))
    strategy = ProposerSearch(space(), [SCORE, LIMIT], script)
    assert completed(strategy, 0, 0.25) == dict(space().sample(0))
    completed(strategy, 1, 0.5)
    strategy.ask()
    first, _, third = (heard[-1].content for heard in script.heard)
    assert "Nothing was tried so far" in first
    assert all(f"{json.dumps(address)}: " in first for address in space().decisions)
    assert "score: the larger, the better; cost must be at most 2" in first
    assert f"{written(0)} -> score 0.25, cost 1" in third
    assert f"{written(1)} -> score 0.5, cost 2" in third
    assert strategy.conclusions() == ["proposer: 3 of 3 proposals are the model's"]


def test_what_cannot_be_taken_is_told_back() -> None:
    script = Script(written(0), "no", written(0), written(3))
    strategy = ProposerSearch(space(), [SCORE], script)
    completed(strategy, 0, 0.1)
    assert completed(strategy, 1, 0.2) == dict(space().sample(3))
    roles = [message.role for message in script.heard[-1]]
    assert roles == ["system", "user", "assistant", "user", "assistant", "user"]
    told = [message.content for message in script.heard[-1] if message.role == "user"]
    assert "expected one JSON object of decisions and values" in told[1]
    assert "proposed before; give another one" in told[2]
    assert strategy.remarks() == []
    assert "2 answers could not be taken and were told back" in strategy.conclusions()[0]


def test_after_so_many_the_best_is_mutated_and_the_log_says_so() -> None:
    script = Script(written(0), *["no"] * 3, NoAnswerError("too busy"))
    strategy = ProposerSearch(space(), [SCORE], script, retries=2)
    best = space().sample(0)
    completed(strategy, 0, 1.0)
    for number in (1, 2):
        made = completed(strategy, number, 0.0)
        assert space().contains(made)
        assert made != dict(best)
        assert len(made.items() & best.items()) >= 1
    first, second = strategy.remarks()
    assert "3 answers in a row could not be taken, the last since expected one JSON object" in first
    assert "the model gave no answer (too busy); going on without it" in second
    assert strategy.remarks() == []
    assert strategy.conclusions() == [
        "proposer: 1 of 3 proposals are the model's; 3 answers could not be taken and were told back; "
        "2 proposals came from mutation or chance instead; 1 time there was no answer"
    ]


def test_a_model_that_never_answered_ends_the_search() -> None:
    strategy = ProposerSearch(space(), [SCORE], Script(UnreachableError("refused")))
    with pytest.raises(UsageError, match="never answered: refused; start it, or correct base_url"):
        strategy.ask()


def test_what_an_earlier_session_asked_for_is_adopted() -> None:
    earlier = ProposerSearch(space(), [SCORE], Script(written(0), written(1)))
    asked = [earlier.ask(), earlier.ask()]
    script = Script(written(1), written(4))
    later = FixedStrategy(space(), [asked[0].architecture], ProposerSearch(space(), [SCORE], script))
    assert not later.repeatable
    for candidate in asked:
        later.adopt(candidate)
    assert script.heard == []
    assert later.ask().architecture == space().sample(4)
    assert "1 are of an earlier session" in later.conclusions()[0]


def test_an_answer_may_name_decisions_that_are_not_active() -> None:
    full = {address: decision.default() for address, decision in space().decisions.items()}
    made = read_architecture(f'Sure: {{"architecture": {json.dumps(full)}}} and so on', space())
    assert space().contains(made)
    assert len(made) < len(full)


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        ("none {", "expected one JSON object"),
        ('{"dept": 1}', "no decision has the address 'dept'"),
        ("{}", "is active but has no value"),
    ],
)
def test_what_is_wrong_with_an_answer(answer: str, told: str) -> None:
    with pytest.raises(SpaceError, match=told):
        read_architecture(answer, space())


def test_a_value_that_cannot_be_is_told() -> None:
    address = next(iter(space().sample(0)))
    with pytest.raises(SpaceError, match="cannot be 'huge'"):
        read_architecture(json.dumps({**dict(space().sample(0)), address: "huge"}), space())


def test_conditions_are_told() -> None:
    text = described_space(space())
    assert "only where" in text or "only for some values" in text


def test_the_command_s_options_reach_a_server() -> None:
    flat = toy_spaces.flat(3, 3)
    seeds = iter(range(100))

    def script(messages: list[dict[str, str]]) -> str:
        return json.dumps(flat.to_json(flat.sample(next(seeds))))

    with scripted_chat(script) as server:
        strategy = make_strategy("proposer", flat, [SCORE], base_url=server.url, model="m", history=4)
        made = {strategy.ask().architecture for _ in range(5)}
    assert len(made) == 5
    assert all(request["model"] == "m" for request in server.requests)
    shown = server.requests[-1]["messages"][1]["content"]
    assert shown.count("not finished yet") == 4


@pytest.mark.parametrize("options", [{"history": 0}, {"retries": -1}])
def test_wrong_options_are_told(options: dict[str, int]) -> None:
    with pytest.raises(UsageError, match="history >= 1 and retries >= 0"):
        ProposerSearch(space(), [SCORE], Script(), **options)
