"""The record of what a run found of cheap estimates."""

from __future__ import annotations

from dataclasses import replace

from archwright.experiments import Judged, Judgement
from archwright.trials import Fidelity


def score(name: str, rho: float | None, low: float, seconds: float, setup: float = 0.0) -> Judged:
    return Judged(name, 20, 0, rho, (low, 1.0), rho, (low, 1.0), rho, seconds, setup)


def test_the_cheapest_that_suffices() -> None:
    scores = (
        score("cheap", 0.6, 0.2, 0.1),
        score("good", 0.9, 0.7, 1.0),
        score("shared", 0.9, 0.7, 0.1, setup=20.0),  # .5 with its share of the setup
        score("slow", 0.99, 0.98, 11.0),
        score("blank", None, -1.0, 0.0),
    )
    found = Judgement("accuracy", 20, 10, 0.5, 10.0, scores)
    assert found.cheapest is not None
    assert found.cheapest.name == "shared"
    assert [one.name for one in replace(found, threshold=0.1).sufficient] == ["cheap", "good", "shared"]
    assert replace(found, threshold=0.95).cheapest is None  # "slow" costs more than what it stands for
    assert replace(found, threshold=0.95).to_json()["cheapest"] is None
    assert found.verdict.startswith("the cheapest that suffices: shared (the rule: a lower bound")
    assert replace(found, threshold=0.95).verdict.startswith("none suffices (the rule: a lower bound")


def test_a_row_has_a_cell_for_each_column() -> None:
    found = Judgement(
        "accuracy", 20, 7, 0.5, 10.0, (score("good", 0.9, 0.7, 1.234), score("blank", None, -1.0, 0.0))
    )
    assert found.columns[3] == "nDCG@7"
    assert found.scores[0].cells == (
        "good",
        "0.90 [0.70, 1.00]",
        "0.90 [0.70, 1.00]",
        "0.90",
        "1.23",
        "",
        "20",
    )
    assert found.scores[1].cells == ("blank", "-", "-", "-", "0", "", "20")
    assert (
        found.sample
        == "accuracy of 20 networks trained fully, 10 s each; in brackets 95 % confidence intervals"
    )
    less = replace(found, fidelity=Fidelity(3, resolution=16))
    assert less.sample.startswith("accuracy of 20 networks trained at 3 epochs, resolution 16, 10 s each;")
    assert less.to_json()["fidelity"] == less.fidelity.to_json()
