"""Bayesian optimisation: a model of what was tried says what to try next. Importing this loads no torch."""

from archwright.strategies.bayesian.guided import GuidedSearch
from archwright.strategies.bayesian.hypervolume import BoTorchSearch, HypervolumeSearch
from archwright.strategies.bayesian.presets import BANANAS, ForestSearch
from archwright.strategies.bayesian.search import BayesianSearch

__all__ = [
    # A Gaussian process
    "BayesianSearch",
    # Any surrogate, and those that have a name
    "GuidedSearch",
    "BANANAS",
    "ForestSearch",
    # Those by BoTorch
    "BoTorchSearch",
    "HypervolumeSearch",
]
