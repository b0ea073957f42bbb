"""Makes the run folders beside this file. They were made once, by Archwright 0.1 (folders of format 1); do not remake.

`python make.py` with that version's environment writes them anew, into the working folder: its name must not be
in them, so every path is relative. A PostgreSQL server is needed for one of them.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import sqlalchemy

ARCHWRIGHT = [sys.executable, "-m", "archwright"]
HERE = Path(__file__).parent
COMMON = ["--device", "cpu", "--no-onnx", "--seed", "1"]


def run(*words: str, code: int = 0) -> None:
    """One command in a process of its own."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(HERE)}
    done = subprocess.run([*ARCHWRIGHT, *words], env=environment)
    assert done.returncode == code, (words, done.returncode)


def half() -> None:
    """A search of 8 trials, killed in its fourth or fifth."""
    words = ["search", "digits", "--epochs", "3", "--trials", "8", "--retrain", "1", "--out", "half"]
    process = subprocess.Popen(
        [
            *ARCHWRIGHT,
            *words,
            *COMMON,
            "--space",
            "chain",
            "--strategy",
            "evolution",
            "--limit",
            "params<=9000",
        ],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    while process.poll() is None and completed("half") < 3:
        time.sleep(0.05)
    time.sleep(0.1)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert 3 <= completed("half") < 8


def completed(folder: str) -> int:
    """Completed trials of a search that may have just begun."""
    path = Path(folder) / "trials.sqlite"
    if not path.exists():
        return 0
    engine = sqlalchemy.create_engine(f"sqlite:///{path}")
    with contextlib.suppress(sqlalchemy.exc.OperationalError), engine.connect() as connection:
        query = sqlalchemy.text("select count(*) from trials where state = 'completed' and stage = 'search'")
        return int(connection.execute(query).scalar() or 0)
    return 0


@contextlib.contextmanager
def postgres() -> Iterator[tuple[str, Path, int]]:
    """A server: its URL, the folder of its programs, its port."""
    where = sorted(Path("/usr/lib/postgresql").glob("*/bin"))[-1]
    home = Path(tempfile.mkdtemp())
    as_user: dict[str, Any] = {}
    if os.geteuid() == 0:
        shutil.chown(home, "postgres", "postgres")
        as_user = {"user": "postgres", "group": "postgres", "extra_groups": []}
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    quiet: dict[str, Any] = {"check": True, "cwd": home, "stdout": subprocess.DEVNULL, **as_user}
    subprocess.run([where / "initdb", "-D", home / "data", "-A", "trust", "-U", "archwright"], **quiet)
    options = f"-p {port} -c listen_addresses=127.0.0.1 -k {home}"
    subprocess.run([where / "pg_ctl", "-D", home / "data", "-o", options, "-w", "start"], **quiet)
    try:
        yield f"postgresql+psycopg://archwright@127.0.0.1:{port}/postgres", where, port
    finally:
        subprocess.run([where / "pg_ctl", "-D", home / "data", "-m", "immediate", "stop"], **quiet)
        shutil.rmtree(home)


def from_python() -> None:
    """Space, task and strategy as objects."""
    sys.path.insert(0, str(HERE))
    from format1_objects import perceptron

    import archwright as aw

    aw.search(
        perceptron(),
        aw.tasks.diabetes(seed=3),
        strategy=aw.strategies.RandomSearch(perceptron(), seed=2),
        budget=aw.Budget(trials=4),
        recipe=aw.Recipe(epochs=2),
        retrain=1,
        baseline=False,
        out="from_python",
        accelerator="cpu",
        onnx=False,
        progress=False,
    )


def shown(folder: str) -> Any:
    """What `show --json` printed; of a copy, since opening a database puts its write-ahead log into it."""
    with tempfile.TemporaryDirectory() as copy:
        shutil.copytree(folder, Path(copy) / folder)
        words = [*ARCHWRIGHT, "show", folder, "--json"]
        environment = {**os.environ, "PYTHONPATH": str(HERE)}
        printed = subprocess.run(words, cwd=copy, env=environment, capture_output=True, check=True).stdout
    return json.loads(printed)


def main() -> None:
    """All six folders, and what `show --json` said of them."""
    quick = ["--epochs", "2", "--trials", "5", "--retrain", "2", *COMMON]
    small = ["--limit", "params<=3000"]
    run("search", "diabetes", "--space", "mlp", "--out", "finished", *small, *quick)
    half()
    mixed = [
        "--space",
        "format1_objects:mixed",
        "--strategy",
        "darts",
        "--option",
        "epochs=2",
        "--no-baseline",
    ]
    run("search", "digits", "--out", "one_shot", "--epochs", "2", "--retrain", "1", *mixed, *COMMON)
    broken = ["--space", "format1_objects:broken", "--epochs", "1", "--out", "failed"]
    run("search", "digits", *broken, *COMMON, code=1)
    from_python()
    said = {name: shown(name) for name in ("finished", "half", "one_shot", "failed", "from_python")}
    with postgres() as (url, where, port):
        run(
            "search",
            "diabetes",
            "--space",
            "mlp",
            "--out",
            "postgres",
            "--no-baseline",
            "--store",
            url,
            *small,
            *quick,
        )
        said["postgres"] = shown("postgres")
        dump = [where / "pg_dump", "-h", "127.0.0.1", "-p", str(port), "-U", "archwright"]
        rows = subprocess.run([*dump, "--inserts", "--no-owner", "postgres"], capture_output=True, check=True)
        lines = rows.stdout.decode().splitlines()
        kept = [
            line
            for line in lines
            if line and not line.startswith(("--", "\\", "SET ", "SELECT pg_catalog.set_"))
        ]
        Path("postgres/rows.sql").write_text("\n".join(kept) + "\n")
    for folder in said:
        for rest in ("report.html", "trials.sqlite.lock"):
            (Path(folder) / rest).unlink(missing_ok=True)
        if folder != "finished":
            shutil.rmtree(Path(folder) / "best", ignore_errors=True)
    Path("shown.json").write_text(json.dumps(said, indent=1) + "\n")


if __name__ == "__main__":
    main()
