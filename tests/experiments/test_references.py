"""From what a user writes to the object meant."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from archwright.errors import SpaceError, TaskError, UsageError
from archwright.experiments import resolve_space, resolve_task
from archwright.references import load_object
from archwright.tasks import Task, make_task

FILE = """
import archwright as aw
from torch import nn

def of_task(task): return aw.Space(aw.layer(nn.Linear, 10, aw.choice(task.outputs, 7, name="n")), name="of")
def of_nothing(): return aw.layer(nn.Linear, 3, aw.choice(1, 2, name="n"))
def of_two(a, b): ...
def failing(task): raise KeyError("inside")
expression = of_nothing()
number = 3
class holder:
    space = of_nothing()
def task(): return aw.tasks.diabetes()
"""


@pytest.fixture
def file(tmp_path: Path) -> str:
    path = tmp_path / "mine_for_references.py"
    path.write_text(FILE)
    return str(path)


@pytest.fixture(scope="module")
def task() -> Task:
    return make_task("diabetes")


@pytest.mark.parametrize("name", ["of_task", "of_nothing", "expression", "holder.space"])
def test_a_space_may_be_an_object_an_expression_or_a_function(file: str, task: Task, name: str) -> None:
    assert resolve_space(f"{file}:{name}", task).size == 2


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("of_two", "it needs a, b"),
        ("failing", "the function failed: KeyError: 'inside'"),
        ("number", "expected an archwright.Space"),
        ("nothing", "has no 'nothing'"),
        ("expresion", "Did you mean 'expression'"),
    ],
)
def test_other_objects_are_refused(file: str, task: Task, name: str, told: str) -> None:
    with pytest.raises(UsageError) as caught:
        resolve_space(f"{file}:{name}", task)
    assert told in str(caught.value)


def test_a_task_may_be_a_function_in_a_file(file: str) -> None:
    assert resolve_task(f"{file}:task").name == "diabetes"
    with pytest.raises(TaskError, match="expected a Task"):
        resolve_task(f"{file}:number")


def test_a_file_is_loaded_once_and_found_beside_others_of_its_name(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "json.py").write_text(f"value = object(); name = {folder!r}")
    first = load_object(f"{tmp_path / 'a' / 'json.py'}:value")
    assert load_object(f"{tmp_path / 'a' / 'json.py'}:value") is first
    assert load_object(f"{tmp_path / 'b' / 'json.py'}:name") == "b"
    import json

    assert hasattr(json, "dumps")


def test_a_file_may_import_its_neighbours(tmp_path: Path) -> None:
    (tmp_path / "neighbour_for_references.py").write_text("value = 7")
    (tmp_path / "main_for_references.py").write_text("from neighbour_for_references import value")
    assert load_object(f"{tmp_path / 'main_for_references.py'}:value") == 7
    assert str(tmp_path) in sys.path  # as workers are started with it
    sys.path.remove(str(tmp_path))


@pytest.mark.parametrize(
    ("content", "told"), [("1 +", "SyntaxError"), ("import nothing_of_this_name", "ModuleNotFoundError")]
)
def test_a_file_that_cannot_be_imported_says_why(tmp_path: Path, content: str, told: str) -> None:
    (tmp_path / "broken_for_references.py").write_text(content)
    with pytest.raises(UsageError, match=told):
        load_object(f"{tmp_path / 'broken_for_references.py'}:x")


def test_modules_are_found_by_name(task: Task, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert load_object("archwright.spaces:Space").__name__ == "Space"
    with pytest.raises(UsageError, match=r"cannot be imported.*for a file write file.py:object"):
        load_object("no_such_module_here:x")
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "broken_inside.py").write_text("import nothing_of_this_name")
    with pytest.raises(UsageError, match=r"No module named 'nothing_of_this_name'$"):
        load_object("broken_inside:x")
    with pytest.raises(SpaceError):
        resolve_space("math:pi", task)
