import math

from archwright.objectives import Objective
from archwright.reports.curves import curve_figures, top_curves

ACCURACY = (Objective("accuracy"),)


def rows(*accuracies, loss=True):
    return [
        {"epoch": i + 1, "accuracy": a} | ({"loss": 1 - a, "train_loss": 0.9 - a} if loss else {})
        for i, a in enumerate(accuracies)
    ]


def test_retrained_networks_come_first_the_chosen_one_before_all(digits):
    run, _ = digits
    curves = top_curves(run)
    assert curves[0].name == f"trial {run.winner.number}"
    assert curves[-1].name == "hand-made"
    assert len(curves) == len(run.retrained) + 1


def test_without_retraining_the_top_of_the_search_is_shown(a_run, a_trial):
    trials = [a_trial(i, accuracy=0.1 * i, curve=rows(0.05 * i, 0.1 * i)) for i in range(9)]
    assert [c.name for c in top_curves(a_run(trials, objectives=ACCURACY), 3)] == [
        "trial 8",
        "trial 7",
        "trial 6",
    ]


def test_no_curve_gives_no_figure(a_run, a_trial):
    assert curve_figures(a_run([a_trial(0, accuracy=0.5)], objectives=ACCURACY)) == {}
    assert curve_figures(a_run((), objectives=ACCURACY)) == {}


def test_score_and_loss_are_two_figures(a_run, a_trial):
    run = a_run([a_trial(0, accuracy=0.6, curve=rows(0.2, 0.4, 0.6))], objectives=ACCURACY)
    found = curve_figures(run)
    assert list(found) == ["curves_score", "curves_loss"]
    assert found["curves_score"].data[0].y == (0.2, 0.4, 0.6)
    assert [trace.line.dash for trace in found["curves_loss"].data] == [None, "dot"]
    assert [trace.showlegend for trace in found["curves_loss"].data] == [True, False]


def test_a_curve_without_losses_has_no_loss_figure(a_run, a_trial):
    run = a_run([a_trial(0, accuracy=0.6, curve=rows(0.2, 0.6, loss=False))], objectives=ACCURACY)
    assert list(curve_figures(run)) == ["curves_score"]


def test_an_epoch_that_is_nan_is_a_gap(a_run, a_trial):
    run = a_run([a_trial(0, accuracy=0.6, curve=rows(0.2, math.nan, 0.6))], objectives=ACCURACY)
    assert curve_figures(run)["curves_score"].data[0].y == (0.2, None, 0.6)


def test_another_metric_stands_in_where_the_objective_has_no_curve(a_run, a_trial):
    run = a_run([a_trial(0, params=5.0, curve=rows(0.2, 0.6))], objectives=(Objective("params"),))
    assert curve_figures(run)["curves_score"].layout.yaxis.title.text == "validation accuracy"
