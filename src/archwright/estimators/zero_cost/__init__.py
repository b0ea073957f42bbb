"""Zero-cost proxies: scores of a network as it is built, from one or two minibatches and no training.

- `estimator`, `named`: the estimator of one or several proxies, and each by its name; `columns`: of a surrogate.
- `proxies`: the table, with parts and how they are joined; `aggregation`: ranks in a population.
- `gradients`, `activations`, `kernels`, `features`, `functions`: the formulas, each with its source.
- `probe`, `recording`: the passes that proxies share, and what is seen of the network meanwhile.
"""

from __future__ import annotations

from archwright.estimators.zero_cost.aggregation import Aggregation, rank_aggregate
from archwright.estimators.zero_cost.columns import ProxyColumns
from archwright.estimators.zero_cost.estimator import ZeroCost, ZeroCostPopulation
from archwright.estimators.zero_cost.probe import Probe
from archwright.estimators.zero_cost.proxies import (
    FEATURES,
    PROXIES,
    Proxy,
    population_scores,
    read_proxies,
)

__all__ = [
    "Aggregation",
    "FEATURES",
    "PROXIES",
    "Probe",
    "Proxy",
    "ProxyColumns",
    "ZeroCost",
    "ZeroCostPopulation",
    "population_scores",
    "rank_aggregate",
    "read_proxies",
]
