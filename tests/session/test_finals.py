"""What follows a search: finalists beside networks made by hand, trained once or several times, and the choice."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import archwright as aw
from archwright.errors import RunError, SearchError, SpaceError, UsageError
from archwright.experiments import Stage, open_run, open_store
from archwright.experiments.finalists import HAND_MADE, REPEAT
from archwright.learning.randomness import Seeds
from archwright.session.contestants import named_spaces, network_space
from archwright.session.finals import FOLDS

from .killed import search_until

QUICK: dict[str, Any] = {"progress": False, "onnx": False, "retrain": 1}
NETS = '''
from torch import nn

class Wide(nn.Module):
    """A network of the user's own."""

    def __init__(self, outputs):
        super().__init__()
        self.layers = nn.Sequential(nn.Flatten(), nn.Linear(64, 96), nn.ReLU(), nn.Linear(96, outputs))

    def forward(self, x):
        return self.layers(x)

def of_shape(shape, outputs):
    return nn.Sequential(nn.Flatten(), nn.Linear(shape[0] * shape[1] * shape[2], outputs))

def of_three(a, b, c):
    return nn.Identity()

made = Wide(10)
'''


@pytest.fixture(scope="module")
def nets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("nets") / "nets.py"
    path.write_text(NETS)
    return path


def poor_space() -> aw.Space:
    """Networks that see two numbers of an image, which is far too little."""
    width = aw.integer(1, 2, name="width")
    layers = [
        aw.layer(nn.AdaptiveAvgPool2d, (1, width)),
        aw.layer(nn.Flatten),
        aw.layer(nn.LazyLinear, 10),
    ]
    return aw.Space(aw.layer(nn.Sequential, *layers), name="poor")


@pytest.fixture(scope="module")
def poor(tmp_path_factory: pytest.TempPathFactory) -> aw.Result:
    folder = tmp_path_factory.mktemp("runs") / "poor"
    recipe = aw.Recipe(epochs=2)
    return aw.search(poor_space(), "digits", budget=aw.Budget(2), recipe=recipe, out=folder, **QUICK)


class TestNothingBetterWasFound:
    def test_the_hand_made_network_is_delivered(self, poor: aw.Result) -> None:
        run = poor.run
        assert run.won_by == HAND_MADE
        assert run.winning_number is None
        assert run.winner == run.baseline
        assert poor.test == run.baseline_test
        assert poor.best.metrics["accuracy"] > 0.5 > run.retrained[0].metrics["accuracy"]

    @pytest.mark.slow
    def test_its_network_and_source_compute_the_same(self, poor: aw.Result) -> None:
        code = (
            "import sys, torch; sys.path.insert(0, sys.argv[1]); import model; "
            "net = model.load(sys.argv[1] + '/weights.safetensors').eval(); "
            "print(net(torch.linspace(-1, 1, 64).reshape(1, 1, 8, 8)).tolist())"
        )
        printed = subprocess.run(
            [sys.executable, "-c", code, str(poor.folder / "best")],
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        with torch.no_grad():
            own = poor.model()(torch.linspace(-1, 1, 64).reshape(1, 1, 8, 8))
        assert torch.allclose(torch.tensor(json.loads(printed)), own, atol=1e-5)

    def test_report_and_card_say_so(self, poor: aw.Result) -> None:
        page = (poor.folder / "report.html").read_text(encoding="utf-8")
        assert "No better network than the hand-made network was found: " in page
        assert "points of validation accuracy behind" in page
        assert "the hand-made network, among 2 finalists" in (poor.folder / "best" / "card.md").read_text()

    def test_going_on_does_nothing_again(self, poor: aw.Result) -> None:
        before = (poor.folder / "best" / "weights.safetensors").stat().st_mtime_ns
        again = aw.resume(poor.folder, space=poor_space(), progress=False, onnx=False)
        assert again.run.choice == poor.run.choice
        assert again.run.baseline == poor.run.baseline
        assert (poor.folder / "best" / "weights.safetensors").stat().st_mtime_ns >= before

    def test_without_a_hand_made_network_the_best_found_is_delivered(self, tmp_path: Path) -> None:
        recipe = aw.Recipe(epochs=1)
        found = aw.search(
            poor_space(),
            "digits",
            budget=aw.Budget(1),
            recipe=recipe,
            baseline=False,
            out=tmp_path / "run",
            **QUICK,
        )
        assert found.run.winning_number == 0

    def test_nor_is_one_delivered_that_is_over_a_limit(self, tmp_path: Path) -> None:
        found = aw.search(
            poor_space(),
            "digits",
            objectives=["accuracy", "params<=1000"],
            budget=aw.Budget(1),
            recipe=aw.Recipe(epochs=1),
            out=tmp_path / "run",
            **QUICK,
        )
        assert found.run.winning_number == 0
        assert found.run.choice is not None
        assert [c.name for c in found.run.choice.comparisons] == [HAND_MADE]
        why = "The hand-made network could not be chosen, it is shown for comparison: it has "
        assert any(text.startswith(why) for _, text in found.run.messages)
        page = (found.folder / "report.html").read_text(encoding="utf-8")
        assert why in page
        assert "which params&lt;=1000 rules out" in page


class TestTheUsersOwn:
    def test_it_is_trained_compared_and_delivered_where_it_is_best(self, nets: Path, tmp_path: Path) -> None:
        reference = f"{nets}:Wide"
        found = aw.search(
            poor_space(),
            "digits",
            budget=aw.Budget(1),
            recipe=aw.Recipe(epochs=3),
            baseline=False,
            compare=[reference],
            out=tmp_path / "run",
            **QUICK,
        )
        assert found.run.won_by == reference
        assert found.run.compared_test == {reference: found.test}
        assert found.best.metrics["params"] == 64 * 96 + 96 + 96 * 10 + 10
        exported = aw.export_trial(
            found.folder, space=poor_space(), to=tmp_path / "net", progress=False, onnx=False
        )
        assert "class Wide" in (exported / "model.py").read_text()

    def test_classes_and_functions_of_nothing_or_sizes_are_taken(self, nets: Path) -> None:
        task = aw.tasks.digits()
        for network in (f"{nets}:Wide", f"{nets}:of_shape", nn.Flatten):
            _, space = network_space(network, task)
            assert space.size_bound == 1
            space.build(space.sample(0), task.example_arguments())
        assert list(named_spaces([nn.Flatten, nn.Flatten], task)) == ["Flatten", "Flatten 2"]

    @pytest.mark.parametrize(
        ("network", "told"),
        [
            ("nets.py:of_three", "needs a, b, c"),
            ("nets.py:made", "give the class"),
            ("nets.py:nothing", "has no 'nothing'"),
            ("resnet", "expected file.py:object"),
        ],
    )
    def test_what_is_none_is_refused(self, nets: Path, network: str, told: str) -> None:
        with pytest.raises(UsageError, match=told):
            network_space(network.replace("nets.py", str(nets)), aw.tasks.digits())

    def test_a_space_with_decisions_is_refused(self) -> None:
        with pytest.raises(SpaceError, match="holds 1 decisions"):
            network_space(poor_space(), aw.tasks.digits())

    def test_one_from_python_is_asked_for_when_it_won(self, nets: Path, tmp_path: Path) -> None:
        class Own(nn.Sequential):
            def __init__(self) -> None:
                super().__init__(nn.Flatten(), nn.Linear(64, 10))

        folder = tmp_path / "run"
        common = {"budget": aw.Budget(1), "recipe": aw.Recipe(epochs=2), "baseline": False, "compare": [Own]}
        found = aw.search(poor_space(), "digits", out=folder, **common, **QUICK)
        assert found.run.won_by == "Own"
        assert sum(p.numel() for p in found.model().parameters()) == 650
        with pytest.raises(RunError, match="give it again"):
            aw.export_trial(folder, space=poor_space(), to=tmp_path / "net", progress=False)


class TestRepeats:
    def test_few_examples_are_validated_in_folds(self, tmp_path: Path) -> None:
        found = aw.search(
            poor_space(),
            "digits",
            budget=aw.Budget(1),
            recipe=aw.Recipe(epochs=1),
            repeats=3,
            out=tmp_path / "run",
            **QUICK,
        )
        run = found.run
        assert run.choice is not None
        assert (run.choice.repeats, run.choice.folds) == (3, FOLDS)
        assert all(sorted(f.trials) == [0, 1, 2] for f in run.finalists)
        folds = {t.candidate.effort.fold for f in run.finalists for r, t in f.trials.items() if r}
        assert folds == {(0, FOLDS), (1, FOLDS)}
        probability = run.choice.comparisons[0].probability
        assert probability is not None
        assert probability > 0.9
        # The weights are those of a training on the task's own split.
        assert run.winner is not None
        assert run.winner.number < REPEAT

    @pytest.mark.slow
    def test_they_go_on_where_they_were_interrupted(self, tmp_path: Path) -> None:
        folder = tmp_path / "run"
        common = {"budget": aw.Budget(1), "recipe": aw.Recipe(epochs=1), "out": folder}
        aw.search(poor_space(), "digits", repeats=2, **common, **QUICK)
        run = open_run(folder)
        with open_store(folder, run.config) as store:  # as a process leaves it that dies in the last training
            last = store.trials(Stage.RETRAIN)[-1]
            assert last.number >= REPEAT
            store.lock()
            store.start(last, Stage.RETRAIN)
            store.set_fact("choice", None)
            store.set_fact("winner", None)
        again = aw.resume(folder, space=poor_space(), progress=False, onnx=False)
        assert again.run.won_by == HAND_MADE
        first = {f.name: f.first and f.first.finished for f in run.finalists}
        assert {f.name: f.first and f.first.finished for f in again.run.finalists} == first
        assert again.run.repeated[-1].attempt == last.attempt + 1

    def test_one_that_fails_once_is_compared_by_its_other_trainings(self, tmp_path: Path) -> None:
        data = np.random.default_rng(0).normal(size=(4_000, 4)).astype("float32")
        labels = (data.sum(axis=1) > 0).astype("int64")
        recipe = aw.Recipe(epochs=1, batch_size=256)
        bad = Seeds.of(recipe.seed + 1, aw.Fidelity(replicate=1).seed).network

        class Flaky(nn.Sequential):
            """A network that cannot be built from the seed of one repetition."""

            def __init__(self) -> None:
                if torch.initial_seed() == bad:
                    raise RuntimeError("not from this seed")
                super().__init__(nn.Linear(4, 16), nn.ReLU(), nn.Linear(16, 2))

        width = aw.integer(1, 2, name="width")
        space = aw.Space(
            aw.layer(nn.Sequential, aw.layer(nn.Linear, 4, width), aw.layer(nn.Linear, width, 2))
        )
        found = aw.search(
            space,
            aw.tasks.from_arrays(data, labels),
            budget=aw.Budget(1),
            recipe=recipe,
            compare=[Flaky],
            baseline=False,
            repeats=3,
            out=tmp_path / "run",
            **QUICK,
        )
        flaky = next(f for f in found.run.finalists if f.name == "Flaky")
        assert (sorted(flaky.measured), sorted(flaky.failed)) == ([0, 2], [1])
        assert found.run.won_by == "Flaky"
        assert found.run.choice is not None
        assert [c.repeats for c in found.run.choice.comparisons] == [2]
        told = "Flaky failed in 1 of 3 trainings, and is compared by the others: "
        assert sum(told in text and "not from this seed" in text for _, text in found.run.messages) == 1
        assert told in (found.folder / "report.html").read_text(encoding="utf-8")

    def test_no_finalist_means_an_error(self, tmp_path: Path) -> None:
        with pytest.raises(
            SearchError, match=r"over a limit \(params<=1 was asked for, 20 came closest\): loosen it"
        ):
            aw.search(
                poor_space(),
                "digits",
                objectives=["accuracy", "params<=1"],
                budget=aw.Budget(1),
                recipe=aw.Recipe(epochs=1),
                out=tmp_path / "run",
                **QUICK,
            )


@pytest.mark.slow
@pytest.mark.parametrize("stage", [Stage.BASELINE, Stage.RETRAIN])
def test_after_a_kill_in_a_repetition_the_same_is_chosen(stage: Stage, tmp_path: Path) -> None:
    folder, whole = tmp_path / "killed", tmp_path / "whole"
    search_until(stage, folder, number=REPEAT, repeats=3)
    assert open_run(folder).choice is None
    again = aw.resume(folder, progress=False, onnx=False)
    search_until(None, whole, repeats=3)
    once = open_run(whole)
    assert once.choice is not None
    assert again.run.choice is not None
    assert (again.run.choice.name, again.run.choice.repeats) == (once.choice.name, once.choice.repeats)
    assert again.run.choice.mean == pytest.approx(once.choice.mean)
    assert [sorted(f.trials) for f in again.run.finalists] == [sorted(f.trials) for f in once.finalists]
    assert again.test == pytest.approx(once.test)
