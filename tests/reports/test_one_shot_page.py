"""The page of a one-shot run at each stage, in a browser."""

import re

import pytest

from archwright.reports import figures, render_report


def stages(one_shot_run, searched_run, supernet_epochs, a_trial):
    winner = a_trial(1, accuracy=0.9, params=1001.0)
    return {
        "before the first epoch": one_shot_run(0),
        "one epoch": one_shot_run(1),
        "training": one_shot_run(12),
        "stopped in training": one_shot_run(12, state="stopped"),
        "failed in training": one_shot_run(3, state="failed"),
        "trained, no trial yet": one_shot_run(50, supernet_ended="50 epochs"),
        "without preferences": one_shot_run(
            epochs=tuple(
                {"epoch": i, "seconds": 1.0, "metrics": {"train_loss": 1 / i}, "probabilities": {}}
                for i in (1, 2, 3)
            )
        ),
        "28 decisions of 8 options": one_shot_run(
            epochs=supernet_epochs(50, 28, ("none", "skip_connect", *"abcdef"), subsets=6)
        ),
        "searched": searched_run([0.3, 0.4, 0.2], []),
        "retrained": searched_run([0.3, 0.4, 0.2], [0.8, 0.9], winner=winner, test={"accuracy": 0.88}),
    }


@pytest.mark.parametrize(
    "stage",
    [
        "before the first epoch",
        "one epoch",
        "training",
        "stopped in training",
        "failed in training",
        "trained, no trial yet",
        "without preferences",
        "28 decisions of 8 options",
        "searched",
        "retrained",
    ],
)
def test_a_one_shot_run_has_a_page_at_any_stage(one_shot_run, searched_run, supernet_epochs, a_trial, stage):
    run = stages(one_shot_run, searched_run, supernet_epochs, a_trial)[stage]
    text = render_report(run)
    body = text[text.index("<body>") : text.index('<script id="report-data"')]
    assert sorted(re.findall(r'data-figure="(\w+)"', body)) == sorted(figures(run))
    assert '<h2 id="supernet-title">The supernet</h2>' in body
    assert "None" not in body
    assert "undefined" not in body
    assert "nan" not in re.findall(r"\w+", body)


def test_the_collapse_is_a_notice(one_shot_run, supernet_epochs):
    assert "known way in which DARTS fails" in render_report(
        one_shot_run(epochs=supernet_epochs(9, favourite=1))
    )
    assert "known way in which DARTS fails" not in render_report(one_shot_run(0))


@pytest.mark.slow
def test_the_panels_fit_a_wide_and_a_narrow_window(one_shot_run, supernet_epochs, opened):
    run = one_shot_run(epochs=supernet_epochs(20, 28, ("none", "skip_connect", *"abcdef")))
    for width, columns in ((1280, 4), (380, 2)):
        page = opened(run, viewport={"width": width, "height": 900})
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        sizes = page.evaluate(
            """() => [...document.querySelectorAll('[data-figure=preferences] .draglayer .nsewdrag')]
                .map((e) => e.getBoundingClientRect()).map((b) => [b.left, b.right, b.width, b.height])"""
        )
        assert len(sizes) == 28
        for left, right, across, high in sizes:
            assert 0 <= left < right <= width
            assert across >= 100
            assert high >= 60
        assert len({round(left) for left, *_ in sizes}) == columns


def test_all_its_figures_are_drawn(searched_run, a_trial, opened):
    run = searched_run([0.3, 0.4, 0.2], [0.8, 0.9], winner=a_trial(1, accuracy=0.9, params=1001.0))
    page = opened(run)
    for name in figures(run):
        assert page.locator(f"[data-figure={name}] .trace").count() >= 1, name
