"""The compiled forest: every split against all that there are, and the whole beside scikit-learn's."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archwright.errors import UsageError
from archwright.surrogates import RandomForest, spearman
from archwright.surrogates.forest import _binned
from archwright.surrogates.tree_kernels import grow, predict
from archwright.testing import ToyEstimator
from archwright.testing.toy_spaces import flat, reals

Arrays = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]


def grown(rows: np.ndarray, values: np.ndarray, weights: np.ndarray, tried: int, seed: int = 0) -> Arrays:
    trees, nodes = len(weights), 2 * len(rows)
    states = np.random.default_rng(seed).integers(2**64, size=trees, dtype=np.uint64)
    forest = (
        np.zeros((trees, nodes), np.int32),
        np.zeros((trees, nodes)),
        np.zeros((trees, nodes), np.int32),
        np.zeros((trees, nodes)),
    )
    grow(*_binned(rows), values, weights, states, tried, *forest)
    return forest


def asked(rows: np.ndarray, forest: Arrays) -> np.ndarray:
    votes = np.empty((len(forest[0]), len(rows)))
    predict(rows, *forest, votes)
    return votes


def gain(values: np.ndarray, weights: np.ndarray, right: np.ndarray) -> float:
    """By how much the squared error falls, from its definition."""

    def error(chosen: np.ndarray) -> float:
        mean = np.average(values[chosen], weights=weights[chosen])
        return float((weights[chosen] * (values[chosen] - mean) ** 2).sum())

    return error(np.ones(len(values), dtype=bool)) - error(right) - error(~right)


def table(seed: int, count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rows of two one-hot decisions, a number and a constant, with values and weights, some of them 0."""
    drawn = np.random.default_rng(seed)
    hot = np.hstack([np.eye(3)[drawn.integers(3, size=count)] for _ in range(2)])
    rows = np.hstack([hot, drawn.integers(12, size=(count, 1)) / 11, np.ones((count, 1))])
    weights = drawn.integers(3, size=count).astype(np.float64)
    weights[0] = 1.0
    return rows, drawn.integers(4, size=count).astype(np.float64), weights


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000), count=st.integers(2, 40))
def test_every_split_is_the_best_there_is(seed: int, count: int) -> None:
    rows, values, weights = table(seed, count)
    forest = grown(rows, values, weights[None], rows.shape[1])
    column, threshold, left, mean = (array[0] for array in forest)
    open_nodes = [(0, np.flatnonzero(weights))]
    while open_nodes:
        node, members = open_nodes.pop()
        some, own, weight = rows[members], values[members], weights[members]
        assert mean[node] == pytest.approx(np.average(own, weights=weight))
        gains = [
            gain(own, weight, some[:, i] > at)
            for i in range(rows.shape[1])
            for at in np.unique(some[:, i])[:-1]
        ]
        if left[node] == 0:
            assert np.ptp(own) == 0.0 or not gains
            continue
        right = some[:, column[node]] > threshold[node]
        assert gain(own, weight, right) == pytest.approx(max(gains), abs=1e-9)
        below, above = some[~right, column[node]].max(), some[right, column[node]].min()
        assert threshold[node] == pytest.approx((below + above) / 2)
        open_nodes += [(left[node], members[~right]), (left[node] + 1, members[right])]


def test_what_it_says_is_the_mean_of_the_leaf() -> None:
    rows, values, weights = table(3, 60)
    votes = asked(rows, grown(rows, values, weights[None], 2))[0]
    for row in np.unique(rows[weights > 0], axis=0):
        same = (rows == row).all(1) & (weights > 0)
        assert votes[same][0] == pytest.approx(np.average(values[same], weights=weights[same]))


def test_splits_look_at_so_many_columns() -> None:
    drawn = np.random.default_rng(0)
    rows = drawn.integers(2, size=(80, 6)).astype(np.float64)
    values = rows[:, 0] * 10 + drawn.normal(size=80)
    roots = grown(rows, values, np.ones((2000, 80)), 2)[0][:, 0]
    # Two of six columns are drawn, and the first is the best wherever it is among them.
    assert (roots == 0).mean() == pytest.approx(1 / 3, abs=0.04)


def test_many_values_of_a_number_are_split_between_groups() -> None:
    drawn = np.random.default_rng(0)
    rows = drawn.random((500, 1))
    codes, low, high, flags, flag = _binned(rows)
    assert codes.max() == 63
    assert flags.shape == (500, 0)
    assert flag.tolist() == [-1]
    assert (low[0, 1:] > high[0, :-1]).all()
    assert (low[0][codes[0]] <= rows[:, 0]).all()
    assert (rows[:, 0] <= high[0][codes[0]]).all()


def test_it_predicts_as_well_as_scikit_learns() -> None:
    from sklearn.ensemble import RandomForestRegressor

    for space in (flat(6, 4), reals()):
        architectures = list({space.canonical(a): a for a in map(space.sample, range(700))}.values())[:400]
        scores = np.array([ToyEstimator(space).score(a) for a in architectures])
        ours = RandomForest(space, trees=200)
        ours.fit(architectures[:150], scores[:150])
        mean, deviation = ours.predict(architectures[150:])
        rows = ours._features(architectures)
        theirs = RandomForestRegressor(200, max_features=0.5, random_state=0).fit(rows[:150], scores[:150])
        other = theirs.predict(rows[150:])
        errors = [float(np.square(some - scores[150:]).mean()) for some in (mean, other)]
        assert errors[0] < 1.15 * errors[1]
        assert spearman(mean, other) > 0.93
        spread = np.std([tree.predict(rows[150:]) for tree in theirs.estimators_], axis=0)
        assert deviation.mean() == pytest.approx(spread.mean(), rel=0.1)


def test_wrong_options_are_told() -> None:
    for options in ({"trees": 1}, {"features": 0.0}, {"features": 1.5}):
        with pytest.raises(UsageError, match="expected trees >= 2 and features in"):
            RandomForest(flat(), **options)  # type: ignore[arg-type]
