from __future__ import annotations

import pickle
import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.datasets import load_iris, make_blobs
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler
from sklearn.utils.estimator_checks import parametrize_with_checks
from torch import nn

import archwright as aw
from archwright.errors import UsageError

QUICK: dict[str, Any] = {
    "space": "mlp",
    "trials": 1,
    "recipe": aw.Recipe(epochs=8, batch_size=16),
    "search_options": {"retrain": 1, "baseline": False, "accelerator": "cpu", "onnx": False},
}
PAGE = Path(__file__).parents[2] / "docs" / "scikit-learn.md"
OF_32_BITS = "networks compute in 32 bits, where the order of a sum shows in the seventh digit"
EXPECTED_FAILURES = {
    "check_methods_subset_invariance": OF_32_BITS,
    "check_methods_sample_order_invariance": OF_32_BITS,
}


@pytest.fixture(scope="module")
def flowers() -> tuple[pd.DataFrame, np.ndarray]:
    data = load_iris(as_frame=True)
    return data.data, data.target_names[data.target]


@pytest.fixture(scope="module")
def fitted(flowers: tuple[pd.DataFrame, np.ndarray]) -> aw.ArchwrightClassifier:
    return aw.ArchwrightClassifier(**QUICK).fit(*flowers)


CHECKED = [
    kind(**QUICK | {"recipe": aw.Recipe(epochs=20, batch_size=16)})
    for kind in (aw.ArchwrightClassifier, aw.ArchwrightRegressor)
]


@pytest.mark.slow
@parametrize_with_checks(
    CHECKED,
    expected_failed_checks=lambda _: EXPECTED_FAILURES,
    xfail_strict=False,  # rounding is another on each machine
)
def test_scikit_learns_own_checks_pass(estimator: Any, check: Any) -> None:
    check(estimator)


def test_the_page_lists_the_checks_that_are_expected_to_fail() -> None:
    assert set(re.findall(r"`(check_(?!estimator)\w+)`", PAGE.read_text())) == set(EXPECTED_FAILURES)


def test_labels_of_a_data_frame_come_back_as_they_were(fitted: Any, flowers: Any) -> None:
    inputs, labels = flowers
    assert list(fitted.classes_) == ["setosa", "versicolor", "virginica"]
    assert list(fitted.feature_names_in_) == list(inputs.columns)
    assert fitted.score(inputs, labels) > 0.8
    shares = fitted.predict_proba(inputs)
    np.testing.assert_allclose(shares.sum(axis=1), 1)
    assert (fitted.classes_[shares.argmax(axis=1)] == fitted.predict(inputs)).all()
    with pytest.raises(ValueError, match="feature names"):
        fitted.predict(inputs.rename(columns=lambda name: name + "?"))


def test_what_was_found_stays_and_no_folder_does(fitted: Any) -> None:
    assert len(fitted.trials_) == 1
    assert fitted.run_folder_ is None
    assert fitted.validation_metrics_["params"] == sum(p.numel() for p in fitted.network_.parameters())
    assert fitted.architecture_["depth"] == fitted.trials_["architecture.depth"][0]


def test_it_is_pickled_and_cloned(fitted: Any, flowers: Any) -> None:
    again = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_array_equal(again.predict_proba(flowers[0]), fitted.predict_proba(flowers[0]))
    assert clone(fitted).get_params() == fitted.get_params()
    assert not hasattr(clone(fitted), "network_")


def test_pipelines_cross_validation_and_grids_take_it(flowers: Any) -> None:
    inputs, labels = flowers
    pipeline = make_pipeline(MinMaxScaler(), aw.ArchwrightClassifier(**QUICK))
    assert cross_val_score(pipeline, inputs, labels, cv=2).min() > 0.6
    grid = {"archwrightclassifier__space": ["mlp", small()]}
    found = GridSearchCV(pipeline, grid, cv=2, refit=False).fit(inputs, labels)
    assert np.isfinite(found.cv_results_["mean_test_score"]).all()


def small() -> aw.Space:
    width = aw.integer(4, 8, name="width")
    return aw.Space(aw.layer(nn.Sequential, aw.layer(nn.Linear, 4, width), aw.layer(nn.Linear, width, 3)))


def test_limits_hold_and_the_run_can_be_kept(flowers: Any, tmp_path: Path) -> None:
    asked = QUICK | {"objectives": ["accuracy", "params<=2000"], "out": tmp_path / "run"}
    made = aw.ArchwrightClassifier(**asked).fit(*flowers)
    assert made.validation_metrics_["params"] <= 2000
    assert made.run_folder_ == tmp_path / "run"
    assert (tmp_path / "run" / "best" / "model.py").is_file()
    run = aw.open_run(made.run_folder_)
    assert not run.test, "nobody gave test data"
    assert run.config.task.name == "ArchwrightClassifier"
    again = clone(made).fit(*flowers)
    assert again.run_folder_ == tmp_path / "run-2"
    np.testing.assert_array_equal(again.predict(flowers[0]), made.predict(flowers[0]))


def test_a_regressor_gives_amounts_in_their_unit_and_shape() -> None:
    drawn = np.random.default_rng(0)
    inputs = drawn.normal(size=(80, 3))
    targets = 1e4 + 1e3 * inputs[:, :2]
    made = aw.ArchwrightRegressor(**QUICK).fit(inputs, targets[:, 0])
    assert made.predict(inputs).shape == (80,)
    assert made.score(inputs, targets[:, 0]) > 0.5
    both = aw.ArchwrightRegressor(**QUICK).fit(inputs, targets)
    assert both.predict(inputs).shape == (80, 2)
    assert abs(both.predict(inputs).mean() - 1e4) < 1e3


def test_frames_with_columns_of_any_kind_are_taken_as_they_are() -> None:
    drawn = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "size": drawn.normal(size=120),
            "town": drawn.choice(["Bonn", "Cologne", "Aachen"], 120),
            "new": drawn.random(120) > 0.5,
            "since": pd.date_range("2020-01-01", periods=120),
        }
    )
    frame.loc[::7, "size"] = np.nan
    labels = np.where(frame["town"] == "Bonn", "near", "far")
    made = aw.ArchwrightClassifier(**QUICK | {"space": None}).fit(frame, labels)
    assert list(made.feature_names_in_) == list(frame.columns)
    assert made.n_features_in_ == 4
    assert made.score(frame, labels) > 0.9
    other = frame.assign(town="Berlin")
    assert set(made.predict(other)) <= {"near", "far"}, "a town that was never seen"
    again = pickle.loads(pickle.dumps(made))
    np.testing.assert_array_equal(again.predict_proba(frame), made.predict_proba(frame))
    np.testing.assert_allclose(made.predict_proba(frame[:5]), made.predict_proba(frame)[:5], atol=1e-6)
    with pytest.raises(ValueError, match="feature names"):
        made.predict(frame.drop(columns="town"))
    both = np.stack([frame.index * 1.0, frame.index * -2.0 + 5], axis=1)
    regressor = aw.ArchwrightRegressor(**QUICK | {"space": None}).fit(frame, both)
    assert regressor.predict(frame).shape == (120, 2)


def test_images_are_taken_too() -> None:
    drawn = np.random.default_rng(0)
    images = drawn.normal(size=(60, 1, 8, 8))
    labels = images.mean(axis=(1, 2, 3)) > 0
    made = aw.ArchwrightClassifier(**QUICK | {"space": None}).fit(images, labels)
    assert made.n_features_in_ == 1
    assert made.predict(images).dtype == bool
    with pytest.raises(ValueError, match=r"shape \(\.\.\., 1, 8, 8\)"):
        made.predict(images[:, :, :4])


def test_what_cannot_be_learned_from_is_a_value_error() -> None:
    inputs, labels = make_blobs(20, random_state=0)
    with pytest.raises(ValueError, match="one class"):
        aw.ArchwrightClassifier(**QUICK).fit(inputs, np.zeros(20))
    with pytest.raises(ValueError, match="at least 2 of each class"):
        aw.ArchwrightClassifier(**QUICK).fit(inputs, [*labels[:19], 7])
    with pytest.raises(TypeError, match="class_weights"):
        aw.ArchwrightClassifier(**QUICK).fit(inputs, labels, sample_weight=np.ones(20))
    with pytest.raises(TypeError, match="'weights'"):
        aw.ArchwrightRegressor(**QUICK).fit(inputs, labels, weights=np.ones(20))
    with pytest.raises(UsageError, match="unknown strategy 'evoltion'"):
        aw.ArchwrightClassifier(**QUICK | {"strategy": "evoltion"}).fit(inputs, labels)
