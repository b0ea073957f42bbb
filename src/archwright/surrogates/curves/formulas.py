"""The eleven formulas of learning curves of Domhan et al. 2015 (IJCAI, table 1), on accuracies that rise with epochs.

Each is written so that it rises for all parameters within its bounds: where the paper has a lower level β beneath the
limit α, here stands their difference γ = α - β >= 0. Parameters of scale are given by their logarithm.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["FORMULAS", "Formula", "Parameter"]

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter of a formula.

    Args:
        name: As in the formula.
        low: Smallest value.
        high: Largest value.
        start: Where a fit begins; None for a level, which begins at the largest value of the curve.
    """

    name: str
    low: float
    high: float
    start: float | None


@dataclass(frozen=True, slots=True)
class Formula:
    """A formula of learning curves.

    Args:
        name: The paper's.
        parameters: In the order of the function's arguments.
        function: From epochs x >= 1 and the parameters, which broadcast, to values.
        limit: From the parameters to the value at infinity; `inf` where it grows without end.
    """

    name: str
    parameters: tuple[Parameter, ...]
    function: Callable[..., Array]
    limit: Callable[..., Array]


def _logarithm(name: str, low: float, high: float, start: float) -> Parameter:
    return Parameter(f"log_{name}", float(np.log(low)), float(np.log(high)), float(np.log(start)))


def _level(name: str) -> Parameter:
    return Parameter(name, 0.0, 2.0, None)


def _first(level: Array, *_: Array) -> Array:
    return level


def _pow3(x: Array, c: Array, a: Array, log_alpha: Array) -> Array:
    made: Array = c - a * np.exp(-np.exp(log_alpha) * np.log(x))
    return made


def _pow4(x: Array, c: Array, log_a: Array, b: Array, log_alpha: Array) -> Array:
    return c - (np.exp(log_a) * x + b) ** -np.exp(log_alpha)


def _log_power(x: Array, a: Array, b: Array, log_minus_c: Array) -> Array:
    return a / (1.0 + np.exp(-np.exp(log_minus_c) * (np.log(x) - b)))


def _weibull(x: Array, alpha: Array, gamma: Array, log_kappa: Array, log_delta: Array) -> Array:
    return alpha - gamma * np.exp(-np.exp(np.exp(log_delta) * (log_kappa + np.log(x))))


def _mmf(x: Array, alpha: Array, gamma: Array, log_kappa: Array, log_delta: Array) -> Array:
    made: Array = alpha - gamma / (1.0 + np.exp(np.exp(log_delta) * (log_kappa + np.log(x))))
    return made


def _janoschek(x: Array, alpha: Array, gamma: Array, log_kappa: Array, log_delta: Array) -> Array:
    made: Array = alpha - gamma * np.exp(-np.exp(log_kappa + np.exp(log_delta) * np.log(x)))
    return made


def _ilog2(x: Array, c: Array, a: Array) -> Array:
    return c - a / np.log1p(x)


def _hill3(x: Array, theta: Array, log_eta: Array, log_kappa: Array) -> Array:
    return theta / (1.0 + np.exp(np.exp(log_eta) * (log_kappa - np.log(x))))


def _vapor_pressure(x: Array, a: Array, minus_b: Array, c: Array) -> Array:
    return np.exp(a - minus_b / x + c * np.log(x))


def _loglog(x: Array, a: Array, b: Array) -> Array:
    made: Array = np.log(a * np.log(x) + b)
    return made


def _exp4(x: Array, c: Array, log_a: Array, b: Array, log_alpha: Array) -> Array:
    made: Array = c - np.exp(b - np.exp(log_a + np.exp(log_alpha) * np.log(x)))
    return made


_GAP = Parameter("gamma", 0.0, 2.0, 0.5)

FORMULAS: tuple[Formula, ...] = (
    Formula(
        "pow3",
        (_level("c"), Parameter("a", 0.0, 2.0, 0.5), _logarithm("alpha", 1e-2, 5.0, 0.7)),
        _pow3,
        _first,
    ),
    Formula(
        "pow4",
        (
            _level("c"),
            _logarithm("a", 1e-3, 1e2, 1.0),
            Parameter("b", 0.0, 10.0, 1.0),
            _logarithm("alpha", 1e-2, 5.0, 0.7),
        ),
        _pow4,
        _first,
    ),
    Formula(
        "log_power",
        (_level("a"), Parameter("b", -5.0, 10.0, 0.5), _logarithm("minus_c", 0.05, 5.0, 0.7)),
        _log_power,
        _first,
    ),
    Formula(
        "weibull",
        (_level("alpha"), _GAP, _logarithm("kappa", 1e-4, 10.0, 0.2), _logarithm("delta", 0.1, 5.0, 0.7)),
        _weibull,
        _first,
    ),
    Formula(
        "mmf",
        (_level("alpha"), _GAP, _logarithm("kappa", 1e-4, 10.0, 0.3), _logarithm("delta", 0.1, 5.0, 1.0)),
        _mmf,
        _first,
    ),
    Formula(
        "janoschek",
        (_level("alpha"), _GAP, _logarithm("kappa", 1e-4, 10.0, 0.3), _logarithm("delta", 0.1, 5.0, 0.7)),
        _janoschek,
        _first,
    ),
    Formula("ilog2", (_level("c"), Parameter("a", 0.0, 2.0, 0.4)), _ilog2, _first),
    Formula(
        "hill3",
        (_level("theta"), _logarithm("eta", 0.05, 5.0, 0.7), _logarithm("kappa", 1e-3, 1e3, 1.0)),
        _hill3,
        _first,
    ),
    Formula(
        "vapor_pressure",
        (
            Parameter("a", -5.0, 0.7, -0.3),
            Parameter("minus_b", 0.0, 10.0, 0.7),
            Parameter("c", 0.0, 0.5, 0.02),
        ),
        _vapor_pressure,
        lambda a, minus_b, c: np.where(c > 0.0, np.inf, np.exp(a)),
    ),
    Formula(
        "loglog",
        (Parameter("a", 0.0, 3.0, 0.2), Parameter("b", 0.3, 5.0, 1.5)),
        _loglog,
        lambda a, b: np.where(a > 0.0, np.inf, np.log(b)),
    ),
    Formula(
        "exp4",
        (
            _level("c"),
            _logarithm("a", 1e-3, 10.0, 0.7),
            Parameter("b", -5.0, 3.0, 0.0),
            _logarithm("alpha", 0.05, 3.0, 0.6),
        ),
        _exp4,
        _first,
    ),
)
"""`pow3`, `pow4`, `log_power`, `weibull`, `mmf`, `janoschek`, `ilog2`, `hill3`, `vapor_pressure`, `loglog`, `exp4`."""
