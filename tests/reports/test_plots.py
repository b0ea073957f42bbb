from hypothesis import given
from hypothesis import strategies as st

from archwright.objectives import Objective
from archwright.reports.plots import dot_look, drawing_notes, focused_range, outside, thinned


@given(st.integers(0, 5000), st.sets(st.integers(0, 4999)), st.integers(1, 1000))
def test_thinning_keeps_what_matters_in_order(count, important, most):
    kept = thinned(range(count), important.__contains__, most)
    assert kept == sorted(set(kept))
    assert important & set(range(count)) <= set(kept)
    assert len(kept) <= most + len(important)
    assert count > most or kept == list(range(count))


def test_a_few_terrible_scores_are_left_outside():
    losses = [0.1 + 0.01 * i for i in range(20)] + [1e6]
    low, high = focused_range(losses, Objective("loss"))
    assert low < 0.1
    assert 0.25 < high < 0.4
    assert outside(losses, (low, high)) == 1


def test_for_a_maximised_metric_the_low_ones_are_left_outside():
    low, high = focused_range([0.05] + [0.9 + 0.002 * i for i in range(30)], Objective("accuracy"))
    assert 0.89 < low < 0.92
    assert high > 0.958


def test_an_even_spread_is_shown_whole():
    assert focused_range([0.1 * i for i in range(11)], Objective("accuracy")) is None
    assert focused_range([0.0, 1e9], Objective("loss")) is None
    assert focused_range([0.5] * 50, Objective("accuracy")) is None
    assert outside([1.0, 2.0], None) == 0


def test_what_is_left_out_is_said():
    assert drawing_notes(10, 10, 0) == ""
    assert drawing_notes(1500, 8655, 2) == (
        "1,500 of 8,655 trials are drawn, all that matter among them. "
        "2 scores outside the axis: double-click to see all"
    )


def test_many_dots_are_small():
    assert dot_look(1000)["size"] < dot_look(10)["size"]
