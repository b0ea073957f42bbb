"""A training in conversation with its trial: reports, verdicts, checkpoints; interrupted or not it is the same."""

from __future__ import annotations

import io
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from archwright.errors import TrialError
from archwright.estimators import Recipe, Training
from archwright.spaces import Space, choice, layer
from archwright.trials import Candidate, Fidelity, LocalTrial, Verdict

RECIPE = {"epochs": 6, "batch_size": 16, "augmentation": "noise", "mixup": 0.2}


class KilledError(BaseException):
    """What ends an attempt from outside."""


class Killed(nn.Module):
    """A network in which the process dies at a given training step."""

    at: int | None = None
    steps = 0

    def __init__(self, hidden):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(4, hidden), nn.BatchNorm1d(hidden), nn.ReLU(), nn.Dropout(0.2), nn.Linear(hidden, 3)
        )

    def forward(self, inputs):
        if self.training:
            Killed.steps += 1
            if Killed.steps == Killed.at:
                raise KilledError
        return self.layers(inputs)


@pytest.fixture(autouse=True)
def _unharmed():
    Killed.at, Killed.steps = None, 0
    yield
    Killed.at = None


def training_of(blobs, seconds=0.0, **recipe):
    space = Space(layer(Killed, choice(8, 16)))
    return Training(space, blobs, Recipe(**{**RECIPE, **recipe}), checkpoint_seconds=seconds)


def without_seconds(curve):
    return [{name: value for name, value in entry.items() if name != "seconds"} for entry in curve]


def same(first, second):
    return all(
        torch.equal(a, b)
        for a, b in zip(first.state_dict().values(), second.state_dict().values(), strict=True)
    )


@pytest.mark.parametrize(
    ("recipe", "at"),
    [
        *(({}, at) for at in (2, 5, 6, 12, 27)),
        *(({"early_stopping": 1, "learning_rate": 0.1}, at) for at in (2, 5, 6, 10)),
    ],
)
def test_an_attempt_that_dies_in_mid_epoch_is_taken_up_to_the_same_bits(blobs, recipe, at):
    training = training_of(blobs, **recipe)
    candidate = Candidate(training.space.sample(0))
    network, expected = training.fit(candidate)
    total, Killed.steps, Killed.at = Killed.steps, 0, at
    assert at <= total
    trial = LocalTrial()
    with pytest.raises(KilledError):
        training.fit(candidate, trial)
    assert trial.checkpoint is not None
    # It survives the disk, where nothing but tensors, numbers and text may be.
    file = io.BytesIO()
    torch.save(trial.checkpoint.load(), file)
    file.seek(0)
    torch.load(file, weights_only=True)
    taken = Killed.steps
    again, measured = training.fit(candidate, trial.again())
    assert Killed.steps - taken <= total - at + 1
    assert without_seconds(measured.curve) == without_seconds(expected.curve)
    assert measured.metrics == expected.metrics
    assert same(again, network)


def test_an_attempt_that_dies_after_its_last_report_trains_nothing_more(blobs):
    training = training_of(blobs, early_stopping=1, learning_rate=0.1)
    candidate, trial = Candidate(training.space.sample(0)), LocalTrial()
    network, expected = training.fit(candidate, trial)
    Killed.steps = 0
    again, measured = training.fit(candidate, trial.again())
    assert Killed.steps == 0
    assert measured.metrics == expected.metrics
    assert same(again, network)


def test_rungs_are_the_same_as_one_trial(blobs):
    training = training_of(blobs, schedule="cosine")
    architecture = training.space.sample(0)
    whole, expected = training.fit(Candidate(architecture, Fidelity(epochs=6)))
    parent, curves = None, []
    for number, epochs in enumerate((1, 3, 6)):
        trial = LocalTrial(number, parent=parent)
        candidate = Candidate(
            architecture,
            Fidelity(epochs=epochs, horizon=6),
            number - 1 if number else None,
            "continue" if number else "nothing",
        )
        network, measured = training.fit(candidate, trial)
        curves += without_seconds(measured.curve)
        parent = trial.checkpoint
    assert curves == without_seconds(expected.curve)
    assert measured.metrics == expected.metrics
    assert same(network, whole)


def test_a_rung_of_its_own_schedule_is_another(blobs):
    training = training_of(blobs, schedule="cosine")
    architecture = training.space.sample(0)
    own = training.fit(Candidate(architecture, Fidelity(epochs=2)))[1]
    long = training.fit(Candidate(architecture, Fidelity(epochs=2, horizon=6)))[1]
    assert own.curve[-1]["learning_rate"] < long.curve[-1]["learning_rate"]


@pytest.mark.parametrize("at", [1, 2, 4])
def test_a_verdict_to_stop_stops_with_what_was_reached(blobs, at):
    training = training_of(blobs, 1e9)
    trial = LocalTrial(judge=lambda step, metrics: Verdict.STOP if metrics["epoch"] == at else Verdict.GO_ON)
    _, measured = training.fit(Candidate(training.space.sample(0)), trial)
    assert [entry["epoch"] for entry in measured.curve] == list(range(1, at + 1))
    assert measured.metrics["loss"] == measured.curve[-1]["loss"]


def test_a_verdict_that_was_lost_with_its_attempt_still_holds(blobs):
    training = training_of(blobs)
    candidate = Candidate(training.space.sample(0))
    trial = LocalTrial(judge=lambda step, metrics: Verdict.STOP if metrics["epoch"] == 2 else Verdict.GO_ON)
    training.fit(candidate, trial)
    Killed.steps = 0
    _, measured = training.fit(candidate, trial.again())
    assert Killed.steps == 0
    assert len(measured.curve) == 2


@pytest.mark.parametrize(("seconds", "expected"), [(7.0, [7, 14, 21, 28, 30]), (1e9, [30])])
def test_checkpoints_keep_their_distance_but_for_the_last(blobs, monkeypatch, seconds, expected):
    # A clock that ticks once a step, so that the load of the machine does not matter.
    clock = SimpleNamespace(perf_counter=lambda: float(Killed.steps))
    for module in ("training", "progress"):
        monkeypatch.setattr(f"archwright.estimators.{module}.time", clock)
    kept = []

    class Counting(LocalTrial):
        def save(self, step, state):
            kept.append(step)

        def report(self, step, metrics, state=None):
            kept.extend([step] if state is not None else [])
            return super().report(step, metrics)

    training = training_of(blobs, seconds)
    training.fit(Candidate(training.space.sample(0)), Counting())
    assert kept == expected


def test_replicates_draw_other_seeds(blobs):
    training = training_of(blobs)
    architecture = training.space.sample(0)
    losses = [
        training.fit(Candidate(architecture, Fidelity(replicate=n)))[1].metrics["loss"] for n in (0, 1, 2, 1)
    ]
    assert len(set(losses)) == 3
    assert losses[1] == losses[3]
    assert losses[0] == training.fit(Candidate(architecture))[1].metrics["loss"]


def test_what_cannot_be_continued_is_told(blobs):
    training = training_of(blobs)
    small, large = (
        training.space.architecture({name: n}) for n in (8, 16) for name in training.space.decisions
    )
    with pytest.raises(TrialError, match="trial 4 left no checkpoint"):
        training.fit(Candidate(small, None, 4, "continue"), LocalTrial())
    trial = LocalTrial()
    training.fit(Candidate(small), trial)
    with pytest.raises(TrialError, match="of another network"):
        training.fit(Candidate(large, None, 0, "continue"), LocalTrial(1, parent=trial.checkpoint))
