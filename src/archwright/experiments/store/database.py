"""A connection to SQLite or PostgreSQL that says what is wrong, and comes back where a server did."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar

import filelock
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from archwright.errors import RunError
from archwright.experiments.store.tables import checked_url, masked, without_secrets

__all__ = ["Database", "explained"]

_PAUSES = (0.0, 0.2, 0.5, 1.0, 2.0, 4.0, 8.0, 15.0)
"""Seconds before each attempt to reach a server again, about half a minute in all."""

_S = TypeVar("_S", bound="Database")
_P = ParamSpec("_P")
_R = TypeVar("_R")


def explained(method: Callable[Concatenate[_S, _P], _R]) -> Callable[Concatenate[_S, _P], _R]:
    """Repeat a method when the server's connection was lost; turn what remains into a `RunError` that says why.

    The method must be one that may be repeated: whether what it wrote was committed before the connection was lost
    cannot be known. Within a transaction it is not repeated.
    """

    @functools.wraps(method)
    def repeated(self: _S, /, *args: _P.args, **kwargs: _P.kwargs) -> _R:
        pauses = iter(self.pauses)
        while True:
            if self.in_transaction:  # that is repeated as a whole
                return method(self, *args, **kwargs)
            try:
                return method(self, *args, **kwargs)
            except (sa.exc.DBAPIError, ValueError) as error:
                self._recover(error, pauses)

    return repeated


def _cure(reason: str) -> str:
    if "full" in reason or "No space" in reason:
        return "the disk is full: make room on it, then resume the run"
    if "connection" in reason or "server" in reason:
        return "see that the server runs and can be reached, then resume the run; nothing that ended is lost"
    return "if the file is corrupt, restore it from a copy or search anew with another --out"


class Database:
    """A connection, and the lock of one run in it.

    Args:
        url: A SQLAlchemy URL of SQLite or PostgreSQL.
        create: Whether a SQLite file that is not there is made.

    Attributes:
        pauses: Seconds before each attempt to reach a server again.
        in_transaction: Whether what is written now is committed later, all together.

    Raises:
        RunError: When the file is missing, or the database out of reach.
        UsageError: When the URL is of another kind of database.
    """

    def __init__(self, url: str | sa.URL, *, create: bool) -> None:
        self._url = checked_url(url)
        self.pauses: Sequence[float] = _PAUSES
        self.in_transaction = False
        self._file: Path | None = None
        self._lock: filelock.BaseFileLock | int | None = None
        if self._is_sqlite and self._url.database not in (None, "", ":memory:"):
            self._file = Path(
                str(self._url.database)
            ).absolute()  # a user's code may change the working folder
            if not create and not self._file.is_file():
                raise RunError(f"{self}: there is no such file, so the run cannot be opened")
            if not create and not os.access(self._file.parent, os.W_OK):
                self._file = self._copied(self._file)
        self._engine = sa.create_engine(self._url, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
        if self._is_sqlite:
            sa.event.listen(self._engine, "connect", _set_up_sqlite)
        self._connection: sa.Connection | None = None
        self._connect()

    @property
    def _is_sqlite(self) -> bool:
        return self._url.get_backend_name() == "sqlite"

    def __str__(self) -> str:
        return without_secrets(self._url)

    def _copied(self, file: Path) -> Path:
        """A copy of a file whose folder is read only, where SQLite can write the log that it needs even to read."""
        self._kept = tempfile.TemporaryDirectory(prefix="archwright-")
        for part in file.parent.glob(f"{file.name}*"):
            if part.suffix != ".lock":
                shutil.copy(part, self._kept.name)
        self._url = self._url.set(database=str(Path(self._kept.name, file.name)))
        return Path(self._kept.name, file.name)

    @explained
    def _connect(self) -> None:
        self._connection = self._engine.connect()
        self._identity = self._file and _identity(self._file)

    @property
    def _live(self) -> sa.Connection:
        """The connection, to a file that is still the one that was opened."""
        if self._connection is None:
            raise RunError(f"{self} has been closed")
        if self._connection.invalidated:  # an interrupt broke off what it did
            self._connection.rollback()
        if self._file is not None and _identity(self._file) != self._identity:
            self._rescue(self._file)
        return self._connection

    def _rescue(self, file: Path) -> None:
        """Save what an unlinked file holds under another name, and say so."""
        assert self._connection is not None
        copy, told = file.with_name(f"{file.stem}.rescued{file.suffix}"), "its folder is gone too"
        with contextlib.suppress(sa.exc.DBAPIError):
            self._connection.execute(sa.text("VACUUM INTO :copy"), {"copy": str(copy)})
            told = f"what it held was saved as {copy}: give that the old name, and resume the run"
        self.close()
        raise RunError(f"the database {file} was deleted or replaced while the run went on; {told}")

    def _recover(self, error: sa.exc.DBAPIError | ValueError, pauses: Iterator[float]) -> None:
        """Connect anew where an error says that the connection was lost; else, or in vain, say what is wrong."""
        reason = str(getattr(error, "orig", error)).strip().splitlines()[0]
        if not getattr(error, "connection_invalidated", False) or not self._reconnected(pauses):
            raise RunError(f"the store {self} cannot be used: {masked(reason)}; {_cure(reason)}") from error

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[None]:
        """What the block writes is committed at its end, all or nothing; one within another is part of that."""
        if self.in_transaction:
            yield
            return
        live = self._live
        live.exec_driver_sql("BEGIN")
        self.in_transaction = True
        try:
            yield
            live.exec_driver_sql("COMMIT")
        except BaseException:
            if not live.invalidated:
                with contextlib.suppress(sa.exc.DBAPIError):
                    live.exec_driver_sql("ROLLBACK")
            raise
        finally:
            self.in_transaction = False

    def _reconnected(self, pauses: Iterator[float]) -> bool:
        """Connect anew after a pause, until it succeeds or there is no pause left; whether it succeeded."""
        for pause in pauses:
            time.sleep(pause)
            with contextlib.suppress(sa.exc.DBAPIError):
                if self._connection is not None:
                    self._connection.close()
                self._connection = self._engine.connect()
                if not isinstance(self._lock, int) or self._advisory(self._connection, self._lock):
                    return True
        if isinstance(self._lock, int) and self._connection is not None and not self._connection.closed:
            self.close()
            raise RunError(
                f"the connection to {self} was lost, and another process has taken the run since: this one stops; "
                "what it ended before is kept"
            )
        return False

    def insert(self, table: sa.Table) -> Any:
        """An insert that may say what happens on a conflict."""
        return (sqlite.insert if self._is_sqlite else postgresql.insert)(table)

    def _locked(self, run: int) -> bool:
        """Take the run until `close` or the process's end; whether it was free.

        On PostgreSQL the lock belongs to the connection that writes, so that whoever lost the one cannot do the other.
        """
        if self._is_sqlite:
            file = filelock.FileLock(f"{self._url.database}.lock", timeout=0)
            try:
                file.acquire()
            except filelock.Timeout:
                return False
            self._lock = file
            return True
        number = int.from_bytes(hashlib.sha256(f"archwright {run}".encode()).digest()[:7])
        if not self._advisory(self._live, number):
            return False
        self._lock = number
        return True

    @staticmethod
    def _advisory(connection: sa.Connection, number: int) -> bool:
        return bool(connection.execute(sa.select(sa.func.pg_try_advisory_lock(number))).scalar())

    def _unlock(self) -> None:
        if isinstance(self._lock, filelock.BaseFileLock):
            self._lock.release()
        elif self._lock is not None and self._connection is not None:
            self._connection.execute(sa.select(sa.func.pg_advisory_unlock(self._lock)))
        self._lock = None

    def close(self) -> None:
        """Close the connection and let go of the lock."""
        if isinstance(self._lock, filelock.BaseFileLock):
            self._unlock()
        self._lock = None
        if self._connection is not None:
            with contextlib.suppress(sa.exc.DBAPIError):  # a server may be gone
                self._connection.close()
            self._connection = None
        self._engine.dispose()


def _identity(file: Path) -> tuple[int, int] | None:
    try:
        status = os.stat(file)
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _set_up_sqlite(connection: Any, _: Any) -> None:
    # In WAL mode with synchronous=NORMAL a commit survives the death of the process; only a power failure can
    # take the last ones, and it leaves the file consistent.
    for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "busy_timeout=10000"):
        connection.execute(f"PRAGMA {pragma}")
