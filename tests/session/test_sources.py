"""Code and data that changed since a run began are noticed, and nobody else's code is run unasked."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from torch import nn

import archwright as aw
from archwright.errors import RunError, UsageError
from archwright.experiments import RunConfig
from archwright.references import load_object
from archwright.session import space_of

QUICK: dict[str, Any] = {"recipe": aw.Recipe(epochs=1), "progress": False, "onnx": False}

HELPER = '''"""Helps."""
from torch import nn


class Gate(nn.Module):
    """A block."""

    def __init__(self, width):
        super().__init__()
        self.inner = nn.Linear(width, width)

    def forward(self, x):
        # a comment
        return x * self.inner(x).sigmoid()
'''

SPACE = '''"""A space whose block is in the file beside it."""
import archwright as aw
from torch import nn
from {helper} import Gate


def space():
    width = aw.choice(4, 8, name="width")
    layers = [aw.layer(nn.Linear, 10, width), aw.layer(Gate, width), aw.layer(nn.Linear, width, 1)]
    return aw.Space(aw.layer(nn.Sequential, *layers), name="gated")
'''


def files(folder: Path, name: str) -> tuple[Path, Path]:
    """The space's file and its helper, under names that no other test has loaded."""
    folder.mkdir(exist_ok=True)
    helper, space = folder / f"helper_{name}.py", folder / f"space_{name}.py"
    helper.write_text(HELPER)
    space.write_text(SPACE.format(helper=helper.stem))
    return space, helper


def a_run(folder: Path, name: str) -> tuple[Path, Path, Path]:
    space, helper = files(folder / "code", name)
    result = aw.search(
        f"{space}:space",
        "diabetes",
        strategy="grid",
        retrain=1,
        baseline=False,
        out=folder / "run",
        **QUICK,
    )
    return result.folder, space, helper


Change = Callable[[Path, Path], None]


def activation(space: Path, helper: Path) -> None:
    helper.write_text(HELPER.replace(".sigmoid()", ".tanh()"))


def constant(space: Path, helper: Path) -> None:
    space.write_text(space.read_text() + "\nSCALE = 3\n")


def gone(space: Path, helper: Path) -> None:
    package = helper.with_suffix("")
    package.mkdir()
    (package / "__init__.py").write_text(HELPER)
    helper.unlink()


@pytest.mark.parametrize("change", [activation, constant, gone])
def test_changed_code_is_refused_by_name(tmp_path: Path, change: Change) -> None:
    run, space, helper = a_run(tmp_path, change.__name__)
    aw.export_trial(run, to=tmp_path / "before", onnx=False)
    change(space, helper)
    for again in (aw.export_trial, aw.resume):
        with pytest.raises(
            RunError, match=f"(helper|space)_{change.__name__}.*changed since the run began"
        ) as told:
            again(run, progress=False)
        assert told.value.exit_code == 2


def test_comments_docstrings_and_layout_may_change(tmp_path: Path) -> None:
    run, space, helper = a_run(tmp_path, "layout")
    helper.write_text(HELPER.replace("# a comment", "# another").replace('"""A block."""', '"""A gate."""\n'))
    space.write_text("# a line above\n" + space.read_text())
    assert aw.resume(run, progress=False, onnx=False).state == "completed"


def test_a_changed_class_of_a_python_space_is_refused(tmp_path: Path) -> None:
    def block(kind: str) -> type[nn.Module]:
        path = tmp_path / f"{kind}.py"
        path.write_text(HELPER.replace("sigmoid", kind))
        return load_object(f"{path}:Gate")

    def space(gate: type[nn.Module]) -> aw.Space:
        gate.__module__ = "mine"
        width = aw.choice(4, 8, name="width")
        layers = [aw.layer(nn.Linear, 10, width), aw.layer(gate, width), aw.layer(nn.Linear, width, 1)]
        return aw.Space(aw.layer(nn.Sequential, *layers), name="gated")

    first, second = block("sigmoid"), block("tanh")
    import sys
    import types

    sys.modules["mine"] = types.ModuleType("mine")
    try:
        sys.modules["mine"].__file__ = str(tmp_path / "sigmoid.py")
        sys.modules["mine"].Gate = first  # type: ignore[attr-defined]
        made = space(first)
        result = aw.search(made, "diabetes", strategy="grid", retrain=0, out=tmp_path / "run", **QUICK)
        assert list(result.run.config.sources.code) == ["mine.Gate"]
        sys.modules["mine"].__file__ = str(tmp_path / "tanh.py")
        with pytest.raises(RunError, match=r"mine\.Gate changed since the run began"):
            aw.resume(result.folder, space=space(second), progress=False)
    finally:
        del sys.modules["mine"]


def test_a_changed_data_file_is_refused(tmp_path: Path) -> None:
    table = tmp_path / "cars.csv"
    rows = [f"{i % 7},{i % 5},{(i * 37 % 11) / 3}" for i in range(60)]
    table.write_text("\n".join(["doors,weight,price", *rows]))
    result = aw.search(
        None, str(table), task_options={"target": "price"}, budget=aw.Budget(trials=1), retrain=0,
        out=tmp_path / "run", **QUICK,
    )  # fmt: skip
    table.write_text("\n".join(["doors,weight,price", *rows[:-1], f"{rows[-1]}1"]))
    with pytest.raises(RunError, match=r"changed since the run began"):
        aw.resume(result.folder, progress=False)


@pytest.mark.slow
def test_a_run_of_a_version_that_learned_from_row_numbers_goes_on(tmp_path: Path) -> None:
    table = tmp_path / "cars.csv"
    rows = [f"{i + 1},{i % 7},4,{(i * 37 % 11) / 3}" for i in range(60)]
    table.write_text("\n".join(["car_id,doors,wheels,price", *rows]))
    begun = {"budget": aw.Budget(trials=1), "retrain": 0, "out": tmp_path / "run", **QUICK}
    options = {"target": "price", "identify": False}
    aw.search(None, str(table), task_options=options, **begun)
    record = tmp_path / "run" / "experiment.json"
    known = json.loads(record.read_text())
    assert known["task"]["input_shape"] == [2]
    del known["task"]["options"]["identify"]  # as earlier versions wrote it
    record.write_text(json.dumps(known))
    again = aw.resume(tmp_path / "run", progress=False)
    assert again.run.state == "completed"


@pytest.mark.parametrize("factor", [1.5, -1.0])  # the second makes variances negative, and outputs NaN
def test_a_score_that_is_not_met_again_keeps_the_network_back(tmp_path: Path, factor: float) -> None:
    """Whatever changed: here the weights themselves."""
    from safetensors.torch import load_file, save_file

    result = aw.search(
        "mlp",
        "diabetes",
        budget=aw.Budget(trials=1),
        retrain=1,
        baseline=False,
        out=tmp_path / "run",
        **QUICK,
    )
    trial = result.best
    assert trial.measurement is not None
    path = result.folder / trial.measurement.artifacts["weights"]
    save_file({name: factor * tensor for name, tensor in load_file(path).items()}, path)
    with pytest.raises(RunError, match=r"had the validation (loss|r2) .* but the network that is built now"):
        aw.export_trial(result.folder, onnx=False)


@pytest.fixture
def foreign(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path]:
    """A run of somebody else, and the file that its code would leave."""
    run, space, _ = a_run(tmp_path, f"foreign_{tmp_path.name}")
    shutil.copytree(run, tmp_path / "copy")
    left = tmp_path / "left"
    space.write_text(f"open({str(left)!r}, 'w').close()\n{space.read_text()}")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "elsewhere"))
    import sys

    for name in [name for name in sys.modules if name.endswith(f"foreign_{tmp_path.name}")]:
        del sys.modules[name]
    return tmp_path / "copy", left


def test_code_of_somebody_else_is_run_when_asked_only(foreign: tuple[Path, Path]) -> None:
    run, left = foreign
    for refused in (lambda: aw.export_trial(run), lambda: space_of(aw.open_run(run))):
        with pytest.raises(UsageError, match=r"names code to run.*--trust"):
            refused()
    assert not left.exists()
    assert space_of(aw.open_run(run), trust=True) is not None
    assert left.exists()


def test_an_edited_record_is_nobodys_own(tmp_path: Path) -> None:
    run, space, _ = a_run(tmp_path, "edited")
    config = RunConfig.read(run)
    assert config.is_own()
    assert not replace(config, space=replace(config.space, reference=f"{space}:other")).is_own()
    data = json.loads((run / "experiment.json").read_text())
    (run / "experiment.json").write_text(json.dumps({**data, "mark": None}))
    with pytest.raises(UsageError, match="--trust"):
        aw.export_trial(run)


def test_a_run_of_built_in_names_needs_no_trust(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    result = aw.search(
        "mlp", "diabetes", budget=aw.Budget(trials=1), retrain=0, out=tmp_path / "run", **QUICK
    )
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "elsewhere"))
    assert isinstance(space_of(aw.open_run(result.folder)), aw.Space)


def test_a_built_in_name_stays_one_beside_a_folder_of_that_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("diabetes", "mlp"):
        (tmp_path / name).mkdir()
    config = aw.search(
        "mlp", "diabetes", budget=aw.Budget(trials=1), retrain=0, out="run", **QUICK
    ).run.config
    assert (config.task.reference, config.space.reference) == ("diabetes", "mlp")
    assert config.sources.data == {}
    (tmp_path / "mlp" / "new").touch()
    assert aw.resume("run", progress=False).state == "completed"
