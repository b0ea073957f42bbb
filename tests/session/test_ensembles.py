"""Several trainings delivered as one network."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import archwright as aw
from archwright.errors import UsageError
from archwright.experiments import Stage, open_run, open_store
from archwright.experiments.checkpoints import rebuilt
from archwright.experiments.finalists import MEMBERS, REPEAT

from .killed import search_until

QUICK: dict[str, Any] = {"progress": False, "onnx": False, "baseline": False}


def small_space(outputs: int = 10) -> aw.Space:
    width = aw.integer(32, 64, step=8, name="width")
    layers = [
        aw.layer(nn.Flatten),
        aw.layer(nn.LazyLinear, width),
        aw.layer(nn.ReLU),
        aw.layer(nn.LazyLinear, outputs),
    ]
    return aw.Space(aw.layer(nn.Sequential, *layers), name="small")


def searched(folder: Path, **more: Any) -> aw.Result:
    common = {"budget": aw.Budget(2), "recipe": aw.Recipe(epochs=2), "retrain": 2, **QUICK}
    return aw.search(small_space(), "digits", out=folder, **{**common, **more})


@pytest.fixture(scope="module")
def together(tmp_path_factory: pytest.TempPathFactory) -> aw.Result:
    return searched(tmp_path_factory.mktemp("runs") / "ensemble", ensemble=3)


def alone(result: aw.Result) -> list[nn.Module]:
    """The members, each as it was trained."""
    assert result.run.ensemble is not None
    trials = [result.run.training(member) for member in result.run.ensemble.members]
    return [rebuilt(result.space, result.task, trial, result.folder).eval() for trial in trials]


class TestWhatIsDelivered:
    def test_what_is_missing_is_trained_from_other_seeds(self, together: aw.Result) -> None:
        ensemble = together.run.ensemble
        assert ensemble is not None
        assert ensemble.refused is None
        assert together.run.choice is not None
        beaten = {c.name for c in together.run.choice.comparisons if (c.probability or 0.0) > 0.9}
        assert sum(member.name not in beaten for member in ensemble.pool) == 3
        again = [m for m in ensemble.pool if m.number >= REPEAT]
        assert [m.number // REPEAT for m in again] == [MEMBERS + i for i in range(1 + len(beaten))]
        assert {m.name for m in again} == {together.run.choice.name}
        assert 2 <= len(ensemble.members) <= 3
        assert ensemble.members[0].number == together.run.choice.number
        assert together.run.choice.repeats == 1  # what was trained for the ensemble counts in no choice

    def test_its_validation_loss_is_smaller_than_that_of_the_chosen_alone(self, together: aw.Result) -> None:
        assert together.run.ensemble is not None
        assert together.run.ensemble.validation["loss"] < together.run.ensemble.single["loss"]
        assert together.best.metrics == together.run.ensemble.validation

    def test_it_answers_by_the_mean_of_the_probabilities(self, together: aw.Result) -> None:
        inputs, targets = zip(*(together.task.test[i] for i in range(len(together.task.test))), strict=True)
        batch, wanted = torch.stack(inputs), torch.tensor(targets)
        with torch.no_grad():
            mean = torch.stack([part(batch).softmax(dim=1) for part in alone(together)]).mean(dim=0)
            told: Tensor = together.model()(batch)
        assert torch.allclose(told.exp(), mean, atol=1e-5)
        assert together.test is not None
        assert together.test["accuracy"] == pytest.approx(
            float((mean.argmax(dim=1) == wanted).float().mean())
        )
        assert together.test["loss"] == pytest.approx(
            float(nn.functional.nll_loss(mean.log(), wanted)), rel=1e-4
        )

    def test_the_folder_needs_no_archwright(self, together: aw.Result) -> None:
        code = (
            "import sys, torch; sys.modules['archwright'] = None; sys.path.insert(0, sys.argv[1]); import model; "
            "print(model.load()(torch.linspace(-1, 1, 64).reshape(1, 1, 8, 8)).tolist())"
        )
        command = [sys.executable, "-c", code, str(together.folder / "best")]
        printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        with torch.no_grad():
            own = together.model()(torch.linspace(-1, 1, 64).reshape(1, 1, 8, 8))
        assert torch.allclose(torch.tensor(json.loads(printed)), own, atol=1e-5)
        source = (together.folder / "best" / "model.py").read_text()
        assert "class AveragedProbabilities" in source
        assert "archwright" not in source.partition('"""')[2].partition('"""')[2]

    def test_it_costs_what_its_members_cost(self, together: aw.Result) -> None:
        parts = [sum(p.numel() for p in part.parameters()) for part in alone(together)]
        assert together.best.metrics["params"] == sum(parts)

    def test_everybody_is_told(self, together: aw.Result, capsys: pytest.CaptureFixture[str]) -> None:
        from archwright.cli.output import as_dict, print_run

        run = together.run
        assert run.won_by is not None
        page = (together.folder / "report.html").read_text(encoding="utf-8")
        card = (together.folder / "best" / "card.md").read_text()
        for text in (page, card):
            assert run.won_by in text
        assert "that of the chosen network alone" in page
        assert "members: trial" in card
        print_run(run)
        assert f"best: {run.won_by}" in capsys.readouterr().out
        told = as_dict(run)
        assert told["ensemble"]["refused"] is None
        assert told["best"]["metrics"] == run.ensembles[0].metrics

    def test_the_architectures_of_its_members_are_exported_and_a_search_begins_with_them(
        self, together: aw.Result
    ) -> None:
        from archwright.session.starting import starting_points

        written = together.folder / "best" / "architecture.json"
        assert together.run.ensemble is not None
        wanted = [dict(together.run.training(m).architecture) for m in together.run.ensemble.members]
        members = json.loads(written.read_text())["members"]
        assert [one["architecture"] for one in members] == wanted
        assert [one["name"] for one in members] == [m.name for m in together.run.ensemble.members]
        assert {one["width"] for one in starting_points(small_space(), [written])} == {
            one["width"] for one in wanted
        }

    def test_going_on_does_nothing_again(self, together: aw.Result) -> None:
        again = aw.resume(together.folder, space=small_space(), progress=False, onnx=False)
        assert again.run.ensembles == together.run.ensembles
        assert again.run.ensemble == together.run.ensemble
        assert again.test == together.test

    def test_one_that_was_cut_short_is_made_again(self, together: aw.Result) -> None:
        with open_store(
            together.folder, together.run.config
        ) as store:  # as a process leaves it that dies there
            store.lock()
            store.start(together.run.ensembles[0], Stage.ENSEMBLE)
            store.set_fact("ensemble", None)
            store.set_fact("test", None)
        half = open_run(together.folder)
        assert half.ensemble is None
        again = aw.resume(together.folder, space=small_space(), progress=False, onnx=False)
        assert again.run.ensemble == together.run.ensemble
        assert again.test == together.test


@pytest.mark.slow
def test_every_member_is_refit(tmp_path: Path) -> None:
    found = searched(tmp_path / "run", ensemble=2, refit=True)
    run = found.run
    assert run.ensemble is not None
    assert len(run.refitted) == len(run.ensemble.members) == 2
    assert run.delivered == run.ensembles[1]
    assert run.is_refit
    batch = torch.randn(4, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    parts = [
        rebuilt(found.space, found.task, t, found.folder).eval()
        for m in run.ensemble.members
        if (t := run.refit_of(m))
    ]
    with torch.no_grad():
        mean = torch.stack([part(batch).softmax(dim=1) for part in parts]).mean(dim=0)
        assert torch.allclose(found.model()(batch).exp(), mean, atol=1e-5)
    assert found.test is not None
    again = aw.resume(found.folder, space=small_space(), progress=False, onnx=False).run
    assert (again.delivered, again.test) == (run.delivered, run.test)


def test_amounts_are_averaged(tmp_path: Path) -> None:
    found = aw.search(
        small_space(1),
        "diabetes",
        budget=aw.Budget(1),
        recipe=aw.Recipe(epochs=3),
        retrain=1,
        ensemble=3,
        out=tmp_path / "run",
        **QUICK,
    )
    ensemble = found.run.ensemble
    assert ensemble is not None
    assert ensemble.averaging == "amounts"
    assert len(ensemble.pool) == 3
    assert found.run.ensemble_won == (len(ensemble.members) > 1)
    batch = torch.stack([found.task.test[i][0] for i in range(8)])
    with torch.no_grad():
        mean = torch.stack([part(batch) for part in alone(found)]).mean(dim=0)
        assert torch.allclose(found.model()(batch), mean, atol=1e-5)


@pytest.mark.slow
def test_limits_hold_for_all_of_it(tmp_path: Path) -> None:
    found = searched(tmp_path / "run", ensemble=2, objectives=["accuracy", "params<=5000"])
    ensemble = found.run.ensemble
    assert ensemble is not None
    if len(ensemble.members) > 1:
        assert ensemble.refused is not None
        assert "params" in ensemble.refused
    assert not found.run.ensemble_won
    assert found.best.metrics["params"] <= 5000
    assert any("delivered alone" in text for _, text in found.run.messages)


def no_mean() -> aw.Task:
    task = aw.tasks.digits()
    task.averaging = ""
    return task


@pytest.mark.parametrize(
    ("task", "more", "told"),
    [
        (aw.tasks.digits, {"objectives": ["params", "accuracy"]}, "params is what is optimised first"),
        (no_mean, {}, "does not say"),
        (aw.tasks.digits, {"retrain": 0}, "with retrain=0 none is chosen"),
        (aw.tasks.digits, {"ensemble": 0}, "ensemble of 1 to 100"),
    ],
)
def test_what_cannot_be_is_refused_before_the_search(
    task: Callable[[], aw.Task], more: dict[str, Any], told: str, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match=told):
        aw.search(
            small_space(),
            task(),
            budget=aw.Budget(1),
            out=tmp_path / "run",
            **{**QUICK, "ensemble": 2, **more},
        )
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
def test_it_is_one_file_of_onnx(tmp_path: Path) -> None:
    found = searched(tmp_path / "run", ensemble=2, onnx=True)
    assert found.run.ensemble_won
    import onnxruntime

    session = onnxruntime.InferenceSession(str(found.folder / "best" / "model.onnx"))
    batch = torch.randn(3, 1, 8, 8)
    (told,) = session.run(None, {session.get_inputs()[0].name: batch.numpy()})
    with torch.no_grad():
        assert torch.allclose(torch.from_numpy(told), found.model()(batch), atol=1e-4)


@pytest.mark.slow
def test_after_a_kill_the_same_is_delivered(tmp_path: Path) -> None:
    folder, whole = tmp_path / "killed", tmp_path / "whole"
    options = {"ensemble": 3, "baseline": False, "retrain": 1}
    search_until(Stage.RETRAIN, folder, number=REPEAT * MEMBERS, **options)
    again = aw.resume(folder, progress=False, onnx=False).run
    search_until(None, whole, **options)
    once = open_run(whole)
    assert again.ensemble is not None
    assert once.ensemble is not None
    assert again.ensemble.members == once.ensemble.members
    assert again.test == pytest.approx(once.test)
