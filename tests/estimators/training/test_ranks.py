"""Two processes train one network as one process does."""

from __future__ import annotations

from datetime import timedelta

import pytest
import torch
from torch import nn

from archwright.errors import TrialError
from archwright.estimators import Recipe, Training
from archwright.learning import ranks
from archwright.spaces import Space, layer
from archwright.trials import Candidate, Fidelity, LocalTrial


def network(hidden):
    return nn.Sequential(nn.Linear(4, hidden), nn.Tanh(), nn.Linear(hidden, 3))


def trained(blobs, devices, candidate=None, trial=None, **recipe):
    space = Space(layer(network, 8))
    training = Training(
        space,
        blobs,
        Recipe(**{"epochs": 3, "batch_size": 20, "gradient_clip": 0.5, **recipe}),
        accelerator="cpu",
        devices=devices,
        threads=1,
    )
    return training.fit(candidate or Candidate(space.sample(0)), trial)


def test_two_gloo_processes_learn_what_one_does_and_can_be_continued(blobs):
    expected, alone = trained(blobs, 1)
    architecture = Space(layer(network, 8)).sample(0)
    first = LocalTrial()
    _, begun = trained(blobs, 2, Candidate(architecture, Fidelity(epochs=2, horizon=3)), first)
    second = LocalTrial(1, parent=first.checkpoint)
    found, ended = trained(blobs, 2, Candidate(architecture, Fidelity(epochs=3), 0, "continue"), second)
    curve = [*begun.curve, *ended.curve]
    assert [entry["epoch"] for entry in curve] == [1, 2, 3]
    for mine, theirs in zip(curve, alone.curve, strict=True):
        assert mine["train_loss"] == pytest.approx(theirs["train_loss"], rel=1e-4)
        assert mine["loss"] == pytest.approx(theirs["loss"], rel=1e-4)
    for mine, theirs in zip(found.parameters(), expected.parameters(), strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-3, atol=1e-4)
    assert list(second.reports) == [12]  # 4 steps an epoch, as for one


def test_two_gloo_processes_go_on_from_their_own_checkpoint(blobs, monkeypatch):
    monkeypatch.setattr(ranks, "_TIMEOUT", timedelta(minutes=5))  # a rank that waits for nobody is told then
    architecture = Space(layer(network, 8)).sample(0)
    whole, half = Candidate(architecture), Candidate(architecture, Fidelity(epochs=2, horizon=3))
    expected, straight = trained(blobs, 2, whole)
    first = LocalTrial()
    trained(blobs, 2, half, first)
    second = first.again()
    found, resumed = trained(blobs, 2, whole, second)
    assert list(second.reports) == [4, 8, 12]
    assert [entry["epoch"] for entry in resumed.curve] == [1, 2, 3]
    for mine, theirs in zip(resumed.curve, straight.curve, strict=True):
        assert {**mine, "seconds": 0} == {**theirs, "seconds": 0}
    for mine, theirs in zip(found.parameters(), expected.parameters(), strict=True):
        assert torch.equal(mine, theirs)
    # Once more after the end: the answer to the last report may have been lost. No rank may wait for another.
    again, told = trained(blobs, 2, whole, second.again())
    assert told.metrics == resumed.metrics
    for mine, theirs in zip(again.parameters(), found.parameters(), strict=True):
        assert torch.equal(mine, theirs)


class Dying(nn.Linear):
    """Dies in the second process, whose piece of a batch is smaller."""

    def forward(self, inputs):
        if self.training and len(inputs) == 35:
            raise ValueError("of the user")
        return super().forward(inputs)


def test_a_rank_that_dies_ends_the_trial(blobs):
    space = Space(layer(Dying, 4, 3))
    training = Training(
        space, blobs, Recipe(epochs=1, batch_size=71), accelerator="cpu", devices=2, threads=1
    )
    blobs.train = torch.utils.data.TensorDataset(*(tensor[:71] for tensor in blobs.train.tensors))
    with pytest.raises(TrialError, match=r"rank 1 \(exit code 1\) of 2 died"):
        training.fit(Candidate(space.sample(0)))
