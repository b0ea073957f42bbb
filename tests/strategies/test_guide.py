"""The examples of the guide run as they stand, and its tables tell what the registry does."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from archwright.strategies import STRATEGIES

GUIDE = (Path(__file__).parents[2] / "docs" / "strategies.md").read_text(encoding="utf-8")


def test_examples_run(capsys: pytest.CaptureFixture[str]) -> None:
    examples = re.findall(r"```python\n(.*?)```", GUIDE, re.DOTALL)
    assert len(examples) == 4
    names: dict[str, object] = {"__name__": "guide"}
    for example in examples:
        exec(compile(example, "docs/strategies.md", "exec"), names)
    assert capsys.readouterr().out.startswith("Architecture(width0=")
    assert names["space"].contains(names["strategy"].ask().architecture)  # type: ignore[attr-defined]
    contract = names["TestMyStrategy"]
    contract().test_proposes_every_architecture_once_and_then_says_so("conditional")
    contract().test_a_state_is_a_picture("conditional")


@pytest.mark.parametrize("name", STRATEGIES)
def test_every_strategy_and_option_is_told_with_its_default(name: str) -> None:
    assert f"| `{name}` |" in GUIDE
    section = GUIDE.split(f"\n## {name}\n")[1].split("\n## ")[0]
    for option, default in STRATEGIES.defaults(name).items():
        assert re.search(rf"^\| `{option}` \|.*\| {_told(default)} \|$", section, re.MULTILINE), option


def _told(default: object) -> str:
    """A default as the guide writes it."""
    if isinstance(default, bool):
        return "yes" if default else "no"
    if isinstance(default, int | float):
        return f"{default:g}"
    return "none" if default is None else f"`{default}`"
