"""The page on grammars: its examples run and print what they say."""

from __future__ import annotations

import contextlib
import io
import re
from pathlib import Path

PAGE = Path(__file__).parents[3] / "docs" / "grammars.md"


def test_the_examples_print_what_they_say() -> None:
    names: dict[str, object] = {}
    promised = []
    printed = io.StringIO()
    for block in re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL):
        promised += re.findall(r"^# (.*)$", block.removeprefix("# mine.py\n"), re.MULTILINE)
        with contextlib.redirect_stdout(printed):
            exec(compile(block, str(PAGE), "exec"), names)
    assert printed.getvalue().splitlines() == promised
    assert len(names["space"].decisions) == 48  # type: ignore[attr-defined]
