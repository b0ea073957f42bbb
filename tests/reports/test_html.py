import json
import re
from dataclasses import replace

import pytest

import archwright.spaces as aw
from archwright.objectives import Objective
from archwright.reports import figures, render_report, write_report

HOSTILE = "</script><script>window.hacked = 1; alert('hacked')</script><img src=x onerror=\"window.hacked = 1\">&amp;"
ACCURACY = (Objective("accuracy"),)


def unfinished(a_run, a_trial):
    """Runs at every stage of life, by name."""
    nan = float("nan")
    best = a_trial(
        0, rmse=51.0, r2=0.4, params=400.0, curve=[{"epoch": 1, "train_loss": 2.0, "loss": 3.0, "rmse": 51.0}]
    )
    failing = [a_trial(i, state="failed", error=f"loss is NaN in epoch {i}") for i in range(5)]
    return {
        "nothing yet": a_run(
            (), objectives=ACCURACY, state="running", stop_reason=None, messages=(), seconds=0.0
        ),
        "one running": a_run(
            [a_trial(0, state="running")], objectives=ACCURACY, state="running", stop_reason=None
        ),
        "one done": a_run([a_trial(0, accuracy=0.5)], objectives=ACCURACY),
        "all failed": a_run(failing, objectives=ACCURACY, state="failed", stop_reason="every trial failed"),
        "all over a limit": a_run([a_trial(0, state="infeasible", params=9.0)]),
        "all NaN": a_run([a_trial(0, accuracy=nan, params=nan)], objectives=ACCURACY),
        "regression": a_run(
            [best, a_trial(1, rmse=1e9, params=3.0)],
            objectives=(Objective("rmse"),),
            test={"rmse": 50.0},
            winner=best,
            retrained=(best,),
        ),
        "two objectives": a_run(
            [a_trial(i, accuracy=0.5 + i / 20, params=10.0 * 3**i) for i in range(9)],
            objectives=(Objective("accuracy", limit=0.4), Objective("params")),
        ),
        "a metric of one's own": a_run([a_trial(0, score=3.0)], objectives=(Objective("score", "maximize"),)),
    }


def test_the_page_is_one_file_that_loads_nothing(digits, tmp_path):
    run, space = digits
    path = write_report(run, tmp_path / "deep" / "report.html", space)
    text = path.read_text(encoding="utf-8")
    assert path.stat().st_size < 6_000_000
    assert [p.name for p in path.parent.iterdir()] == ["report.html"]
    page = re.sub(r"<script>.*?</script>", "", text, flags=re.DOTALL)
    assert not re.search(r"""(src|href)\s*=\s*["'](?!\#)""", page)
    assert "@import" not in page
    assert "url(" not in page


def test_a_report_is_replaced_as_a_whole(a_run, a_trial, tmp_path):
    path = tmp_path / "report.html"
    write_report(a_run([a_trial(0, accuracy=0.5)], objectives=ACCURACY, name="first"), path)
    write_report(a_run([a_trial(0, accuracy=0.5)], objectives=ACCURACY, name="second"), path)
    assert "<h1>second</h1>" in path.read_text(encoding="utf-8")


def test_the_page_tells_all_that_was_asked(digits):
    run, space = digits
    text = render_report(run, space)
    body = text[text.index("<body>") : text.index('<script id="report-data"')]
    for told in (
        "98.9\u00a0% test accuracy",
        "1077 train, 360 validation, 360 test",
        "archwright search digits --trials 40 --limit &#39;params&lt;=60000&#39; --workers 2",
        "out of memory: tried to allocate",
        "over a limit and never trained",
        "2 min 51 s",
        "2.13.0",
        "search ended: 40 trials",
        "chosen among 4 finalists by validation",
        '<svg class="architecture"',
    ):
        assert told in body, told


def test_without_a_space_the_decisions_are_listed(digits):
    run, _ = digits
    text = render_report(run)
    assert '<svg class="architecture"' not in text
    assert f"<dt>width</dt><dd>{run.winner.candidate.architecture['width']}</dd>" in text


def test_a_space_that_was_changed_is_told_of(digits_run):
    run, space = digits_run()
    assert 'class="notice">The space was changed' not in render_report(run, space)
    other = aw.Space(aw.layer(dict, a=aw.choice(1, 2, name="other")))
    text = render_report(run, other)
    assert "It cannot be drawn, since the space given is not the one it was found in" in text
    assert '<svg class="architecture"' not in text
    run = replace(run, config=replace(run.config, space=replace(run.config.space, digest="0" * 16)))
    text = render_report(run, space)
    assert 'class="notice">The space was changed since the search; it is drawn as it is now.' in text
    assert '<svg class="architecture"' in text


def test_plots_tables_and_drawing_are_there(digits, digits_page):
    names = digits_page.eval_on_selector_all("[data-figure]", "all => all.map(e => e.dataset.figure)")
    assert names == list(figures(digits[0]))
    for name in names:
        assert digits_page.locator(f"[data-figure={name}] svg.main-svg").count() >= 1
        assert digits_page.locator(f"[data-figure={name}] .trace").count() >= 1
    assert digits_page.locator("#top tbody tr").count() == 20
    assert digits_page.locator("#training tbody tr").count() == 4
    assert digits_page.locator("#failures tbody tr").count() == 1
    assert digits_page.locator("svg.architecture rect").count() > 10
    assert digits_page.title() == "digits: architecture search report"


def test_hovering_tells_of_the_trial(digits_page):
    digits_page.locator("[data-figure=pareto]").scroll_into_view_if_needed()
    found = digits_page.evaluate(
        """() => {
            const plot = document.querySelector('[data-figure=pareto]');
            const trace = plot._fullData.findIndex((t) => t.name === 'Pareto front');
            const {xaxis, yaxis} = plot._fullLayout, data = plot._fullData[trace];
            const box = plot.querySelector('.nsewdrag').getBoundingClientRect();
            return {x: box.x + xaxis.d2p(data.x[0]), y: box.y + yaxis.d2p(data.y[0]), text: data.text[0]};
        }"""
    )
    digits_page.mouse.move(found["x"] - 2, found["y"] - 2)
    digits_page.mouse.move(found["x"], found["y"])
    label = digits_page.locator("[data-figure=pareto] .hoverlayer .hovertext")
    label.wait_for(timeout=60_000)
    told = label.text_content()
    assert found["text"].split("<br>")[0].replace("<b>", "").replace("</b>", "") in told
    assert "width=" in told


@pytest.mark.parametrize("width", [1280, 380])
def test_the_page_fits_its_window_and_its_text_can_be_read(digits_page, width):
    digits_page.set_viewport_size({"width": width, "height": 800})
    assert digits_page.evaluate("document.documentElement.scrollWidth") <= width
    plots = "[...document.querySelectorAll('svg.main-svg')].map((e) => e.getBoundingClientRect().right)"
    for _ in range(600):  # plots follow a change of the window with a delay
        if max(digits_page.evaluate(plots)) <= width:
            break
        digits_page.wait_for_timeout(100)
    assert max(digits_page.evaluate(plots)) <= width
    small = digits_page.eval_on_selector_all(
        "main p, main td, main th, main dt, main dd, svg.architecture text",
        "all => all.filter(e => parseFloat(getComputedStyle(e).fontSize) < 11).length",
    )
    assert small == 0


def contrast(first, second):
    """The ratio of two colours' luminances (WCAG 2.1): 4.5 is legible."""

    def light(colour):
        parts = [int(p) / 255 for p in re.findall(r"\d+", colour)[:3]]
        linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    high, low = sorted((light(first), light(second)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("scheme", ["dark", "light"])
def test_light_and_dark_are_legible_in_page_plots_and_drawing(digits_page, scheme):
    digits_page.emulate_media(color_scheme=scheme)
    digits_page.wait_for_selector(f"html[data-drawn={scheme}]", state="attached")
    style = "(e) => { const s = getComputedStyle(e); return [s.color, s.fill, s.backgroundColor]; }"
    paper = digits_page.eval_on_selector("body", style)[2]
    assert (contrast(paper, "rgb(0, 0, 0)") < contrast(paper, "rgb(255, 255, 255)")) == (scheme == "dark")
    card = digits_page.eval_on_selector(".card", style)[2]
    for selector, behind in (
        (".headline", paper),
        (".lead", paper),
        (".card .note", card),
        ("caption", paper),
    ):
        assert contrast(digits_page.eval_on_selector(selector, style)[0], behind) >= 4.5, selector
    for selector in ("[data-figure=pareto] .xtick text", ".architecture .name", ".architecture .detail"):
        assert contrast(digits_page.eval_on_selector(selector, style)[1], card) >= 4.5, selector


def test_it_prints_on_white(digits_page):
    digits_page.emulate_media(media="print", color_scheme="dark")
    paper = digits_page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert contrast(paper, "rgb(255, 255, 255)") < 1.2
    assert digits_page.evaluate("getComputedStyle(document.querySelector('nav')).display") == "none"
    assert digits_page.pdf().startswith(b"%PDF")
    digits_page.emulate_media(media="screen", color_scheme="light")
    digits_page.wait_for_selector("html[data-drawn=light]", state="attached")
    overhang = """[...document.querySelectorAll('[data-figure]')].map((e) =>
        e.querySelector('svg.main-svg').getBoundingClientRect().right - e.getBoundingClientRect().right)"""
    for _ in range(600):
        if max(digits_page.evaluate(overhang)) < 2:
            break
        digits_page.wait_for_timeout(100)
    assert max(digits_page.evaluate(overhang)) < 2


@pytest.mark.sampled(3)
@pytest.mark.parametrize(
    "stage",
    [
        "nothing yet",
        "one running",
        "one done",
        "all failed",
        "all over a limit",
        "all NaN",
        "regression",
        "two objectives",
        "a metric of one's own",
    ],
)
def test_a_run_at_any_stage_has_a_page_without_errors(a_run, a_trial, opened, stage):
    run = unfinished(a_run, a_trial)[stage]
    page = opened(run)
    expected = figures(run)
    assert page.locator("svg.main-svg").count() >= len(expected)
    assert page.locator("[data-figure]").count() == len(expected)
    assert page.locator(".headline").text_content().endswith(".")
    text = page.locator("body").inner_text()
    assert "None" not in text
    assert "undefined" not in text
    assert not re.search(r"\bnan\b", text)


def test_names_and_errors_cannot_run_scripts(a_run, a_trial, opened):
    trials = [
        a_trial(
            0,
            {HOSTILE: HOSTILE},
            accuracy=0.5,
            params=7.0,
            curve=[{"epoch": 1, "accuracy": 0.5, HOSTILE: 1.0}],
        ),
        a_trial(1, {"a": "b"}, state="failed", error=f"{HOSTILE}\n{HOSTILE}"),
        a_trial(2, {"a": "b"}, state="failed", error=None),
    ]
    run = a_run(
        trials,
        objectives=(Objective("accuracy"),),
        name=HOSTILE,
        stop_reason=HOSTILE,
        messages=((0.0, HOSTILE),),
        settings={
            "command": HOSTILE,
            "strategy": {"name": HOSTILE, "options": {HOSTILE: HOSTILE}},
            "versions": {"archwright": HOSTILE, HOSTILE: HOSTILE},
        },
    )
    page = opened(run)
    assert page.evaluate("window.hacked") is None
    assert page.locator("main img").count() == 0
    assert page.locator("h1").text_content() == HOSTILE
    assert HOSTILE in page.locator("#failures").text_content()


def test_a_script_that_slipped_in_would_not_run(a_run, browser, tmp_path):
    text = render_report(a_run((), objectives=ACCURACY))
    path = tmp_path / "report.html"
    path.write_text(text.replace("<main", "<script>window.hacked = 1</script><main"), encoding="utf-8")
    page = browser.new_page()
    page.goto(path.as_uri())
    assert page.evaluate("window.hacked") is None
    page.close()


def test_ten_thousand_trials_stay_light(digits_run, opened, tmp_path):
    run, space = digits_run(10_000)
    page = opened(run, space)
    assert (tmp_path / "report.html").stat().st_size < 8_000_000
    drawn = page.evaluate(
        "document.querySelector('[data-figure=trajectory]').querySelectorAll('.point').length"
    )
    assert 1_000 < drawn < 2_500
    assert "trials are drawn" in page.locator("#search figcaption").first.text_content()
    assert page.locator("#top tbody tr").count() == 20


def test_the_data_of_the_page_is_the_data_of_the_figures(digits):
    run, space = digits
    text = render_report(run, space)
    data = json.loads(
        re.search(r'<script id="report-data" type="application/json">(.*?)</script>', text, re.DOTALL)[1]
    )
    assert data["figures"].keys() == figures(run).keys()
    assert "<" not in json.dumps(data["figures"]).replace("<br>", "").replace("<b>", "").replace(
        "</b>", ""
    ).replace("<extra></extra>", "")
