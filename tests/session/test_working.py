"""A search that workers share, from `aw.search` and the command to the exported network; and what is refused."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import archwright as aw
from archwright.cli.output import as_dict
from archwright.errors import RunError, UsageError
from archwright.experiments import published
from archwright.experiments.store import SharedStore
from archwright.session.slurm import submit_workers
from archwright.session.working import work

KEY = "a key of thirty-two characters!!"
QUICK: dict[str, Any] = {"recipe": aw.Recipe(epochs=1), "progress": False, "onnx": False, "baseline": False}


@pytest.fixture
def url(shared_store: str) -> str:
    """Of the database, and KEY in the environment."""
    assert os.environ[published.KEY] == KEY
    return shared_store


def search(url: str | None, out: Path, **more: Any) -> aw.Result:
    given = {"budget": aw.Budget(trials=3), "retrain": 1, **QUICK, **more}
    return aw.search("mlp", "diabetes", store=url, out=out, **given)


def test_a_search_is_left_to_a_worker_and_resumed_to_the_exported_network(url: str, tmp_path: Path) -> None:
    folder = search(url, tmp_path / "run", workers=0).folder
    assert aw.open_run(folder).trials == ()
    assert work(url, progress=False) == "3 trials"
    run = aw.open_run(folder)
    assert [trial.state for trial in run.trials] == ["completed"] * 3
    assert run.seconds > 0
    (told,) = as_dict(run)["workers"]
    assert (told["running"], told["ended"], told["is_alive"]) == ([], 3, False)
    with pytest.raises(UsageError, match="no run that goes on with workers"):
        work(url, progress=False)
    assert work(url, run="run", progress=False) == "3 trials"  # as a job of Slurm that began late
    result = aw.resume(folder, progress=False, onnx=False)
    assert result.state == "completed"
    assert [trial.architecture for trial in result.trials] == [trial.architecture for trial in run.trials]
    assert (folder / "best" / "model.py").is_file()
    aw.resume(folder, budget=aw.Budget(trials=5), progress=False, onnx=False)
    assert len(aw.open_run(folder).trials) == 5


def test_whoever_begins_a_search_takes_part_and_proposes_what_it_would_alone(
    url: str, tmp_path: Path
) -> None:
    shared = search(url, tmp_path / "shared", retrain=0)
    alone = search(None, tmp_path / "alone", retrain=0)
    assert [t.candidate for t in shared.trials] == [t.candidate for t in alone.trials]
    assert len(shared.run.workers) == 1
    assert set(shared.run.holders.values()) == {shared.run.workers[0].name}


class Planted:
    """Is noticed when it is loaded."""

    loaded = False

    def __reduce__(self) -> tuple[Any, ...]:
        return setattr, (Planted, "loaded", True)


def test_what_is_not_signed_with_the_key_is_not_run(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import pickle

    search(url, tmp_path / "run", workers=0)
    with SharedStore(url, "run", create=False) as store:
        found = store.published()
        assert found is not None
        store.publish(pickle.dumps(Planted()), found[1], found[2])
    with pytest.raises(RunError, match=r"not signed with this ARCHWRIGHT_KEY.*Set ARCHWRIGHT_KEY"):
        work(url, progress=False)
    with SharedStore(url, "run", create=False) as store:
        store.publish(*found)
    monkeypatch.setenv(published.KEY, KEY + "!")
    with pytest.raises(RunError, match="not signed with this ARCHWRIGHT_KEY"):
        work(url, progress=False)
    monkeypatch.setenv(published.KEY, "short")
    with pytest.raises(UsageError, match="5 characters, expected 16 or more"):
        work(url, progress=False)
    monkeypatch.delenv(published.KEY)
    with pytest.raises(UsageError, match=r"ARCHWRIGHT_KEY is not set: set it to.*openssl rand"):
        work(url, progress=False)
    assert not Planted.loaded


def test_what_cannot_have_workers_is_refused_before_anything_is_written(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(UsageError, match="need a store on PostgreSQL"):
        search(None, tmp_path / "run", workers=0)
    with pytest.raises(UsageError, match="trained in one process"):
        search(url, tmp_path / "run", workers=0, strategy="darts")
    monkeypatch.delenv(published.KEY)
    with pytest.raises(UsageError, match="ARCHWRIGHT_KEY is not set"):
        search(url, tmp_path / "run", workers=0)
    assert not (tmp_path / "run").exists()
    with pytest.raises(UsageError, match="workers need PostgreSQL"):
        work(f"sqlite:///{tmp_path / 'trials.sqlite'}")


def test_a_run_without_the_key_has_no_workers_until_it_is_resumed_with_it(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(published.KEY)
    folder = search(url, tmp_path / "run", retrain=0).folder
    assert aw.open_run(folder).workers == ()
    monkeypatch.setenv(published.KEY, KEY)
    with pytest.raises(UsageError, match="nothing to do"):
        work(url)
    result = aw.resume(folder, budget=aw.Budget(trials=5), progress=False)
    assert len(result.trials) == 5
    assert len(result.run.workers) == 1


def test_checkpoints_that_trials_share_must_be_reached(url: str, tmp_path: Path) -> None:
    how: dict[str, Any] = {"strategy": "asha", "fidelity": "epochs=1..3", "retrain": 0, "workers": 0}
    folder = search(url, tmp_path / "run", **how).folder
    moved = folder.rename(tmp_path / "elsewhere")
    with pytest.raises(UsageError, match=r"not reached from here.*--folder"):
        work(url, progress=False)
    with pytest.raises(UsageError, match="folder of another run"):
        work(url, progress=False, folder=search(None, tmp_path / "other", retrain=0).folder)
    assert work(url, progress=False, folder=moved) is not None
    trials = aw.open_run(moved).trials
    assert sum(trial.candidate.is_new for trial in trials) == 3
    assert any(trial.candidate.continues for trial in trials)
    assert all(trial.state == "completed" for trial in trials)


@pytest.mark.slow
def test_workers_are_submitted_by_submitit(url: str, tmp_path: Path) -> None:
    pytest.importorskip("submitit")
    folder = search(url, tmp_path / "run", workers=0, budget=aw.Budget(trials=6)).folder
    options = {"cluster": "local", "timeout_min": 20}
    where, jobs = submit_workers(2, [url, "--run", "run"], options=options, logs=tmp_path / "logs")
    assert where == "local"
    for job in jobs:
        job.result()
    run = aw.open_run(folder)
    assert [trial.state for trial in run.trials] == ["completed"] * 6
    assert 1 <= len(run.workers) <= 2


def test_an_option_that_submitit_does_not_know_is_named(tmp_path: Path) -> None:
    pytest.importorskip("submitit")
    with pytest.raises(UsageError, match=r"submitit refuses its options.*slurm_partition"):
        submit_workers(1, ["postgresql://x"], options={"cluster": "nowhere"}, logs=tmp_path)
    with pytest.raises(UsageError, match="1 worker or more"):
        submit_workers(0, ["postgresql://x"], logs=tmp_path)


@pytest.mark.slow
def test_the_command_joins_a_search_that_goes_on(url: str, tmp_path: Path) -> None:
    words = [sys.executable, "-m", "archwright"]
    begun = [
        *words,
        "search",
        "diabetes",
        "--trials",
        "12",
        "--epochs",
        "2",
        "--store",
        url,
        "--workers",
        "0",
    ]
    more = ["--out", str(tmp_path / "run"), "--retrain", "0", "--no-baseline"]
    told = subprocess.run([*begun, *more], check=True, capture_output=True, text=True).stdout
    assert "archwright worker postgresql" in told
    workers = [
        subprocess.Popen([*words, "worker", url], stdout=subprocess.PIPE, text=True, env=dict(os.environ))
        for _ in range(2)
    ]
    assert [worker.wait(600) for worker in workers] in ([0, 0], [0, 2], [2, 0])  # 2: one came after the end
    trials = aw.open_run(tmp_path / "run").trials
    assert [(trial.number, trial.state, trial.attempt) for trial in trials] == [
        (number, "completed", 0) for number in range(12)
    ]
