"""The sampler: moments that are known, and that scales and correlations do not matter."""

from __future__ import annotations

import numpy as np
import pytest

from archwright.errors import UsageError
from archwright.surrogates.curves import sample_ensemble


def normal(inverse: np.ndarray, centre: np.ndarray):
    return lambda points: -0.5 * np.einsum("ni,ij,nj->n", points - centre, inverse, points - centre)


@pytest.mark.parametrize("exchange", [0.0, 0.5, 1.0])
def test_moments_of_a_correlated_normal_distribution(exchange: float) -> None:
    random = np.random.default_rng(0)
    mixing = np.array([[1.0, 0.0, 0.0], [30.0, 1.0, 0.0], [0.5, -0.2, 0.01]])
    covariance, centre = mixing @ mixing.T, np.array([5.0, -300.0, 0.2])
    start = centre + random.standard_normal((40, 3)) @ mixing.T * 0.1
    chain, accepted = sample_ensemble(
        normal(np.linalg.inv(covariance), centre), start, 2500, random, exchange=exchange
    )
    draws = chain[500:].reshape(-1, 3)
    errors = np.sqrt(np.diag(covariance))
    assert np.abs((draws.mean(0) - centre) / errors).max() < 0.1
    assert np.cov(draws.T) == pytest.approx(covariance, rel=0.12)
    assert 0.2 < accepted < 0.9


def test_an_affine_map_of_the_start_maps_the_chain() -> None:
    start = np.random.default_rng(1).standard_normal((8, 2))
    mixing, shift = np.array([[3.0, 1.0], [-2.0, 0.5]]), np.array([7.0, -1.0])
    plain, _ = sample_ensemble(
        lambda p: -0.5 * (p**2).sum(1), start, 50, np.random.default_rng(2), exchange=0.3
    )
    inverse = np.linalg.inv(mixing).T
    mapped, _ = sample_ensemble(
        lambda p: -0.5 * (((p - shift) @ inverse) ** 2).sum(1),
        start @ mixing.T + shift,
        50,
        np.random.default_rng(2),
        exchange=0.3,
    )
    assert mapped == pytest.approx(plain @ mixing.T + shift, abs=1e-6)


def test_a_density_with_an_edge_is_kept_inside() -> None:
    random = np.random.default_rng(3)
    start = random.random((20, 1))
    inside = lambda p: np.where((p[:, 0] >= 0) & (p[:, 0] <= 1), 0.0, -np.inf)  # noqa: E731
    chain, _ = sample_ensemble(inside, start, 2000, random)
    draws = chain[200:].ravel()
    assert draws.min() >= 0.0
    assert draws.max() <= 1.0
    assert np.histogram(draws, 4, (0.0, 1.0))[0] / len(draws) == pytest.approx(np.full(4, 0.25), abs=0.02)


def test_too_few_walkers_and_an_impossible_start_are_told() -> None:
    with pytest.raises(UsageError, match="at least 8 walkers in 3 dimensions, got 6"):
        sample_ensemble(lambda p: p.sum(1), np.zeros((6, 3)), 5, np.random.default_rng(0))
    with pytest.raises(UsageError, match="the density is 0"):
        sample_ensemble(lambda p: np.full(len(p), -np.inf), np.zeros((8, 3)), 5, np.random.default_rng(0))
