"""Ranks, Wilcoxon's test and Holm's correction."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from archwright.benchmarks import holm, rank_strategies
from archwright.errors import UsageError


def test_holm_on_a_worked_example() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([]) == []


@given(st.lists(st.floats(0.0, 1.0), min_size=1, max_size=12))
def test_holm_rejects_what_the_step_down_rejects(p_values: list[float]) -> None:
    corrected = holm(p_values)
    assert all(p <= q <= 1.0 for p, q in zip(p_values, corrected, strict=True))
    level = 0.05
    rejected = set()
    order = sorted(range(len(p_values)), key=lambda i: p_values[i])
    for step, i in enumerate(order):
        if p_values[i] * (len(p_values) - step) > level:
            break
        rejected.add(i)
    assert {i for i, q in enumerate(corrected) if q <= level} == rejected


def test_strategies_are_ranked_by_their_mean_rank() -> None:
    regrets = np.array([[3.0, 3.0, 3.0, 1.0], [1.0, 1.0, 1.0, 1.0], [2.0, 2.0, 2.0, 2.0]])
    ranking = rank_strategies(["a", "b", "c"], regrets)
    assert ranking.ranks == {"b": 1.125, "c": 2.25, "a": 2.625}
    assert [(pair.better, pair.worse) for pair in ranking.pairs] == [("b", "c"), ("b", "a"), ("c", "a")]
    assert (ranking.pairs[1].wins, ranking.pairs[1].ties) == (3, 1)


def test_the_sign_test_of_few_seeds_by_hand() -> None:
    # All 5 differences of one sign: the exact two-sided p is 2 / 2^5.
    ranking = rank_strategies(["a", "b"], np.array([[1.0, 2.0, 3.0, 4.0, 5.0], [2.0, 4.0, 6.0, 8.0, 10.0]]))
    assert ranking.pairs[0].p == pytest.approx(2 / 2**5)


def test_equals_are_no_finding() -> None:
    ranking = rank_strategies(["a", "b"], np.ones((2, 9)))
    assert ranking.ranks == {"a": 1.5, "b": 1.5}
    assert ranking.pairs[0].p == 1.0


def test_the_shape_is_checked() -> None:
    with pytest.raises(UsageError, match=r"shape \(2, seeds\)"):
        rank_strategies(["a", "b"], np.ones((3, 2)))
