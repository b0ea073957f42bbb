"""The tables of a store, and the databases that they can be in."""

from __future__ import annotations

import sqlalchemy as sa

from archwright.errors import MissingExtraError, UsageError

__all__ = ["FACTS", "FORMAT", "MESSAGES", "METADATA", "RUNS", "TRIALS", "checked_url"]

FORMAT = 1
"""Version of the tables; a store of another one is refused."""

METADATA = sa.MetaData()
RUNS = sa.Table(
    "runs",
    METADATA,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("name", sa.String(400), unique=True, nullable=False),
    sa.Column("format", sa.Integer, nullable=False),
)
TRIALS = sa.Table(
    "trials",
    METADATA,
    sa.Column("run", sa.Integer, primary_key=True),
    sa.Column("stage", sa.String(16), primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("architecture", sa.Text, nullable=False),
    sa.Column("fidelity", sa.Text),
    sa.Column("parent", sa.Integer),
    sa.Column("metrics", sa.Text),
    sa.Column("curve", sa.Text),
    sa.Column("artifacts", sa.Text),
    sa.Column("estimate_seconds", sa.Double),
    sa.Column("error", sa.Text),
    sa.Column("started", sa.Double, nullable=False),
    sa.Column("finished", sa.Double),
    sa.Column("asked", sa.Integer, nullable=False),
    sa.Column("told", sa.Integer),
    sqlite_with_rowid=False,
)
FACTS = sa.Table(
    "facts",
    METADATA,
    sa.Column("run", sa.Integer, primary_key=True),
    sa.Column("key", sa.String(100), primary_key=True),
    sa.Column("value", sa.Text, nullable=False),
)
MESSAGES = sa.Table(
    "messages",
    METADATA,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("run", sa.Integer, nullable=False, index=True),
    sa.Column("time", sa.Double, nullable=False),
    sa.Column("text", sa.Text, nullable=False),
)


def checked_url(url: str | sa.URL) -> sa.URL:
    """A URL of a database that can be used, with its driver.

    Raises:
        MissingExtraError: When PostgreSQL's driver is not installed.
        UsageError: When it is no URL, or of another kind of database.
    """
    try:
        made = sa.make_url(url)
    except sa.exc.ArgumentError:
        raise UsageError(
            f"store {url!r}: expected a URL such as postgresql+psycopg://host/database or sqlite:///file.sqlite"
        ) from None
    backend = made.get_backend_name()
    if backend == "postgresql" and made.drivername == "postgresql":
        made = made.set(drivername="postgresql+psycopg")
    if made.drivername == "postgresql+psycopg":
        try:
            import psycopg  # noqa: F401
        except ImportError:
            raise MissingExtraError("psycopg", "postgres", "a store on PostgreSQL") from None
    if backend not in ("sqlite", "postgresql"):
        raise UsageError(f"store {url!r}: expected sqlite or postgresql, got {backend}")
    return made
