import pytest

from archwright.objectives import parse_objective
from archwright.reports.classical import classical_sentence, classical_table

SCORES = {
    "logistic_regression": {"validation": {"accuracy": 0.7}, "test": {"accuracy": 0.6}, "seconds": 0.5},
    "hist_gradient_boosting": {"validation": {"accuracy": 0.8}, "test": {"accuracy": 0.9}, "seconds": 2.0},
}

LINEAR, BOOSTED = "logistic regression (60.00\u00a0%)", "HistGradientBoosting (90.00\u00a0%)"


@pytest.mark.parametrize(
    ("own", "told"),
    [
        (0.95, f"the network (95.00\u00a0%) is at least as good as {LINEAR} and {BOOSTED} of scikit-learn"),
        (0.9, "the network (90.00\u00a0%) is at least as good as"),
        (
            0.7,
            f"By test accuracy, {BOOSTED} of scikit-learn, with its defaults on the same rows, is better than",
        ),
        (
            0.5,
            f"{LINEAR} and {BOOSTED} of scikit-learn, with its defaults on the same rows, are better than the",
        ),
    ],
)
def test_it_is_said_who_wins(a_run, a_trial, own, told):
    trial = a_trial(0, accuracy=0.7)
    run = a_run([trial], retrained=(trial,), winner=trial, test={"accuracy": own}, classical=SCORES)
    assert told in classical_sentence(run)


def test_smaller_is_better_where_it_is(a_run, a_trial):
    scores = {"linear_regression": {"validation": {"rmse": 3.0}, "test": {"rmse": 2.0}, "seconds": 0.1}}
    run = a_run(
        [a_trial(0, rmse=3.0)], objectives=(parse_objective("rmse"),), test={"rmse": 3.0}, classical=scores
    )
    assert "linear regression (2) of scikit-learn" in classical_sentence(run)
    assert "is better than the network (3)" in classical_sentence(run)


def test_the_models_stand_in_a_table(a_run, a_trial):
    run = a_run([a_trial(0, accuracy=0.7)], test={"accuracy": 0.7}, classical=SCORES)
    table = classical_table(run)
    assert table.columns == ("model", "validation accuracy", "test accuracy", "time")
    assert table.rows[1].cells == ("HistGradientBoosting", "80.00\u00a0%", "90.00\u00a0%", "2.0 s")


def test_nothing_is_said_of_a_run_without_them(a_run, a_trial):
    run = a_run([a_trial(0, accuracy=0.7)], test={"accuracy": 0.7})
    assert classical_table(run) is None
    assert classical_sentence(run) == ""


def test_models_that_were_not_tested_have_validation_scores_alone(a_run, a_trial):
    scores = {name: {**found, "test": {}} for name, found in SCORES.items()}
    run = a_run([a_trial(0, accuracy=0.7)], classical=scores)
    assert classical_table(run).columns == ("model", "validation accuracy", "time")
    assert classical_sentence(run) == ""
