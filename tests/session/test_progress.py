"""What a progress display shows, in a terminal and in a log."""

from __future__ import annotations

import io
import re
import threading
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from rich.live import _RefreshThread

import archwright as aw
from archwright.errors import SearchError
from archwright.experiments import Stage
from archwright.session.progress import Progress
from archwright.spaces import Architecture
from archwright.strategies import RandomSearch
from archwright.testing.known_best import known_best_space, known_best_task
from archwright.trials import Candidate, Measurement, Report, Trial, TrialState


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
    progress.log("stopping")
    progress.stage_finished(Stage.SEARCH)
    return file.getvalue()


def test_a_log_without_news_says_once_a_minute_how_far_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    from archwright.session import progress as module

    for silent, lines in ((60.0, 1), (0.0, 3)):
        monkeypatch.setattr(module, "_SILENT", silent)
        file = io.StringIO()
        progress = Progress(["accuracy"], Console(file=file, force_terminal=False, width=120))
        progress.stage_started(Stage.SEARCH, 4, 0)
        for number in range(2):
            progress.trial_finished(Stage.SEARCH, trial(number), None)
        assert file.getvalue().count("\n") == lines
        assert ("2 over a limit" in file.getvalue()) == (lines == 3)
        progress.stage_finished(Stage.SEARCH)


def test_a_running_trial_shows_its_last_point_in_a_terminal_only() -> None:
    for terminal in (True, False):
        file = io.StringIO()
        progress = Progress(["accuracy"], Console(file=file, force_terminal=terminal, width=120))
        progress.stage_started(Stage.SEARCH, 4, 0)
        progress.trial_finished(Stage.SEARCH, trial(0, 0.5), trial(0, 0.5))
        progress.trial_reported(Stage.SEARCH, 1, Report(30, {"epoch": 3, "loss": 0.7, "accuracy": 0.25}))
        progress.stage_finished(Stage.SEARCH)
        assert ("trial 1 epoch 3 accuracy 0.25, best: trial 0 accuracy 0.5" in file.getvalue()) is terminal


def test_a_continuation_is_no_trial_of_the_budget() -> None:
    file = io.StringIO()
    progress = Progress(["accuracy"], Console(file=file, width=120))
    progress.stage_started(Stage.SEARCH, 4, 0)
    first = trial(0, 0.5)
    progress.trial_finished(Stage.SEARCH, first, first)
    further = replace(trial(1, 0.75), candidate=Candidate(first.architecture, parent=0, inherit="continue"))
    progress.trial_finished(Stage.SEARCH, further, further)
    pruned = replace(trial(2, 0.25), state=TrialState.PRUNED)
    progress.trial_finished(Stage.SEARCH, pruned, pruned)
    told = [line for line in file.getvalue().splitlines() if "done," in line]
    assert [line.split()[0] for line in told] == ["1", "1", "2"]
    assert told[-1].endswith("1 stopped early")


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


class Broken(RandomSearch):
    """Fails when it is asked for the second candidate."""

    def ask(self, running: Sequence[Candidate] = ()) -> Candidate | None:
        self.times = getattr(self, "times", 0) + 1
        if self.times > 1:
            raise ZeroDivisionError("of the user")
        return super().ask(running)


@pytest.mark.parametrize(
    ("strategy", "options", "raised"),
    [
        (None, {}, ZeroDivisionError),
        ("spos", {"learning_rate": 1e30, "gradient_clip": 1e30, "epochs": 2, "batch_size": 32}, SearchError),
    ],
)
def test_an_error_leaves_no_display_that_goes_on(
    tmp_path: Path, strategy: str | None, options: dict[str, Any], raised: type[Exception]
) -> None:
    space = known_best_space()
    progress = Progress(console=Console(file=io.StringIO(), force_terminal=True, width=120))
    with pytest.raises(raised):
        aw.search(
            space,
            known_best_task(0, examples=160),
            strategy=strategy or Broken(space),
            strategy_options=options,
            recipe=aw.Recipe(epochs=1),
            retrain=0,
            listener=progress,
            onnx=False,
            out=tmp_path / "run",
        )
    assert not [thread for thread in threading.enumerate() if isinstance(thread, _RefreshThread)]
    progress.stage_started(Stage.SEARCH, 1, 0)  # another display can be shown
    progress.stage_finished(Stage.SEARCH)


@pytest.mark.parametrize("minutes", [None, 30.0])
def test_a_line_tells_what_is_to_come_from_what_trials_took(minutes: float | None) -> None:
    file = io.StringIO()
    progress = Progress(["accuracy"], Console(file=file, width=120))
    progress.stage_started(Stage.SEARCH, 40, 0, minutes)
    for number in range(20):
        begun = replace(trial(number, 0.5), started=1000.0 + 30 * number)
        progress.trial_started(Stage.SEARCH, replace(begun, state=TrialState.RUNNING, measurement=None))
        if number == 19:
            progress._told_at = 0.0  # as if a second had passed
        best = trial(number, 0.5 + number / 100)
        progress.trial_finished(Stage.SEARCH, replace(begun, finished=begun.started + 30), best)
    last = file.getvalue().splitlines()[-1]
    told = re.fullmatch(
        r"20 done, (\d+):(\d\d)–(\d+):(\d\d) left(?:, 20 more trials)?, best: trial 19 .*", last
    )
    assert told is not None, last
    low, high = int(told[1]) * 60 + int(told[2]), int(told[3]) * 60 + int(told[4])
    assert low < 600 < high < 900
    assert ("more" in last) is (minutes is not None)


@pytest.mark.parametrize(
    ("total", "told"), [(20, "0:00 left, no further trial"), (21, " left, 1 more trial")]
)
def test_few_trials_to_come_are_told_without_a_range(total: int, told: str) -> None:
    progress = Progress(["accuracy"], Console(file=io.StringIO(), width=120))
    progress.stage_started(Stage.SEARCH, total, 0, 30.0)
    for number in range(20):
        begun = replace(trial(number, 0.5), started=1000.0 + 30 * number)
        progress.trial_finished(Stage.SEARCH, replace(begun, finished=begun.started + 30), None)
    assert progress._outlook(0.0).endswith(told)


def test_the_epochs_of_a_supernet_are_forecast_too() -> None:
    file = io.StringIO()
    progress = Progress((), Console(file=file, width=120))
    progress.stage_started(Stage.SUPERNET, 20, 0)
    for epoch in range(1, 11):
        progress._told_at = 0.0
        progress.epoch_finished({"epoch": epoch, "seconds": 60.0, "metrics": {"train_loss": 1.0}}, 20)
    last = file.getvalue().splitlines()[-1]
    told = re.fullmatch(r"epoch 10 of 20, train loss 1, (\d+):\d\d–(\d+):\d\d left", last)
    assert told is not None, last
    assert int(told[1]) < 10 <= int(told[2]) < 15
