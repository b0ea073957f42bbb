"""Estimators by name. An estimator's module is loaded when it is made."""

from __future__ import annotations

from archwright.estimators.estimator import Estimator
from archwright.registry import Entry, Registry

__all__ = ["ESTIMATORS"]

_HERE = "archwright.estimators"

ESTIMATORS = Registry[Estimator, Entry](
    "estimator",
    "archwright.estimators",
    {
        "morphism": Entry(
            f"{_HERE}.morphism.estimator:morphism",
            "trains children of earlier networks from what these computed, for a part of the epochs",
        ),
        "tabular": Entry(
            "archwright.benchmarks.references:tabular",  # a room above, loaded when the estimator is made
            "looks each network up in a table of networks that were trained before",
        ),
        "training": Entry(
            f"{_HERE}.training:Training",
            "trains each network from scratch by a recipe and scores it on the validation data",
        ),
        "weight_sharing": Entry(
            f"{_HERE}.weight_sharing:WeightSharing",
            "scores each network with the weights it inherits from a trained supernet",
        ),
    },
    positional=2,
    supplied=("recipe", "accelerator", "precision"),
    renamed={"Training": "training"},  # what the record of a run says where nothing was asked for
)
"""The estimators known by name: called with the space, the task and, where they take it, how a network is trained."""
