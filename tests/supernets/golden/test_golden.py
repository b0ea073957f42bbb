"""The trainer gives every one-shot method the figures that it had before."""

from __future__ import annotations

import json
from typing import Any

import pytest
from golden_runs import HERE, RUNS, run


def assert_close(found: Any, wanted: Any, at: str) -> None:
    if isinstance(wanted, dict):
        assert found.keys() == wanted.keys(), at
        for key in wanted:
            assert_close(found[key], wanted[key], f"{at}.{key}")
    elif isinstance(wanted, list):
        assert len(found) == len(wanted), at
        for number, pair in enumerate(zip(found, wanted, strict=True)):
            assert_close(*pair, f"{at}.{number}")
    else:
        assert found == pytest.approx(wanted, rel=1e-4, abs=1e-5), at


@pytest.mark.sampled(3)
@pytest.mark.parametrize("name", RUNS)
def test_a_short_search_is_what_it_was(name: str) -> None:
    wanted = json.loads((HERE / f"{name}.json").read_text())
    found = run(name)
    for part in ("epochs", "probabilities", "weights"):
        assert_close(found[part], wanted[part], part)
    assert found["proposals"] == wanted["proposals"]
