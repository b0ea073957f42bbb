"""The SQL store, on a real SQLite file and a real PostgreSQL server."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import textwrap
import time
from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy

from archwright.errors import RunError, UsageError
from archwright.experiments.store import SQLStore, Stage, database
from archwright.spaces import Architecture
from archwright.trials import Candidate, Fidelity, Measurement, Report, Trial, TrialState

TRIAL = Trial(
    0,
    Candidate(Architecture({"op": "conv", "edges": (0, 2), "rate": 0.1}), Fidelity(3, 0.5), parent=7),
    started=10.0,
)
DONE = replace(
    TRIAL,
    state=TrialState.COMPLETED,
    measurement=Measurement(
        {"accuracy": 0.5}, ({"epoch": 1, "train_loss": 2.0},), seconds=1.5, artifacts={"weights": "w"}
    ),
    finished=12.0,
)


def test_a_trial_comes_back_as_it_was_written(url: str) -> None:
    with SQLStore(url, "run", create=True) as store:
        store.start(TRIAL)
        assert store.trials() == [TRIAL]
        store.finish(DONE)
    with SQLStore(url, "run", create=False) as store:
        assert store.trials() == [DONE]
        assert store.trials(Stage.RETRAIN) == []


def test_events_are_in_the_order_in_which_they_happened(url: str) -> None:
    with SQLStore(url, "run", create=True) as store:
        for number in (0, 1):
            store.start(replace(TRIAL, number=number))
        store.finish(replace(DONE, number=1))
    with SQLStore(url, "run", create=False) as store:
        store.start(replace(TRIAL, number=2))
        store.finish(replace(DONE, number=0))
        kinds = [(kind, trial.number) for kind, trial in store.events()]
        assert kinds == [("ask", 0), ("ask", 1), ("tell", 1), ("ask", 2), ("tell", 0)]


def test_a_running_trial_that_is_started_again_keeps_its_place(url: str) -> None:
    with SQLStore(url, "run", create=True) as store:
        store.start(TRIAL)
        store.start(replace(TRIAL, number=1))
        store.start(replace(TRIAL, started=99.0))
        assert [trial.started for trial in store.trials()] == [99.0, 10.0]
        assert [trial.number for _, trial in store.events()] == [0, 1]


def test_finishing_what_was_not_started_is_refused(url: str) -> None:
    with SQLStore(url, "run", create=True) as store, pytest.raises(RunError, match="before it was started"):
        store.finish(DONE)


def test_facts_and_messages(url: str) -> None:
    with SQLStore(url, "run", create=True) as store:
        assert store.get("state", "none") == "none"
        store.set_fact("state", {"a": [1, None, "x"]})
        store.set_fact("state", "running")
        assert store.get("state") == "running"
        before = time.time()
        store.log("first")
        store.log("second")
        assert [text for _, text in store.messages()] == ["first", "second"]
        assert before - 1 <= store.messages()[0][0] <= time.time() + 1


def test_runs_in_one_database_are_apart(url: str) -> None:
    with SQLStore(url, "one", create=True) as one, SQLStore(url, "two", create=True) as two:
        one.start(TRIAL)
        one.set_fact("state", "running")
        assert two.trials() == []
        assert two.get("state") is None
        one.lock()
        two_lockable = url.startswith("postgresql")
        assert two.is_locked() is not two_lockable  # a SQLite file is locked as a whole


def test_a_run_is_made_once_and_opened_by_name(url: str) -> None:
    SQLStore(url, "run", create=True).close()
    with SQLStore(url, "run", create=True) as store:  # its maker died before anything was begun
        store.set_fact("state", "running")
    with pytest.raises(RunError, match="already"):
        SQLStore(url, "run", create=True)
    with pytest.raises(RunError, match=r"no run 'other'; it has: run"):
        SQLStore(url, "other", create=False)


def test_a_second_process_is_told_who_has_the_run(url: str) -> None:
    code = """
        import sys, time
        from archwright.experiments.store import SQLStore
        store = SQLStore(sys.argv[1], "run", create=False)
        store.lock()
        print("locked", flush=True)
        time.sleep(1000)
    """
    SQLStore(url, "run", create=True).close()
    other = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code), url], stdout=subprocess.PIPE, text=True
    )
    try:
        assert other.stdout is not None
        assert other.stdout.readline() == "locked\n"
        with SQLStore(url, "run", create=False) as store:
            assert store.is_locked()
            with pytest.raises(RunError, match=f"another process .pid {other.pid}."):
                store.lock()
            other.send_signal(signal.SIGKILL)
            other.wait()
            deadline = time.monotonic() + 120
            while store.is_locked() and time.monotonic() < deadline:
                time.sleep(0.05)
            store.lock()
            assert store.get("owner") == os.getpid()
    finally:
        other.kill()


def test_a_closed_store_says_so(url: str) -> None:
    store = SQLStore(url, "run", create=True)
    store.close()
    store.close()
    with pytest.raises(RunError, match="closed"):
        store.trials()


def test_a_missing_file_is_not_made_by_opening_it(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="no such file"):
        SQLStore(f"sqlite:///{tmp_path / 'none.sqlite'}", "run", create=False)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("content", [b"not a database at all" * 100, b""])
def test_a_corrupt_file_is_refused_with_the_reason(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "trials.sqlite"
    path.write_bytes(content)
    with pytest.raises(RunError, match=r"not a database|not a store of Archwright"):
        SQLStore(f"sqlite:///{path}", "run", create=False)


def test_a_damaged_file_is_refused_with_the_reason(tmp_path: Path) -> None:
    path = tmp_path / "trials.sqlite"
    with SQLStore(f"sqlite:///{path}", "run", create=True) as store:
        for number in range(500):
            store.start(replace(TRIAL, number=number))
    data = bytearray(path.read_bytes())
    data[4096 * 8 : 4096 * 20] = b"\x5a" * (4096 * 12)
    path.write_bytes(data)
    with (
        pytest.raises(RunError, match=r"corrupt|malformed"),
        SQLStore(f"sqlite:///{path}", "run", create=False) as store,
    ):
        store.trials()


def test_another_format_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "trials.sqlite"
    SQLStore(f"sqlite:///{path}", "run", create=True).close()
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE runs SET format = 99")
    connection.close()
    with pytest.raises(RunError, match="format 99"):
        SQLStore(f"sqlite:///{path}", "run", create=False)


@pytest.mark.parametrize(("url", "told"), [("nonsense", "expected a URL"), ("mysql://x/y", "got mysql")])
def test_other_urls_are_refused(url: str, told: str) -> None:
    with pytest.raises(UsageError, match=told):
        SQLStore(url, "run", create=True)


def test_an_unreachable_server_is_told_without_a_password() -> None:
    with pytest.raises(RunError, match="cannot be used") as caught:
        SQLStore("postgresql://someone:secret@127.0.0.1:1/none", "run", create=True)
    assert "secret" not in str(caught.value)


def test_the_file_is_in_write_ahead_mode(tmp_path: Path) -> None:
    path = tmp_path / "trials.sqlite"
    SQLStore(f"sqlite:///{path}", "run", create=True).close()
    connection = sqlite3.connect(path)
    assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    connection.close()


def first_format(url: str) -> None:
    """A store as the first release made it: without what came later."""
    with SQLStore(url, "run", create=True) as store:
        store.start(TRIAL)
        store.finish(DONE)
        store.start(replace(TRIAL, number=1))
        for statement in (
            "DROP TABLE reports",
            "ALTER TABLE trials DROP COLUMN attempt",
            "ALTER TABLE trials DROP COLUMN inherit",
            """UPDATE trials SET fidelity = '{"epochs":3,"data_fraction":0.5}'""",
        ):
            store._live.exec_driver_sql(statement)


def tables(url: str) -> set[tuple[str, str]]:
    engine = sqlalchemy.create_engine(url, poolclass=sqlalchemy.NullPool)
    inspector = sqlalchemy.inspect(engine)
    return {(t, c["name"]) for t in inspector.get_table_names() for c in inspector.get_columns(t)}


def test_a_store_of_the_first_release_is_read_as_it_is_and_then_written(url: str) -> None:
    first_format(url)
    before = tables(url)
    with SQLStore(url, "run", create=False) as store:
        assert store.trials() == [DONE, replace(TRIAL, number=1)]
        assert store.reports() == {}
    assert tables(url) == before
    with SQLStore(url, "run", create=False) as store:
        store.lock()
        store.start(replace(TRIAL, number=1, attempt=1))
        store.report(1, Report(4, {"loss": 2.0}))
        assert store.trials()[1].attempt == 1
        assert store.reports() == {1: [Report(4, {"loss": 2.0})]}
    assert tables(url) > before


def test_a_database_that_is_deleted_in_mid_run_is_told_and_saved(tmp_path: Path) -> None:
    path = tmp_path / "trials.sqlite"
    with SQLStore(f"sqlite:///{path}", "run", create=True) as store:
        store.start(TRIAL)
        path.unlink()
        with pytest.raises(RunError, match=r"deleted.*trials\.rescued\.sqlite"):
            store.finish(DONE)
    for rest in tmp_path.glob("trials.sqlite-*"):
        rest.unlink()
    (tmp_path / "trials.rescued.sqlite").rename(path)
    with SQLStore(f"sqlite:///{path}", "run", create=False) as store:
        assert store.trials() == [TRIAL]


def test_a_folder_that_is_deleted_in_mid_run_is_told(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    with SQLStore(f"sqlite:///{tmp_path / 'run' / 'trials.sqlite'}", "run", create=True) as store:
        store.start(TRIAL)
        shutil.rmtree(tmp_path / "run")
        with pytest.raises(RunError, match="folder is gone"):
            store.finish(DONE)


def test_a_full_disk_is_named(tmp_path: Path) -> None:
    with SQLStore(f"sqlite:///{tmp_path / 'trials.sqlite'}", "run", create=True) as store:
        pages = store._live.exec_driver_sql("PRAGMA page_count").scalar()
        store._live.exec_driver_sql(f"PRAGMA max_page_count = {pages}")
        with pytest.raises(RunError, match="the disk is full: make room"):
            store.set_fact("state", "x" * 100_000)
        store._live.exec_driver_sql("PRAGMA max_page_count = 100000")
        store.set_fact("state", "x")
        assert store.get("state") == "x"


def cut(url: str, pid: int) -> None:
    """End a connection as the restart of a server does."""
    engine = sqlalchemy.create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(sqlalchemy.text(f"SELECT pg_terminate_backend({pid}, 5000)"))
    engine.dispose()


def backend(store: SQLStore) -> int:
    return store._live.exec_driver_sql("SELECT pg_backend_pid()").scalar_one()


def test_a_lost_connection_is_made_again_with_the_lock(postgres: str) -> None:
    with SQLStore(postgres, "cut", create=True) as store:
        store.lock()
        for write in (lambda: store.start(TRIAL), lambda: store.report(0, Report(1, {"a": 1.0}))):
            cut(postgres, backend(store))
            write()
        cut(postgres, backend(store))
        store.finish(DONE)
        (trial,) = store.trials()
        assert trial == DONE.with_curve([Report(1, {"a": 1.0})])
        assert [kind for kind, _ in store.events()] == ["ask", "tell"]
        with SQLStore(postgres, "cut", create=False) as other:
            assert other.is_locked()


@pytest.mark.slow
def test_whoever_loses_the_connection_and_the_lock_writes_no_more(postgres: str) -> None:
    with SQLStore(postgres, "taken", create=True) as store:
        store.lock()
        store.start(TRIAL)
        cut(postgres, backend(store))
        with SQLStore(postgres, "taken", create=False) as other:
            other.lock()
            with pytest.raises(RunError, match="another process has taken the run"):
                store.finish(DONE)
            assert other.trials() == [TRIAL]


def test_a_server_that_stays_away_is_named_with_the_reason(
    postgres: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "_PAUSES", (0.0, 0.0))
    with SQLStore(postgres, "away", create=True) as store:
        cut(postgres, backend(store))
        gone = sqlalchemy.create_engine(store._url.set(port=1), poolclass=sqlalchemy.NullPool)
        monkeypatch.setattr(store, "_engine", gone)
        with pytest.raises(RunError, match=r"terminating connection.*see that the server runs"):
            store.set_fact("a", 1)
