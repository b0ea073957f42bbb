"""The main job from end to end on real data, small: search, retrain, test, export, report, resume."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from torch.utils.data import TensorDataset

import archwright as aw
from archwright.errors import RunError, SearchError, UsageError
from archwright.experiments import InlineExecutor
from archwright.references import load_object
from archwright.spaces import Architecture, Space, choice, integer, layer
from archwright.strategies import RandomSearch

HERE = Path(__file__).parent
QUICK: dict[str, Any] = {"recipe": aw.Recipe(epochs=1), "progress": False, "onnx": False}


def small_space() -> aw.Space:
    make = load_object(f"{HERE / 'spaces_for_tests.py'}:make")
    return make()


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> aw.Result:
    return aw.search(
        small_space(),
        "digits",
        objectives=["accuracy", "params<=600"],
        budget=aw.Budget(trials=4),
        retrain=2,
        out=tmp_path_factory.mktemp("runs") / "digits",
        **QUICK,
    )


def test_a_search_leaves_the_whole_folder(result: aw.Result) -> None:
    assert result.state == "completed"
    names = {path.relative_to(result.folder).as_posix() for path in result.folder.rglob("*")}
    assert {
        "experiment.json",
        "trials.sqlite",
        "report.html",
        "best/model.py",
        "best/weights.safetensors",
        "best/card.md",
        "best/architecture.json",
    } <= names


def test_the_result_holds_what_was_found(result: aw.Result) -> None:
    assert result.test is not None
    assert 0.0 < result.test["accuracy"] <= 1.0
    assert result.best.metrics["params"] <= 600
    assert {t.number for t in result.pareto} <= {t.number for t in result.trials}
    frame = result.frame()
    assert list(frame["number"]) == [t.number for t in result.trials]
    assert (frame[frame["state"] == "infeasible"]["params"] > 600).all()
    assert set(frame[frame["state"] == "completed"]["architecture.width"]) <= {4, 8}
    assert "completed" in repr(result)


def test_the_model_scores_what_the_run_says(result: aw.Result) -> None:
    network, task = result.model(), aw.tasks.digits()
    inputs, targets = zip(*(task.test[i] for i in range(len(task.test))), strict=True)
    with torch.no_grad():
        metrics = task.scores(network(torch.stack(inputs)), torch.stack(targets))
    assert result.test is not None
    assert metrics["accuracy"] == pytest.approx(result.test["accuracy"])
    with pytest.raises(SearchError, match="was not retrained"):
        result.model(trial=10_000)


def test_the_exported_source_gives_the_same_outputs(result: aw.Result) -> None:
    code = """
import sys, importlib.abc
class Block(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] == "archwright": raise ImportError(name)
sys.meta_path.insert(0, Block())
sys.path.insert(0, sys.argv[1])
import torch, model
network = model.load(sys.argv[1] + "/weights.safetensors").eval()
with torch.no_grad():
    print(network(torch.linspace(-1, 1, 64).reshape(1, 1, 8, 8)).tolist())
"""
    printed = subprocess.run(
        [sys.executable, "-c", code, str(result.folder / "best")], capture_output=True, text=True, check=True
    ).stdout
    with torch.no_grad():
        own = result.model()(torch.linspace(-1, 1, 64).reshape(1, 1, 8, 8))
    assert torch.allclose(torch.tensor(json.loads(printed)), own, atol=1e-5)


def test_a_completed_run_is_not_run_again(result: aw.Result) -> None:
    again = aw.resume(result.folder, space=small_space(), progress=False, onnx=False)
    assert [t.finished for t in again.trials] == [t.finished for t in result.trials]
    assert again.test == result.test


def test_a_run_from_a_python_space_asks_for_it(result: aw.Result) -> None:
    with pytest.raises(UsageError, match=r"space=space"):
        aw.resume(result.folder, progress=False)


def test_a_folder_with_a_run_is_not_overwritten(result: aw.Result) -> None:
    with pytest.raises(RunError, match="holds a run already"):
        aw.search(small_space(), "digits", out=result.folder, **QUICK)


def test_a_changed_space_is_refused(result: aw.Result) -> None:
    other = aw.Space(aw.layer(torch.nn.Linear, 64, aw.choice(1, 2, name="width")))
    with pytest.raises(RunError, match="space has changed"):
        aw.resume(result.folder, space=other, progress=False)


def test_a_changed_task_is_refused(result: aw.Result) -> None:
    with pytest.raises(RunError, match="task has changed"):
        aw.resume(result.folder, space=small_space(), task=aw.tasks.digits(seed=5), progress=False)


def test_more_trials_extend_a_run(tmp_path: Path) -> None:
    reference = f"{HERE / 'spaces_for_tests.py'}:space"
    first = aw.search(
        reference,
        "digits",
        budget=aw.Budget(trials=2),
        retrain=1,
        baseline=False,
        out=tmp_path / "run",
        **QUICK,
    )
    more = aw.resume(first.folder, budget=aw.Budget(trials=4), progress=False, onnx=False)
    assert len(more.trials) == 4
    assert more.trials[:2] == first.trials
    assert more.run.config.budget.trials == 4


def test_workers_give_what_one_process_gives(tmp_path: Path) -> None:
    results = [
        aw.search(
            small_space(),
            "digits",
            strategy="random",
            budget=aw.Budget(trials=3),
            retrain=0,
            workers=workers,
            out=tmp_path / str(workers),
            **QUICK,
        )
        for workers in (1, 2)
    ]
    one, two = ([t.architecture for t in r.trials] for r in results)
    assert one == two
    for a, b in zip(*(r.trials for r in results), strict=True):
        assert a.metrics["loss"] == pytest.approx(b.metrics["loss"], rel=1e-3)
    assert results[0].test is None
    assert not (tmp_path / "1" / "best").exists()


def test_a_space_that_never_runs_ends_the_search_with_the_reason(tmp_path: Path) -> None:
    with pytest.raises(
        SearchError, match=r"1 failed with: .*does not run on an input of shape \(2, 1, 8, 8\)"
    ):
        aw.search(f"{HERE / 'spaces_for_tests.py'}:broken", "digits", out=tmp_path / "run", **QUICK)
    assert aw.open_run(tmp_path / "run").state == "failed"
    assert (tmp_path / "run" / "report.html").exists()


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({"space": "chian"}, "Did you mean 'chain'"),
        ({"task": "digit"}, "Did you mean 'digits'"),
        ({"strategy": "evoltion"}, "Did you mean 'evolution'"),
        ({"objectives": ["acuracy"]}, "Did you mean 'accuracy'"),
        ({"objectives": ["params<50"], "space": None}, "expected NAME<=NUMBER"),
        ({"objectives": ["accuracy", "accuracy>=0.5", "accuracy>=0.6"]}, "given twice"),
        ({"workers": -1}, "at least 1 worker"),
        ({"time_limit": -1}, "expected time_limit above 0, got -1"),
        ({"workers": 2, "memory_limit": 0}, "expected memory_limit above 0, got 0"),
        ({"memory_limit": 10}, "workers=2"),
        ({"retrain": -1}, "retrain >= 0"),
        (
            {"pruner_options": {"warmup_steps": 1}},
            "options warmup_steps go with a name: expected one, got None",
        ),
        (
            {"executor": InlineExecutor(), "executor_options": {"threads": 1}},
            "options threads go with a name",
        ),
        ({"store": "mysql://a/b"}, "got mysql"),
        ({"task": "nowhere.csv"}, "--target"),
        ({"space": "nowhere.py:space"}, "no file nowhere.py"),
        ({"space": f"{HERE / 'spaces_for_tests.py'}:spce"}, "Did you mean 'space'"),
    ],
)
def test_wrong_arguments_are_told_before_anything_runs(
    tmp_path: Path, arguments: dict[str, Any], told: str
) -> None:
    given: dict[str, Any] = {"space": None, "task": "digits", "out": tmp_path / "run", **QUICK, **arguments}
    with pytest.raises(UsageError, match=told):
        aw.search(given.pop("space"), given.pop("task"), **given)
    assert not (tmp_path / "run" / "experiment.json").exists()


def test_a_space_that_workers_cannot_get_is_told_before_anything_is_written(tmp_path: Path) -> None:
    lock = threading.Lock()

    def body(width: int) -> nn.Module:
        with lock:
            return nn.Sequential(nn.Flatten(), nn.Linear(64, width), nn.Linear(width, 10))

    space = aw.Space(layer(body, integer(4, 8, name="width")))
    with pytest.raises(
        UsageError, match=r"the space cannot be sent to worker processes \(TypeError.*workers=1"
    ):
        aw.search(space, "digits", workers=2, out=tmp_path / "run", **QUICK)
    assert not (tmp_path / "run").exists()


def test_code_that_ends_the_process_costs_its_trials(tmp_path: Path) -> None:
    def body(kind: str) -> nn.Module:
        if kind == "exit":
            sys.exit(0)
        if kind == "interrupt":
            raise KeyboardInterrupt
        return nn.Sequential(nn.Flatten(), nn.LazyLinear(10))

    space = Space(layer(body, choice("exit", "interrupt", "fine", name="kind")))
    options: dict[str, Any] = {"strategy": "grid", "retrain": 0, **QUICK}
    result = aw.search(space, "digits", out=tmp_path / "run", **options)
    assert result.state == "completed"
    errors = {trial.candidate.architecture["kind"]: trial.error for trial in result.trials}
    assert "sys.exit(0)" in str(errors["exit"])
    assert "KeyboardInterrupt" in str(errors["interrupt"])
    assert errors["fine"] is None
    with pytest.raises(SearchError, match=r"no trial was completed.*sys\.exit\(0\)"):
        aw.search(Space(layer(body, "exit")), "digits", out=tmp_path / "exits", **options)


def test_a_keyboard_interrupt_of_a_layer_is_none_of_the_users_before_the_first_trial(tmp_path: Path) -> None:
    def body() -> nn.Module:
        raise KeyboardInterrupt

    options: dict[str, Any] = {"strategy": "grid", "retrain": 0, **QUICK}
    with pytest.raises(SearchError, match=r"no trial was completed.*nobody pressed Ctrl-C"):
        aw.search(Space(layer(body)), "digits", out=tmp_path / "run", **options)


@pytest.mark.sampled(2)
@pytest.mark.parametrize("leave", [lambda: sys.exit(0), lambda: {}["no such address"]])
@pytest.mark.parametrize("what", ["constraints", "canonicalize"])
def test_a_function_of_the_space_that_fails_now_and_then_ends_no_search(
    tmp_path: Path, what: str, leave: Any
) -> None:
    calls: list[str] = []

    def fails(architecture: Architecture) -> Any:
        calls.append(architecture["kind"])
        if len(calls) > 1 and architecture["kind"] == "odd":  # not yet when the search begins
            leave()
        return True if what == "constraints" else architecture["kind"]

    def body(kind: str) -> nn.Module:
        return nn.Sequential(nn.Flatten(), nn.LazyLinear(10))

    given: dict[str, Any] = {what: [fails] if what == "constraints" else fails}
    space = Space(layer(body, choice("odd", "fine", "good", name="kind")), **given)
    options: dict[str, Any] = {"strategy": "grid", **QUICK}
    result = aw.search(space, "digits", out=tmp_path / "run", **options)
    assert result.state == "completed"
    kinds = {trial.candidate.architecture["kind"] for trial in result.trials}
    assert kinds == ({"fine", "good"} if what == "constraints" else {"odd", "fine", "good"})
    told = [text for _, text in result.run.messages if "fails failed on Architecture(kind='odd')" in text]
    assert len(told) == 1
    assert ("is refused" if what == "constraints" else "a network of its own") in told[0]


def test_a_task_that_ends_the_process_is_told_before_anything_is_begun(tmp_path: Path) -> None:
    class Leaving(aw.tasks.Task):  # type: ignore[misc]
        name = "leaving"
        train: Any = [(torch.zeros(3), torch.zeros(1))] * 4
        validation = test = train

        def loss(self, outputs: Any, batch: Any) -> torch.Tensor:
            return nn.functional.mse_loss(*outputs, *batch)

        def describe(self) -> Any:
            sys.exit(0)

    with pytest.raises(UsageError, match=r"cannot be done: its code called sys\.exit\(0\)"):
        aw.search(Space(layer(nn.Linear, 3, 1)), Leaving(), strategy="random", out=tmp_path / "run", **QUICK)
    assert not (tmp_path / "run").exists()


class LeavesInTraining(nn.Module):
    """Ends the process when it is trained."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if self.training:
            sys.exit(0)
        return x


class LeavingStrategy(RandomSearch):
    """Ends the process, or so it seems."""

    def __init__(self, space: Space, error: type[BaseException]) -> None:
        super().__init__(space)
        self.error = error

    def ask(self, running: Any = ()) -> Any:
        raise self.error


def test_code_that_ends_the_process_where_no_trial_runs_fails_the_run(tmp_path: Path) -> None:
    kinds = choice({"one": layer(nn.Linear, 64, 64), "two": layer(nn.Identity)}, name="kind")
    space = Space(
        layer(nn.Sequential, layer(nn.Flatten), kinds, layer(LeavesInTraining), layer(nn.Linear, 64, 10))
    )
    for number, (strategy, told) in enumerate(
        [
            ("spos", r"cannot go on: its code called sys\.exit\(0\)"),
            (LeavingStrategy(space, SystemExit), r"cannot go on: its code called sys\.exit\(\)"),
            (LeavingStrategy(space, KeyboardInterrupt), "cannot go on: .*nobody pressed Ctrl-C"),
        ]
    ):
        folder = tmp_path / str(number)
        with pytest.raises(SearchError, match=told):
            aw.search(space, "digits", strategy=strategy, out=folder, **QUICK)
        assert aw.open_run(folder).state == "failed"


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("{", "corrupt"),
        ("[]", "expected an object"),
        ('{"format": 99, "versions": {"archwright": "9.9"}}', "format 99.*archwright 9.9"),
        ('{"format": 1}', "the entry 'task' is missing"),
        ('{"format": 2}', "the entry 'name' is missing"),
    ],
)
def test_a_run_of_another_version_or_corrupt_is_refused(tmp_path: Path, content: str, told: str) -> None:
    (tmp_path / "experiment.json").write_text(content)
    with pytest.raises(RunError, match=told):
        aw.open_run(tmp_path)


def test_a_folder_that_is_no_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"no experiment\.json"):
        aw.open_run(tmp_path)
    with pytest.raises(RunError, match="no folder"):
        aw.open_run(tmp_path / "none")


class Volumes(aw.tasks.Supervised):
    """The digits as volumes of one layer, for which there is no hand-made network."""

    def __init__(self) -> None:
        self.digits = aw.tasks.digits()
        for name in ("kind", "metric", "outputs", "split", "classes"):
            setattr(self, name, getattr(self.digits, name))
        self.name, self.input_shape = "volumes", (1, 1, 8, 8)
        self.train, self.validation, self.test = (
            TensorDataset(part.tensors[0].unsqueeze(1), part.tensors[1])
            for part in (self.digits.train, self.digits.validation, self.digits.test)
        )

    def criterion(self, outputs: torch.Tensor, targets: torch.Tensor, smoothing: float = 0.0) -> torch.Tensor:
        return self.digits.criterion(outputs, targets, smoothing)

    def scores(self, outputs: torch.Tensor, targets: torch.Tensor) -> dict[str, float]:
        return self.digits.scores(outputs, targets)


def test_inputs_without_a_hand_made_network_are_searched_without_it(tmp_path: Path) -> None:
    width = aw.choice(8, 16, name="width")
    space = aw.Space(
        aw.layer(
            torch.nn.Sequential,
            aw.layer(torch.nn.Flatten),
            aw.layer(torch.nn.LazyLinear, width),
            aw.layer(torch.nn.Linear, width, 10),
        )
    )
    result = aw.search(space, Volumes(), retrain=1, out=tmp_path / "run", **QUICK)
    assert result.run.baseline is None
    assert result.test is not None
    assert any("no hand-made network is compared with" in text for _, text in result.run.messages)


def test_a_search_does_not_depend_on_the_global_state_of_torch(tmp_path: Path) -> None:
    metrics = []
    for number, dtype in enumerate((torch.float32, torch.float64)):
        torch.set_default_dtype(dtype)
        try:
            result = aw.search(
                small_space(),
                "digits",
                objectives=["accuracy", "params<=600"],
                budget=aw.Budget(trials=1),
                retrain=1,
                out=tmp_path / str(number),
                **QUICK,
            )
            assert torch.get_default_dtype() is dtype
            assert all(p.dtype is torch.float32 for p in result.model().parameters())
        finally:
            torch.set_default_dtype(torch.float32)
        metrics.append((result.trials[0].metrics, result.test))
    assert metrics[0] == metrics[1]
