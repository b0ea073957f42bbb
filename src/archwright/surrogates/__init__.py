"""Surrogates: from scored architectures to what others are expected to score. Importing this loads no torch."""

from archwright.surrogates.features import Features, Group
from archwright.surrogates.gaussian_process import GaussianProcess, Hyperparameters, fit_hyperparameters
from archwright.surrogates.kernel import MixedKernel
from archwright.surrogates.surrogate import Surrogate

__all__ = [
    # The seam
    "Surrogate",
    # What they read
    "Features",
    "Group",
    # The Gaussian process and its parts
    "GaussianProcess",
    "Hyperparameters",
    "MixedKernel",
    "fit_hyperparameters",
]
