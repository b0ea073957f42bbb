"""Gains and intervals of rankings, computed in another way."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import kendalltau, spearmanr
from sklearn.metrics import ndcg_score

from archwright.errors import UsageError
from archwright.surrogates import kendall_interval, ndcg, spearman_interval

Interval = Callable[[Any, Any], tuple[float, float]]
PAIRS = st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), min_size=2, max_size=15)


@given(PAIRS, st.integers(1, 20))
def test_ndcg_is_that_of_scikit_learn_on_the_same_gains(pairs: list[tuple[int, int]], k: int) -> None:
    predicted, true = (np.array(column, dtype=float) for column in zip(*pairs, strict=True))
    found = ndcg(predicted, true, k)
    if true.min() == true.max():
        assert math.isnan(found)
        return
    gains = 2 ** ((true - true.min()) / (true.max() - true.min())) - 1
    assert found == pytest.approx(ndcg_score([gains], [predicted], k=k))
    assert ndcg(true, true, k) == pytest.approx(1)
    assert ndcg(3 * predicted - 1, 5 * true + 2, k) == pytest.approx(found)


def test_ndcg_by_hand() -> None:
    worst = 1 / math.log2(4) / 1  # gain 1 at the third place, of relevance 1, and 0 before it
    assert ndcg([3, 2, 1], [0, 0, 1], 3) == pytest.approx(worst)
    assert ndcg([3, 2, 1], [0, 0, 1], 2) == 0
    with pytest.raises(UsageError, match="k >= 1"):
        ndcg([1, 2], [1, 2], 0)


def test_intervals_by_hand() -> None:
    predicted, true = np.arange(8.0), np.array([1.0, 0, 3, 2, 5, 4, 7, 6])
    rho, tau = spearmanr(predicted, true).statistic, kendalltau(predicted, true).statistic
    for interval, correlate, found, variance in (
        (spearman_interval, lambda *pair: spearmanr(*pair).statistic, rho, (1 + rho**2 / 2) / 5),
        (kendall_interval, lambda *pair: kendalltau(*pair).statistic, tau, esscher(tau, 8)),
    ):
        every = np.arange(8)
        left = [math.atanh(correlate(predicted[every != i], true[every != i])) for i in every]
        jackknife = 7 / 8 * np.sum((left - np.mean(left)) ** 2)
        z, half = math.atanh(found), 1.959963984540054 * math.sqrt(max(variance, jackknife))
        fisher = 1.959963984540054 / math.sqrt(5)
        low, high = interval(predicted, true)
        wide = math.tanh(z + half) - math.tanh(z - half)
        widest = 1.3 * (math.tanh(z + fisher) - math.tanh(z - fisher))
        assert high - low == pytest.approx(min(wide, widest))
        assert math.atanh(high) + math.atanh(low) == pytest.approx(2 * z)


def esscher(tau: float, n: int) -> float:
    """The variance of artanh(τ), from the probability that two pairs are concordant with the same third one."""
    both = 1 / 9 - (2 / math.pi * math.asin(math.sin(math.pi * tau / 2) / 2)) ** 2
    return (2 / (n * (n - 1)) * (1 - tau**2 + 2 * (n - 2) * both)) / (1 - tau**2) ** 2


@pytest.mark.parametrize("interval", [spearman_interval, kendall_interval])
def test_a_perfect_order_of_few_networks_shows_little(interval: Interval) -> None:
    lows = [interval(range(n), range(n))[0] for n in (5, 10, 20, 40)]
    assert lows == sorted(lows)
    assert lows[0] < 0.3
    assert lows[-1] > 0.97
    few = [3.0, 1, 2, 5, 4, 6]
    low, high = interval(range(6), few)
    assert interval(range(5, -1, -1), few) == pytest.approx((-high, -low))
    assert interval([1, 2, 3, 4], [1, 2, 3, 4]) == interval([1] * 9, range(9)) == (-1, 1)


@pytest.mark.parametrize("n", [12, 30])
@pytest.mark.parametrize("correlation", [0.0, 0.5, 0.9])
def test_intervals_cover_the_truth_of_normal_pairs(correlation: float, n: int) -> None:
    """The true correlations are ρ = 6 arcsin(r / 2) / π and τ = 2 arcsin(r) / π (Kruskal 1958)."""
    rng = np.random.default_rng(n)
    rho, tau = 6 * math.asin(correlation / 2) / math.pi, 2 * math.asin(correlation) / math.pi
    hits = np.zeros(2)
    for _ in range(200):
        x, noise = rng.standard_normal((2, n))
        y = correlation * x + math.sqrt(1 - correlation**2) * noise
        low, high = spearman_interval(x, y)
        hits[0] += low <= rho <= high
        low, high = kendall_interval(x, y)
        hits[1] += low <= tau <= high
    assert (hits >= 0.9 * 200).all(), hits
