"""The tables of a store, and the databases that they can be in."""

from __future__ import annotations

import re

import sqlalchemy as sa

from archwright.errors import MissingExtraError, UsageError

__all__ = [
    "FACTS",
    "FORMAT",
    "MESSAGES",
    "OUTPUTS",
    "REPORTS",
    "RUNS",
    "TRIALS",
    "WORK",
    "WORKERS",
    "checked_url",
    "make_tables",
    "masked",
    "without_secrets",
]

FORMAT = 1
"""Version of the tables; a store of another one is refused. Tables and columns that came later may be missing."""

METADATA = sa.MetaData()
RUNS = sa.Table(
    "runs",
    METADATA,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("name", sa.String(400), unique=True, nullable=False),
    sa.Column("format", sa.Integer, nullable=False),
    sa.Column("events", sa.Integer),
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
    sa.Column("attempt", sa.Integer),
    sa.Column("inherit", sa.String(16)),
    sa.Column("worker", sa.String(200)),
    sqlite_with_rowid=False,
)
REPORTS = sa.Table(
    "reports",
    METADATA,
    sa.Column("run", sa.Integer, primary_key=True),
    sa.Column("stage", sa.String(16), primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("step", sa.BigInteger, primary_key=True),
    sa.Column("attempt", sa.Integer, nullable=False),
    sa.Column("metrics", sa.Text),
    sa.Column("verdict", sa.String(16)),
    sa.Column("checkpoint", sa.String(200)),
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
OUTPUTS = sa.Table(
    "outputs",
    METADATA,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("run", sa.Integer, nullable=False),
    sa.Column("stage", sa.String(16), nullable=False),
    sa.Column("number", sa.Integer, nullable=False),
    sa.Column("attempt", sa.Integer, nullable=False),
    sa.Column("time", sa.Double, nullable=False),
    sa.Column("text", sa.Text, nullable=False),
    sa.Column("place", sa.String(400)),
    sa.Index("outputs_of_trials", "run", "stage", "number"),
)
WORKERS = sa.Table(
    "workers",
    METADATA,
    sa.Column("run", sa.Integer, primary_key=True),
    sa.Column("name", sa.String(200), primary_key=True),
    sa.Column("slots", sa.Integer, nullable=False),
    sa.Column("lease", sa.Double, nullable=False),
    sa.Column("began", sa.Double, nullable=False),
    sa.Column("beat", sa.Double, nullable=False),
    sa.Column("departed", sa.Double),
)
WORK = sa.Table(
    "work",
    METADATA,
    sa.Column("run", sa.Integer, primary_key=True),
    sa.Column("content", sa.LargeBinary, nullable=False),
    sa.Column("signature", sa.String(64), nullable=False),
    sa.Column("versions", sa.Text, nullable=False),
)
for _event in ("asked", "told"):
    sa.Index(f"trials_by_{_event}", TRIALS.c.run, TRIALS.c[_event])


def make_tables(connection: sa.Connection) -> None:
    """Make what is missing: all in an empty database; later tables, columns and indexes in an earlier one."""
    METADATA.create_all(connection)
    once = "IF NOT EXISTS" if connection.dialect.name == "postgresql" else ""
    for table in (RUNS, TRIALS):
        have = {column["name"] for column in sa.inspect(connection).get_columns(table.name)}
        for column in table.c:
            if column.name not in have:
                kind = column.type.compile(connection.dialect)
                connection.execute(
                    sa.text(f"ALTER TABLE {table.name} ADD COLUMN {once} {column.name} {kind}")
                )
    for index in TRIALS.indexes:
        connection.execute(sa.schema.CreateIndex(index, if_not_exists=True))


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
            f"store {masked(str(url))!r}: expected a URL such as postgresql+psycopg://host/database or sqlite:///file.sqlite"
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
        raise UsageError(f"store {masked(str(url))!r}: expected sqlite or postgresql, got {backend}")
    return made


def without_secrets(url: str | sa.URL) -> str:
    """A URL as it may be kept in a file: no password, in whatever part of it.

    PostgreSQL finds the password in PGPASSWORD or ~/.pgpass. Of a text that is no URL, see `masked`.
    """
    try:
        made = sa.make_url(url)
    except sa.exc.ArgumentError:
        return masked(str(url))
    query = {name: value for name, value in made.query.items() if "pass" not in name or name == "passfile"}
    clean = sa.URL.create(made.drivername, made.username, None, made.host, made.port, made.database, query)
    return clean.render_as_string(hide_password=False)


_PASSWORD = re.compile(r"(^|//)([^\s:/@]*):[^\s/]*@")
_PARAMETER = re.compile(r"([?&][^=&\s]*pass(?!file\b)[^=&\s]*)=[^&\s]*")


def masked(text: str) -> str:
    """A text without the passwords of URLs in it, also of URLs that are not quite right.

    >>> masked("mlflow=postgresql://me:secret@host/runs?sslpassword=x")
    'mlflow=postgresql://me@host/runs?sslpassword=***'
    """
    return _PARAMETER.sub(r"\1=***", _PASSWORD.sub(r"\1\2@", text))
