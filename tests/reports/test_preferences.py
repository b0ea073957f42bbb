import re

import pytest

from archwright.reports import preference_families, preference_figures
from archwright.reports.palette import LIGHT, dark_of

LETTERS = tuple("abcdefgh")


def test_decisions_of_the_same_options_are_one_family(one_shot_run, supernet_epochs):
    decisions = {f"cell.inputs_{i}": {"kind": "subset", "n": 2, "fewest": 1, "most": 2} for i in range(2)}
    run = one_shot_run(
        epochs=supernet_epochs(5, subsets=2),
        settings={"space": {"describe": {"size_bound": 9, "decisions": decisions}}},
    )
    edges, inputs = preference_families(run)
    assert [one.address for one in edges.members] == [f"cell.edge_{i}" for i in range(6)]
    assert (edges.are_items, inputs.are_items) == (False, True)
    assert edges.title == "6 decisions: the probability of each option"
    assert inputs.title == "2 choices of inputs or parts: the strength of each item"
    first = edges.members[0]
    assert first.epochs == (1, 2, 3, 4, 5)
    for i, entry in enumerate(run.epochs):
        assert {k: v[i] for k, v in first.values.items()} == entry["probabilities"][first.address]
    assert list(preference_figures(run)) == ["preferences", "preferences_2"]


def test_fewer_options_join_the_decision_that_has_them_all(one_shot_run):
    whole, part = {"a": 0.5, "b": 0.3, "c": 0.2}, {"a": 0.6, "c": 0.4}
    entry = {"epoch": 1, "seconds": 1.0, "metrics": {}, "probabilities": {"x": part, "y": whole}}
    [family] = preference_families(one_shot_run(epochs=(entry,)))
    assert family.labels == ("a", "b", "c")
    assert [one.address for one in family.members] == ["x", "y"]


def test_options_that_are_dropped_leave_gaps(one_shot_run):
    entries = [
        {"epoch": 1, "seconds": 1.0, "metrics": {}, "probabilities": {"x": {"a": 0.2, "b": 0.8}}},
        {"epoch": 2, "seconds": 1.0, "metrics": {}, "probabilities": {"x": {"b": 1.0}}},
    ]
    run = one_shot_run(epochs=tuple(entries))
    [family] = preference_families(run)
    assert family.members[0].values == {"a": (0.2, None), "b": (0.8, 1.0)}
    assert preference_figures(run)["preferences"].data[0].y == (0.2, None)


@pytest.mark.parametrize(
    ("decisions", "labels", "columns"), [(28, LETTERS, 4), (6, LETTERS[:5], 4), (1, LETTERS[:2], 1)]
)
def test_a_panel_a_decision_and_a_line_an_option(one_shot_run, supernet_epochs, decisions, labels, columns):
    run = one_shot_run(epochs=supernet_epochs(9, decisions, labels))
    figure = preference_figures(run)["preferences"]
    assert len(figure.data) == decisions * len(labels)
    assert len({trace.xaxis for trace in figure.data}) == decisions
    assert sum(trace.showlegend for trace in figure.data) == len(labels)
    grid, margin = figure.layout.grid, figure.layout.margin
    assert grid.columns == columns
    assert grid.columns * (grid.rows - 1) < decisions <= grid.columns * grid.rows
    step = (figure.layout.height - margin.t - margin.b) / (grid.rows - grid.ygap)
    assert step * (1 - grid.ygap) >= 60


def test_skip_connections_stand_out_and_colours_have_a_dark_form(one_shot_run, supernet_epochs):
    figure = preference_figures(one_shot_run(9))["preferences"]
    looks = {trace.name: trace.line.color for trace in figure.data}
    assert looks["skip_connect"] == LIGHT["bad"]
    assert looks["none"] == LIGHT["faint"]
    assert len(set(looks.values())) == len(looks)
    assert set(re.findall(r"#[0-9a-f]{6}\b", figure.to_json())) <= dark_of().keys()
    many = tuple(f"op{i}" for i in range(13))
    figure = preference_figures(one_shot_run(epochs=supernet_epochs(3, 2, many)))["preferences"]
    assert len({(trace.line.color, trace.line.dash) for trace in figure.data}) == 13


def test_an_axis_that_does_not_begin_at_zero_says_so(one_shot_run, supernet_epochs):
    undecided = preference_figures(one_shot_run(epochs=supernet_epochs(5, pull=0.001)))["preferences"]
    decided = preference_figures(one_shot_run(epochs=supernet_epochs(5, pull=1.0)))["preferences"]
    assert undecided.layout.yaxis.range[0] > 0.15
    assert "does not begin at zero" in undecided.layout.meta["note"]
    assert decided.layout.yaxis.range[0] == 0
    assert "zero" not in decided.layout.meta["note"]


def test_more_than_sixty_decisions_are_counted(one_shot_run, supernet_epochs):
    run = one_shot_run(epochs=supernet_epochs(2, 70))
    assert preference_families(run)[0].left_out == 10
    figure = preference_figures(run)["preferences"]
    assert len({trace.xaxis for trace in figure.data}) == 60
    assert "10 more decisions left out" in figure.layout.meta["note"]


def test_without_preferences_there_is_nothing_to_draw(one_shot_run, digits):
    assert preference_figures(one_shot_run(0)) == {}
    assert preference_families(digits[0]) == []
