"""The tutorials run as they stand, and print what they show."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
TUTORIALS = ROOT / "docs" / "tutorials"
_BLOCK = re.compile(r'^```(\w+)(?: title="([^"]+)")?\n(.*?)^```$', flags=re.DOTALL | re.MULTILINE)
_AMOUNT = r"\d[\d.,:]*(?:e-?\d+)?(?: (?:h|min|s|ms|kB|MB|GB)\b)?"
_NUMBER = re.compile(rf"-?{_AMOUNT}(?: {_AMOUNT})*")


def as_pattern(line: str) -> str:
    """A regular expression for a line that is shown: numbers stand for any number or duration, … for anything."""
    parts = (map(re.escape, _NUMBER.split(part)) for part in " ".join(line.split()).split("…"))
    return ".*".join(_NUMBER.pattern.join(texts) for texts in parts)


def not_printed(shown: str, printed: str) -> str | None:
    """The first line that is shown and does not stand in the output behind the one before it; None if all do."""
    lines = iter([" ".join(line.split()) for line in printed.splitlines()])
    for line in shown.splitlines():
        if line.strip() in ("", "…"):
            continue
        if not any(re.fullmatch(as_pattern(line), found) for found in lines):
            return line
    return None


def run(language: str, text: str, folder: Path) -> str:
    """Run a block as a reader would, in a folder of their own; what it prints, errors too."""
    shell = ["bash", "-euo", "pipefail", "-c", text] if language == "sh" else [sys.executable, "-c", text]
    process = subprocess.run(
        shell,
        cwd=folder,
        env=os.environ
        | {
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "COLUMNS": "120",
            "PYTEST_ADDOPTS": "",  # those of whoever tests change what a tutorial's tests print
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert process.returncode == 0, f"{text}\n{process.stdout}"
    return process.stdout


def follow(page: Path, folder: Path) -> None:
    """Do what a tutorial says, block by block: files are written, commands and Python are run, output is compared."""
    printed = ""
    for language, title, text in _BLOCK.findall(page.read_text()):
        assert language in ("sh", "python", "text", "console"), f"{page.name}: a block of {language}"
        if title:
            (folder / title).write_text(text)
        elif language == "text":
            missing = not_printed(text, printed)
            assert missing is None, f"{page.name} shows {missing!r}, but what is printed is\n{printed}"
        elif language != "console":  # depends on where the reader is
            printed = run(language, text, folder)


@pytest.mark.slow
@pytest.mark.parametrize("page", sorted(TUTORIALS.glob("*.md")), ids=lambda page: page.stem)
def test_a_tutorial_does_what_it_shows(
    page: Path, package_data: Callable[[str, str], Path], tmp_path: Path
) -> None:
    if page.stem == "fashion-mnist":
        found = package_data("dataset-fashion-mnist", "usr/share/datasets/fashion-mnist")
        (tmp_path / "data").mkdir()
        (tmp_path / "data" / "fashion-mnist").symlink_to(found)
    follow(page, tmp_path)


def test_numbers_may_differ_and_words_may_not() -> None:
    shown = "  a trial: 3.0 s (1.8 s to 1 min 2 s)\n\n…\nbest: … with 21,034 parameters"
    printed = "a trial: 12 s (4.1 s to 41 s)\nmore\nbest: depth=3, width=8 with 9,100 parameters\n"
    assert not_printed(shown, printed) is None
    assert not_printed("a trial: 3 s", printed) == "a trial: 3 s"
    assert not_printed("more\na trial: 3.0 s (1 s to 2 s)", printed) == "a trial: 3.0 s (1 s to 2 s)"
    assert not_printed("best: … with 3 layers", printed) == "best: … with 3 layers"
