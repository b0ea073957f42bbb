"""A trial in memory: reports, verdicts, checkpoints, attempts."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from archwright.errors import UsageError
from archwright.trials import Candidate, Fidelity, LocalTrial, Verdict


def test_a_report_is_kept_as_plain_numbers() -> None:
    trial = LocalTrial(3)
    verdict = trial.report(np.int64(2), {"loss": np.float32(0.5), "seen": torch.tensor(7)})
    assert verdict is Verdict.GO_ON
    assert trial.reports[2].metrics == {"loss": 0.5, "seen": 7.0}
    assert type(trial.reports[2].metrics["loss"]) is float
    assert trial.last == (2, {"loss": 0.5, "seen": 7.0})


@pytest.mark.parametrize("value", ["0.5", None, [1.0], np.ones(2), 1j])
def test_what_is_no_number_is_refused_by_name(value: object) -> None:
    with pytest.raises(UsageError, match="'loss'"):
        LocalTrial().report(0, {"loss": value})


@pytest.mark.parametrize("step", [-1, 0.5, "1"])
def test_a_step_is_a_whole_number(step: object) -> None:
    with pytest.raises(UsageError, match="step"):
        LocalTrial().report(step, {})


def test_a_repeated_report_is_answered_as_before() -> None:
    asked = []

    def judge(step, metrics):
        asked.append(step)
        return Verdict.STOP if metrics["loss"] > 1 else Verdict.GO_ON

    trial = LocalTrial(judge=judge)
    assert [trial.report(i, {"loss": float(i)}) for i in range(3)] == ["go on", "go on", "stop"]
    again = trial.again()
    assert again.report(2, {"loss": 0.0}) is Verdict.STOP
    assert asked == [0, 1, 2]
    assert again.reports[2].metrics == {"loss": 2.0}
    assert again.reports[2].attempt == 0


def test_the_next_attempt_gets_the_last_state_as_it_was_saved() -> None:
    trial, weights = LocalTrial(1), torch.zeros(2)
    assert trial.own is None
    assert trial.parent is None
    assert trial.last is None
    trial.report(1, {"loss": 1.0}, {"weights": weights, "epoch": 1})
    weights += 1
    trial.save(2, {"weights": weights, "epoch": 2})
    weights += 1
    trial.report(3, {"loss": 0.5})
    again = trial.again()
    assert (again.number, again.attempt, again.last) == (1, 1, (3, {"loss": 0.5}))
    state = again.own.load()
    assert state["epoch"] == 2
    assert state["weights"].tolist() == [1.0, 1.0]
    state["weights"] += 9
    assert again.own.load()["weights"].tolist() == [1.0, 1.0]
    child = LocalTrial(2, parent=trial.checkpoint)
    assert child.own is None
    assert child.parent.load()["epoch"] == 2


def test_a_fidelity_that_was_left_open_is_not_the_full_one() -> None:
    candidate = Candidate({})
    assert candidate.fidelity is None
    assert candidate.effort == Fidelity()
    assert Candidate({}, Fidelity()) != candidate


@pytest.mark.parametrize("wrong", [{"replicate": -1}, {"epochs": 3, "horizon": 2}, {"horizon": 0}])
def test_a_fidelity_checks_its_numbers(wrong: dict) -> None:
    with pytest.raises(UsageError):
        Fidelity(**wrong)
