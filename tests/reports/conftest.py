"""Runs made by hand, and a browser that may load nothing but the page."""

import math
import shutil
from pathlib import Path
from random import Random

import pytest
from playwright.sync_api import sync_playwright
from torch import nn

import archwright.spaces as aw
from archwright.experiments import Run, RunConfig
from archwright.experiments.format1 import upgraded
from archwright.experiments.records import decode
from archwright.objectives import Objective, best_trial, pareto_front
from archwright.reports import write_report
from archwright.trials import FULL, Candidate, Measurement, Trial, TrialState

BEGIN = 1_760_000_000.0


def digits_space():
    """A chain of blocks of one decided width."""
    width = aw.integer(16, 64, step=16, name="width")

    def block(i):
        return aw.choice(
            {
                "conv": aw.layer(nn.Conv2d, width, width, kernel_size=3, padding=1),
                "separable": aw.layer(
                    nn.Sequential,
                    aw.layer(
                        nn.Conv2d, width, width, aw.choice(3, 5, name="kernel"), padding="same", groups=width
                    ),
                    aw.layer(nn.Conv2d, width, width, 1),
                ),
                "skip": aw.layer(nn.Identity),
            },
            name="op",
        )

    return aw.Space(
        aw.layer(
            nn.Sequential,
            aw.layer(nn.Conv2d, 1, width, 3, padding=1),
            aw.repeat(block, times=aw.integer(2, 5, name="depth"), name="blocks"),
            aw.layer(nn.AdaptiveAvgPool2d, 1),
            aw.layer(nn.Flatten),
            aw.layer(nn.Linear, width, 10),
        ),
        name="digits-conv",
    )


def learning_curve(score, epochs=12, metric="accuracy"):
    """Rows as an estimator leaves them, rising to a score."""
    rows = []
    for epoch in range(1, epochs + 1):
        reached = 1 - math.exp(-4 * epoch / epochs)
        rows.append(
            {
                "epoch": epoch,
                "train_loss": 2.3 - 2.2 * reached,
                "loss": 2.3 - 2.0 * reached * score,
                metric: score * reached,
            }
        )
    return tuple(rows)


def digits_trial(space, random, number, at, seconds=4.0, fidelity=FULL, curve=True):
    """A completed trial with plausible metrics."""
    architecture = space.sample(random)
    width, depth = architecture["width"], architecture["blocks.depth"]
    params = 10 * width + 9 * width * width * depth // 3
    accuracy = min(0.995, 0.86 + 0.02 * depth + width / 1500 + random.gauss(0, 0.012))
    metrics = {
        "accuracy": accuracy,
        "loss": 2 * (1 - accuracy),
        "params": float(params),
        "flops": 64.0 * params,
    }
    measured = Measurement(metrics, learning_curve(accuracy) if curve else (), seconds)
    candidate = Candidate(architecture, fidelity)
    return Trial(number, candidate, TrialState.COMPLETED, measured, None, at, at + seconds)


def a_run(trials=(), *, name="digits", state="completed", objectives=None, space=None, **parts):
    """A run around some trials, with what follows from them."""
    objectives = objectives or (Objective("accuracy"), Objective("params", limit=60_000, optimize=False))
    finite = [t for t in trials if all(math.isfinite(t.metrics.get(o.name, math.nan)) for o in objectives)]
    described = space.describe() if space else {"name": None, "size_bound": 12, "decisions": {}}
    settings = {
        "name": name,
        "task": {
            "reference": "digits",
            "options": {"seed": 0},
            "describe": {
                "name": "digits",
                "kind": "classification",
                "metric": "accuracy",
                "input_shape": [1, 8, 8],
                "outputs": 10,
                "classes": [str(i) for i in range(10)],
                "preprocessing": {"steps": ["Take an input as numbers.", "Subtract the mean."]},
                "split": "1077 train, 360 validation, 360 test (split at random, stratified by class, seed 0)",
            },
        },
        "space": {
            "reference": None,
            "name": described["name"],
            "digest": space.digest if space else "0123abcd",
            "describe": described,
        },
        "strategy": {"name": "evolution", "options": {"population": 20, "tournament": 5}},
        "seed": 0,
        "objectives": [o.to_json() for o in objectives],
        "budget": {"trials": 40, "minutes": None, "target": None},
        "recipe": {"optimizer": "adamw", "learning_rate": 0.003, "epochs": 12, "batch_size": 64},
        "fidelity": {"epochs": 6, "data_fraction": 1.0},
        "executor": {"workers": 2, "time_limit": None, "memory_limit": None},
        "training": {"accelerator": "cpu", "precision": "32-true"},
        "retrain": 3,
        "baseline": True,
        "store": None,
        "command": "archwright search digits --trials 40 --limit 'params<=60000' --workers 2",
        "created": BEGIN,
        "versions": {"archwright": "0.1.0", "python": "3.12.1", "torch": "2.13.0"},
    }
    settings |= parts.pop("settings", {})
    defaults = {
        "retrained": (),
        "baseline": None,
        "best": best_trial(finite, objectives),
        "pareto": tuple(pareto_front(finite, objectives)),
        "winner": None,
        "test": None,
        "baseline_test": None,
        "seconds": 171.0,
        "stop_reason": "40 trials",
        "messages": ((BEGIN, "search began"), (BEGIN + 170, "search ended: 40 trials")),
    }
    return Run(
        folder=Path("runs") / name,
        state=state,
        config=decode(RunConfig, upgraded(settings)),
        trials=tuple(trials),
        **(defaults | parts),
    )


def digits_run(count=40, seed=0, **parts):
    """A whole search with failures, candidates over the limit, retraining and a hand-made network."""
    space, random = digits_space(), Random(seed)
    trials, at = [], BEGIN
    for number in range(count):
        trial = digits_trial(space, random, number, at, 2 + 4 * random.random(), curve=count < 1000)
        lot = random.random()
        if lot < 0.08:
            error = f"out of memory: tried to allocate {random.randrange(20, 900)} MiB\n  in Conv2d"
            trial = Trial(number, trial.candidate, TrialState.FAILED, None, error, at, at + 1.5)
        elif trial.metrics["params"] > 60_000:
            cheap = Measurement({"params": trial.metrics["params"], "flops": trial.metrics["flops"]})
            trial = Trial(number, trial.candidate, TrialState.INFEASIBLE, cheap, None, at, at + 0.01)
        trials.append(trial)
        at = trial.finished
    run = a_run(trials, space=space)
    top = sorted((t for t in trials if t.state == "completed"), key=lambda t: -t.metrics["accuracy"])[:3]
    retrained = tuple(
        Trial(t.number, t.candidate, TrialState.COMPLETED, _again(t), None, at, at + 9.0) for t in top
    )
    baseline_metrics = {"accuracy": 0.979, "loss": 0.08, "params": 52_000.0, "flops": 3.1e6}
    baseline = Trial(
        0,
        Candidate(aw.Architecture({})),
        TrialState.COMPLETED,
        Measurement(baseline_metrics, learning_curve(0.979), 9.0),
        None,
        at,
        at + 9.0,
    )
    chosen = max(retrained, key=lambda t: t.metrics["accuracy"])
    parts = {
        "retrained": retrained,
        "baseline": baseline,
        "winner": chosen,
        "test": {"accuracy": 0.98888, "loss": 0.05, "f1": 0.9881},
        "baseline_test": {"accuracy": 0.98333, "loss": 0.07, "f1": 0.9829},
    } | parts
    return a_run(trials, space=space, best=run.best, pareto=run.pareto, **parts), space


def _again(trial):
    better = {**trial.metrics, "accuracy": min(0.999, trial.metrics["accuracy"] + 0.008)}
    return Measurement(better, learning_curve(better["accuracy"]), 9.0)


def a_trial(
    number=0, architecture=None, state="completed", error=None, at=None, seconds=1.0, curve=(), **metrics
):
    """A trial by its metrics; trial n begins n seconds after the run."""
    at = BEGIN + number if at is None else at
    fidelity = metrics.pop("fidelity", FULL)
    measured = Measurement(metrics, tuple(curve), seconds) if metrics else None
    finished = None if state == "running" else at + seconds
    candidate = Candidate(aw.Architecture(architecture or {"width": number}), fidelity)
    return Trial(number, candidate, TrialState(state), measured, error, at, finished)


OPERATIONS = ("none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3")


def supernet_epochs(count, decisions=6, labels=OPERATIONS, subsets=0, favourite=1, pull=0.3, **more):
    """What so many epochs leave: each decision's favourite label gains at the cost of the others."""
    entries = []
    for epoch in range(1, count + 1):
        weights = [math.exp(pull * (epoch - 1) * (i == favourite)) for i in range(len(labels))]
        chosen = {label: weight / sum(weights) for label, weight in zip(labels, weights, strict=True)}
        probabilities = {f"cell.edge_{i}": dict(chosen) for i in range(decisions)}
        probabilities |= {f"cell.inputs_{i}": {"0": 0.4, "1": 0.9} for i in range(subsets)}
        metrics = {
            "train_loss": 2.3 / epoch,
            "architecture_loss": 2.4 / epoch,
            "learning_rate": 0.025,
            "entropy": 1.6 - 0.05 * epoch,
            "skips": float(epoch // 2),
            "eigenvalue": 0.1 * epoch,
            "derived_accuracy": 0.2 + 0.01 * epoch,
            "derived_loss": 2.0,
        }
        entries.append(
            {"epoch": epoch, "seconds": 3.0, "metrics": metrics | more, "probabilities": probabilities}
        )
    return tuple(entries)


def one_shot_run(count=12, *, trials=(), planned=50, state="running", **parts):
    """A run of a one-shot method; by default in the middle of its training."""
    strategy = {"name": "darts", "options": {"epochs": planned}, "one_shot": True, "epochs": planned}
    parts = {"epochs": supernet_epochs(count), "stop_reason": None} | parts
    settings = {"strategy": strategy} | parts.pop("settings", {})
    parts.setdefault("objectives", (Objective("accuracy"),))
    return a_run(trials, state=state, settings=settings, **parts)


def searched_run(shared, standalone, **parts):
    """A one-shot run whose trials have some scores by shared weights, the first ones retrained to others."""
    trials = [a_trial(i, accuracy=value, params=1000.0 + i) for i, value in enumerate(shared)]
    retrained = tuple(a_trial(i, accuracy=v, params=1000.0 + i, loss=1 - v) for i, v in enumerate(standalone))
    ended = {"state": "completed", "supernet_ended": "50 epochs", "retrained": retrained}
    return one_shot_run(50, trials=trials, **(ended | parts))


@pytest.fixture(name="one_shot_run", scope="session")
def _one_shot_run():
    return one_shot_run


@pytest.fixture(name="searched_run", scope="session")
def _searched_run():
    return searched_run


@pytest.fixture(name="supernet_epochs", scope="session")
def _supernet_epochs():
    return supernet_epochs


@pytest.fixture(name="digits_run", scope="session")
def _digits_run():
    return digits_run


@pytest.fixture(name="a_run", scope="session")
def _a_run():
    return a_run


@pytest.fixture(name="a_trial", scope="session")
def _a_trial():
    return a_trial


@pytest.fixture(scope="session")
def digits(digits_run):
    """A whole search and its space."""
    return digits_run()


@pytest.fixture(scope="session")
def browser():
    """Headless Chromium, as it is installed; CI installs one."""
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if found is None:
        pytest.skip(
            "no browser is installed: neither chromium, chromium-browser nor google-chrome is on PATH"
        )
    arguments = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking"]
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=found, args=arguments)
        yield chromium
        chromium.close()


def open_page(browser, path, complaints, **options):
    """Open a page and wait until it is drawn; note every request but for the page itself, and every error."""
    context = browser.new_context(**{"viewport": {"width": 1200, "height": 900}} | options)
    page = context.new_page()

    def route(request):
        if request.request.url == path.as_uri():
            request.continue_()
        else:
            complaints.append(f"requested {request.request.url}")
            request.abort()

    page.route("**/*", route)
    page.on("pageerror", lambda error: complaints.append(f"error: {error}"))
    page.on(
        "console", lambda told: complaints.append(told.text) if told.type in ("error", "warning") else None
    )
    page.on("dialog", lambda dialog: (complaints.append(f"dialog {dialog.message}"), dialog.dismiss()))
    page.goto(path.as_uri())
    page.wait_for_selector("html[data-drawn]", state="attached")
    return page


@pytest.fixture
def opened(browser, tmp_path):
    """Opens a run's report, or a page that is there; the test fails on any request but for it, and on any error."""
    pages, complaints = [], []

    def open_report(run, space=None, **options):
        path = run if isinstance(run, Path) else write_report(run, tmp_path / "report.html", space)
        pages.append(open_page(browser, path, complaints, **options))
        return pages[-1]

    yield open_report
    for page in pages:
        page.context.close()
    assert complaints == []


@pytest.fixture(scope="session")
def shared_page(browser, digits, tmp_path_factory):
    """The report of a whole search, opened once."""
    complaints = []
    path = write_report(digits[0], tmp_path_factory.mktemp("report") / "report.html", digits[1])
    page = open_page(browser, path, complaints)
    yield page, complaints
    page.context.close()


@pytest.fixture
def digits_page(shared_page):
    """The report of a whole search, wide, light, on screen, at its top; as `opened` does, for tests that only look."""
    page, complaints = shared_page
    yield page
    page.set_viewport_size({"width": 1200, "height": 900})
    page.emulate_media(media="screen", color_scheme="light")
    page.wait_for_selector("html[data-drawn=light]", state="attached")
    assert complaints == []
