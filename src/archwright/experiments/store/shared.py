"""A run on PostgreSQL that several processes write at once: turns, leases, and who holds which trial."""

from __future__ import annotations

import os
import secrets
import socket
import threading
import time
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from archwright.errors import RunError, UsageError
from archwright.experiments.store.database import Database, explained
from archwright.experiments.store.sql import SQLStore
from archwright.experiments.store.store import Event, Stage
from archwright.experiments.store.tables import FACTS, RUNS, TRIALS, WORK, WORKERS, checked_url, make_tables
from archwright.trials import Report, Trial, TrialState, Verdict

__all__ = ["LEASE", "SharedStore", "TakenOverError", "TurnLostError", "WorkerRow", "published_runs"]

LEASE = 60.0
"""Seconds without a sign of life after which a worker has lost its trials."""

_BEATS = 5
"""Signs of life within a lease."""

_NOW = sa.extract("epoch", sa.func.clock_timestamp())
_UP_SINCE = sa.extract("epoch", sa.func.pg_postmaster_start_time())

_PATIENCE = (0.0, 0.2, 0.5, 1.0, 2.0, 4.0, 8.0, *[15.0] * 60)
"""As `pauses` of a worker, a quarter of an hour in all: nothing is lost by waiting for the server."""

_SETTINGS = (
    "SET tcp_keepalives_idle = 15",
    "SET tcp_keepalives_interval = 5",
    "SET tcp_keepalives_count = 3",
    "SET idle_in_transaction_session_timeout = 900000",
)
"""What a worker asks of the server: to let go, within half a minute, of the turn of a machine that is gone, and within
a quarter of an hour of one that hangs."""


class TakenOverError(RunError):
    """A trial was given to another worker, since nothing was heard of this one: it records no more of it."""


class TurnLostError(Exception):
    """The connection was lost during a turn: whether what was written in it is kept is not known."""


@dataclass(frozen=True, slots=True)
class WorkerRow:
    """A process that takes trials of a run.

    Args:
        name: Host, process and a random part.
        slots: Trials at once.
        lease: Seconds without a sign of life after which its trials are another's.
        began: When it joined; as all that follows in seconds by the clock of the database, as Unix time.
        beat: Its last sign of life.
        departed: When it left; None where it did not.
        is_alive: Whether it keeps its trials.
    """

    name: str
    slots: int
    lease: float
    began: float
    beat: float
    departed: float | None
    is_alive: bool


class SharedStore(SQLStore):
    """A store on PostgreSQL whose search may have several workers. Until `join` it is any other store.

    Who has the turn knows all that happened and alone asks the strategy; what it records is committed when it lets go.
    Trials are held by lease, by the clock of the database: a worker that is not heard of loses them to others, and what
    it writes of them from then on is refused, since the attempt is another one.
    """

    @explained
    def publish(self, content: bytes, signature: str, versions: str) -> None:
        """Note what workers run, and that there may be workers from now on."""
        make_tables(self._live)
        self._look_at_tables()
        row = {"run": self._run, "content": content, "signature": signature, "versions": versions}
        put = self.insert(WORK)
        kept = {name: put.excluded[name] for name in ("content", "signature", "versions")}
        with self._transaction():
            self._live.execute(put.on_conflict_do_update(index_elements=["run"], set_=kept), row)
            is_mine = RUNS.c.id == self._run
            self._live.execute(sa.update(RUNS).where(is_mine).values(events=self._events))

    @explained
    def published(self) -> tuple[bytes, str, str] | None:
        """What workers run: content, signature and versions; None where the run has none."""
        if not sa.inspect(self._live).has_table("work"):
            return None
        columns = (WORK.c.content, WORK.c.signature, WORK.c.versions)
        row = self._live.execute(sa.select(*columns).where(WORK.c.run == self._run)).first()
        return None if row is None else (bytes(row.content), row.signature, row.versions)

    @explained
    def is_published(self) -> bool:
        """Whether the run may have workers."""
        if not sa.inspect(self._live).has_table("work"):
            return False
        return self._live.execute(sa.select(WORK.c.run).where(WORK.c.run == self._run)).first() is not None

    @contextmanager
    def joined(self, slots: int, lease: float = LEASE) -> Iterator[None]:
        """Be one of the run's workers while the block runs; however it ends, what is left of the trials is others'.

        Args:
            slots: Trials at once.
            lease: Seconds without a sign of life after which others may take them over.
        """
        name = f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(3)}"
        pauses, self.pauses = self.pauses, _PATIENCE
        sa.event.listen(self._engine, "connect", _set_up)
        self._enter(name, slots, lease)
        self.worker, self._heard = name, -1
        pulse = _Pulse(self._engine, self._run, name, lease / _BEATS)
        pulse.start()
        try:
            yield
        finally:
            pulse.stop()
            with suppress(RunError):
                self._depart()
            self.worker, self.pauses = None, pauses
            sa.event.remove(self._engine, "connect", _set_up)

    @explained
    def _enter(self, name: str, slots: int, lease: float) -> None:
        for setting in _SETTINGS:
            self._live.exec_driver_sql(setting)
        before = time.monotonic()
        now = float(self._live.execute(sa.select(_NOW)).scalar_one())
        self._offset = now - (before + time.monotonic()) / 2
        row = {"run": self._run, "name": name, "slots": slots, "lease": lease, "began": now, "beat": now}
        self._live.execute(self.insert(WORKERS).on_conflict_do_nothing(), row)

    @explained
    def _depart(self) -> None:
        mine = (WORKERS.c.run == self._run, WORKERS.c.name == self.worker)
        self._live.execute(sa.update(WORKERS).where(*mine).values(departed=_NOW, beat=_NOW))

    @property
    def is_guest(self) -> bool:
        """Whether another process may have the run, and this one only takes trials of it."""
        return self.worker is not None and self._lock is None

    def now(self) -> float:
        """Unix time by the clock of the database."""
        return self._offset + time.monotonic() if self.worker else time.time()

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Have the turn while the block runs; what is written in it is committed at its end.

        Raises:
            TurnLostError: When the connection was lost meanwhile; there is another one now.
        """
        heard = self._heard
        try:
            with self._transaction():
                self._take_turn()
                yield
        except sa.exc.DBAPIError as error:
            self._heard = heard
            self._recover(error, iter(self.pauses))
            raise TurnLostError from error

    def _take_turn(self) -> None:
        self._live.execute(sa.select(RUNS.c.id).where(RUNS.c.id == self._run).with_for_update())

    def _next_event(self) -> int:
        """In the order of the turns, where there are workers: events are committed in the order of their numbers."""
        if self.worker is None:
            return super()._next_event()
        counted = sa.update(RUNS).where(RUNS.c.id == self._run).values(events=RUNS.c.events + 1)
        self._events = self._live.execute(counted.returning(RUNS.c.events)).scalar_one()
        return self._events

    def news(self) -> list[Event]:
        """The events that came since the last call, without what this worker was asked for itself. Within a turn."""
        found = self._numbered_events(self._heard)
        if found:
            self._heard = found[-1][0]
        return [event for _, event in found]

    def forget(self) -> None:
        """Hear of everything anew."""
        self._heard = -1
        self._curves.clear()

    @explained
    def wait(self, seconds: float) -> None:
        """Wait until something happened in the run, at most so long."""
        query = sa.select(RUNS.c.events).where(RUNS.c.id == self._run)
        end, pause = time.monotonic() + seconds, 0.02
        while self._live.execute(query).scalar_one() <= self._heard and time.monotonic() < end:
            time.sleep(min(pause, max(0.0, end - time.monotonic())))
            pause = min(2 * pause, 0.25)

    @explained
    def lost(self, running: Collection[int], own: Iterable[int]) -> dict[int, int]:
        """Which of the running trials of the search nobody holds any more: number to the attempt that was lost.

        A worker that could not be heard since the server was down has a lease from the server's start.

        Args:
            running: Their numbers.
            own: Those that run here, as whoever's; others that are recorded as this worker's it knows nothing of.
        """
        running = set(running).difference(own)
        if not running:
            return {}
        w, t = WORKERS.c, TRIALS.c
        silent = sa.func.greatest(w.beat, _UP_SINCE) + w.lease < _NOW
        joined = TRIALS.outerjoin(WORKERS, sa.and_(w.run == t.run, w.name == t.worker))
        query = (
            sa.select(t.number, t.attempt)
            .select_from(joined)
            .where(t.run == self._run, t.stage == Stage.SEARCH.value, t.number.in_(running))
            .where(sa.or_(w.name.is_(None), w.departed.is_not(None), silent, t.worker == self.worker))
            .order_by(t.number)
        )
        return {row.number: row.attempt for row in self._live.execute(query)}

    @explained
    def workers(self) -> list[WorkerRow]:
        """All that there were, in the order of joining."""
        if not sa.inspect(self._live).has_table("workers"):
            return []
        w = WORKERS.c
        alive = sa.and_(w.departed.is_(None), sa.func.greatest(w.beat, _UP_SINCE) + w.lease >= _NOW)
        columns = (w.name, w.slots, w.lease, w.began, w.beat, w.departed, alive)
        query = sa.select(*columns).where(w.run == self._run).order_by(w.began, w.name)
        return [WorkerRow(*row) for row in self._live.execute(query)]

    @explained
    def holders(self) -> dict[int, str]:
        """Number to worker of the search's trials that workers have begun."""
        if "worker" not in {column.name for column in self._columns if isinstance(column, sa.Column)}:
            return {}
        query = sa.select(TRIALS.c.number, TRIALS.c.worker).where(
            TRIALS.c.run == self._run, TRIALS.c.stage == Stage.SEARCH.value, TRIALS.c.worker.is_not(None)
        )
        return {row.number: row.worker for row in self._live.execute(query)}

    def _held(self, number: int, lock: str) -> Any:
        """State, attempt and worker of a trial of the search, as they stay until the transaction ends."""
        if lock == "turn":
            self._take_turn()
        columns = (TRIALS.c.state, TRIALS.c.attempt, TRIALS.c.worker)
        query = sa.select(*columns).filter_by(**self._key(number, Stage.SEARCH))
        return self._live.execute(query if lock == "turn" else query.with_for_update(read=True)).first()

    @explained
    def start(self, trial: Trial, stage: Stage = Stage.SEARCH) -> None:
        """As of any store; of a trial that was begun before the attempt must be a new one.

        Raises:
            TakenOverError: When another worker has begun it again.
        """
        if self.worker is None or stage is not Stage.SEARCH:
            super().start(trial, stage)
            return
        is_new = self.in_transaction and trial.attempt == 0  # whoever has the turn knows that nobody began it
        with self._transaction():
            held = None if is_new else self._held(trial.number, "turn")
            if held is not None and held.attempt >= trial.attempt:
                if (held.attempt, held.worker) == (trial.attempt, self.worker):
                    return  # written before the connection was lost
                raise self._taken_over(trial.number)
            super().start(trial, stage)
            if held is None:
                self._heard = self._events  # it came from the strategy of this worker

    @explained
    def finish(self, trial: Trial, stage: Stage = Stage.SEARCH) -> None:
        """As of any store, of a trial that this worker still holds.

        Raises:
            TakenOverError: When it does not.
        """
        if self.worker is None or stage is not Stage.SEARCH:
            super().finish(trial, stage)
            return
        with self._transaction():
            held = self._held(trial.number, "turn")
            if held is None or (held.attempt, held.worker) != (trial.attempt, self.worker):
                raise self._taken_over(trial.number)
            if held.state == TrialState.RUNNING.value:  # else it was written before the connection was lost
                super().finish(trial, stage)

    @explained
    def report(self, number: int, report: Report, stage: Stage = Stage.SEARCH) -> Verdict | None:
        """As of any store, of a trial that this worker still holds; the report's attempt must be the running one.

        Raises:
            TakenOverError: When it does not.
        """
        if self.worker is None or stage is not Stage.SEARCH:
            return super().report(number, report, stage)
        with self._transaction():
            held = self._held(number, "row")
            mine = (TrialState.RUNNING.value, report.attempt, self.worker)
            if held is None or (held.state, held.attempt, held.worker) != mine:
                raise self._taken_over(number)
            return super().report(number, report, stage)

    def _taken_over(self, number: int) -> TakenOverError:
        return TakenOverError(
            f"search trial {number} was given to another worker, since {self.worker} was not heard of for its lease"
        )


def _set_up(connection: Any, _: Any = None) -> None:
    for setting in _SETTINGS:
        connection.execute(setting)
    connection.commit()  # where it is not by itself


class _Pulse(threading.Thread):
    """Signs of life of a worker, whatever its trials do, over a connection of its own."""

    def __init__(self, engine: sa.Engine, run: int, name: str, seconds: float) -> None:
        super().__init__(name=f"pulse of {name}", daemon=True)
        self._engine, self._seconds = engine, seconds
        mine = (WORKERS.c.run == run, WORKERS.c.name == name)
        self._beat = sa.update(WORKERS).where(*mine).values(beat=_NOW)
        self._stopped = threading.Event()

    def run(self) -> None:
        while not self._stopped.wait(self._seconds):
            with suppress(sa.exc.DBAPIError), self._engine.connect() as connection:
                connection.execute(self._beat)
                while not self._stopped.wait(self._seconds):
                    connection.execute(self._beat)

    def stop(self) -> None:
        """End, after the sign that is on its way."""
        self._stopped.set()
        self.join(10.0)


class _Runs(Database):
    """A database, whichever runs it has."""

    @explained
    def published(self) -> list[str]:
        if not sa.inspect(self._live).has_table("work"):
            return []
        ended = sa.select(FACTS.c.run).where(
            FACTS.c.key.in_(("search_ended", "search_failed")), FACTS.c.value != "null"
        )
        query = sa.select(RUNS.c.name).join(WORK, WORK.c.run == RUNS.c.id).where(RUNS.c.id.not_in(ended))
        return list(self._live.execute(query.order_by(RUNS.c.id)).scalars())


def published_runs(url: str | sa.URL) -> list[str]:
    """The names of the runs in a database that have something for workers to do.

    Raises:
        RunError: When it is out of reach.
        UsageError: When it is no PostgreSQL database.
    """
    if checked_url(url).get_backend_name() != "postgresql":
        raise UsageError(f"store {url!r}: workers need PostgreSQL; expected postgresql://user@host/database")
    database = _Runs(url, create=False)
    try:
        return database.published()
    finally:
        database.close()
