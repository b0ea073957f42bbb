"""States of trials at a URL, for workers that do not reach the run's folder."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from archwright.errors import MissingExtraError, RunError, UsageError
from archwright.experiments import CheckpointFolder, InlineExecutor, ProcessesExecutor, SQLStore, Stage
from archwright.experiments.jobs import Job
from archwright.trials import Candidate, Measurement, TrialContext, TrialState

from ..conftest import ToyEstimator, run_search

pytest.importorskip("fsspec")


@pytest.fixture(params=["file", "memory"])
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> CheckpointFolder:
    """One at a URL: a file system of fsspec's, and one that has no files at all."""
    url = (tmp_path / "shared").as_uri() if request.param == "file" else f"memory://{tmp_path.name}/shared"
    return CheckpointFolder(tmp_path / "own", url)


def test_what_is_saved_is_loaded_and_what_is_not_kept_is_gone(folder: CheckpointFolder) -> None:
    for key in ("search-1-0-5", "search-1-0-6", "search-10-0-5"):
        folder.save(key, {"weight": torch.arange(3.0), "key": key})
    state = folder.load("search-1-0-6")
    assert state["key"] == "search-1-0-6"
    assert state["weight"].tolist() == [0.0, 1.0, 2.0]
    assert folder.size("search-1-0-6") > 0
    folder.keep_only(["search-1-0-6"], "search-1-")
    assert [folder.size(key) > 0 for key in ("search-1-0-5", "search-1-0-6", "search-10-0-5")] == [
        False,
        True,
        True,
    ]
    with pytest.raises(RunError, match="search-1-0-5"):
        folder.load("search-1-0-5")
    assert not folder.path.exists()


def test_a_worker_s_file_comes_into_the_folder(folder: CheckpointFolder, tmp_path: Path) -> None:
    file = tmp_path / "weights"
    file.write_bytes(b"1234")
    folder.send(file, "retrain-0.safetensors")
    folder.receive("retrain-0.safetensors")
    assert (folder.path / "retrain-0.safetensors").read_bytes() == b"1234"
    (folder.path / "retrain-0.safetensors").unlink()
    folder.receive("retrain-0.safetensors")
    assert list(folder.path.iterdir()) == []  # it has moved


class Leaving(ToyEstimator):
    """Saves a state and leaves a file, as a retraining does; trial 2 loses its worker once."""

    def __init__(self, folder: CheckpointFolder) -> None:
        super().__init__()
        self.folder = folder

    def estimate(self, candidate: Candidate, trial: TrialContext) -> Measurement:
        begun = 0 if trial.own is None else trial.own.load()["step"]
        trial.report(begun + 1, {"accuracy": 0.1}, {"step": begun + 1})
        if trial.number == 2 and trial.attempt == 0:
            import os

            os._exit(1)
        name = f"trial-{trial.number}"
        with open(self.folder.path.with_name(name), "w") as file:
            file.write(name)
        self.folder.send(self.folder.path.with_name(name), name)
        return Measurement({"accuracy": 0.1}, artifacts={"weights": f"checkpoints/{name}"})


def test_a_search_goes_on_from_states_at_a_url(tmp_path: Path) -> None:
    folder = CheckpointFolder(tmp_path / "checkpoints", (tmp_path / "shared").as_uri())
    with SQLStore(f"sqlite:///{tmp_path}/trials.sqlite", "toy", create=True) as store:
        store.lock()
        executor: ProcessesExecutor[Job, object] = ProcessesExecutor(1, threads=1)
        run_search(store, trials=3, estimator=Leaving(folder), executor=executor, checkpoints=folder)  # type: ignore[arg-type]
        assert [trial.state for trial in store.trials(Stage.SEARCH)] == [TrialState.COMPLETED] * 3
        assert [trial.attempt for trial in store.trials()] == [0, 0, 1]
    assert sorted(file.name for file in folder.path.iterdir()) == ["trial-0", "trial-1", "trial-2"]


def test_a_url_that_nothing_serves_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UsageError, match="cannot be kept at nowhere://x"):
        CheckpointFolder(tmp_path, "nowhere://x")
    monkeypatch.setitem(__import__("sys").modules, "fsspec", None)
    with pytest.raises(MissingExtraError, match=r"archwright\[ray\]"):
        CheckpointFolder(tmp_path, "s3://x")


def test_this_process_takes_a_url_too(tmp_path: Path) -> None:
    folder = CheckpointFolder(tmp_path / "checkpoints", f"memory://{tmp_path.name}")
    with SQLStore(f"sqlite:///{tmp_path}/trials.sqlite", "toy", create=True) as store:
        store.lock()
        run_search(store, trials=2, estimator=Leaving(folder), executor=InlineExecutor(), checkpoints=folder)
        assert [trial.state for trial in store.trials()] == [TrialState.COMPLETED] * 2
