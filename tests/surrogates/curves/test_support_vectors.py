"""Support-vector regression on curves: against scikit-learn by hand, and against the last value."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.svm import NuSVR

from archwright.errors import ArchwrightWarning, UsageError
from archwright.surrogates.curves import Curve, SupportVectorCurves
from archwright.surrogates.curves.curve import settled
from archwright.surrogates.curves.encoding import DecisionColumns
from archwright.surrogates.curves.support_vectors import _features

EPOCHS = np.arange(1.0, 21.0)


def crossing(count: int, seed: int = 0) -> list[Curve]:
    """Curves that cross: the slower, the higher in the end; how slow is seen in the slope and in a decision."""
    random = np.random.default_rng(seed)
    made = []
    for _ in range(count):
        speed = random.uniform(0.05, 0.5)
        values = (1.0 - 0.8 * speed) * (1.0 - np.exp(-speed * EPOCHS)) + 0.002 * random.standard_normal(20)
        made.append(Curve(EPOCHS, values, {"speed": speed, "kind": ["a", "b"][int(random.integers(2))]}))
    return made


def test_features_are_values_differences_and_decisions() -> None:
    known = [
        Curve(EPOCHS[:3], np.array(v), {"n": n}) for n, v in ((1, [0.1, 0.4, 0.5]), (3, [0.0, 0.0, 1.0]))
    ]
    columns = DecisionColumns([curve.architecture for curve in known])
    assert _features(known, 3, columns) == pytest.approx(
        np.array([[0.1, 0.4, 0.5, 0.3, 0.1, -0.2, -1.0], [0.0, 0.0, 1.0, 0.0, 1.0, 1.0, 1.0]])
    )
    assert _features(known, 1, columns).shape == (2, 2)


def test_decisions_are_numbers_or_one_hot_and_standardised() -> None:
    seen = [
        {"w": 8, "op": "conv", "same": 1},
        {"w": 16, "op": "pool", "same": 1},
        {"w": 24, "op": "pool", "same": 1},
    ]
    rows = DecisionColumns(seen)(seen)
    assert rows.shape == (3, 3)  # what is the same in all tells nothing
    assert rows.mean(0) == pytest.approx(np.zeros(3))
    assert rows.std(0) == pytest.approx(np.ones(3))
    other = DecisionColumns(seen)([{"w": 16, "op": "never seen"}])
    assert other[0, -1] == pytest.approx(0.0)
    assert DecisionColumns([{}, {}])([{"w": 3}]).shape == (1, 0)


def test_it_beats_the_last_value_on_held_out_curves() -> None:
    model = SupportVectorCurves()
    known, offs = crossing(40), []
    for curve in crossing(20, seed=1):
        forecast = model.forecast(curve.until(5), 20, known)
        assert forecast is not None
        offs.append((curve.values[-1] - forecast.mean, curve.values[-1] - curve.values[4]))
        assert forecast.deviation == model.held_out[5].error
    error, last_value = np.sqrt(np.mean(np.square(offs), axis=0))
    assert model.held_out[5].is_better
    assert error < 0.3 * last_value
    assert error < 3.0 * model.held_out[5].error


def test_the_regression_is_scikit_learns() -> None:
    known, curve = crossing(27), crossing(1, seed=2)[0]
    forecast = SupportVectorCurves(nu=0.4).forecast(curve.until(6), 20, known)
    columns = DecisionColumns([other.architecture for other in known])
    rows, row = _features(known, 6, columns), _features([curve], 6, columns)
    ends = np.array([other.values[-1] for other in known])
    mean, scale = rows.mean(0), rows.std(0)
    made = []
    for c in (0.1, 1.0, 10.0):
        for kernel in ("rbf", "linear"):
            svr = NuSVR(nu=0.4, C=c, kernel=kernel).fit(
                (rows - mean) / scale, (ends - ends.mean()) / ends.std()
            )
            made.append(float(svr.predict((row - mean) / scale)[0]) * ends.std() + ends.mean())
    assert forecast is not None
    assert min(abs(value - forecast.mean) for value in made) < 1e-9


def test_numbers_of_curves_to_learn_from_grow_by_a_quarter() -> None:
    known = crossing(40)
    counts = [len(settled(known[:count])) for count in range(41)]
    assert sorted(set(counts)) == [*range(11), 12, 15, 18, 22, 27, 33]
    assert all(taken <= count < taken * 1.25 + 1 for count, taken in enumerate(counts))


def test_it_says_where_the_last_value_is_better() -> None:
    random = np.random.default_rng(3)
    flat = [Curve(EPOCHS, np.full(20, level), {"n": float(random.random())}) for level in random.random(12)]
    model = SupportVectorCurves()
    with pytest.warns(ArchwrightWarning, match="does not beat the last value"):
        model.forecast(Curve(EPOCHS[:5], np.full(5, 0.5), {"n": 0.5}), 20, flat)
    assert not model.held_out[5].is_better
    assert model.held_out[5].last_value == 0.0


def test_it_learns_from_curves_that_have_arrived_only() -> None:
    known = crossing(12)
    model = SupportVectorCurves(minimum_curves=10)
    curve = crossing(1, seed=4)[0].until(3)
    assert model.forecast(curve, 20, [other.until(19) for other in known]) is None
    one = model.forecast(curve, 20, [*known, *(other.until(7) for other in crossing(5, seed=9))])
    other = SupportVectorCurves().forecast(curve, 20, known)
    assert one is not None
    assert other is not None
    assert one.mean == other.mean
    with pytest.raises(UsageError, match="minimum_curves >= 5"):
        SupportVectorCurves(minimum_curves=2)
