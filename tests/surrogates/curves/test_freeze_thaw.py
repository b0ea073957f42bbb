"""The freeze-thaw process: equal to the dense computation, and what it learns from other curves."""

from __future__ import annotations

import math

import numpy as np
import pytest

from archwright.errors import UsageError
from archwright.surrogates.curves import Curve, FreezeThaw, FreezeThawPosterior, Hyperparameters

H = Hyperparameters(mean=0.3, limit=1.2, length=0.8, own=0.2, transient=1.5, alpha=1.3, beta=2.0, noise=0.1)


def curves() -> list[Curve]:
    random = np.random.default_rng(0)
    epochs = [
        np.arange(1.0, 9.0),
        np.arange(1.0, 6.0),
        np.array([2.0, 3.0, 7.0]),
        np.array([1.0]),
        np.array([2.0, 3.0]),
        np.arange(1.0, 9.0),
    ]
    return [Curve(x, random.standard_normal(len(x))) for x in epochs]


def distances(count: int) -> np.ndarray:
    places = np.random.default_rng(1).standard_normal((count, 2))
    return np.sqrt(((places[:, None] - places[None]) ** 2).sum(-1))


def dense(
    known: list[Curve], between: np.ndarray, which: int, later: np.ndarray
) -> tuple[np.ndarray, np.ndarray, float]:
    """Mean, variance and log density by one matrix over all points, entry by entry."""
    points = [(i, t) for i, curve in enumerate(known) for t in curve.epochs]
    asked = [(which, t) for t in later]

    def kernel(one: tuple[int, float], other: tuple[int, float]) -> float:
        (i, s), (j, t) = one, other
        d = math.sqrt(5.0) * between[i, j] / H.length
        value = H.limit**2 * (1.0 + d + d * d / 3.0) * math.exp(-d)
        if i == j:
            value += H.own**2 + H.transient**2 * (H.beta / (s + t + H.beta)) ** H.alpha
        return value

    y = np.concatenate([curve.values for curve in known]) - H.mean
    inner = np.array([[kernel(p, q) for q in points] for p in points]) + (H.noise**2 + 1e-10) * np.eye(len(y))
    cross = np.array([[kernel(p, q) for q in asked] for p in points])
    own = np.array([kernel(p, p) for p in asked]) + H.noise**2
    solved = np.linalg.solve(inner, cross)
    density = -0.5 * (y @ np.linalg.solve(inner, y) + np.linalg.slogdet(2.0 * math.pi * inner)[1])
    return H.mean + solved.T @ y, own - (cross * solved).sum(0), float(density)


@pytest.mark.parametrize("which", range(6))
def test_the_posterior_is_that_of_the_dense_computation(which: int) -> None:
    known, between = curves(), distances(6)
    posterior = FreezeThawPosterior(known, between, H)
    later = np.array([9.0, 20.0, 1000.0])
    mean, variance = posterior.predict(which, later)
    expected, spread, density = dense(known, between, which, later)
    assert mean == pytest.approx(expected, abs=1e-6)
    assert variance == pytest.approx(spread, abs=1e-6)
    assert posterior.likelihood == pytest.approx(density, abs=1e-6)


def synthetic(count: int, seed: int = 0) -> list[Curve]:
    """Curves whose limit is a function of one decision; one that begins lower ends higher."""
    random = np.random.default_rng(seed)
    epochs = np.arange(1.0, 31.0)
    made = []
    for _ in range(count):
        width = int(random.integers(1, 9))
        top = 0.5 + 0.05 * width
        values = top - 0.4 * np.exp(-epochs / 8.0) + 0.004 * random.standard_normal(30)
        made.append(Curve(epochs, values, {"width": width, "kind": "conv"}))
    return made


def test_other_architectures_tell_where_a_curve_goes() -> None:
    known = synthetic(16)
    model = FreezeThaw()
    scores, offs = [], []
    for curve in synthetic(10, seed=1):
        forecast = model.forecast(curve.until(3), 30, known)
        assert forecast is not None
        scores.append((curve.values[-1] - forecast.mean) / forecast.deviation)
        offs.append((curve.values[-1] - forecast.mean, curve.values[-1] - curve.values[2]))
    error, last_value = np.sqrt(np.mean(np.square(offs), axis=0))
    assert error < 0.3 * last_value
    assert np.abs(scores).max() < 4.0


def test_the_forecast_depends_on_its_arguments_alone() -> None:
    known, curve = synthetic(8), synthetic(1, seed=5)[0].until(4)
    used = FreezeThaw(steps=5)
    used.forecast(curve.until(2), 30, known[:5])
    used.forecast(curve.until(3), 30, known)
    one, other = used.forecast(curve, 30, known), FreezeThaw(steps=5).forecast(curve, 30, known)
    assert one is not None
    assert other is not None
    assert one.mean == other.mean
    assert one.deviation == other.deviation


def test_there_is_no_forecast_without_others() -> None:
    curve = synthetic(1)[0]
    assert FreezeThaw().forecast(curve.until(5), 30) is None
    assert FreezeThaw(minimum_points=6).forecast(curve.until(5), 30, synthetic(3)) is None
    with pytest.raises(UsageError, match="at least 1"):
        FreezeThaw(steps=0)


def test_curves_without_decisions_and_more_of_them_than_are_looked_at_are_taken() -> None:
    bare = [Curve(curve.epochs, curve.values) for curve in synthetic(6)]
    forecast = FreezeThaw(most_curves=3, steps=3).forecast(bare[0].until(5), 30, bare[1:])
    assert forecast is not None
    assert 0.4 < forecast.mean < 1.1


def test_curves_that_were_cut_are_learned_from() -> None:
    random = np.random.default_rng(2)
    epochs = np.arange(1.0, 31.0)

    def curve(top: float) -> Curve:
        return Curve(epochs, top - 0.4 * np.exp(-epochs / 8.0) + 0.004 * random.standard_normal(30))

    whole = [curve(0.9), curve(0.905)]
    cut = [curve(top).until(6) for top in random.uniform(0.5, 0.85, 10)]
    judged = curve(0.7)
    with_cut = FreezeThaw().forecast(judged.until(6), 30, [*whole, *cut])
    without = FreezeThaw().forecast(judged.until(6), 30, whole)
    assert with_cut is not None
    assert without is not None
    # What the two best have in common says that all end so.
    assert with_cut.deviation > without.deviation
    assert abs(judged.values[-1] - with_cut.mean) < 2.0 * with_cut.deviation
