import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archwright.objectives import Objective
from archwright.reports.trajectory import best_so_far, search_clock, trajectory_figure
from archwright.trials import Fidelity

ACCURACY = (Objective("accuracy"),)
BEGIN = 1_760_000_000.0


def test_the_best_so_far_never_worsens_and_ends_at_the_best(digits):
    run, _ = digits
    points = best_so_far(run).points
    best = [p.best for p in points if p.best is not None]
    assert best == sorted(best)
    assert best[-1] == run.best.metrics["accuracy"]
    assert [p.trial.number for p in points if p.improves][-1] == run.best.number
    assert all(p.improves == (p.best == p.value and p.competes) or not p.improves for p in points)


def test_a_minimised_metric_falls(a_run, a_trial):
    run = a_run(
        [a_trial(i, rmse=v) for i, v in enumerate((5.0, 7.0, 3.0, 4.0))], objectives=(Objective("rmse"),)
    )
    assert [p.best for p in best_so_far(run).points] == [5.0, 5.0, 3.0, 3.0]


def test_what_does_not_compete_is_shown_but_never_best(a_run, a_trial):
    limit = Objective("params", limit=100, optimize=False)
    trials = [a_trial(0, accuracy=0.9, params=500.0), a_trial(1, accuracy=0.5, params=50.0)]
    points = best_so_far(a_run(trials, objectives=(*ACCURACY, limit))).points
    assert [(p.competes, p.best) for p in points] == [(False, None), (True, 0.5)]


def test_nan_and_failures_are_left_out(a_run, a_trial):
    trials = [a_trial(0, accuracy=math.nan), a_trial(1, state="failed", error="no"), a_trial(2, accuracy=0.4)]
    assert [p.trial.number for p in best_so_far(a_run(trials, objectives=ACCURACY)).points] == [2]


def test_over_time_the_order_is_that_of_finishing(a_run, a_trial):
    trials = [
        a_trial(0, at=BEGIN, seconds=10.0, accuracy=0.9),
        a_trial(1, at=BEGIN, seconds=4.0, accuracy=0.5),
    ]
    points = best_so_far(a_run(trials, objectives=ACCURACY), "seconds").points
    assert [(p.at, p.trial.number, p.best) for p in points] == [(4.0, 1, 0.5), (10.0, 0, 0.9)]


def test_the_clock_stops_between_sessions(a_trial):
    trials = [
        a_trial(0, at=100.0, seconds=10.0, accuracy=0.1),
        a_trial(1, at=105.0, seconds=10.0, accuracy=0.1),
        a_trial(2, at=5000.0, seconds=5.0, accuracy=0.1),
        a_trial(3, at=5004.0, state="running"),
    ]
    clock = search_clock(trials)
    assert [clock(t) for t in (0.0, 100.0, 110.0, 115.0, 3000.0, 5000.0, 5005.0, 9000.0)] == [
        0,
        0,
        10,
        15,
        15,
        15,
        20,
        20,
    ]


@given(st.lists(st.tuples(st.floats(0, 1000), st.floats(0, 100)), max_size=30), st.floats(0, 1200))
def test_the_clock_counts_the_union_of_the_trials(a_trial, spans, now):
    trials = [a_trial(i, at=at, seconds=s, accuracy=0.1) for i, (at, s) in enumerate(spans)]
    edges = sorted({now, *(t.started for t in trials), *(t.finished for t in trials)})
    busy = sum(
        b - a
        for a, b in itertools.pairwise(edges)
        if b <= now and any(t.started <= a and b <= t.finished for t in trials)
    )
    assert search_clock(trials)(now) == pytest.approx(busy, abs=1e-6)


def test_the_figure_shows_line_dots_and_the_hand_made_network(digits):
    run, _ = digits
    figure = trajectory_figure(run)
    names = [trace.name for trace in figure.data]
    assert names == ["one trial", "best so far", "an improvement"]
    line = figure.data[1]
    assert line.line.shape == "hv"
    assert line.x[-1] == max(t.number for t in run.trials if t.state == "completed")
    assert line.y[-1] == run.best.metrics["accuracy"]
    assert figure.layout.shapes[0].y0 == run.baseline.metrics["accuracy"]
    assert figure.layout.yaxis.tickformat == ".1%"


def test_other_fidelities_are_drawn_apart(a_run, a_trial):
    trials = [
        a_trial(0, accuracy=0.9, fidelity=Fidelity(epochs=8)),
        a_trial(1, accuracy=0.3, fidelity=Fidelity(epochs=1)),
    ]
    names = [trace.name for trace in trajectory_figure(a_run(trials, objectives=ACCURACY)).data]
    assert "over a limit or at lower fidelity" in names


def test_long_times_are_told_in_hours(a_run, a_trial):
    run = a_run([a_trial(0, seconds=3 * 3600.0, accuracy=0.9)], objectives=ACCURACY)
    figure = trajectory_figure(run, "seconds")
    assert figure.layout.xaxis.title.text == "searching time, hours"
    assert figure.data[-1].x == (3.0,)


def test_hover_texts_are_escaped(a_run, a_trial):
    run = a_run([a_trial(0, {"op": "<img src=x>"}, accuracy=0.9)], objectives=ACCURACY)
    text = trajectory_figure(run).data[-1].text[0]
    assert "op=&lt;img src=x&gt;" in text
    assert "<img" not in text
