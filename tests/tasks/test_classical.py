"""scikit-learn's models on a table's rows; references by pandas frames that never saw a task's tensors."""

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.metrics import accuracy_score, log_loss, r2_score

from archwright.tasks import digits, from_arrays, from_frame
from archwright.tasks.classical import classical_models, classical_scores, is_table


def frame(count=400, seed=0):
    drawn = np.random.default_rng(seed)
    made = pd.DataFrame(
        {"x": drawn.normal(0, 1, count), "color": drawn.choice(["red", "blue", "green"], count)}
    )
    made["y"] = np.where(
        made["x"] + (made["color"] == "red") + drawn.normal(0, 0.3, count) > 0.5, "up", "down"
    )
    made["z"] = 3 * made["x"] + 5 * (made["color"] == "red") + drawn.normal(0, 0.1, count)
    return made


def parts(table):
    return table[:240], table[240:320], table[320:]


def test_scores_are_those_of_scikit_learn_on_the_raw_rows():
    train, validation, test = parts(frame())
    task = from_frame(train, "y", validation=validation, test=test, drop=["z"], standardize=False)
    columns = pd.get_dummies(frame()[["x", "color"]])
    alike = LogisticRegression().fit(columns[:240], train["y"])
    found = classical_scores(task, "logistic_regression")
    for name, rows, part in (("validation", columns[240:320], validation), ("test", columns[320:], test)):
        assert found[name]["accuracy"] == accuracy_score(part["y"], alike.predict(rows))
        assert found[name]["loss"] == pytest.approx(log_loss(part["y"], alike.predict_proba(rows)), rel=1e-2)
    native = frame()[["x", "color"]].astype({"color": "category"})
    boosted = HistGradientBoostingClassifier(categorical_features="from_dtype", random_state=0)
    boosted.fit(native[:240], train["y"])
    found = classical_scores(task, "hist_gradient_boosting")
    assert found["test"]["accuracy"] == accuracy_score(test["y"], boosted.predict(native[320:]))
    assert found["seconds"] > 0


def test_amounts_are_scored_in_their_own_unit():
    train, validation, test = parts(frame())
    task = from_frame(train, "z", validation=validation, test=test, drop=["y"])
    columns = pd.get_dummies(frame()[["x", "color"]])
    alike = LinearRegression().fit(columns[:240], train["z"])
    found = classical_scores(task, "linear_regression")
    assert found["test"]["r2"] == pytest.approx(r2_score(test["z"], alike.predict(columns[320:])), abs=1e-5)
    assert classical_models(task) == ("linear_regression", "hist_gradient_boosting")


@pytest.mark.parametrize("kind", ["regression", "multilabel"])
def test_several_targets_have_a_model_each(kind):
    drawn = np.random.default_rng(0)
    inputs = drawn.normal(0, 1, (300, 3))
    targets = np.stack([inputs[:, 0], inputs[:, 1] * 2], axis=1)
    if kind == "multilabel":
        targets = np.concatenate([targets > 0, np.zeros((300, 1))], axis=1)  # the last label never holds
    task = from_arrays(inputs, targets, kind=kind)
    for model in classical_models(task):
        found = classical_scores(task, model)
        assert found["test"]["r2" if kind == "regression" else "exact_match"] > 0.8


def test_weights_of_classes_are_the_tasks():
    table = frame()
    table["y"] = np.where(np.arange(len(table)) % 20 == 0, "rare", "often")
    weighed, plain = (from_frame(table, "y", balance=balance) for balance in (True, False))
    for model in classical_models(weighed):
        one, other = (classical_scores(task, model)["test"]["balanced_accuracy"] for task in (weighed, plain))
        assert one != other


def test_more_categories_than_a_histogram_has_bins():
    drawn = np.random.default_rng(0)
    code = drawn.integers(0, 270, 8000)
    effect = drawn.normal(0, 1, 270)
    table = pd.DataFrame({"code": code.astype(str), "y": effect[code]})
    task = from_frame(table, "y", columns={"code": "categorical"})
    assert task.cardinalities[0] > 256
    assert classical_scores(task, "hist_gradient_boosting")["test"]["r2"] > 0.3


def test_what_is_no_table_is_told_apart():
    class Own(type(from_frame(frame(), "y"))):
        def loss(self, outputs, batch):
            return super().loss(outputs, batch)

    task = from_frame(frame(), "y")
    assert is_table(task)
    task.__class__ = Own
    assert not is_table(task)
    assert not is_table(digits())
    words = np.random.default_rng(0).integers(0, 9, (50, 4))
    assert not is_table(from_arrays(words, words[:, 0] % 2, symbols=True))


def test_without_a_test_part_nothing_is_tested():
    task = from_frame(frame(), "y", drop=["z"], test=None)
    assert task.split.test == 0
    found = classical_scores(task, "logistic_regression")
    assert found["test"] == {}
    assert found["validation"]["accuracy"] > 0.8
