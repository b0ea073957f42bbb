"""The combination of formulas: what it recovers, how well it is calibrated, and on which scale."""

from __future__ import annotations

import numpy as np
import pytest

from archwright.errors import UsageError
from archwright.surrogates.curves import FORMULAS, Curve, ParametricCurves
from archwright.surrogates.curves.parametric import evaluate

EPOCHS = np.arange(1.0, 13.0)


def drawn(seed: int, last: int = 40) -> tuple[np.ndarray, np.ndarray, float]:
    """A noisy curve of one formula, its truth without noise, and its noise."""
    random = np.random.default_rng(seed)
    top, gap = random.uniform(0.6, 0.95), random.uniform(0.2, 0.5)
    x = np.arange(1.0, last + 1.0)
    truth = [
        top - gap * np.exp(-0.25 * x ** random.uniform(0.6, 1.0)),
        top - gap / (1.0 + (0.3 * x) ** random.uniform(0.8, 1.5)),
        top - gap * x ** -random.uniform(0.5, 1.2),
    ][seed % 3]
    noise = 0.01
    return truth + noise * random.standard_normal(len(x)), truth, noise


def test_the_combination_is_the_weighted_sum() -> None:
    random = np.random.default_rng(0)
    sizes = [len(formula.parameters) for formula in FORMULAS]
    parts = [[np.array(p.low + random.random() * (p.high - p.low)) for p in f.parameters] for f in FORMULAS]
    weights = random.dirichlet(np.ones(len(FORMULAS)))
    point = np.concatenate([*map(np.array, parts), np.log(3.0 * weights), [0.0]])[None]
    expected = sum(w * f.function(EPOCHS, *part) for w, f, part in zip(weights, FORMULAS, parts, strict=True))
    assert evaluate(point, EPOCHS)[0] == pytest.approx(expected)
    assert point.shape == (1, sum(sizes) + len(FORMULAS) + 1)


def test_noise_and_limit_of_a_long_curve_are_recovered() -> None:
    values, truth, noise = drawn(0, last=200)
    forecast = ParametricCurves(steps=200).forecast(Curve(np.arange(1.0, 101.0), values[:100]), 200)
    assert forecast is not None
    assert forecast.mean == pytest.approx(truth[-1], abs=0.02)
    # Some walkers stay with formulas that fit less well, and take what these leave for noise.
    assert 0.8 < np.median(forecast.deviations) / noise < 1.8


def test_forecasts_are_calibrated_on_synthetic_curves() -> None:
    model = ParametricCurves(steps=100)
    scores = []
    for seed in range(12):
        values, _, _ = drawn(seed)
        forecast = model.forecast(Curve(EPOCHS, values[:12]), 40)
        assert forecast is not None
        scores.append(float(forecast.probability_above(values[-1])))
    inside = np.mean([0.05 < score < 0.95 for score in scores])
    assert inside >= 0.75  # of .9 expected: 12 draws
    assert 0.25 < np.mean(scores) < 0.85  # formulas that grow without end make it hopeful


def test_the_sum_never_passes_what_is_possible() -> None:
    values, _, _ = drawn(1)
    forecast = ParametricCurves(steps=60).forecast(Curve(EPOCHS, values[:12]), 1000)
    assert forecast is not None
    assert forecast.means.max() <= 1.0


def test_a_loss_in_any_unit_is_extrapolated_alike() -> None:
    values, _, _ = drawn(2)
    losses = 3.0 * (1.0 - values[:12])
    model = ParametricCurves(steps=60)
    one, other = (model.forecast(Curve(EPOCHS, -unit * losses), 40) for unit in (1.0, 100.0))
    assert one is not None
    assert other is not None
    assert other.mean == pytest.approx(100.0 * one.mean, rel=1e-6)
    assert max(one.means) <= 0.0
    assert -one.mean < losses[-1] + 0.05


def test_the_same_curve_has_the_same_forecast_and_few_points_have_none() -> None:
    values, _, _ = drawn(4)
    curve = Curve(EPOCHS, values[:12])
    one, other = (ParametricCurves(steps=60).forecast(curve, 40) for _ in range(2))
    assert one is not None
    assert other is not None
    assert one.means.tolist() == other.means.tolist()
    assert ParametricCurves(minimum_points=13).forecast(curve, 40) is None


def test_a_curve_without_change_and_one_above_1_are_taken() -> None:
    flat = ParametricCurves(steps=60).forecast(Curve(EPOCHS, np.full(12, 0.1)), 40)
    assert flat is not None
    assert flat.mean == pytest.approx(0.1, abs=0.05)
    high = ParametricCurves(steps=60).forecast(Curve(EPOCHS, 50.0 * np.log(1.0 + EPOCHS)), 40)
    assert high is not None
    assert 100.0 < high.mean < 400.0


def test_wrong_numbers_are_told() -> None:
    with pytest.raises(UsageError, match="walkers >= 98"):
        ParametricCurves(walkers=50)
    with pytest.raises(UsageError, match="grow from 1"):
        Curve(np.array([2.0, 2.0]), np.zeros(2))
    with pytest.raises(UsageError, match="finite"):
        Curve(np.array([1.0, 2.0]), np.array([0.0, np.nan]))
    with pytest.raises(UsageError, match="a value per epoch"):
        Curve(np.array([1.0, 2.0]), np.zeros(3))


def test_a_curve_that_has_arrived_is_not_expected_to_rise() -> None:
    random = np.random.default_rng(0)
    x = np.arange(1.0, 21.0)
    values = 0.9 - 0.5 * np.exp(-0.6 * x) + 0.004 * random.standard_normal(20)
    forecast = ParametricCurves().forecast(Curve(x, values), 50)
    assert forecast is not None
    assert forecast.mean == pytest.approx(0.9, abs=0.015)
    assert 0.25 < forecast.probability_above(0.9) < 0.75
