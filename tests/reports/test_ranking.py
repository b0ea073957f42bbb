import math

from archwright.objectives import Objective, best_trial
from archwright.reports.ranking import comparable, in_order, keeps_limits, value_of
from archwright.trials import Fidelity

ACCURACY, SMALL = Objective("accuracy"), Objective("params", limit=100, optimize=False)


def test_a_value_must_be_finite(a_trial):
    assert value_of(a_trial(accuracy=math.nan), "accuracy") is None
    assert value_of(a_trial(accuracy=math.inf), "accuracy") is None
    assert value_of(a_trial(accuracy=0.5), "loss") is None
    assert value_of(a_trial(state="failed", error="no"), "accuracy") is None


def test_seconds_are_the_wall_time_unless_measured(a_trial):
    assert value_of(a_trial(seconds=3.0, accuracy=0.5), "seconds") == 3.0


def test_a_limit_that_was_not_measured_is_not_kept(a_trial):
    assert keeps_limits(a_trial(accuracy=0.5, params=100.0), [ACCURACY, SMALL])
    assert not keeps_limits(a_trial(accuracy=0.5, params=101.0), [ACCURACY, SMALL])
    assert not keeps_limits(a_trial(accuracy=0.5), [ACCURACY, SMALL])


def test_the_order_is_that_of_the_search_best_first(a_run, a_trial):
    trials = [
        a_trial(0, accuracy=0.7, params=90.0),
        a_trial(1, accuracy=0.9, params=200.0),
        a_trial(2, accuracy=0.8, params=80.0),
        a_trial(3, accuracy=0.8, params=70.0),
        a_trial(4, accuracy=math.nan, params=70.0),
        a_trial(5, state="failed", error="no"),
    ]
    run = a_run(trials, objectives=(ACCURACY, SMALL))
    assert [t.number for t in in_order(run)] == [3, 2, 0]
    assert in_order(run)[0] == best_trial([t for t in trials if t.number != 4], run.objectives)
    assert [t.number for t in in_order(run, 1)] == [3]


def test_minimised_metrics_rank_the_smallest_first(a_run, a_trial):
    run = a_run([a_trial(i, rmse=v) for i, v in enumerate((5.0, 3.0, 4.0))], objectives=(Objective("rmse"),))
    assert [t.number for t in in_order(run)] == [1, 2, 0]


def test_only_the_fidelity_of_the_best_competes(a_run, a_trial):
    trials = [
        a_trial(0, accuracy=0.6, fidelity=Fidelity(epochs=2)),
        a_trial(1, accuracy=0.8, fidelity=Fidelity(epochs=8)),
        a_trial(2, accuracy=0.7, fidelity=Fidelity(epochs=8)),
    ]
    assert [t.number for t in comparable(a_run(trials, objectives=(ACCURACY,)))] == [1, 2]


def test_the_report_and_the_search_agree_on_what_is_best_across_fidelities(a_run, a_trial):
    trials = [
        a_trial(0, accuracy=0.9, fidelity=Fidelity(epochs=2)),
        a_trial(1, accuracy=0.5),
        a_trial(2, accuracy=0.7, fidelity=Fidelity(epochs=8)),
        a_trial(3, accuracy=0.8, state="pruned"),
        a_trial(4, accuracy=0.6, params=101.0),
    ]
    run = a_run(trials, objectives=(ACCURACY,))
    assert [t.number for t in in_order(run)] == [4, 1]
    assert best_trial(trials, run.objectives).number == 4
