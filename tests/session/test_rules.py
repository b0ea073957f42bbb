"""Rules of a search: recorded, obeyed, told of in the report, and refused when they cannot be read."""

from __future__ import annotations

from pathlib import Path

import pytest

import archwright as aw
from archwright.errors import UsageError
from archwright.strategies import make_strategy


def test_a_search_obeys_its_rules_and_the_report_says_what_each_did(tmp_path: Path) -> None:
    rules = tmp_path / "rules.txt"
    rules.write_text("require layers.*.width <= 64  # small\nweight layers.activation gelu=30\n")
    how = {"retrain": 0, "baseline": False, "recipe": aw.Recipe(epochs=1), "progress": False}
    result = aw.search(
        "mlp",
        "breast_cancer",
        strategy="random",
        rules=rules,
        budget=aw.Budget(trials=4),
        out=tmp_path / "run",
        **how,  # type: ignore[arg-type]
    )
    tried = [trial.architecture for trial in result.trials]
    assert len(tried) == 4
    assert all(value <= 64 for one in tried for address, value in one.items() if address.endswith("width"))
    assert sum(one["layers.activation"] == "gelu" for one in tried) >= 3
    assert result.run.config.rules == ("require layers.*.width <= 64", "weight layers.activation gelu=30")
    page = (tmp_path / "run" / "report.html").read_text()
    assert "What the rules did" in page
    # Each of the four widths is at most 64 with probability 1/2, and there are one to four layers.
    share = float(page.split("refuses ")[1].split("%")[0])
    assert share == pytest.approx(100 * (1 - sum(0.5**n for n in range(1, 5)) / 4), abs=6)
    assert "of the trials" in page
    resumed = aw.resume(tmp_path / "run", budget=aw.Budget(trials=6), progress=False)
    assert all(
        value <= 64
        for t in resumed.trials
        for address, value in t.architecture.items()
        if address.endswith("width")
    )


def test_a_strategy_that_is_an_object_has_its_space(tmp_path: Path) -> None:
    from archwright.spaces.zoo import mlp

    space = mlp((30,), 2)
    strategy = make_strategy("random", space, [])
    with pytest.raises(UsageError, match=r"space\.obey\(\[\.\.\.\]\)"):
        aw.search(
            space, "breast_cancer", strategy=strategy, rules=["forbid depth == 1"], out=tmp_path / "run"
        )
