"""Language models propose: a seam, an HTTP endpoint, and the strategy that checks what comes."""

from archwright.strategies.proposer.endpoint import ChatEndpoint
from archwright.strategies.proposer.proposer import Message, NoAnswerError, Proposer, UnreachableError
from archwright.strategies.proposer.search import ProposerSearch, proposer_search

__all__ = [
    # The seam
    "Message",
    "NoAnswerError",
    "Proposer",
    "UnreachableError",
    # Behind HTTP
    "ChatEndpoint",
    # The strategy
    "ProposerSearch",
    "proposer_search",
]
