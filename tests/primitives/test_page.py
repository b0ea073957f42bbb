"""What docs/primitives.md says, held against the code."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from archwright.primitives import PRESETS, PointwiseFunction

PAGE = (Path(__file__).parents[2] / "docs" / "primitives.md").read_text(encoding="utf-8")


def test_the_examples_run_and_print_what_they_say(capsys: pytest.CaptureFixture[str]) -> None:
    names: dict[str, Any] = {}
    for example in re.findall(r"```python\n(.*?)```", PAGE, flags=re.DOTALL):
        exec(example, names)
        said = re.findall(r"^# (.+)$", example.split("print(")[-1], flags=re.MULTILINE)
        assert capsys.readouterr().out.splitlines() == said


def test_the_presets_are_named() -> None:
    assert set(re.findall(r"^\| `(\w+)` \| the", PAGE, flags=re.MULTILINE)) | {"all"} == set(PRESETS)


@pytest.mark.slow
def test_the_counts_are_right() -> None:
    function = PointwiseFunction()
    profiles = [function.profile(one) for one in function.space]
    kept = [one for one in profiles if one.finite and one.varies]
    counts = len(profiles), len(kept), len({one.key for one in kept})
    assert (
        "Of the {:,} combinations of `ramachandran` at depth 1 {:,} can be trained, and {:,}".format(*counts)
        in PAGE
    )
