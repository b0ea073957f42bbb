"""What `judge` says of cheap estimates, computed again from what it recorded; and going on where it was stopped."""

from __future__ import annotations

import os
import signal
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.stats import kendalltau, rankdata, spearmanr
from torch import nn

import archwright as aw
from archwright.errors import RunError, SearchError, UsageError
from archwright.estimators import ESTIMATORS
from archwright.experiments import Listener, RunConfig, Stage, open_store, resolve_space
from archwright.registry import Entry
from archwright.session import Judgement, judgement_of
from archwright.session.scorers import scorers_for
from archwright.surrogates import SURROGATES, kendall_interval, spearman_interval

HERE = Path(__file__).parent
SPACE = f"{HERE / 'spaces_for_tests.py'}:space"
QUICK = aw.Recipe(epochs=1, batch_size=256)
NAMES = ["weighed", "against", "short", "surrogate:flat"]


class Head(nn.Sequential):
    """A network of one hidden layer."""

    def __init__(self, width: int) -> None:
        super().__init__(nn.Flatten(), nn.Linear(64, width), nn.ReLU(), nn.Linear(width, 10))


@pytest.fixture(autouse=True)
def known(monkeypatch: pytest.MonkeyPatch) -> None:
    """Names of the estimators of the test."""
    for name in ("weighed", "against"):
        monkeypatch.setitem(ESTIMATORS.entries, name, Entry(f"{HERE / 'judged.py'}:Weighed", "for tests"))
    monkeypatch.setitem(SURROGATES.entries, "flat", Entry(f"{HERE / 'judged.py'}:Flat", "for tests"))


def judged(out: Path, **more: Any) -> Judgement:
    given: dict[str, Any] = {
        "sample": 6,
        "estimators": NAMES,
        "estimator_options": {"against.sign": -1.0, "against.fails": True},
        "recipe": aw.Recipe(epochs=2, batch_size=256),
        "task_options": {"seed": 0},
        "progress": False,
    }
    return aw.judge("digits", SPACE, out=out, **{**given, **more})


def numbers(found: Judgement) -> list[tuple[object, ...]]:
    """What does not depend on the clock."""
    told = sorted(found.scores, key=lambda one: one.name)
    return [(one.name, one.networks, one.failed, one.spearman, one.kendall, one.ndcg) for one in told]


def test_the_numbers_are_those_of_the_recorded_trials(tmp_path: Path) -> None:
    found = judged(tmp_path / "run")
    assert found.state == "completed"
    assert found.networks == 6
    by_name = {one.name: one for one in found.scores}
    assert sorted(by_name) == sorted(NAMES)
    config = RunConfig.read(tmp_path / "run")
    with open_store(tmp_path / "run", config) as store:
        truth = {trial.number: trial.metrics["accuracy"] for trial in store.trials()}
        looks = store.trials(Stage.JUDGE)
    for place, name in enumerate(NAMES[:3]):
        own = [trial for trial in looks if trial.number // 100_000 == place and trial.is_measured]
        pairs = [(trial.metrics["accuracy"], truth[trial.number % 100_000]) for trial in own]
        one = by_name[name]
        both = list(zip(*pairs, strict=True))
        rho, tau = spearmanr(*both), kendalltau(*both)
        assert one.networks == len(pairs)
        assert one.spearman == pytest.approx(rho.statistic)
        assert one.kendall == pytest.approx(tau.statistic)
        assert one.spearman_interval == spearman_interval(*both)
        assert one.kendall_interval == kendall_interval(*both)
    shorter = [trial.candidate.effort for trial in looks if trial.number // 100_000 == 2]
    assert {(effort.epochs, effort.replicate) for effort in shorter} == {(1, 1)}
    assert by_name["against"].failed == 6 - by_name["against"].networks
    assert by_name["surrogate:flat"].spearman is None  # the same for all, though the folds' means differ
    assert by_name["surrogate:flat"].setup > 0
    assert judgement_of(str(tmp_path / "run")) == found
    again = aw.resume(tmp_path / "run", progress=False)  # nothing is done again
    assert again.state == "completed"
    assert judgement_of(again.run) == found


@pytest.mark.slow
def test_what_was_stopped_goes_on_and_says_the_same(tmp_path: Path) -> None:
    class Stopping(Listener):
        done = 0

        def trial_finished(self, stage: Stage, trial: aw.Trial, best: aw.Trial | None) -> None:
            self.done += stage is Stage.JUDGE
            if self.done == 3:
                os.kill(os.getpid(), signal.SIGINT)

    whole = judged(tmp_path / "whole")
    stopped = judged(tmp_path / "stopped", listener=Stopping())
    assert (stopped.state, stopped.scores) == ("stopped", ())
    assert stopped.cheapest is None
    result = aw.resume(tmp_path / "stopped", progress=False)
    assert result.state == "completed"
    assert numbers(judgement_of(result.run)) == numbers(whole)


@pytest.mark.slow
def test_a_search_takes_the_verdict(tmp_path: Path) -> None:
    folder = str(tmp_path / "judged")
    quick = {"estimators": ["subset", "weighed"], "estimator_options": {}, "fidelity": "epochs=1"}
    judged(tmp_path / "judged", threshold=-0.999, **quick)
    given: dict[str, Any] = {
        "estimator": "auto",
        "estimator_options": {"judge": folder},
        "budget": aw.Budget(trials=2),
        "recipe": aw.Recipe(epochs=2, batch_size=256),
        "retrain": 0,
        "progress": False,
        "task_options": {"seed": 0},
    }
    by = aw.search(SPACE, "digits", out=tmp_path / "cheap", fidelity="epochs=2", **given).run
    assert by.config.estimator.name == "weighed"
    (told,) = [text for _, text in by.messages if "weighed, the cheapest that suffices" in text]
    assert "2 epochs, is of training, and not used" in told
    for strategy, why in (("darts", "measures by its supernet"), ("asha", "is to stand for training")):
        with pytest.raises(UsageError, match=why):
            aw.search(SPACE, "digits", strategy=strategy, out=tmp_path / "no", **given)
    config = RunConfig.read(tmp_path / "judged")
    with open_store(tmp_path / "judged", config) as store:
        found = store.get("judgement")
        store.set_fact("judgement", {**found, "threshold": 0.9999})
    by = aw.search(SPACE, "digits", out=tmp_path / "full", **given).run
    assert by.config.estimator.name == "training"
    assert by.trials[0].candidate.effort == aw.Fidelity(
        epochs=1
    )  # as the trainings that estimates were judged by
    assert any("training at fidelity 1 epoch, since no cheap" in text for _, text in by.messages)
    by = aw.search(
        SPACE, "digits", strategy="asha", fidelity="epochs=1..2", out=tmp_path / "rungs", **given
    ).run
    assert {trial.candidate.effort.epochs for trial in by.trials} <= {1, 2}
    with pytest.raises(
        UsageError, match=r"judged another space .*space: .*, not 'mlp'\); run `archwright judge`"
    ):
        aw.search("mlp", "digits", out=tmp_path / "no", **given)
    for options in ({}, {"judge": folder, "judg": 1}):
        with pytest.raises(UsageError, match="give its run's folder"):
            aw.search(SPACE, "digits", out=tmp_path / "no", **{**given, "estimator_options": options})


@pytest.mark.slow
def test_a_verdict_holds_for_its_target_alone(tmp_path: Path) -> None:
    random = np.random.default_rng(0).normal(size=(60, 3)).round(3)
    np.savetxt(tmp_path / "table.csv", random, delimiter=",", header="a,b,c", comments="")
    table = str(tmp_path / "table.csv")
    found = aw.judge(
        table, "mlp", sample=5, estimators=["params"], recipe=QUICK, out=tmp_path / "run", progress=False,
        task_options={"target": "a", "seed": 0},
    )  # fmt: skip
    given: dict[str, Any] = {"estimator": "auto", "estimator_options": {"judge": found.folder}, "retrain": 0}
    given |= {"budget": aw.Budget(trials=1), "progress": False}
    other_seed = {"target": "a", "seed": 1}
    aw.search("mlp", table, task_options=other_seed, out=tmp_path / "same", **given)
    with pytest.raises(
        UsageError, match=r"judged another space or task than is searched .target: 'a', not 'b'"
    ):
        aw.search("mlp", table, task_options={"target": "b"}, out=tmp_path / "no", **given)


def test_a_small_network_is_half_as_wide(tmp_path: Path) -> None:
    task, recipe = aw.tasks.digits(), aw.Recipe(epochs=4)
    cells = resolve_space("cell", task)
    (scorer,), notes = scorers_for(["small"], {}, cells, task, recipe, aw.Fidelity())
    assert not notes
    assert scorer.fidelity.scaled == {"channels": 8, "cells": 3}
    (scorer,), _ = scorers_for(["small"], {}, cells, task, recipe, aw.Fidelity(scale={"channels": 8}))
    assert scorer.fidelity.scaled == {"channels": 4, "cells": 3}  # half of what full training has
    (scorer,), _ = scorers_for(["small"], {}, resolve_space("chain", task), task, recipe, aw.Fidelity())
    assert scorer.fidelity.scaled == {"width": 0.5}
    with pytest.raises(UsageError, match="no smaller scale"):
        scorers_for(["small"], {}, aw.Space(aw.layer(dict, a=aw.choice(1, 2))), task, recipe, aw.Fidelity())


def test_estimates_are_made_at_the_fidelity_of_full_training() -> None:
    task, recipe = aw.tasks.digits(), aw.Recipe(epochs=8)
    space = resolve_space("chain", task)
    effort = aw.Fidelity(epochs=4, data_fraction=0.5, resolution=6, folds=3, replicate=1)
    (short, subset), _ = scorers_for(["short", "subset"], {}, space, task, recipe, effort)
    assert short.fidelity == replace(effort, epochs=1, replicate=4)
    assert short.fidelity.fold == effort.fold  # another seed of the same fold
    assert subset.fidelity == replace(effort, data_fraction=0.125, replicate=4)


def test_what_a_task_cannot_do_is_left_out() -> None:
    task, recipe = aw.tasks.digits(), aw.Recipe(epochs=8)

    class Own(type(task)):  # type: ignore[misc]
        def batches(self, part: Any, plan: Any, network: Any = None) -> Any:
            return super().batches(part, plan, network)

    task.__class__ = Own
    found, notes = scorers_for([], {}, resolve_space("chain", task), task, recipe, aw.Fidelity())
    assert "subset" not in {one.name for one in found}
    assert any(note.startswith("subset is left out: ") and "a share of the data" in note for note in notes)


def test_ranks_are_among_the_networks_that_are_judged(tmp_path: Path) -> None:
    small = {"te_nas.batch_size": 8, "te_nas.ntk_examples": 4, "te_nas.reference": 7}
    options = {"estimators": ["te_nas"], "estimator_options": small, "recipe": QUICK, "sample": 10}
    (one,) = judged(tmp_path / "run", **options).scores
    run = aw.open_run(tmp_path / "run")
    with open_store(tmp_path / "run", run.config) as store:
        truth = {trial.number: trial.metrics["accuracy"] for trial in store.trials()}
        looks = {trial.number: trial for trial in store.trials(Stage.JUDGE)}
    done = [number for number, trial in looks.items() if trial.is_measured]  # some have no ReLU
    parts = [
        [looks[n].metrics.get(name, -np.inf) for n in done] for name in ("ntk_condition", "linear_regions")
    ]
    ranks = sum(rankdata(column) for column in parts)  # Chen et al. 2021
    assert (one.networks, one.failed) == (len(done), 10 - len(done))
    assert one.spearman == pytest.approx(spearmanr(ranks, [truth[n] for n in done]).statistic)
    assert all("te_nas" not in trial.metrics for trial in looks.values())
    assert one.setup == pytest.approx(7 * one.seconds)  # what a search would rank among


def test_weights_are_shared_where_a_space_allows(tmp_path: Path) -> None:
    found = judged(
        tmp_path / "run",
        sample=5,
        estimators=["weight_sharing"],
        estimator_options={"weight_sharing.epochs": 1},
    )
    (one,) = found.scores
    assert one.networks == 5
    assert one.setup > 0
    run = aw.open_run(tmp_path / "run")
    assert run.epochs == ()  # so that no report takes the run for a one-shot search
    assert run.judgement is not None


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"sample": 4}, "sample >= 5"),
        ({"threshold": 1.0}, "threshold"),
        ({"objective": "params"}, "expected an objective that training reaches, such as accuracy, got"),
        ({"estimators": ["sinflow"]}, "unknown estimator 'sinflow'"),
        ({"estimators": ["surrogate:gpp"]}, "unknown surrogate"),
        ({"estimators": ["short"], "recipe": aw.Recipe(epochs=1)}, "none is shorter"),
        (
            {"estimators": ["short"], "estimator_options": {"weighed.sign": 1.0}},
            "'weighed': it is not judged",
        ),
        ({"estimator_options": {"sign": 1.0}}, "NAME.OPTION"),
        ({"estimators": ["weighed"], "estimator_options": {"weighed.sing": 1.0}}, "no option 'sing'"),
    ],
)
def test_what_does_not_fit_is_told_before_anything_runs(
    tmp_path: Path, given: dict[str, Any], told: str
) -> None:
    options = {} if "estimators" in given else {"estimators": ["short"]}
    with pytest.raises(UsageError, match=told):
        judged(tmp_path / "run", **{"estimator_options": {}, **options, **given})
    assert not (tmp_path / "run").exists()


def test_too_few_networks_are_told(tmp_path: Path) -> None:
    space = aw.Space(aw.layer(Head, aw.integer(1, 3, name="width")), name="three")
    with pytest.raises(SearchError, match="only 3 networks could be trained, and with fewer than 5"):
        aw.judge(
            "digits",
            space,
            sample=6,
            estimators=["weighed"],
            recipe=QUICK,
            out=tmp_path / "run",
            progress=False,
        )


def test_another_run_judges_nothing(tmp_path: Path) -> None:
    aw.search(
        SPACE,
        "digits",
        out=tmp_path / "run",
        budget=aw.Budget(trials=1),
        retrain=0,
        recipe=QUICK,
        progress=False,
    )
    with pytest.raises(RunError, match="judges no estimates"):
        judgement_of(str(tmp_path / "run"))


@pytest.mark.slow
def test_on_a_cluster_it_finds_the_same(ray_cluster: str, tmp_path: Path) -> None:
    here = judged(tmp_path / "here")
    options = {"address": ray_cluster}
    there = judged(tmp_path / "there", executor="ray", executor_options=options, workers=2)
    assert numbers(there) == numbers(here)
    recorded = RunConfig.read(tmp_path / "there").executor
    assert (recorded.name, recorded.options, recorded.workers) == ("ray", options, 2)


def test_an_executor_that_is_not_known_is_told_before_anything_is_written(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"unknown executor 'rai'. Did you mean 'ray'"):
        judged(tmp_path / "run", executor="rai")
    with pytest.raises(UsageError, match=r"workers go with an executor by name"):
        judged(tmp_path / "run", executor=aw.experiments.InlineExecutor(), workers=2)
    assert not (tmp_path / "run").exists()
