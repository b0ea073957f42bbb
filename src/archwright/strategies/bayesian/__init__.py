"""Bayesian optimisation: a model of what was tried says what to try next. Importing this loads no torch.

One engine, `SurrogateSearch`, has three parts: a model of what was tried, a source of candidates and an acquisition
function. The presets choose them.
"""

from archwright.strategies.bayesian.acquisition import (
    HypervolumeImprovement,
    expected_improvement,
    thompson_sampling,
)
from archwright.strategies.bayesian.candidates import CandidateSource, Mutants
from archwright.strategies.bayesian.models import ConstrainedModel, RefittedModel
from archwright.strategies.bayesian.presets import (
    bananas,
    bayesian_search,
    botorch_search,
    forest_search,
    hypervolume_search,
    neighbors_search,
    surrogate_search,
)
from archwright.strategies.bayesian.process import PooledProcess
from archwright.strategies.bayesian.search import SurrogateSearch

__all__ = [
    # The engine
    "SurrogateSearch",
    # Its presets
    "bananas",
    "bayesian_search",
    "botorch_search",
    "forest_search",
    "hypervolume_search",
    "neighbors_search",
    "surrogate_search",
    # Its parts
    "CandidateSource",
    "ConstrainedModel",
    "HypervolumeImprovement",
    "Mutants",
    "PooledProcess",
    "RefittedModel",
    "expected_improvement",
    "thompson_sampling",
]
