"""One store for SQLite (a file, write-ahead log) and PostgreSQL (a URL), by SQLAlchemy Core."""

from __future__ import annotations

import contextlib
import functools
import gc
import hashlib
import json
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

import filelock
import orjson
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from archwright.errors import RunError
from archwright.experiments.store.store import Event, Stage, Store
from archwright.experiments.store.tables import FACTS, FORMAT, MESSAGES, METADATA, RUNS, TRIALS, checked_url
from archwright.spaces.architecture import Architecture
from archwright.trials import Candidate, Fidelity, Measurement, Trial, TrialState

__all__ = ["SQLStore"]

_P = ParamSpec("_P")
_R = TypeVar("_R")


def _explained(method: Callable[_P, _R]) -> Callable[_P, _R]:
    """Turn a database's error into a `RunError` that says which store and why."""

    @functools.wraps(method)
    def explained(*args: _P.args, **kwargs: _P.kwargs) -> _R:
        try:
            return method(*args, **kwargs)
        except (sa.exc.DBAPIError, ValueError) as error:
            reason = str(getattr(error, "orig", error)).strip().splitlines()[0]
            raise RunError(
                f"the store {args[0]} cannot be used: {reason}; if the file is corrupt, restore it from a copy "
                "or search anew with another --out"
            ) from error

    return explained


class SQLStore(Store):
    """A store in a database.

    Args:
        url: A SQLAlchemy URL, `sqlite:///runs/mine/trials.sqlite` or `postgresql+psycopg://host/database`. One
            database may hold many runs.
        run: The run's name in it.
        create: True makes the run and raises where it exists; False opens it and raises where it does not.

    Raises:
        RunError: When the run is missing, exists already, is of another format, or the database is corrupt or
            out of reach.
        UsageError: When the URL is of another kind of database.
    """

    def __init__(self, url: str | sa.URL, run: str, *, create: bool) -> None:
        self._url = checked_url(url)
        self._run_name = run
        self._lock: filelock.BaseFileLock | sa.Connection | None = None
        self._engine = sa.create_engine(self._url, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
        if self._is_sqlite:
            if not create and not Path(str(self._url.database)).is_file():
                raise RunError(f"{self}: there is no such file, so the run cannot be opened")
            sa.event.listen(self._engine, "connect", _set_up_sqlite)
        self._connection: sa.Connection | None = None
        self._open(create)

    @property
    def _is_sqlite(self) -> bool:
        return self._url.get_backend_name() == "sqlite"

    def __str__(self) -> str:
        return self._url.render_as_string(hide_password=True)

    @_explained
    def _open(self, create: bool) -> None:
        self._connection = self._engine.connect()
        if create:
            METADATA.create_all(self._connection)
            inserted = self._insert(RUNS).on_conflict_do_nothing().returning(RUNS.c.id)
            row = self._connection.execute(inserted, {"name": self._run_name, "format": FORMAT}).first()
            if row is None:
                raise RunError(
                    f"{self} holds a run {self._run_name!r} already: resume it, or give this one another --out"
                )
        else:
            if not sa.inspect(self._connection).has_table("runs"):
                raise RunError(f"{self} is not a store of Archwright: it has no table 'runs'")
            query = sa.select(RUNS.c.id, RUNS.c.format).where(RUNS.c.name == self._run_name)
            row = self._connection.execute(query).first()
            if row is None:
                names = self._connection.execute(sa.select(RUNS.c.name).limit(10)).scalars().all()
                raise RunError(f"{self} has no run {self._run_name!r}; it has: {', '.join(names) or 'none'}")
            if row.format != FORMAT:
                raise RunError(
                    f"{self} has format {row.format}, this version of Archwright reads format {FORMAT}: use the "
                    "version that wrote it"
                )
        self._run: int = row.id
        mine = TRIALS.c.run == self._run
        latest = sa.select(sa.func.max(TRIALS.c.asked), sa.func.max(TRIALS.c.told)).where(mine)
        self._events: int = max(value or 0 for value in self._connection.execute(latest).one())
        self._prepare()

    def _prepare(self) -> None:
        """Statements on the hot path are made once."""
        key = ("run", "stage", "number")
        start = self._insert(TRIALS)
        self._start = start.on_conflict_do_update(
            index_elements=list(key), set_={"started": start.excluded.started}
        )
        self._finish = (
            sa.update(TRIALS)
            .where(*(TRIALS.c[column] == sa.bindparam(f"key_{column}") for column in key))
            .values(
                {
                    column: sa.bindparam(column)
                    for column in (
                        "state",
                        "metrics",
                        "curve",
                        "artifacts",
                        "estimate_seconds",
                        "error",
                        "finished",
                        "told",
                    )
                }
            )
        )
        fact = self._insert(FACTS)
        self._put = fact.on_conflict_do_update(
            index_elements=["run", "key"], set_={"value": fact.excluded.value}
        )

    def _insert(self, table: sa.Table) -> Any:
        return (sqlite.insert if self._is_sqlite else postgresql.insert)(table)

    @property
    def _live(self) -> sa.Connection:
        if self._connection is None:
            raise RunError(f"{self} has been closed")
        return self._connection

    @_explained
    def lock(self) -> None:
        """By a file lock beside the SQLite file, or an advisory lock of PostgreSQL."""
        lock = self._try_lock()
        if lock is None:
            raise RunError(
                f"{self} is open in another process (pid {self.get('owner', 'unknown')}): wait for it, or stop it "
                "with Ctrl-C there"
            )
        self._lock = lock
        self.put("owner", os.getpid())

    @_explained
    def is_locked(self) -> bool:
        """Whether some process has the run now."""
        if self._lock is not None:
            return True
        lock = self._try_lock()
        if lock is not None:
            self._unlock(lock)
        return lock is None

    def _try_lock(self) -> filelock.BaseFileLock | sa.Connection | None:
        """A lock that ends with the process, or None where another process has it."""
        if self._is_sqlite:
            file = filelock.FileLock(f"{self._url.database}.lock", timeout=0)
            try:
                file.acquire()
            except filelock.Timeout:
                return None
            return file
        connection = self._engine.connect()
        number = int.from_bytes(hashlib.sha256(f"archwright {self._run}".encode()).digest()[:7])
        if connection.execute(sa.select(sa.func.pg_try_advisory_lock(number))).scalar():
            return connection
        connection.close()
        return None

    @staticmethod
    def _unlock(lock: filelock.BaseFileLock | sa.Connection) -> None:
        if isinstance(lock, sa.Connection):
            lock.close()
        else:
            lock.release()

    @_explained
    def start(self, trial: Trial, stage: Stage = Stage.SEARCH) -> None:
        """One insert."""
        candidate = trial.candidate
        self._events += 1
        self._live.execute(
            self._start,
            {
                "run": self._run,
                "stage": stage.value,
                "number": trial.number,
                "state": TrialState.RUNNING.value,
                "architecture": _text(candidate.architecture.to_json()),
                "fidelity": _text(candidate.fidelity.to_json()) if candidate.fidelity else None,
                "parent": candidate.parent,
                "started": trial.started,
                "asked": self._events,
            },
        )

    @_explained
    def finish(self, trial: Trial, stage: Stage = Stage.SEARCH) -> None:
        """One update."""
        measured = trial.measurement
        self._events += 1
        done = self._live.execute(
            self._finish,
            {
                "key_run": self._run,
                "key_stage": stage.value,
                "key_number": trial.number,
                "state": trial.state.value,
                "metrics": _text(dict(measured.metrics)) if measured else None,
                "curve": _text([dict(point) for point in measured.curve])
                if measured and measured.curve
                else None,
                "artifacts": _text(dict(measured.artifacts)) if measured and measured.artifacts else None,
                "estimate_seconds": measured.seconds if measured else None,
                "error": trial.error,
                "finished": trial.finished,
                "told": self._events,
            },
        )
        if done.rowcount != 1:
            raise RunError(
                f"trial {trial.number} ({stage}) is finished before it was started; start it first"
            )

    @_explained
    def trials(self, stage: Stage = Stage.SEARCH) -> list[Trial]:
        """All trials of a stage, by number."""
        return [trial for trial, _, _ in self._rows(stage)]

    @_explained
    def events(self, after: int = 0) -> list[Event]:
        """What the strategy was asked and told, in order."""
        happened: list[tuple[int, Event]] = []
        for trial, asked, told in self._rows(Stage.SEARCH):
            happened.append((asked, ("ask", trial)))
            if told is not None:
                happened.append((told, ("tell", trial)))
        happened.sort(key=lambda item: item[0])
        return [event for _, event in happened[after:]]

    def _rows(self, stage: Stage) -> Iterator[tuple[Trial, int, int | None]]:
        query = (
            sa.select(*(column for column in TRIALS.c if column.name not in ("run", "stage")))
            .where(TRIALS.c.run == self._run, TRIALS.c.stage == stage.value)
            .order_by(TRIALS.c.number)
        )
        fidelities: dict[str | None, Fidelity | None] = {None: None}
        with _without_collection():
            for row in self._live.execute(query).all():
                (
                    number,
                    state,
                    architecture,
                    fidelity,
                    parent,
                    metrics,
                    curve,
                    artifacts,
                    seconds,
                    error,
                    *rest,
                ) = row
                started, finished, asked, told = rest
                if fidelity not in fidelities:
                    fidelities[fidelity] = Fidelity.from_json(orjson.loads(fidelity))
                measurement = None
                if metrics is not None:
                    measurement = Measurement(
                        orjson.loads(metrics),
                        tuple(orjson.loads(curve)) if curve else (),
                        seconds,
                        orjson.loads(artifacts) if artifacts else {},
                    )
                candidate = Candidate(
                    Architecture.from_json(orjson.loads(architecture)), fidelities[fidelity], parent
                )
                trial = Trial(number, candidate, _STATES[state], measurement, error, started, finished)
                yield trial, asked, told

    @_explained
    def put(self, key: str, value: Any) -> None:
        """One insert or update."""
        self._live.execute(self._put, {"run": self._run, "key": key, "value": json.dumps(value)})

    @_explained
    def get(self, key: str, default: Any = None) -> Any:
        """A fact about the run."""
        query = sa.select(FACTS.c.value).where(FACTS.c.run == self._run, FACTS.c.key == key)
        text = self._live.execute(query).scalar()
        return default if text is None else json.loads(text)

    @_explained
    def say(self, text: str) -> None:
        """One insert."""
        self._live.execute(sa.insert(MESSAGES), {"run": self._run, "time": time.time(), "text": text})

    @_explained
    def messages(self) -> list[tuple[float, str]]:
        """The run's log, in order."""
        query = (
            sa.select(MESSAGES.c.time, MESSAGES.c.text)
            .where(MESSAGES.c.run == self._run)
            .order_by(MESSAGES.c.id)
        )
        return [(when, text) for when, text in self._live.execute(query)]

    def close(self) -> None:
        """Close the connection and let go of the lock."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        if self._lock is not None:
            self._unlock(self._lock)
        self._lock = None
        self._engine.dispose()


def _set_up_sqlite(connection: Any, _: Any) -> None:
    # In WAL mode with synchronous=NORMAL a commit survives the death of the process; only a power failure can
    # take the last ones, and it leaves the file consistent.
    for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "busy_timeout=10000"):
        connection.execute(f"PRAGMA {pragma}")


_STATES = {state.value: state for state in TrialState}


def _text(value: Any) -> str:
    return orjson.dumps(value).decode()


@contextlib.contextmanager
def _without_collection() -> Iterator[None]:
    """Without garbage collection: reading makes many objects and no garbage, and a collection looks at them all."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
