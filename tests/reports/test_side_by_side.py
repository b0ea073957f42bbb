import dataclasses
import re
import subprocess
import sys
from pathlib import Path

import pytest

from archwright.errors import UsageError
from archwright.objectives import Objective
from archwright.reports import (
    best_so_far,
    costs_table,
    differing_settings,
    render_side_by_side,
    side_by_side_figure,
    winners_table,
    write_side_by_side,
)
from archwright.reports.side_by_side import run_labels


@pytest.fixture(scope="module")
def runs(digits_run):
    first, _ = digits_run(30, 0)
    second, _ = digits_run(20, 1)
    third, _ = digits_run(25, 2, winner=None, retrained=(), test=None, baseline_test=None)
    strategy = dataclasses.replace(second.config.strategy, name="random", options={})
    second = dataclasses.replace(second, config=dataclasses.replace(second.config, strategy=strategy, seed=1))
    folders = ("runs/one", "runs/two", "runs/three")
    return [
        dataclasses.replace(r, folder=Path(f)) for r, f in zip((first, second, third), folders, strict=True)
    ]


@pytest.mark.parametrize("over", ["trials", "seconds"])
def test_each_line_is_the_best_so_far_of_its_run(runs, over):
    figure = side_by_side_figure(runs, over)
    assert [line.name for line in figure.data] == ["one", "two", "three"]
    assert len({line.line.color for line in figure.data}) == 3
    for run, line in zip(runs, figure.data, strict=True):
        points = best_so_far(run, over).points
        best = [point.best for point in points if point.improves]
        assert list(line.y) == [*best, best[-1]]
        assert max(line.y) == max(
            t.metrics["accuracy"] for t in run.trials if t.is_measured and t.metrics["params"] <= 60_000
        )
        last = points[-1].at
        assert line.x[-1] == last if over == "trials" else line.x[-1] <= last


def test_the_winners_are_those_of_the_runs_and_the_best_is_marked(runs):
    table = winners_table(runs)
    assert [row.cells[0] for row in table.rows] == ["one", "two", "three"]
    assert [row.cells[1] for row in table.rows] == ["evolution", "random", "evolution"]
    score, test = table.columns.index("validation accuracy"), table.columns.index("test accuracy")
    for run, row in zip(runs, table.rows, strict=True):
        shown = run.winner or run.best
        assert row.cells[score] == f"{100 * shown.metrics['accuracy']:.2f}\u00a0%"
        assert row.cells[test] == (f"{100 * run.test['accuracy']:.2f}\u00a0%" if run.test else "–")
        assert row.cells[table.columns.index("parameters")] == f"{shown.metrics['params']:,.0f}"
    found = [(run.winner or run.best).metrics["accuracy"] for run in runs]
    assert [("best by validation" in row.marks) for row in table.rows] == [
        value == max(found) for value in found
    ]
    assert "not retrained" in table.rows[2].marks


def test_costs_and_only_settings_that_differ(runs):
    table = costs_table(runs)
    done = table.columns.index("trials completed")
    assert [row.cells[done] for row in table.rows] == [
        str(sum(t.state == "completed" for t in run.trials)) for run in runs
    ]
    settings = dict(differing_settings(runs))
    assert settings["Search: strategy"] == ("evolution", "random", "evolution")
    assert settings["Search: seed"] == ("0", "1", "0")
    assert settings["Search: strategy: population"] == ("20", "–", "20")
    assert not [name for name in settings if "task" in name or "recipe" in name or "began" in name]


def test_runs_that_optimise_something_else_are_refused(runs, a_run, a_trial):
    other = a_run([a_trial(0, loss=0.5)], objectives=(Objective("loss"),), name="other")
    with pytest.raises(UsageError, match="expected runs with one first objective"):
        render_side_by_side([runs[0], other])
    with pytest.raises(UsageError, match="runs/one is given twice"):
        render_side_by_side([runs[0], runs[0]])


def test_scores_on_other_data_are_not_ranked(runs):
    config = runs[1].config
    task = dataclasses.replace(config.task, split="another")
    other = dataclasses.replace(runs[1], config=dataclasses.replace(config, task=task))
    assert not any("best by validation" in row.marks for row in winners_table([runs[0], other]).rows)
    assert "different data" in render_side_by_side([runs[0], other])


def test_runs_of_one_name_are_told_apart_by_their_folders(runs):
    same = [
        dataclasses.replace(run, folder=Path(f"runs/{x}/digits"))
        for run, x in zip(runs[:2], "ab", strict=True)
    ]
    assert run_labels(same) == ["a/digits", "b/digits"]


def test_a_run_without_a_trial_stands_beside_others(runs, a_run):
    empty = a_run([], name="empty", state="running")
    page = render_side_by_side([runs[0], empty])
    assert "No trial has finished yet" in page
    only = render_side_by_side([empty, dataclasses.replace(empty, folder=Path("runs/empty-2"))])
    assert "None of the 2 runs has measured accuracy yet." in only
    assert "All settings are the same." in only


def test_the_page_is_one_file_that_loads_nothing_and_draws(runs, opened, tmp_path):
    path = write_side_by_side(runs, tmp_path / "deep" / "page.html")
    page = opened(path)
    assert page.locator(".js-plotly-plot").count() == 2
    assert page.locator("#settings table tbody tr").count() == len(differing_settings(runs))
    assert page.locator("#winners tr.chosen").count() == sum(
        "best by validation" in r.marks for r in winners_table(runs).rows
    )


def test_names_cannot_run_scripts(runs, opened, tmp_path):
    nasty = "<img src=x onerror=alert(1)>"
    named = dataclasses.replace(runs[0], folder=Path("runs") / nasty.replace("/", ""))
    page = opened(write_side_by_side([named, runs[1]], tmp_path / "page.html"))
    assert page.locator("img").count() == 0


def test_the_runs_own_files_are_refused(runs, tmp_path):
    kept = dataclasses.replace(runs[0], folder=tmp_path)
    (tmp_path / "trials.sqlite").write_text("kept")
    with pytest.raises(UsageError, match="is a file of the run itself"):
        write_side_by_side([runs[1], kept], tmp_path / "trials.sqlite")
    assert (tmp_path / "trials.sqlite").read_text() == "kept"


@pytest.mark.slow
def test_the_command_compares_real_runs(tmp_path):
    import numpy as np

    import archwright as aw

    inputs = np.random.default_rng(0).normal(size=(60, 4))
    for seed in (0, 1):
        task = aw.tasks.from_arrays(inputs, inputs[:, 0] > 0)
        recipe = aw.Recipe(epochs=1)
        aw.search("mlp", task, strategy="random", seed=seed, budget=aw.Budget(trials=2), recipe=recipe, retrain=1,
                  baseline=False, onnx=False, progress=False, out=tmp_path / f"run-{seed}")  # fmt: skip
    words = [sys.executable, "-m", "archwright", "report", "run-0", "run-1"]
    process = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (process.returncode, process.stderr) == (0, "")
    written = Path(process.stdout.strip())
    assert written == tmp_path / "side-by-side.html"
    assert {"run-0", "run-1"} <= set(re.findall(r"run-\d", written.read_text()))
