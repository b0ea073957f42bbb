"""Every one-shot method trains on what a task makes of batch, outputs and loss, whatever their structure."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

import archwright as aw
from archwright.supernets import METHODS, Supernet, check, make_method, shared_score, train_epoch
from archwright.tasks import Task


class Matching(Task):
    """Whether two vectors are alike, and how long the first is: items are dicts, outputs and losses are two."""

    name = "matching"
    kind = "matching"
    metric = "accuracy"

    def __init__(self, examples: int = 96) -> None:
        drawn = torch.Generator().manual_seed(0)
        left = torch.randn(2 * examples, 8, generator=drawn)
        right = torch.where(torch.rand(2 * examples, 1, generator=drawn) < 0.5, left, -left)
        rows = [
            {"left": a, "right": b, "same": (a @ b > 0).long(), "length": a.norm()}
            for a, b in zip(left, right, strict=True)
        ]
        half = examples // 2
        self.train: Any = rows[:examples]
        self.validation: Any = rows[examples : examples + half]
        self.test: Any = rows[examples + half :]

    def arguments(self, batch: Any) -> tuple[tuple[Any, ...], dict[str, Any]]:
        return (batch["left"],), {"right": batch["right"]}

    def loss(self, outputs: Any, batch: Any) -> Tensor:
        alike = functional.cross_entropy(outputs["same"].float(), batch["same"])
        return alike + 0.1 * functional.mse_loss(outputs["length"].float(), batch["length"])

    def metrics(self, outputs: Any, batch: Any) -> dict[str, Any]:
        hits = (outputs["same"].argmax(1) == batch["same"]).sum()
        return {"accuracy": (hits, len(batch["same"]))}


class Matcher(nn.Module):
    """Both vectors through one encoder; their product tells whether they are alike."""

    def __init__(self, encoder: nn.Module) -> None:
        super().__init__()
        self.encoder = encoder
        self.same, self.length = nn.Linear(8, 2), nn.Linear(8, 1)

    def forward(self, left: Tensor, *, right: Tensor) -> dict[str, Tensor]:
        first, second = self.encoder(left), self.encoder(right)
        return {"same": self.same(first * second), "length": self.length(first)[:, 0]}


def space() -> aw.Space:
    options = {
        "linear": aw.layer(nn.Sequential, aw.layer(nn.Linear, 8, 8), aw.layer(nn.BatchNorm1d, 8)),
        "tanh": aw.layer(nn.Tanh),
        "skip": aw.layer(nn.Identity),
    }
    layers = [aw.choice(options, name=name) for name in ("first", "second")]
    return aw.Space(aw.layer(Matcher, aw.layer(nn.Sequential, *layers)), name="matcher")


SMALL: dict[str, Any] = {
    "epochs": 2,
    "batch_size": 16,
    "frozen_epochs": 0,
    "weight_steps_per_architecture_step": 1,
    "cells": None,
    "operations": (2,),
    "skip_dropout": (0.1, 0.2),
    "controller_steps": 2,
    "controller_samples": 2,
}


@pytest.mark.parametrize("name", METHODS)
@pytest.mark.filterwarnings("ignore:P-DARTS")
def test_two_inputs_a_dict_of_outputs_and_a_loss_of_its_own(name: str) -> None:
    task = Matching()
    assert check(space(), name, task.example_arguments()) == []
    method = make_method(name, **{o: value for o, value in SMALL.items() if o in METHODS.options(name)})
    torch.manual_seed(0)
    trainer = method.trainer(Supernet(space(), task.example_arguments()), task, accelerator="cpu")
    losses = [train_epoch(trainer).metrics["train_loss"] for _ in range(2)]
    assert losses[1] < losses[0]
    architecture = method.derive(1)[0]
    scores = shared_score(method.supernet, architecture, task)
    assert set(scores) == {"accuracy", "loss"}
    assert 0 <= scores["accuracy"] <= 1
    assert math.isfinite(scores["loss"])


def test_a_whole_search(tmp_path: Path) -> None:
    result = aw.search(
        space(),
        Matching(),
        strategy="gdas",
        strategy_options={"epochs": 1, "batch_size": 16},
        recipe=aw.Recipe(epochs=1),
        retrain=1,
        onnx=False,
        progress=False,
        out=tmp_path / "run",
    )
    assert set(result.test or {}) >= {"accuracy", "loss"}
    assert "train_loss" in result.run.epochs[-1]["metrics"]


class Unmeasured(Matching):
    """Does not give the metric that it names."""

    def metrics(self, outputs: Any, batch: Any) -> dict[str, Any]:
        return {}


@pytest.mark.parametrize("name", ["enas", "rsws"])
def test_without_its_metric_a_task_is_ranked_by_the_loss(name: str) -> None:
    task = Unmeasured()
    method = make_method(name, **{o: value for o, value in SMALL.items() if o in METHODS.options(name)})
    trainer = method.trainer(Supernet(space(), task.example_arguments()), task, accelerator="cpu")
    train_epoch(trainer)
    (best,) = method.derive(1)
    assert space().contains(best)
