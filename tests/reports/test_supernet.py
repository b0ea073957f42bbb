from dataclasses import replace

import pytest

from archwright.experiments import NamedConfig
from archwright.objectives import Objective
from archwright.reports import headline, key_numbers, pareto_figure, supernet_progress, top_table, trade_off
from archwright.reports.provenance import cost_lines
from archwright.reports.supernet import is_one_shot, searched_metric
from archwright.reports.trajectory import best_so_far, trajectory_figure


def test_how_far_the_supernet_is(one_shot_run, digits):
    progress = supernet_progress(one_shot_run(12))
    assert (progress.done, progress.planned, progress.seconds, progress.ended) == (12, 50, 36.0, None)
    assert str(progress) == "epoch 12 of 50"
    assert supernet_progress(digits[0]) is None
    assert not is_one_shot(digits[0])


@pytest.mark.parametrize(
    ("parts", "told"),
    [
        ({"count": 12}, "Training the supernet: epoch 12 of 50 is over."),
        ({"count": 0}, "Training the supernet: the first epoch of 50 is not over yet."),
        ({"count": 12, "state": "stopped"}, "Stopped in the training of the supernet, after epoch 12 of 50."),
        (
            {"count": 0, "state": "stopped"},
            "Stopped in the training of the supernet, before the end of the first epoch.",
        ),
        ({"count": 3, "state": "failed"}, "The training of the supernet failed in epoch 4 of 50."),
        (
            {"count": 50, "supernet_ended": "50 epochs"},
            "The supernet is trained (50 epochs); the search on it begins.",
        ),
        (
            {"count": 50, "supernet_ended": "50 epochs", "state": "stopped"},
            "The supernet is trained (50 epochs); no architecture was scored yet.",
        ),
    ],
)
def test_the_headline_before_any_trial(one_shot_run, parts, told):
    assert headline(one_shot_run(**parts)) == told


def test_a_method_of_ones_own_may_not_say_how_long_it_trains(one_shot_run):
    run = one_shot_run(7, settings={"strategy": {"name": "Mine", "options": {}, "one_shot": True}})
    assert str(supernet_progress(run)) == "7 epochs"
    assert headline(run) == "Training the supernet: epoch 7 is over."


def test_scores_of_the_search_are_told_to_be_by_shared_weights(searched_run, digits):
    run = searched_run([0.31, 0.42, 0.25], [])
    assert headline(run).startswith("42.0\u00a0% validation accuracy by shared weights with 1,001 parameters")
    numbers = {number.label: number for number in key_numbers(run)}
    assert numbers["validation accuracy by shared weights"].value == "42.00\u00a0%"
    assert numbers["supernet epochs"].note == "of 50, 2 min 30 s"
    assert "accuracy by shared weights" in top_table(run).columns
    assert "parameters" in top_table(run).columns
    title = trajectory_figure(run).layout.yaxis.title.text
    assert title == "validation accuracy by shared weights"
    assert searched_metric(run, "params") == "parameters"
    assert searched_metric(digits[0], "accuracy") == "accuracy"
    assert [value for label, value in cost_lines(run) if "supernet" in label] == ["2 min 30 s"]


def test_scores_after_training_are_not(searched_run, a_trial):
    winner = a_trial(1, accuracy=0.9, params=1001.0)
    run = searched_run([0.31, 0.42], [0.8, 0.9], winner=winner, test={"accuracy": 0.88})
    assert headline(run) == "88.0\u00a0% test accuracy with 1,001 parameters."
    assert "validation accuracy by shared weights" not in {number.label for number in key_numbers(run)}


def test_trained_networks_do_not_stand_beside_scores_by_shared_weights(searched_run, a_trial):
    baseline = a_trial(0, accuracy=0.99, params=500.0)
    run = searched_run([0.31, 0.42], [0.8, 0.9], baseline=baseline)
    assert best_so_far(run).baseline is None
    assert trade_off(run) is not None
    assert {trace.name for trace in pareto_figure(run).data} <= {
        "one trial",
        "Pareto front",
        "front",
        "over a limit",
    }
    before = searched_run([0.31], [], baseline=baseline)
    score = next(n for n in key_numbers(before) if n.label == "validation accuracy by shared weights")
    assert score.note == ""


def test_a_search_by_cost_alone_has_no_shared_weights_in_its_name(searched_run):
    run = searched_run([0.3], [], objectives=(Objective("params"),))
    assert "by shared weights" not in headline(run)


@pytest.mark.parametrize("name", ["WeightSharing", "weight_sharing"])
def test_scores_of_a_given_supernet_are_named_too(digits, name):
    run = replace(digits[0], config=replace(digits[0].config, estimator=NamedConfig(name=name)))
    assert searched_metric(run, "accuracy") == "accuracy by shared weights"
    assert not is_one_shot(run)
    assert supernet_progress(run) is None


def test_what_a_meter_of_ones_own_measures_is_no_score_by_shared_weights(one_shot_run):
    width = Objective("width", "minimize", meter=lambda network: 3.0)
    run = one_shot_run(3, objectives=(Objective("accuracy"), width))
    assert searched_metric(run, "width") == "width"
    assert searched_metric(run, "accuracy") == "accuracy by shared weights"
