"""What README and documentation say, held against the code."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import typer.main

from archwright.cli import app
from archwright.supernets import METHODS

ROOT = Path(__file__).parent.parent
COMMANDS = typer.main.get_command(app).commands  # type: ignore[attr-defined]
WITH_SUB_COMMANDS = COMMANDS | {
    f"{name} {inner}": made
    for name, command in COMMANDS.items()
    for inner, made in getattr(command, "commands", {}).items()
}


def options_of(command: str) -> set[str]:
    """The long options of a command, without `--help`."""
    parameters = WITH_SUB_COMMANDS[command].params
    names = [name for parameter in parameters for name in (*parameter.opts, *parameter.secondary_opts)]
    return {name for name in names if name.startswith("--")}


def section(text: str, title: str) -> str:
    """The part of a page under one heading of the second level."""
    return re.split(r"^## ", text.partition(f"\n## {title}\n")[2], maxsplit=1, flags=re.MULTILINE)[0]


def test_the_readme_names_every_command() -> None:
    table = section((ROOT / "README.md").read_text(), "On the command line")
    assert set(re.findall(r"^\| `archwright (\w+)", table, flags=re.MULTILINE)) == set(COMMANDS)


@pytest.mark.parametrize("command", sorted(WITH_SUB_COMMANDS))
def test_the_command_reference_names_every_option_and_no_other(command: str) -> None:
    text = section((ROOT / "docs" / "commands.md").read_text(), command)
    assert set(re.findall(r"--[a-z][a-z-]*", text)) == options_of(command)


@pytest.mark.parametrize(
    "page", [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))], ids=lambda page: page.name
)
def test_commands_in_pages_have_the_options_they_are_shown_with(page: Path) -> None:
    for line in re.findall(r"^ *archwright (.+)$", page.read_text().replace("\\\n", ""), flags=re.MULTILINE):
        command, *words = line.partition("  #")[0].split()
        if words and f"{command} {words[0]}" in WITH_SUB_COMMANDS:
            command = f"{command} {words.pop(0)}"
        given = {word.partition("=")[0] for word in words if word.startswith("--")}
        assert given <= options_of(command), line


@pytest.mark.slow
def test_the_python_example_of_the_readme_runs(tmp_path: Path) -> None:
    text = (ROOT / "README.md").read_text()
    [example] = re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL)
    assert example.count("minutes=2") == 1
    brief = example.replace("minutes=2", "trials=2").replace(
        'out="runs/mine"', 'out="runs/mine", recipe=aw.Recipe(epochs=1), retrain=1, progress=False'
    )
    script = tmp_path / "example.py"
    script.write_text(brief + "print(type(network).__name__)\n")
    process = subprocess.run(
        [sys.executable, str(script)], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert process.returncode == 0, process.stderr
    assert process.stdout.splitlines()[-1] == "Sequential"
    assert "accuracy" in process.stdout
    assert (tmp_path / "runs" / "mine" / "best" / "model.py").is_file()
    assert (tmp_path / "runs" / "mine" / "report.html").is_file()


def one_shot_guide() -> str:
    return (ROOT / "docs" / "one-shot.md").read_text()


def test_the_one_shot_guide_names_every_method_and_every_option() -> None:
    names = set(re.findall(r"^\| `(\w+)` \|", section(one_shot_guide(), "Which method"), flags=re.MULTILINE))
    assert names == set(METHODS)
    table = re.findall(r"^\| (`[^|]+`) \|", section(one_shot_guide(), "Options"), flags=re.MULTILINE)
    options = {option for row in table for option in re.findall(r"`(\w+)`", row)}
    assert options == {option for name in METHODS for option in METHODS.options(name)}
    strategies = (ROOT / "docs" / "strategies.md").read_text()
    assert all(f"`{name}`" in strategies for name in METHODS)


@pytest.mark.slow
def test_the_python_examples_of_the_one_shot_guide_run(tmp_path: Path) -> None:
    brief = """
import functools
import archwright as aw
aw.search = functools.partial(
    aw.search, recipe=aw.Recipe(epochs=1), baseline=False, onnx=False, progress=False, accelerator="cpu"
)
"""
    blocks = re.findall(r"```python\n(.*?)```", one_shot_guide(), flags=re.DOTALL)
    script = tmp_path / "guide.py"
    script.write_text(brief + "".join(blocks).replace("trials=40", "trials=5"))
    process = subprocess.run(
        [sys.executable, str(script)], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert process.returncode == 0, process.stderr
    [refusal] = re.findall(r"```text\n(.*?)```", one_shot_guide(), flags=re.DOTALL)
    assert " ".join(refusal.split()) in process.stdout
    assert (tmp_path / "runs" / "one-shot" / "report.html").is_file()
    assert (tmp_path / "runs" / "shared" / "report.html").is_file()


@pytest.mark.slow
def test_the_documentation_builds_without_a_warning(tmp_path: Path) -> None:
    pytest.importorskip("mkdocs", reason="mkdocs is not installed: pip install 'archwright[docs]'")
    process = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(tmp_path)],
        cwd=ROOT,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert process.returncode == 0, process.stderr
    assert "WARNING" not in process.stderr
    assert "load_state_dict" in (tmp_path / "reference" / "strategies" / "index.html").read_text()
