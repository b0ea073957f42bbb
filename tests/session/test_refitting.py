"""What is delivered, trained once more on training and validation data together."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import nn

import archwright as aw
from archwright.errors import RunError, UsageError
from archwright.experiments import Stage, open_run, open_store
from archwright.experiments.finalists import OTHERS
from archwright.reports.summary import REFIT
from archwright.session.refitting import refit_candidate
from archwright.tasks.reduced import joined
from archwright.trials import Candidate, Measurement, Trial, TrialState

from .killed import search_until

QUICK: dict[str, Any] = {"progress": False, "onnx": False, "retrain": 1}


def small_space() -> aw.Space:
    width = aw.integer(8, 16, step=8, name="width")
    layers = [
        aw.layer(nn.Flatten),
        aw.layer(nn.LazyLinear, width),
        aw.layer(nn.ReLU),
        aw.layer(nn.LazyLinear, 10),
    ]
    return aw.Space(aw.layer(nn.Sequential, *layers), name="small")


def searched(folder: Path, **more: Any) -> aw.Result:
    common = {"budget": aw.Budget(2), "recipe": aw.Recipe(epochs=2), "baseline": False, **QUICK}
    return aw.search(small_space(), "digits", out=folder, **{**common, **more})


@pytest.fixture(scope="module")
def refitted(tmp_path_factory: pytest.TempPathFactory) -> aw.Result:
    return searched(tmp_path_factory.mktemp("runs") / "refit", refit=True)


class TestDelivery:
    def test_all_examples_but_those_of_the_test_are_learned_from(self) -> None:
        task = aw.tasks.digits()
        both = joined(task)
        assert len(both.train) == len(task.train) + len(task.validation)
        sums = [sum(float(x.sum()) for x, _ in part) for part in (both.train, task.train, task.validation)]
        assert sums[0] == pytest.approx(sums[1] + sums[2], rel=1e-4)
        assert both.validation is task.validation

    def test_other_weights_are_delivered_than_were_tested(self, refitted: aw.Result) -> None:
        run = refitted.run
        assert run.winner is not None
        assert [t.number for t in run.refitted] == [run.winner.number]
        assert run.delivered == run.refitted[0] != run.winner
        delivered = load_file(refitted.folder / "best" / "weights.safetensors")
        assert run.refitted[0].measurement is not None
        kept = load_file(refitted.folder / run.refitted[0].measurement.artifacts["weights"])
        assert all(torch.equal(delivered[name], kept[name]) for name in kept)
        assert refitted.model().state_dict().keys() == kept.keys()
        assert all(torch.equal(value, kept[name]) for name, value in refitted.model().state_dict().items())

    def test_scores_are_those_of_the_tested_network(self, refitted: aw.Result, tmp_path: Path) -> None:
        plain = searched(tmp_path / "plain")
        assert refitted.test == plain.test
        assert refitted.best.metrics == plain.best.metrics
        card = (refitted.folder / "best" / "card.md").read_text()
        assert f"{plain.best.metrics['accuracy']:.6g}" in card

    def test_report_card_and_command_say_so(
        self, refitted: aw.Result, capsys: pytest.CaptureFixture[str]
    ) -> None:
        from archwright.cli.output import as_dict, print_run

        assert REFIT in (refitted.folder / "report.html").read_text(encoding="utf-8")
        assert REFIT in (refitted.folder / "best" / "card.md").read_text()
        print_run(refitted.run)
        assert "were not validated" in capsys.readouterr().out
        assert [entry["state"] for entry in as_dict(refitted.run)["refit"]] == ["completed"]

    def test_the_export_sees_weights_that_are_others(self, refitted: aw.Result, tmp_path: Path) -> None:
        assert refitted.run.delivered is not None
        assert refitted.run.delivered.measurement is not None
        path = refitted.folder / refitted.run.delivered.measurement.artifacts["weights"]
        right = path.read_bytes()
        assert refitted.run.winner is not None
        assert refitted.run.winner.measurement is not None
        path.write_bytes(
            (refitted.folder / refitted.run.winner.measurement.artifacts["weights"]).read_bytes()
        )
        try:
            with pytest.raises(RunError, match="code or data have changed"):
                aw.export_trial(
                    refitted.folder, space=small_space(), to=tmp_path / "net", onnx=False, progress=False
                )
        finally:
            path.write_bytes(right)

    @pytest.mark.slow
    def test_a_network_of_the_users_own_is_refit_under_a_number_of_its_own(self, tmp_path: Path) -> None:
        space = aw.Space(
            aw.layer(
                nn.Sequential,
                aw.layer(nn.AdaptiveAvgPool2d, (1, aw.integer(1, 2))),
                aw.layer(nn.Flatten),
                aw.layer(nn.LazyLinear, 10),
            )
        )
        found = aw.search(
            space,
            "digits",
            budget=aw.Budget(1),
            recipe=aw.Recipe(epochs=1),
            refit=True,
            out=tmp_path / "run",
            **QUICK,
        )
        assert [t.number for t in found.run.refitted] == [OTHERS]
        assert found.run.delivered == found.run.refitted[0]


class TestEpochs:
    def test_early_stopping_says_how_many(self) -> None:
        accuracies = [0.5, 0.9, 0.9, 0.7]
        losses = [1.0, 0.4, 0.3, 0.6]
        curve = tuple(
            {"epoch": e, "accuracy": a, "loss": x}
            for e, (a, x) in enumerate(zip(accuracies, losses, strict=True), 1)
        )
        space, task = small_space(), aw.tasks.digits()
        trial = Trial(0, Candidate(space.sample(0)), TrialState.COMPLETED, Measurement({}, curve))
        patient = refit_candidate(trial, space, task, aw.Recipe(epochs=10, early_stopping=2))
        assert (patient.effort.epochs, patient.effort.horizon) == (3, 10)
        assert refit_candidate(trial, space, task, aw.Recipe(epochs=10)) == trial.candidate

    def test_it_is_off_in_the_last_training(self, tmp_path: Path) -> None:
        recipe = aw.Recipe(epochs=3, early_stopping=1)
        found = searched(tmp_path / "run", refit=True, recipe=recipe)
        (again,) = found.run.refitted
        assert again.candidate.effort.horizon == 3
        assert again.measurement is not None
        assert len(again.measurement.curve) == again.candidate.effort.epochs


class TestRefusals:
    def test_a_text_is_refused_before_the_search(self, tmp_path: Path) -> None:
        with pytest.raises(UsageError, match="would tear apart"):
            aw.search(None, "characters", budget=aw.Budget(1), refit=True, out=tmp_path / "run", **QUICK)
        assert not (tmp_path / "run").exists()

    def test_nothing_is_chosen_to_be_refit(self, tmp_path: Path) -> None:
        with pytest.raises(UsageError, match="with retrain=0 none is chosen"):
            searched(tmp_path / "run", refit=True, retrain=0)


class TestGoingOn:
    def test_a_run_that_was_cut_short_in_it_goes_on(self, tmp_path: Path) -> None:
        folder = tmp_path / "run"
        done = searched(folder, refit=True).run
        run = open_run(folder)
        with open_store(folder, run.config) as store:  # as a process leaves it that dies there
            store.lock()
            store.start(run.refitted[0], Stage.REFIT)
        half = open_run(folder)
        assert half.delivered == half.winner
        again = aw.resume(folder, space=small_space(), progress=False, onnx=False).run
        assert again.delivered is not None
        assert again.winner == done.winner
        assert again.delivered.metrics == pytest.approx(done.refitted[0].metrics)


@pytest.mark.slow
def test_after_a_kill_the_same_is_delivered(tmp_path: Path) -> None:
    folder, whole = tmp_path / "killed", tmp_path / "whole"
    search_until(Stage.REFIT, folder, refit=True)
    assert not (folder / "best").exists()
    again = aw.resume(folder, progress=False, onnx=False)
    search_until(None, whole, refit=True)
    names = [
        json.loads((f / "best" / "architecture.json").read_text())["architecture"] for f in (folder, whole)
    ]
    assert names[0] == names[1]
    one, other = (load_file(f / "best" / "weights.safetensors") for f in (folder, whole))
    assert all(torch.allclose(one[name], other[name], atol=1e-4) for name in other)
    assert again.test == pytest.approx(open_run(whole).test)
