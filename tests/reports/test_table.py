import math

from archwright.objectives import Objective
from archwright.reports.table import retrained_table, top_table
from archwright.trials import Fidelity


def test_the_top_is_ranked_with_costs_and_decisions(digits):
    run, _ = digits
    table = top_table(run, most=5)
    assert table.columns == ("trial", "accuracy", "parameters", "FLOPs", "time", "retrained: accuracy")
    assert len(table.rows) == 5
    assert table.left_out == sum(t.state == "completed" for t in run.trials) - 5
    assert table.rows[0].cells[0] == str(run.best.number)
    assert ("width", str(run.best.candidate.architecture["width"])) in table.rows[0].decisions
    chosen = [row.cells[0] for row in table.rows if "chosen" in row.marks]
    assert chosen == [str(run.winner.number)]


def test_metrics_that_nothing_has_get_no_column(a_run, a_trial):
    table = top_table(a_run([a_trial(0, accuracy=0.5)], objectives=(Objective("accuracy"),)))
    assert table.columns == ("trial", "accuracy", "time")


def test_a_missing_or_nan_metric_leaves_its_cell_empty(a_run, a_trial):
    trials = [a_trial(0, accuracy=0.5, params=math.nan), a_trial(1, accuracy=0.4, params=7.0)]
    table = top_table(a_run(trials, objectives=(Objective("accuracy"),)))
    assert [row.cells[2] for row in table.rows] == ["–", "7"]


def test_fidelity_is_a_column_where_there_are_several(a_run, a_trial):
    trials = [
        a_trial(0, accuracy=0.5, fidelity=Fidelity(epochs=4, data_fraction=0.5)),
        a_trial(1, accuracy=0.4, fidelity=Fidelity(epochs=1)),
    ]
    table = top_table(a_run(trials, objectives=(Objective("accuracy"),)))
    assert table.columns[-1] == "fidelity"
    assert table.rows[0].cells[-1] == "4 epochs, 50 % of data"


def test_with_several_objectives_the_front_is_marked(a_run, a_trial):
    trials = [
        a_trial(0, accuracy=0.9, params=9.0),
        a_trial(1, accuracy=0.8, params=1.0),
        a_trial(2, accuracy=0.7, params=5.0),
    ]
    table = top_table(a_run(trials, objectives=(Objective("accuracy"), Objective("params"))))
    assert [row.marks for row in table.rows] == [("Pareto front",), ("Pareto front",), ()]


def test_the_test_split_is_told_for_the_chosen_and_the_hand_made_only(digits):
    run, _ = digits
    table = retrained_table(run)
    at = table.columns.index("test accuracy")
    told = {row.cells[0]: row.cells[at] for row in table.rows}
    assert told.pop(f"trial {run.winner.number}") == "98.89\u00a0%"
    assert told.pop("hand-made") == "98.33\u00a0%"
    assert set(told.values()) == {"–"}


def test_a_failed_retraining_is_marked(a_run, a_trial):
    failed = a_trial(0, state="failed", error="loss is NaN\nsomewhere")
    table = retrained_table(
        a_run([a_trial(0, accuracy=0.5)], objectives=(Objective("accuracy"),), retrained=(failed,))
    )
    assert table.rows[0].marks == ("failed: loss is NaN",)


def test_nothing_retrained_gives_no_table(a_run):
    assert retrained_table(a_run(())) is None
