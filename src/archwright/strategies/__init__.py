"""Strategies: what to try next. No torch here."""

from archwright.strategies.evolution import Evolution, RegularizedEvolution
from archwright.strategies.grid import GridSearch
from archwright.strategies.proposals import Proposals
from archwright.strategies.random_search import RandomSearch
from archwright.strategies.ranking import Score, score, standings
from archwright.strategies.registry import STRATEGIES, Entry, make_strategy
from archwright.strategies.strategy import Strategy

__all__ = [
    # By name
    "STRATEGIES",
    "Entry",
    # The strategies
    "Evolution",
    "GridSearch",
    "Proposals",
    "RandomSearch",
    "RegularizedEvolution",
    # Which trial is better
    "Score",
    # The seam
    "Strategy",
    "make_strategy",
    "score",
    "standings",
]
