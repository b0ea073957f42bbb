"""The trainer gives every one-shot method the figures that it had before.

On a CPU that rounds sums otherwise, the slope of a gate that hardly matters may change its sign, which Adam turns into
full steps, and a reward its picture: there figures are compared within wide tolerances, and proposals not at all.
"""

from __future__ import annotations

import json
from typing import Any

import pytest
from golden_runs import HERE, RUNS, rounding, run


def assert_close(found: Any, wanted: Any, at: str, rel: float, absolute: float) -> None:
    if isinstance(wanted, dict):
        assert found.keys() == wanted.keys(), at
        for key in wanted:
            assert_close(found[key], wanted[key], f"{at}.{key}", rel, absolute)
    elif isinstance(wanted, list):
        assert len(found) == len(wanted), at
        for number, pair in enumerate(zip(found, wanted, strict=True)):
            assert_close(*pair, f"{at}.{number}", rel, absolute)
    else:
        assert found == pytest.approx(wanted, rel=rel, abs=absolute), at


@pytest.mark.parametrize("name", RUNS)
def test_a_short_search_is_what_it_was(name: str) -> None:
    wanted = json.loads((HERE / f"{name}.json").read_text())
    found = run(name)
    if rounding() != (HERE / "rounding.txt").read_text().strip():
        assert_close(found["epochs"], wanted["epochs"], "epochs", 0.15, 0.05)
        assert_close(found["probabilities"], wanted["probabilities"], "probabilities", 0.0, 0.02)
        assert_close(found["weights"], wanted["weights"], "weights", 0.1, 0.1)
        return
    assert_close(found["epochs"], wanted["epochs"], "epochs", 2e-2, 2e-3)
    assert_close(found["probabilities"], wanted["probabilities"], "probabilities", 0.0, 2e-3)
    assert_close(found["weights"], wanted["weights"], "weights", 1e-2, 1e-2)
    assert found["proposals"] == wanted["proposals"]
