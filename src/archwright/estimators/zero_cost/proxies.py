"""The table of proxies: what each of them reads off a probe, and how its parts are joined."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from archwright.errors import TrialError, UsageError, did_you_mean
from archwright.estimators.zero_cost.activations import jacob_cov, linear_regions, naswot, swap
from archwright.estimators.zero_cost.aggregation import Aggregation, rank_aggregate
from archwright.estimators.zero_cost.features import (
    BlockFeatures,
    expressivity,
    progressivity,
    trainability,
    zen,
)
from archwright.estimators.zero_cost.functions import (
    FISHER_SPECTRUM,
    FUNCTION_OUTPUTS,
    fisher_spectrum,
    function_outputs,
)
from archwright.estimators.zero_cost.gradients import fisher, grad_norm, grasp, plain, snip, synflow, zico
from archwright.estimators.zero_cost.kernels import ntk_condition, vkdnw
from archwright.estimators.zero_cost.probe import Probe

__all__ = [
    "ALL",
    "FEATURES",
    "PROXIES",
    "Parts",
    "Proxy",
    "known_proxies",
    "population_scores",
    "read_proxies",
]

ALL = "zero_cost"
"""What the joint score of several proxies is called."""

Parts = Mapping[str, Mapping[str, float]]
"""What was read off one network: name of a proxy to its parts."""

Cheap = Mapping[str, float]
"""Name of a built-in meter to its number."""


@dataclass(frozen=True)
class Proxy:
    """One published score.

    Args:
        names: Of its parts.
        parts: From the probe, and what meters say of the network, to the numbers of these names, the higher the better.
        joined: How the ranks of several parts in a population are joined; None where there is one part.
        batches: How many minibatches it reads.
    """

    names: tuple[str, ...]
    parts: Callable[[Probe, Cheap], dict[str, float]]
    joined: Aggregation | None = None
    batches: int = 1


def _one(name: str, function: Callable[[Probe], float], batches: int = 1) -> Proxy:
    return Proxy((name,), lambda probe, cheap: {name: function(probe)}, batches=batches)


def _meter(name: str) -> Proxy:
    return Proxy((name,), lambda probe, cheap: {name: float(cheap[name])})


def _te_nas(probe: Probe, cheap: Cheap) -> dict[str, float]:
    return {"ntk_condition": ntk_condition(probe), "linear_regions": linear_regions(probe)}


def _az_nas(probe: Probe, cheap: Cheap) -> dict[str, float]:
    features = BlockFeatures(probe)
    return {
        "expressivity": expressivity(features),
        "progressivity": progressivity(features),
        "trainability": trainability(features),
        "complexity": float(cheap["flops"]),
    }


PROXIES: dict[str, Proxy] = {
    "synflow": _one("synflow", synflow),
    "snip": _one("snip", snip),
    "grasp": _one("grasp", grasp),
    "fisher": _one("fisher", fisher),
    "grad_norm": _one("grad_norm", grad_norm),
    "plain": _one("plain", plain),
    "jacob_cov": _one("jacob_cov", jacob_cov),
    "naswot": _one("naswot", naswot),
    "zen": _one("zen", zen),
    "zico": _one("zico", zico, batches=2),
    "te_nas": Proxy(("ntk_condition", "linear_regions"), _te_nas, joined="sum"),
    "swap": _one("swap", swap),
    "az_nas": Proxy(("expressivity", "progressivity", "trainability", "complexity"), _az_nas, joined="log"),
    "vkdnw": _one("vkdnw", vkdnw),
    "params": _meter("params"),
    "flops": _meter("flops"),
}
"""The proxies by name. The last two are the baselines that the others have to beat."""

FEATURES: dict[str, Proxy] = {
    "aquasurf": Proxy(
        (*FISHER_SPECTRUM, *FUNCTION_OUTPUTS),
        lambda probe, cheap: fisher_spectrum(probe) | function_outputs(probe),
    ),
    "aquasurf_fisher": Proxy(FISHER_SPECTRUM, lambda probe, cheap: fisher_spectrum(probe)),
    "aquasurf_outputs": Proxy(FUNCTION_OUTPUTS, lambda probe, cheap: function_outputs(probe)),
}
"""What surrogates read of networks (`columns=`), though it ranks none by itself."""


def known_proxies(names: Iterable[str]) -> dict[str, Proxy]:
    """The proxies of these names.

    Raises:
        UsageError: When one is unknown, stands twice, or there is none.
    """
    given, known = list(names), {**PROXIES, **FEATURES}
    for name in given:
        if name not in known:
            raise UsageError(f"unknown proxy {name!r}.{did_you_mean(name, known)}")
    if not given or len(set(given)) != len(given):
        raise UsageError(f"expected one or more proxies, each once, got {', '.join(given) or 'none'}")
    return {name: known[name] for name in given}


def read_proxies(
    proxies: Mapping[str, Proxy], probe: Probe, cheap: Cheap, size: tuple[float, float] | None = None
) -> tuple[dict[str, dict[str, float]], dict[str, str]]:
    """What proxies say of one network.

    Args:
        proxies: Name to proxy.
        probe: The network.
        cheap: What the built-in meters say of it.
        size: μ and σ by which `swap` is regularised; None leaves it plain.

    Returns:
        Name to its parts, and name to the reason for those that are not defined for the network, or raised an error.
    """
    found: dict[str, dict[str, float]] = {}
    undefined: dict[str, str] = {}
    for name, proxy in proxies.items():
        chosen = (
            _one("swap", partial(swap, mean=size[0], spread=size[1])) if name == "swap" and size else proxy
        )
        try:
            found[name] = chosen.parts(probe, cheap)
        except TrialError as error:
            undefined[name] = str(error)
        except Exception as error:  # a network's own code, or a proxy of the user's, raises what it likes
            undefined[name] = f"{name}: {type(error).__name__}: {error}"
    return found, undefined


def population_scores(
    proxies: Mapping[str, Proxy], networks: Sequence[Parts]
) -> dict[str, NDArray[np.float64]]:
    """The scores of a population's networks: what one network cannot be given alone where ranks are joined.

    Args:
        proxies: Name to proxy.
        networks: What was read off each; without those proxies that are not defined for it.

    Returns:
        Name to one number a network, the higher the better: the proxy's own where it has one part, and not a number
        where it is not defined; the joined ranks of its parts; and `ALL` for several proxies, the sum of the logarithms
        of their ranks.
    """
    scores: dict[str, NDArray[np.float64]] = {}
    for name, proxy in proxies.items():
        parts = dict.fromkeys(part for network in networks for part in network.get(name, {}))
        columns = {
            part: np.array([network.get(name, {}).get(part, math.nan) for network in networks])
            for part in parts
        }
        if not columns:
            scores[name] = np.full(len(networks), math.nan)
        elif proxy.joined is None:
            (scores[name],) = columns.values()
        else:
            scores[name] = rank_aggregate(columns, proxy.joined)
    return scores if len(scores) == 1 else {**scores, ALL: rank_aggregate(scores)}
