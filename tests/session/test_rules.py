"""Rules of a search: recorded, obeyed, told of in the report, and refused when they cannot be read."""

from __future__ import annotations

from pathlib import Path

import pytest

import archwright as aw
from archwright.errors import SpaceError, UsageError
from archwright.session.starting import ruled
from archwright.spaces.zoo import mlp
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
    space = mlp((30,), 2)
    strategy = make_strategy("random", space, [])
    with pytest.raises(UsageError, match=r"space\.obey\(\[\.\.\.\]\)"):
        aw.search(
            space, "breast_cancer", strategy=strategy, rules=["forbid depth == 1"], out=tmp_path / "run"
        )


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("require depth <= 3\nforbit depth == 1\n", "line 2: expected a rule .* Did you mean 'forbid'"),
        ("\nrequire depth = 3\n", "line 2: .* cannot be read: .*; expected a condition"),
        ("require depth <= 3\n# weights\nweight depth 2=often\n", "line 3: .* such as 3, got 'often'"),
        ("forbid depth > 'deep'\n", "line 1: .* does not fit .*; compare numbers with numbers"),
        ("require depth <= 3\nforbid depth <= 3\n", "rules.txt: the constraints .* refused"),
    ],
)
def test_what_is_wrong_with_a_file_is_told_with_its_line_and_the_cure(
    tmp_path: Path, text: str, told: str
) -> None:
    file = tmp_path / "rules.txt"
    file.write_text(text)
    with pytest.raises(SpaceError, match=f"rules.txt.*{told}" if told.startswith("line") else told):
        ruled(mlp((30,), 2), file)
