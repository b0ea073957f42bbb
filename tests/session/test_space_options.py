"""Options of a built-in space are recorded, and hold when a run is gone on with."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from torch import nn

import archwright as aw
from archwright.errors import SpaceError, UsageError
from archwright.experiments import RunConfig
from archwright.session.approach import subject_of


def test_a_run_goes_on_with_the_options_it_began_with(tmp_path: Path) -> None:
    out = tmp_path / "run"
    options = {"depth": [1, 1], "widths": [4, 6]}
    brief: dict[str, Any] = {
        "recipe": aw.Recipe(epochs=1),
        "retrain": 0,
        "baseline": False,
        "onnx": False,
        "progress": False,
    }
    aw.search("mlp", "digits", space_options=options, budget=aw.Budget(trials=1), out=out, **brief)
    config = RunConfig.read(out)
    assert config.space.options == options
    run = aw.resume(out, budget=aw.Budget(trials=3), progress=False).run
    assert len(run.trials) == 3
    assert all(trial.metrics["params"] <= 64 * 6 + 6 + 6 * 10 + 10 + 2 * 6 for trial in run.trials)


def test_the_option_of_the_user_is_taken_before_that_of_the_task() -> None:
    def operations(**given: str) -> int:
        subject = subject_of(
            "automl_zero",
            "linear_regression",
            objectives=(),
            fix=None,
            task_options=None,
            space_options=given,
        )
        digest = subject.space.digest
        assert digest is not None
        return hash(digest)

    assert operations() == operations(setting="linear")
    assert operations() != operations(setting="all")


def test_what_takes_no_options_refuses_them(tmp_path: Path) -> None:
    def search(space: aw.Space | str, **options: Any) -> None:
        aw.search(space, "digits", space_options=options, out=tmp_path / "run")

    with pytest.raises(SpaceError, match=r"no option 'dept'\. Did you mean 'depth'"):
        search("mlp", dept=2)
    with pytest.raises(UsageError, match="set those of an object when you make it: got depth"):
        search(aw.Space(aw.layer(nn.Linear, 64, 10)), depth=2)
    file = tmp_path / "mine.py"
    file.write_text(
        "import archwright as aw\nfrom torch import nn\ndef space():\n    return aw.layer(nn.Linear, 64, 10)\n"
    )
    with pytest.raises(UsageError, match="a space of your own takes no options, got depth"):
        search(f"{file}:space", depth=2)
