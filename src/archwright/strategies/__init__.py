"""Strategies: what to try next. No torch here."""

from archwright.strategies.evolution import NSGA2, Evolution, MuPlusLambda, RegularizedEvolution
from archwright.strategies.grid import GridSearch
from archwright.strategies.local_search import LocalSearch
from archwright.strategies.portfolio import Portfolio, fitting_strategy
from archwright.strategies.proposals import Proposals
from archwright.strategies.random_search import RandomSearch
from archwright.strategies.ranking import Score, dominates, score, standings
from archwright.strategies.registry import STRATEGIES, make_strategy
from archwright.strategies.strategy import Strategy

# fmt: off
__all__ = [
    # By name
    "STRATEGIES",
    # The strategies
    "Evolution", "GridSearch", "LocalSearch", "MuPlusLambda", "NSGA2", "Portfolio", "Proposals",
    "RandomSearch", "RegularizedEvolution",
    # Which trial is better
    "Score", "dominates",
    # The seam
    "Strategy", "fitting_strategy", "make_strategy", "score", "standings",
]
# fmt: on
