"""One store for SQLite (a file, write-ahead log) and PostgreSQL (a URL), by SQLAlchemy Core."""

from __future__ import annotations

import contextlib
import gc
import json
import math
import os
import time
from collections.abc import Collection, Iterator
from typing import Any

import orjson
import sqlalchemy as sa

from archwright.errors import RunError
from archwright.experiments.store.database import explained
from archwright.experiments.store.outputs import OutputStore
from archwright.experiments.store.store import Event, Stage, Store
from archwright.experiments.store.tables import (
    FACTS,
    FORMAT,
    MESSAGES,
    REPORTS,
    RUNS,
    TRIALS,
    make_tables,
    masked,
)
from archwright.spaces.architecture import Architecture
from archwright.trials import Candidate, Fidelity, Measurement, Report, Trial, TrialState, Verdict

__all__ = ["SQLStore"]


class SQLStore(OutputStore, Store):
    """A store in a database.

    Args:
        url: A SQLAlchemy URL, `sqlite:///runs/mine/trials.sqlite` or `postgresql+psycopg://host/database`. One
            database may hold many runs.
        run: The run's name in it.
        create: True makes the run and raises where it exists; False opens it and raises where it does not.

    Attributes:
        name: The run's name.
        worker: The name under which this process takes trials, where it is one of several.

    Raises:
        RunError: When the run is missing, exists already, is of another format, or the database is corrupt or
            out of reach.
        UsageError: When the URL is of another kind of database.
    """

    worker: str | None = None

    def __init__(self, url: str | sa.URL, run: str, *, create: bool) -> None:
        super().__init__(url, create=create)
        self.name = run
        try:
            self._open(create)
        except BaseException:
            self.close()
            raise

    @explained
    def _open(self, create: bool) -> None:
        row = self._created() if create else self._found()
        if row.format != FORMAT:
            raise RunError(
                f"{self} has format {row.format}, this version of Archwright reads format {FORMAT}: use the "
                "version that wrote it"
            )
        self._run: int = row.id
        self._look_at_tables()
        mine = TRIALS.c.run == self._run
        latest = sa.select(sa.func.max(TRIALS.c.asked), sa.func.max(TRIALS.c.told)).where(mine)
        self._events: int = max(value or 0 for value in self._live.execute(latest).one())
        self._curves: dict[int, list[Report]] = {}
        self._prepare()

    def _created(self) -> Any:
        """The row of a new run. One that was made and never begun is taken, since its maker must have died."""
        make_tables(self._live)
        inserted = self.insert(RUNS).on_conflict_do_nothing().returning(RUNS.c.id)
        new = self._live.execute(inserted, {"name": self.name, "format": FORMAT}).first()
        row = self._live.execute(sa.select(RUNS.c.id, RUNS.c.format).where(RUNS.c.name == self.name)).one()
        begun = sa.union_all(
            *(sa.select(t.c.run).where(t.c.run == row.id) for t in (TRIALS, FACTS, MESSAGES))
        )
        if not new and self._live.execute(begun.limit(1)).first() is not None:
            raise RunError(
                f"{self} holds a run {self.name!r} already: resume it, or give this one another --out"
            )
        return row

    def _found(self) -> Any:
        if not sa.inspect(self._live).has_table("runs"):
            raise RunError(f"{self} is not a store of Archwright: it has no table 'runs'")
        row = self._live.execute(sa.select(RUNS.c.id, RUNS.c.format).where(RUNS.c.name == self.name)).first()
        if row is None:
            names = self._live.execute(sa.select(RUNS.c.name).limit(10)).scalars().all()
            raise RunError(f"{self} has no run {self.name!r}; it has: {', '.join(names) or 'none'}")
        return row

    def _look_at_tables(self) -> None:
        """An earlier version made fewer of them; whoever only reads leaves it at that."""
        inspector = sa.inspect(self._live)
        self._has_reports = inspector.has_table("reports")
        have = {column["name"] for column in inspector.get_columns("trials")}
        self._columns = [
            column if column.name in have else sa.null().label(column.name)
            for column in TRIALS.c
            if column.name not in ("run", "stage")
        ]

    def _prepare(self) -> None:
        """Statements on the hot path are made once."""
        key = ("run", "stage", "number")
        start = self.insert(TRIALS)
        self._start = start.on_conflict_do_update(
            index_elements=list(key),
            set_={
                name: start.excluded[name]
                for name in ("state", "started", "attempt", "worker", "error", "finished")
            },
        )
        ended = ["state", "metrics", "curve", "artifacts", "estimate_seconds", "error", "finished", "told"]
        self._finish = (
            sa.update(TRIALS)
            .where(*(TRIALS.c[column] == sa.bindparam(f"key_{column}") for column in key))
            .values({column: sa.bindparam(column) for column in ended})
        )
        report = self.insert(REPORTS)
        # What was recorded stays; a row that only names a checkpoint has no verdict yet, and takes one.
        kept: dict[str, Any] = {
            name: sa.case((REPORTS.c.verdict.is_(None), report.excluded[name]), else_=REPORTS.c[name])
            for name in ("attempt", "metrics", "verdict")
        }
        kept["checkpoint"] = sa.func.coalesce(report.excluded.checkpoint, REPORTS.c.checkpoint)
        self._report = report.on_conflict_do_update(
            index_elements=["run", "stage", "number", "step"], set_=kept
        ).returning(REPORTS.c.verdict)
        mine = [REPORTS.c[column] == sa.bindparam(column) for column in key]
        self._reported = sa.select(REPORTS.c.step).where(*mine, REPORTS.c.verdict.is_not(None)).limit(1)
        fact = self.insert(FACTS)
        self._put = fact.on_conflict_do_update(
            index_elements=["run", "key"], set_={"value": fact.excluded.value}
        )

    @explained
    def lock(self) -> None:
        """By a file lock beside the SQLite file, or an advisory lock of PostgreSQL."""
        if not self._locked(self._run):
            raise RunError(
                f"{self} is open in another process (pid {self.get('owner', 'unknown')}): wait for it, or stop it "
                "with Ctrl-C there"
            )
        make_tables(self._live)
        self._look_at_tables()
        self.set_fact("owner", os.getpid())

    @explained
    def is_locked(self) -> bool:
        """Whether some process has the run now."""
        if self._lock is not None:
            return True
        if free := self._locked(self._run):
            self._unlock()
        return not free

    @explained
    def start(self, trial: Trial, stage: Stage = Stage.SEARCH) -> None:
        """One insert."""
        candidate = trial.candidate
        self._live.execute(
            self._start,
            {
                **self._key(trial.number, stage),
                "state": TrialState.RUNNING.value,
                "architecture": _text(candidate.architecture.to_json()),
                "fidelity": _text(candidate.fidelity.to_json()) if candidate.fidelity else None,
                "parent": candidate.parent,
                "inherit": candidate.inherit,
                "attempt": trial.attempt,
                "started": trial.started,
                "worker": self.worker,
                "asked": self._next_event(),
            },
        )

    @explained
    def finish(self, trial: Trial, stage: Stage = Stage.SEARCH) -> None:
        """One update."""
        measured = trial.measurement
        values = {
            **{f"key_{name}": value for name, value in self._key(trial.number, stage).items()},
            "state": trial.state.value,
            **dict.fromkeys(("metrics", "curve", "artifacts", "estimate_seconds")),
            "error": trial.error,
            "finished": trial.finished,
            "told": self._next_event(),
        }
        if measured is not None:
            values |= {"metrics": _text(dict(measured.metrics)), "estimate_seconds": measured.seconds}
            if measured.curve and not self._has_reported(trial.number, stage):
                values["curve"] = _text([dict(point) for point in measured.curve])
            if measured.artifacts:
                values["artifacts"] = _text(dict(measured.artifacts))
        done = self._live.execute(self._finish, values)
        if done.rowcount != 1:
            raise RunError(
                f"trial {trial.number} ({stage}) is finished before it was started; start it first"
            )

    @explained
    def trials(self, stage: Stage = Stage.SEARCH) -> list[Trial]:
        """All trials of a stage, by number."""
        return [trial for trial, _, _ in self._rows(stage)]

    @explained
    def events(self) -> list[Event]:
        """What the strategy was asked and told, in order."""
        return [event for _, event in self._numbered_events(-1)]

    def _numbered_events(self, after: int) -> list[tuple[int, Event]]:
        """Those after a given one, each with its number."""
        happened: list[tuple[int, Event]] = []
        later = () if after < 0 else (sa.or_(TRIALS.c.asked > after, TRIALS.c.told > after),)
        for trial, asked, told in self._rows(Stage.SEARCH, *later):
            if asked > after:
                happened.append((asked, ("ask", trial)))
            if told is not None and told > after:
                happened.append((told, ("tell", trial)))
        return sorted(happened, key=lambda item: item[0])

    def _rows(self, stage: Stage, *which: Any) -> Iterator[tuple[Trial, int, int | None]]:
        """Trials of a stage, all of them or those of which some conditions hold."""
        query = (
            sa.select(*self._columns)
            .where(TRIALS.c.run == self._run, TRIALS.c.stage == stage.value, *which)
            .order_by(TRIALS.c.number)
        )
        fidelities: dict[str | None, Fidelity | None] = {None: None}
        with _without_collection():
            rows = self._live.execute(query).all()
            reports = self.reports(stage, [row.number for row in rows] if which else None)
            curves = self._curves if which else {}  # those that they go on from may have been read before
            for row in rows:
                if row.fidelity not in fidelities:
                    fidelities[row.fidelity] = Fidelity.from_json(orjson.loads(row.fidelity))
                measurement = None
                if row.metrics is not None:
                    curve = tuple(orjson.loads(row.curve)) if row.curve else ()
                    artifacts = orjson.loads(row.artifacts) if row.artifacts else {}
                    measurement = Measurement(
                        orjson.loads(row.metrics), curve, row.estimate_seconds, artifacts
                    )
                architecture = Architecture.from_json(orjson.loads(row.architecture))
                inherit: Any = row.inherit or "nothing"
                candidate = Candidate(architecture, fidelities[row.fidelity], row.parent, inherit)
                ended = (row.error, row.started, row.finished, row.attempt or 0)
                trial = Trial(row.number, candidate, _STATES[row.state], measurement, *ended)
                own = [report for report in reports.get(row.number, ()) if report.verdict is not None]
                before = curves.get(row.parent, []) if candidate.continues else []
                curves[row.number] = [*before, *own]
                if own:
                    trial = trial.with_curve(curves[row.number])
                yield trial, row.asked, row.told

    @explained
    def report(self, number: int, report: Report, stage: Stage = Stage.SEARCH) -> Verdict | None:
        """One insert or update."""
        values = {
            **self._key(number, stage),
            "step": report.step,
            "attempt": report.attempt,
            "metrics": _text(dict(report.metrics)),
            "verdict": report.verdict,
            "checkpoint": report.checkpoint,
        }
        recorded = self._live.execute(self._report, values).scalar()
        if report.checkpoint is not None:
            self._drop_checkpoints(REPORTS.c.number == number, stage, REPORTS.c.step != report.step)
        return None if recorded is None else Verdict(recorded)

    @explained
    def reports(
        self, stage: Stage = Stage.SEARCH, numbers: Collection[int] | None = None
    ) -> dict[int, list[Report]]:
        """One query."""
        if not self._has_reports or (numbers is not None and not numbers):
            return {}
        c = REPORTS.c
        query = (
            sa.select(c.number, c.step, c.metrics, c.verdict, c.attempt, c.checkpoint)
            .where(c.run == self._run, c.stage == stage.value)
            .order_by(c.number, c.step)
        )
        if numbers is not None:
            query = query.where(c.number.in_(numbers))
        found: dict[int, list[Report]] = {}
        for number, step, metrics, verdict, attempt, checkpoint in self._live.execute(query):
            values = {k: math.nan if v is None else v for k, v in orjson.loads(metrics).items()}
            made = Report(step, values, verdict and Verdict(verdict), attempt, checkpoint)
            found.setdefault(number, []).append(made)
        return found

    @explained
    def drop_checkpoints(self, numbers: Collection[int], stage: Stage = Stage.SEARCH) -> None:
        """An update and a delete."""
        self._drop_checkpoints(REPORTS.c.number.in_(numbers), stage)

    def _drop_checkpoints(self, which: Any, stage: Stage, *more: Any) -> None:
        rows = (REPORTS.c.run == self._run, REPORTS.c.stage == stage.value, which, *more)
        named = REPORTS.c.checkpoint.is_not(None)
        self._live.execute(sa.update(REPORTS).where(*rows, named).values(checkpoint=None))
        empty = (REPORTS.c.verdict.is_(None), REPORTS.c.checkpoint.is_(None))
        self._live.execute(sa.delete(REPORTS).where(*rows, *empty))

    def _has_reported(self, number: int, stage: Stage) -> bool:
        """Whether the trial's curve is in its reports, and need not be written twice."""
        return self._live.execute(self._reported, self._key(number, stage)).first() is not None

    def _next_event(self) -> int:
        """The number of what is written next: it says in which order things happened."""
        self._events += 1
        return self._events

    def _key(self, number: int, stage: Stage) -> dict[str, Any]:
        return {"run": self._run, "stage": stage.value, "number": number}

    @explained
    def set_fact(self, key: str, value: Any) -> None:
        """One insert or update."""
        self._live.execute(self._put, {"run": self._run, "key": key, "value": json.dumps(value)})

    def get(self, key: str, default: Any = None) -> Any:
        """A fact about the run."""
        return self.facts([key]).get(key, default)

    @explained
    def facts(self, keys: Collection[str]) -> dict[str, Any]:
        """One query."""
        query = sa.select(FACTS.c.key, FACTS.c.value).where(FACTS.c.run == self._run, FACTS.c.key.in_(keys))
        return {key: json.loads(text) for key, text in self._live.execute(query)}

    @explained
    def log(self, text: str) -> None:
        """One insert."""
        self._live.execute(sa.insert(MESSAGES), {"run": self._run, "time": time.time(), "text": masked(text)})

    @explained
    def messages(self) -> list[tuple[float, str]]:
        """The run's log, in order."""
        query = (
            sa.select(MESSAGES.c.time, MESSAGES.c.text)
            .where(MESSAGES.c.run == self._run)
            .order_by(MESSAGES.c.id)
        )
        return [(when, text) for when, text in self._live.execute(query)]


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
