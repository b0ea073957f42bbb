"""What three strategies proposed and what a small search on digits scored, before training and trials were rebuilt.

`python tests/strategies/golden/record.py` writes the files beside it anew; do so only where a change of the
mathematics is meant.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import archwright as aw
from archwright.objectives import Objective
from archwright.spaces.zoo import make_space
from archwright.strategies import make_strategy
from archwright.trials import Measurement, Trial, TrialState

HERE = Path(__file__).parent
ASKED = {"random": 40, "evolution": 60, "bayesian": 24}
OBJECTIVES = (Objective("accuracy"),)


def score(architecture: aw.Architecture) -> float:
    """A score in quarters, so that no sum of them is rounded: the labels' places in the alphabet."""
    return sum(ord(str(value)[0]) % 16 for value in architecture.values()) / 4


def proposals(name: str) -> list[dict[str, Any]]:
    """The architectures that a strategy asks for, when each is told its `score` at once."""
    strategy = make_strategy(name, make_space("nasbench201", (3, 8, 8), 10), OBJECTIVES, seed=3)
    asked = []
    for number in range(ASKED[name]):
        candidate = strategy.ask()
        asked.append(candidate.architecture.to_json())
        measured = Measurement({"accuracy": score(candidate.architecture)})
        strategy.tell(Trial(number, candidate, TrialState.COMPLETED, measured, started=0.0, finished=1.0))
    return asked


def search() -> list[dict[str, Any]]:
    """The trials of a random search on digits with little training: architecture, validation accuracy and loss."""
    with tempfile.TemporaryDirectory() as folder:
        result = aw.search(
            "chain",
            "digits",
            strategy="random",
            budget=aw.Budget(trials=4),
            recipe=aw.Recipe(epochs=2, seed=0),
            retrain=0,
            baseline=False,
            out=Path(folder) / "run",
            progress=False,
        )
        return [
            {
                "architecture": t.architecture.to_json(),
                "accuracy": t.metrics["accuracy"],
                "loss": t.metrics["loss"],
            }
            for t in result.run.trials
        ]


if __name__ == "__main__":
    for strategy in ASKED:
        (HERE / f"{strategy}.json").write_text(json.dumps(proposals(strategy), separators=(",", ":")) + "\n")
    (HERE / "search.json").write_text(json.dumps(search(), separators=(",", ":")) + "\n")
