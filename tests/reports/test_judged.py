"""The page of a run that judges cheap estimates."""

import re
from dataclasses import replace

import pytest

from archwright.experiments import Budget, JudgeConfig, Judged, Judgement, ScorerConfig
from archwright.objectives import Objective
from archwright.reports import figures, headline, key_numbers, render_report
from archwright.reports.judged import judged_table, search_taking
from archwright.reports.palette import dark_of

SCORES = (
    Judged("params", 20, 0, 0.45, (0.02, 0.74), 0.3, (0.0, 0.5), 0.8, 0.05),
    Judged("<synflow>", 19, 1, 0.9, (0.7, 0.97), 0.7, (0.5, 0.85), 0.95, 0.06, reason="no <path> & so on"),
    Judged("short", 20, 0, 0.92, (0.8, 0.97), 0.8, (0.6, 0.9), 0.97, 0.9),
    Judged("blank", 20, 0, None, (-1.0, 1.0), None, (-1.0, 1.0), None, 1.0),
)
FOUND = Judgement("accuracy", 20, 10, 0.5, 2.5, SCORES)


@pytest.fixture
def judged_run(a_run, a_trial):
    def made(found=FOUND, count=20, **parts):
        trials = [a_trial(i, accuracy=0.5 + i / 100, params=1000.0 + i) for i in range(count)]
        run = a_run(trials, name="digits-judge", objectives=(Objective("accuracy"),), **parts)
        judge = JudgeConfig(scorers=tuple(ScorerConfig(name=one.name) for one in SCORES))
        config = replace(run.config, judge=judge, retrain=0, budget=Budget(trials=20))
        return replace(run, config=config, judgement=found and found.to_json())

    return made


def test_the_first_sentence_is_the_verdict(judged_run):
    assert headline(judged_run()) == (
        "The cheapest that suffices: <synflow> (the rule: a lower bound of Spearman's correlation above 0.5, for less "
        "than full training costs)."
    )
    numbers = {number.label: (number.value, number.note) for number in key_numbers(judged_run())}
    assert numbers["cheapest that suffices"] == ("<synflow>", "")
    assert numbers["Spearman's correlation"] == ("0.90", "[0.70, 0.97]")
    assert numbers["networks trained fully"] == ("20", "none failed")


def test_without_a_verdict_the_page_says_how_far_it_is(judged_run):
    assert headline(judged_run(None, 7, state="stopped")) == (
        "Judging has not ended: 7 networks of 20 trained fully, no verdict on 4 cheap estimates yet."
    )
    assert headline(judged_run(None, 7, state="running")).startswith("Still judging: 7 networks of 20")
    assert "estimates" not in figures(judged_run(None, 7))
    assert 'id="estimates"' not in render_report(judged_run(None, 7))


def test_none_may_suffice(judged_run):
    strict = Judgement("accuracy", 20, 10, 0.95, 2.5, SCORES)
    assert headline(judged_run(strict)).startswith("None suffices (the rule:")
    assert key_numbers(judged_run(strict))[0].value == "none"


def test_a_row_for_each_estimate_with_what_suffices():
    marks = {row.cells[0]: row.marks for row in judged_table(FOUND).rows}
    assert marks == {
        "params": (),
        "<synflow>": ("cheapest that suffices",),
        "short": ("suffices",),
        "blank": (),
    }


def test_the_page_has_table_figure_and_the_next_command(judged_run):
    page = render_report(judged_run())
    text = re.sub(r"<script.*?</script>", "", page, flags=re.DOTALL)
    assert 'id="estimates"' in text
    assert "&lt;synflow&gt; failed on 1 network: no &lt;path&gt; &amp; so on" in text
    for cell in ("0.92 [0.80, 0.97]", "0.80 [0.60, 0.90]", "0.97", "0.9", "nDCG@10"):
        assert cell in text
    assert "accuracy of 20 networks trained at 6 epochs, 2.5 s each" in text
    assert "&#34;judge&#34;: &#34;runs/digits-judge&#34;" in text
    for other in ('id="search"', 'id="trade-off"', 'id="network"'):  # a random sample was no search
        assert other not in text


def test_the_figure_shows_intervals_of_those_with_a_correlation(judged_run):
    figure = figures(judged_run())["estimates"]
    (dots,) = figure.data
    assert list(dots.y) == ["params", "&lt;synflow&gt;", "short"]
    assert [x + e for x, e in zip(dots.x, dots.error_x.array, strict=True)] == pytest.approx(
        [0.74, 0.97, 0.97]
    )
    assert [x - e for x, e in zip(dots.x, dots.error_x.arrayminus, strict=True)] == pytest.approx(
        [0.02, 0.7, 0.8]
    )
    assert set(re.findall(r"#[0-9a-f]{6}\b", figure.to_json())) <= dark_of().keys()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"target": "price"}, "--target price"),
        (
            {"target": ["a", "b"], "test": "t.csv", "balance": False},
            "--target a --target b --test-file t.csv --no-balance",
        ),
        (
            {"target": "y", "drop": ("p", "q"), "columns": {"zip": "text"}},
            "--target y --drop p --drop q --column zip=text",
        ),
    ],
)
def test_the_search_that_takes_the_verdict(judged_run, options, words):
    run = judged_run()
    assert search_taking(run).startswith("aw.search(space, task, ")  # its space has no name
    task = replace(run.config.task, reference="my data.csv", options={"seed": 3, **options})
    space = replace(run.config.space, reference="mlp")
    assert search_taking(replace(run, config=replace(run.config, task=task, space=space))) == (
        f"archwright search 'my data.csv' --seed 3 {words} --space mlp --estimator auto --estimator-option "
        "judge=runs/digits-judge"
    )
