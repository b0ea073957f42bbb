"""Bayesian optimisation: a model of what was tried says what to try next."""

from archwright.strategies.bayesian.search import BayesianSearch

__all__ = ["BayesianSearch"]
