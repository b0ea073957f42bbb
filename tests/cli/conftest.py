"""Runs the command in this process, as a shell would see it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

SPACE = f"{Path(__file__).parent.parent / 'session' / 'spaces_for_tests.py'}:space"


@dataclass(frozen=True)
class Ran:
    """What a shell sees of a command."""

    code: int
    out: str
    err: str


@pytest.fixture
def archwright(
    capfd: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Ran]:
    """Runs `archwright WORDS` in an empty folder."""
    from archwright.cli import main

    monkeypatch.chdir(tmp_path)

    def run(*words: str) -> Ran:
        capfd.readouterr()
        with pytest.raises(SystemExit) as exit_:
            main(words)
        printed = capfd.readouterr()
        code = exit_.value.code
        return Ran(code if isinstance(code, int) else 0 if code is None else 1, printed.out, printed.err)

    return run


@pytest.fixture(scope="session")
def finished_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small completed run that tests only read."""
    import archwright as aw

    out = tmp_path_factory.mktemp("cli") / "digits"
    aw.search(
        SPACE,
        "digits",
        objectives=["accuracy", "params<=700"],
        budget=aw.Budget(trials=3),
        recipe=aw.Recipe(epochs=1),
        retrain=1,
        out=out,
        progress=False,
        onnx=False,
        task_options={"seed": 0},
    )
    return out
