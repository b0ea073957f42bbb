"""Strategies: what to try next. No torch here."""

from archwright.strategies.auto import AutoStrategy, fitting_strategy
from archwright.strategies.evolution import NSGA2, Evolution, MuPlusLambda, RegularizedEvolution
from archwright.strategies.fixed_strategy import FixedStrategy
from archwright.strategies.grid import GridSearch
from archwright.strategies.local_search import LocalSearch
from archwright.strategies.random_search import RandomSearch
from archwright.strategies.ranking import Score, dominates, rank_keys, score
from archwright.strategies.registry import STRATEGIES, make_strategy
from archwright.strategies.seeded_strategy import SeededStrategy
from archwright.strategies.strategy import Strategy

# fmt: off
__all__ = [
    # By name
    "STRATEGIES",
    # The strategies
    "Evolution", "GridSearch", "LocalSearch", "MuPlusLambda", "NSGA2", "AutoStrategy", "FixedStrategy",
    "RandomSearch", "RegularizedEvolution",
    # Which trial is better
    "Score", "dominates",
    # The seam
    "SeededStrategy", "Strategy", "fitting_strategy", "make_strategy", "score", "rank_keys",
]
# fmt: on
