"""What every proposer must keep."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

import pytest

from archwright.errors import SpaceExhaustedError
from archwright.spaces import Space
from archwright.strategies.proposer import Message, NoAnswerError, Proposer, ProposerSearch
from archwright.testing.toy_estimator import ToyEstimator
from archwright.testing.toy_spaces import TOY_SPACES
from archwright.trials import LocalTrial, Trial, TrialState

__all__ = ["ProposerContract"]

_TRIALS = 12


class ProposerContract:
    """Tests of a proposer.

    Attributes:
        make: From a space to a proposer. A model needs no space; a stand-in that answers without one may.
    """

    make: ClassVar[Callable[[Space], Proposer]]

    def test_it_answers_with_text_and_leaves_the_conversation_alone(self) -> None:
        """Any conversation has an answer, or there is none now; what it was given is as it was."""
        proposer = type(self).make(TOY_SPACES["flat"]())
        messages = [Message("system", "be brief"), Message("user", "hello")]
        before = list(messages)
        try:
            answer = proposer.answer(messages)
        except NoAnswerError as error:
            answer = str(error)
        assert isinstance(answer, str)
        assert messages == before

    @pytest.mark.parametrize("name", list(TOY_SPACES))
    def test_a_search_by_it_tries_what_is_new_and_of_the_space(self, name: str) -> None:
        """Whatever it says, every candidate is in the space, and none comes twice; nothing is lost from the count."""
        space = TOY_SPACES[name]()
        estimator = ToyEstimator(space)
        strategy = ProposerSearch(space, ToyEstimator.objectives[:1], type(self).make(space))
        seen = set()
        for number in range(_TRIALS):
            try:
                candidate = strategy.ask()
            except SpaceExhaustedError:
                break
            assert space.contains(candidate.architecture)
            seen.add(space.canonical(candidate.architecture))
            measured = estimator.estimate(candidate, LocalTrial())
            strategy.tell(Trial(number, candidate, TrialState.COMPLETED, measured))
            assert len(seen) == number + 1
        assert f"of {len(seen)} proposals" in strategy.conclusions()[0]
