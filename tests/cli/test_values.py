from __future__ import annotations

from typing import Any

import pytest

from archwright.cli.values import keyed
from archwright.errors import UsageError


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("3", 3),
        ("0.5", 0.5),
        (".5", 0.5),
        ("-.25", -0.25),
        ("5.", 5.0),
        ("+2", 2.0),
        ("1e-3", 0.001),
        (".1E2", 10.0),
        ("true", True),
        ("[1, 2]", [1, 2]),
        ("ei", "ei"),
        ("1.2.3", "1.2.3"),
        (".", "."),
        ("", ""),
        ("a=b", "a=b"),
        ("True", True),
        ("False", False),
        ("None", "None"),
    ],
)
def test_a_value_is_read_as_what_it_looks_like(text: str, value: Any) -> None:
    found = keyed([f"name={text}"])["name"]
    assert (found, type(found)) == (value, type(value))


@pytest.mark.parametrize("words", [["name"], ["=3"], ["name=1", "name=2"]])
def test_what_is_no_pair_is_refused(words: list[str]) -> None:
    with pytest.raises(UsageError, match="--option"):
        keyed(words)
