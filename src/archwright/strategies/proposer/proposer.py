"""The seam of language models: messages in, text out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from archwright.errors import ArchwrightError

__all__ = ["Message", "NoAnswerError", "Proposer", "UnreachableError"]


@dataclass(frozen=True, slots=True)
class Message:
    """One message of a conversation.

    Args:
        role: Who says it.
        content: The text.
    """

    role: Literal["system", "user", "assistant"]
    content: str


class NoAnswerError(ArchwrightError):
    """There is no answer now; another time there may be one."""


class UnreachableError(NoAnswerError):
    """Nobody is there to answer, such as where no server listens."""


class Proposer(ABC):
    """Answers conversations, such as a language model. It need not answer the same twice.

    `ProposerSearch` writes the conversation and checks the answer, so that a proposer knows neither spaces nor trials.
    """

    @abstractmethod
    def answer(self, messages: Sequence[Message]) -> str:
        """The next message, the assistant's.

        Args:
            messages: Those before, the last one of the user.

        Raises:
            NoAnswerError: When there is none now. Another way is taken for this proposal.
            UnreachableError: When nobody is there. The search ends where there never was an answer.
            UsageError: When there will be none, such as for a wrong key. The same holds.
        """
