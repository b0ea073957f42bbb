"""Surrogates: from scored architectures to what others are expected to score. Importing this loads no torch.

Those that need it, `ensemble.MLPEnsemble`, `graph_network.GraphNetwork` and `botorch_process.BoTorchProcess`, are made
by `make_surrogate`.
"""

from archwright.surrogates.boosting import GradientBoosting
from archwright.surrogates.columns import Columns, JoinedColumns, ProxyReader, named_columns
from archwright.surrogates.features import Features, Group
from archwright.surrogates.forest import RandomForest
from archwright.surrogates.gaussian_process import GaussianProcess, fit_hyperparameters
from archwright.surrogates.graf import GRAF
from archwright.surrogates.graph_counts import GraphCounts
from archwright.surrogates.kernel import MixedKernel
from archwright.surrogates.neighbors import NearestNeighbors
from archwright.surrogates.paths import Paths, paths_of
from archwright.surrogates.posterior import Posterior, prior_hyperparameters
from archwright.surrogates.rank_metrics import (
    kendall,
    kendall_interval,
    ndcg,
    spearman,
    spearman_interval,
    top_k_regret,
)
from archwright.surrogates.registry import SURROGATES, Ranking, compare_surrogates, make_surrogate
from archwright.surrogates.surrogate import Prediction, Refitted, Surrogate

__all__ = [
    # The seam, and by name
    "SURROGATES",
    "Prediction",
    "Refitted",
    "Surrogate",
    "make_surrogate",
    # What they read
    "Columns",
    "Features",
    "GRAF",
    "GraphCounts",
    "Group",
    "JoinedColumns",
    "Paths",
    "ProxyReader",
    "named_columns",
    "paths_of",
    # The Gaussian process and its parts
    "GaussianProcess",
    "MixedKernel",
    "Posterior",
    "fit_hyperparameters",
    "prior_hyperparameters",
    # Trees and neighbours
    "GradientBoosting",
    "NearestNeighbors",
    "RandomForest",
    # How well they rank
    "Ranking",
    "compare_surrogates",
    "kendall",
    "kendall_interval",
    "ndcg",
    "spearman",
    "spearman_interval",
    "top_k_regret",
]
