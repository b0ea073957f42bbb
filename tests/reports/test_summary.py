import math

import pytest

from archwright.objectives import Objective
from archwright.reports.summary import headline, key_numbers, trial_counts

ACCURACY = (Objective("accuracy"),)


def test_the_result_in_one_sentence(digits):
    run, _ = digits
    params = f"{run.winner.metrics['params']:,.0f}"
    assert headline(run) == (
        f"98.9\u00a0% test accuracy with {params} parameters; the hand-made network: 98.3\u00a0% with 52,000."
    )


def test_without_a_hand_made_network_there_is_no_comparison(digits_run):
    run, _ = digits_run(baseline=None, baseline_test=None)
    assert headline(run).endswith(" parameters.")
    assert not any("hand-made" in number.note for number in key_numbers(run))


def test_a_regression_tells_its_error(a_run, a_trial):
    best = a_trial(0, rmse=51.0, params=4321.0)
    run = a_run(
        [best],
        objectives=(Objective("rmse"),),
        winner=best,
        retrained=(best,),
        test={"rmse": 52.13, "r2": 0.5},
    )
    assert headline(run) == "Test RMSE 52.13 with 4,321 parameters."


def test_without_retraining_nothing_is_claimed_of_the_test_split(a_run, a_trial):
    run = a_run([a_trial(3, accuracy=0.972, params=1000.0)], objectives=ACCURACY)
    assert headline(run) == (
        "97.2\u00a0% validation accuracy with 1,000 parameters, by trial 3; it was not retrained, so "
        "nothing is known of the test split."
    )


@pytest.mark.parametrize(
    ("state", "begins"), [("running", "Still running after 1 trial"), ("stopped", "Stopped after 1 trial")]
)
def test_an_unfinished_run_says_so(a_run, a_trial, state, begins):
    run = a_run([a_trial(0, accuracy=0.9), a_trial(1, state="running")], objectives=ACCURACY, state=state)
    assert headline(run) == f"{begins}: the best has 90.0\u00a0% validation accuracy, by trial 0."


def test_runs_without_a_result_say_why(a_run, a_trial):
    failed = [a_trial(i, state="failed", error=f"loss is NaN in epoch {i}.") for i in range(3)]
    over = [a_trial(i, state="infeasible", params=9.0) for i in range(3, 5)]
    nan = [a_trial(9, accuracy=math.nan)]
    told = {
        "none": headline(a_run((), objectives=ACCURACY, state="running")),
        "failed": headline(a_run(failed, objectives=ACCURACY, state="failed")),
        "one": headline(a_run(failed[:1], objectives=ACCURACY, state="failed")),
        "over": headline(a_run(over, objectives=ACCURACY)),
        "mixed": headline(a_run([*failed, *over, *nan], objectives=ACCURACY)),
    }
    assert told == {
        "none": "No trial has finished yet.",
        "failed": "All 3 trials failed; most often: loss is NaN in epoch 0.",
        "one": "The only trial failed; the reason: loss is NaN in epoch 0.",
        "over": "All 2 candidates were over a limit before any training.",
        "mixed": "No network of 6 trials can be chosen: 1 completed outside the limits or without a score, 3 failed, "
        "2 over a limit before any training.",
    }


def test_key_numbers_stand_beside_the_hand_made_ones(digits):
    run, _ = digits
    numbers = {n.label: n for n in key_numbers(run)}
    assert numbers["test accuracy"].value == "98.89\u00a0%"
    assert numbers["test accuracy"].note == "0.56 points above the hand-made 98.33\u00a0%"
    assert numbers["test accuracy"].trend == "better"
    assert numbers["parameters"].trend == "better"
    assert "% below the hand-made 52,000" in numbers["parameters"].note
    counts = trial_counts(run)
    assert sum(counts.values()) == len(run.trials)
    assert numbers["trials completed"].value == str(counts["completed"])
    assert (
        numbers["trials completed"].note == f"{counts['failed']} failed, {counts['infeasible']} over a limit"
    )
    assert numbers["wall time"].value == "2 min 51 s"


def test_what_is_worse_is_said_to_be(a_run, a_trial):
    best, base = a_trial(0, rmse=6.0, params=300.0), a_trial(0, rmse=5.0, params=100.0)
    run = a_run([best], objectives=(Objective("rmse"),), baseline=base)
    numbers = {n.label: n for n in key_numbers(run)}
    assert (numbers["validation RMSE"].note, numbers["validation RMSE"].trend) == (
        "20\u00a0% above the hand-made 5",
        "worse",
    )
    assert numbers["parameters"].note == "3.0 times the hand-made 100"


def test_pruned_trials_are_counted_apart(a_run, a_trial):
    done, cut = a_trial(0, accuracy=0.5), a_trial(1, state="pruned", accuracy=0.4, seconds=3.0)
    numbers = {n.label: n for n in key_numbers(a_run([done, cut]))}
    assert (numbers["trials completed"].value, numbers["trials completed"].note) == ("1", "1 pruned")
    without_score = a_trial(0, state="pruned", loss=2.0)
    assert headline(a_run([without_score])) == "No network of 1 trial can be chosen: 1 pruned."
