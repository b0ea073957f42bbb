"""The formulas of learning curves: the paper's, their limits, and that they rise."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from archwright.surrogates.curves import FORMULAS, Formula

BY_NAME = {formula.name: formula for formula in FORMULAS}
SHARES = st.lists(st.floats(0.0, 1.0), min_size=4, max_size=4)


def parameters(formula: Formula, shares: list[float]) -> list[float]:
    """Parameters at shares of the way between their bounds."""
    return [p.low + s * (p.high - p.low) for p, s in zip(formula.parameters, shares, strict=False)]


@pytest.mark.parametrize("formula", FORMULAS, ids=lambda f: f.name)
@given(shares=SHARES)
def test_a_formula_rises_for_all_parameters(formula: Formula, shares: list[float]) -> None:
    x = np.geomspace(1.0, 1e4, 60)
    values = formula.function(x, *parameters(formula, shares))
    assert np.isfinite(values).all()
    assert (np.diff(values) >= -1e-9 * np.abs(values[1:])).all()


@pytest.mark.parametrize("formula", FORMULAS, ids=lambda f: f.name)
@given(shares=SHARES)
def test_a_formula_goes_to_its_limit_from_below(formula: Formula, shares: list[float]) -> None:
    chosen = parameters(formula, shares)
    limit = float(formula.limit(*chosen))
    late = float(formula.function(np.array(1e9), *chosen))
    if math.isinf(limit):
        return
    assert late <= limit + 1e-9
    fast = {p.name: s for p, s in zip(formula.parameters, chosen, strict=True)}
    # One that is slow may be anywhere yet; one whose powers are 1 and more has arrived.
    powers = [
        math.exp(v) for n, v in fast.items() if n in ("log_alpha", "log_delta", "log_eta", "log_minus_c")
    ]
    if all(power >= 1.0 for power in powers) and formula.name != "ilog2":
        assert late == pytest.approx(limit, abs=1e-3)


def test_one_that_grows_slowly_arrives_too() -> None:
    slow = BY_NAME["ilog2"]
    distances = [0.7 - float(slow.function(np.array(x), 0.7, 0.4)) for x in (1e3, 1e6, 1e12)]
    assert distances == pytest.approx([0.4 / math.log1p(x) for x in (1e3, 1e6, 1e12)])


def paper(name: str, x: float) -> tuple[float, tuple[float, ...]]:
    """The value by the formula of the paper's table at some parameters, and the same parameters as ours."""
    log = math.log
    c, a, alpha, b = 0.9, 0.6, 0.8, 0.3
    top, low, kappa, delta = 0.9, 0.2, 0.4, 0.7
    ours: dict[str, tuple[float, tuple[float, ...]]] = {
        "pow3": (c - a * x**-alpha, (c, a, log(alpha))),
        "pow4": (c - (a * x + b) ** -alpha, (c, log(a), b, log(alpha))),
        "log_power": (a / (1 + (x / math.exp(b)) ** -alpha), (a, b, log(alpha))),
        "weibull": (
            top - (top - low) * math.exp(-((kappa * x) ** delta)),
            (top, top - low, log(kappa), log(delta)),
        ),
        "mmf": (top - (top - low) / (1 + (kappa * x) ** delta), (top, top - low, log(kappa), log(delta))),
        "janoschek": (
            top - (top - low) * math.exp(-kappa * x**delta),
            (top, top - low, log(kappa), log(delta)),
        ),
        "ilog2": (c - a / log(1 + x), (c, a)),
        "hill3": (top * x**delta / (kappa**delta + x**delta), (top, log(delta), log(kappa))),
        "vapor_pressure": (math.exp(-a - b / x + 0.05 * log(x)), (-a, b, 0.05)),
        "loglog": (log(a * log(x) + 1.5), (a, 1.5)),
        "exp4": (c - math.exp(-a * x**alpha + b), (c, log(a), b, log(alpha))),
    }
    return ours[name]


@pytest.mark.parametrize("formula", FORMULAS, ids=lambda f: f.name)
@pytest.mark.parametrize("x", [1.0, 2.0, 17.0, 400.0])
def test_a_formula_is_that_of_the_paper(formula: Formula, x: float) -> None:
    expected, chosen = paper(formula.name, x)
    assert float(formula.function(np.array(x), *map(np.array, chosen))) == pytest.approx(expected)
