"""What a progress display shows, in a terminal and in a log."""

from __future__ import annotations

import io
import re

from rich.console import Console

from archwright.experiments import Stage
from archwright.experiments.progress import Progress
from archwright.spaces import Architecture
from archwright.trials import Candidate, Measurement, Trial, TrialState


def trial(number: int, accuracy: float | None = None, error: str | None = None) -> Trial:
    candidate = Candidate(Architecture({}))
    if accuracy is None:
        return Trial(number, candidate, TrialState.FAILED if error else TrialState.INFEASIBLE, error=error)
    measured = Measurement({"accuracy": accuracy, "params": 41234.0, "loss": 0.1})
    return Trial(number, candidate, TrialState.COMPLETED, measured)


def shown(terminal: bool) -> str:
    file = io.StringIO()
    progress = Progress(["accuracy", "params"], Console(file=file, force_terminal=terminal, width=120))
    progress.stage_started(Stage.SEARCH, 4, 1)
    first = trial(1, 0.5)
    progress.trial_finished(Stage.SEARCH, first, first)
    progress.trial_finished(Stage.SEARCH, trial(2, error="loss became [NaN]"), first)
    progress.trial_finished(Stage.SEARCH, trial(3), first)
    best = trial(4, 0.75)
    progress.trial_finished(Stage.SEARCH, best, best)
    progress.said("stopping")
    progress.stage_finished(Stage.SEARCH)
    return file.getvalue()


def test_a_log_has_a_line_for_each_improvement_and_failure() -> None:
    assert shown(terminal=False).splitlines() == [
        "searching: 4 trials, 1 of them done before",
        "2 done, best: trial 1 accuracy 0.5, params 41,234",
        "trial 2 failed: loss became [NaN]",
        "4 done, best: trial 4 accuracy 0.75, params 41,234, 1 failed, 1 over a limit",
        "stopping",
    ]


def test_a_terminal_has_one_line_that_moves() -> None:
    lines = re.split(r"[\r\n]+", re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown(terminal=True)))
    last = [line for line in lines if line.strip()][-1]
    assert "4/4" in last
    assert "best: trial 4 accuracy 0.75, params 41,234" in last
    assert "1 failed" in last
