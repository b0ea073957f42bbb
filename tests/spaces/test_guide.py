"""The guide to spaces: its examples run, and give what they say."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Any

import pytest

import archwright as aw
from archwright.errors import ArchwrightError

GUIDE = Path(__file__).parents[2] / "docs" / "spaces.md"
BLOCKS = re.findall(r"```python\n(.*?)```", GUIDE.read_text(encoding="utf-8"), re.DOTALL)


def said(block: str, statement: ast.stmt) -> tuple[str, str] | None:
    """What the comment behind a statement, or on the line below it, promises."""
    lines = block.splitlines()[statement.end_lineno - 1 : statement.end_lineno + 1]  # type: ignore[operator]
    if found := re.search(r"# (→|raises) (.*)$", lines[0]):
        return found[1], found[2]
    if len(lines) > 1 and (found := re.match(r"# (→) (.*)$", lines[1])):
        return found[1], found[2]
    return None


def test_examples_give_what_they_say() -> None:
    names: dict[str, Any] = {}
    checked = 0
    for block in BLOCKS:
        for statement in ast.parse(block).body:
            promise = said(block, statement)
            if promise is None:
                exec(compile(ast.Module([statement], []), str(GUIDE), "exec"), names)
                continue
            assert isinstance(statement, ast.Expr), ast.unparse(statement)
            code = compile(ast.Expression(statement.value), str(GUIDE), "eval")
            if promise[0] == "raises":
                with pytest.raises(ArchwrightError, match=re.escape(promise[1])):
                    eval(code, names)
            else:
                assert repr(eval(code, names)) == promise[1], ast.unparse(statement)
            checked += 1
    assert checked == GUIDE.read_text(encoding="utf-8").count("# → ") + 11


def test_every_function_that_writes_a_space_is_explained() -> None:
    text = GUIDE.read_text(encoding="utf-8")
    nodes = ["boolean", "categorical", "choice", "integer", "layer", "maximum", "minimum", "real"]
    nodes += ["repeat", "subset", "switch", "tied", "when"]
    for name in nodes:
        assert callable(getattr(aw, name))
        assert f"`{name}(" in text or f"`aw.{name}`" in text
