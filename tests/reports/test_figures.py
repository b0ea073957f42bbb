import math
import re

from archwright.objectives import Objective
from archwright.reports import figures
from archwright.reports.palette import dark_of

ACCURACY = (Objective("accuracy"),)


def test_all_figures_of_a_whole_run(digits):
    assert list(figures(digits[0])) == [
        "trajectory",
        "trajectory_seconds",
        "pareto",
        "curves_score",
        "curves_loss",
    ]


def test_only_figures_with_data_are_made(a_run, a_trial):
    assert figures(a_run((), objectives=ACCURACY)) == {}
    assert figures(a_run([a_trial(0, accuracy=math.nan)], objectives=ACCURACY)) == {}
    assert list(figures(a_run([a_trial(0, accuracy=0.5)], objectives=ACCURACY))) == [
        "trajectory",
        "trajectory_seconds",
    ]


def test_all_colours_have_a_counterpart_in_the_dark(digits):
    for figure in figures(digits[0]).values():
        assert set(re.findall(r"#[0-9a-f]{6}\b", figure.to_json())) <= dark_of().keys()
