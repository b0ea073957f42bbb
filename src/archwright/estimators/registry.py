"""Estimators by name. An estimator's module is loaded when it is made."""

from __future__ import annotations

from archwright.estimators.estimator import Estimator
from archwright.registry import Entry, Registry

__all__ = ["ESTIMATORS"]

_HERE = "archwright.estimators"

_PROXIES = {
    "synflow": "scores each untrained network by the flow of its weights from inputs of ones to the outputs",
    "snip": "scores each untrained network by what its weights are worth to the loss of one batch",
    "grasp": "scores each untrained network by what its weights are worth to the gradient of one batch",
    "fisher": "scores each untrained network by the Fisher information of its channels on one batch",
    "grad_norm": "scores each untrained network by the norm of the gradient of one batch",
    "plain": "scores each untrained network by the gradient of one batch along the weights",
    "jacob_cov": "scores each untrained network by how little the gradients by its inputs correlate",
    "naswot": "scores each untrained network by how differently its ReLUs answer to the examples of one batch",
    "zen": "scores each untrained network by what noise changes in its features, scaled by its batch norms",
    "zico": "scores each untrained network by the mean of gradients over their deviation between two batches",
    "te_nas": "scores each untrained network by its tangent kernel's condition and its linear regions",
    "swap": "scores each untrained network by how many of its ReLUs' patterns on one batch are distinct",
    "az_nas": "scores each untrained network by expressivity, progressivity, trainability and FLOPs",
    "vkdnw": "scores each untrained network by the spectrum of the Fisher information of its weights",
    "params": "scores each network by its number of parameters: the baseline",
    "flops": "scores each network by its floating-point operations: the baseline",
}

ESTIMATORS = Registry[Estimator, Entry](
    "estimator",
    "archwright.estimators",
    {
        "anchors": Entry(
            f"{_HERE}.anchors:Anchors",
            "trains each candidate in several networks of other families (EvoNorm)",
        ),
        "learning_curve": Entry(
            f"{_HERE}.learning_curve:LearningCurve",
            "trains each network for some epochs and extrapolates its learning curve to the last one",
        ),
        "calibrated": Entry(
            f"{_HERE}.calibrated:Calibrated",
            "scores each network with the weights it comes with, after calibration on training examples",
        ),
        "cascade": Entry(
            f"{_HERE}.cascade:Cascade",
            "scores each network by proxies, then in a short training, and trains the best of each stage on",
        ),
        "morphism": Entry(
            f"{_HERE}.morphing:morphism",
            "trains children of earlier networks from what these computed, for a part of the epochs",
        ),
        "puzzle": Entry(
            f"{_HERE}.puzzle:Puzzle",
            "trains an exchanged block against the one in its place, and distils combinations from the user's network",
        ),
        "programs": Entry(
            f"{_HERE}.programs:ProgramTraining",
            "trains programs by their own Learn on several tasks: for the space automl_zero",
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
        **{name: Entry(f"{_HERE}.zero_cost.named:{name}", summary) for name, summary in _PROXIES.items()},
        "zero_cost": Entry(
            f"{_HERE}.zero_cost:ZeroCost", "scores each untrained network by its ranks under several proxies"
        ),
    },
    positional=2,
    supplied=("recipe", "accelerator", "devices", "precision", "threads", "folder"),
    renamed={"Training": "training"},  # what the record of a run says where nothing was asked for
)
"""The estimators known by name: called with the space, the task and, where they take it, how a network is trained."""
