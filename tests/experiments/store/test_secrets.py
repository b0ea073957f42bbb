"""Passwords of URLs are neither printed nor kept."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from archwright.errors import ArchwrightError
from archwright.experiments import SQLStore
from archwright.experiments.store import masked, without_secrets

SECRET = "s3cr:t@word"
QUOTED = "s3cr%3At%40word"


@pytest.mark.parametrize(
    "url",
    [
        f"mysql://me:{QUOTED}@host/runs",
        f"postgres//me:{QUOTED}@host/runs",
        f"postgresql+psycopg://me:{QUOTED}@localhost:1/runs?connect_timeout=1",
        f"postgresql+psycopg://localhost:1/runs?connect_timeout=1&user=me&password={QUOTED}",
        f"me:{QUOTED}@host",
    ],
)
def test_no_error_says_a_password(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("archwright.experiments.store.database._PAUSES", ())
    with pytest.raises(ArchwrightError) as told:
        SQLStore(url, "run", create=True)
    for text in (str(told.value), without_secrets(url), masked(url)):
        assert QUOTED not in text
        assert SECRET not in text
        assert "s3cr" not in text


def test_what_is_no_secret_stays() -> None:
    for text in (
        "sqlite:///runs/a.sqlite",
        "space.py:make",
        "postgresql://me@host/db?passfile=/home/me/.pgpass",
    ):
        assert masked(text) == text


@pytest.mark.slow
def test_no_file_of_a_run_has_a_password_that_the_command_had(tmp_path: Path) -> None:
    """That of a tracker, whose database is out of reach."""
    command = [sys.executable, "-m", "archwright", "search", "digits", "--space", "mlp", "--trials", "1"]
    command += ["--epochs", "1", "--retrain", "0", "--no-baseline", "--out", str(tmp_path / "run")]
    ran = subprocess.run(
        [*command, "--track", f"mlflow=postgresql://me:{QUOTED}@localhost:1/runs"],
        capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    texts = [path.read_bytes() for path in (tmp_path / "run").rglob("*") if path.is_file()]
    assert all(b"s3cr" not in text for text in texts)
    assert "s3cr" not in ran.stdout + ran.stderr
