"""Two processes on half batches train a supernet as one process does on whole ones."""

from __future__ import annotations

import random
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch

from archwright.errors import SearchError
from archwright.learning.ranks import ALONE, Ranks, joined
from archwright.supernets import METHODS, Supernet, make_method, train_epoch
from archwright.supernets.gates import Gate, Mixture
from archwright.supernets.methods.one_shot import fingerprint
from archwright.testing.known_best import known_best_space, known_best_task

OPTIONS: dict[str, Any] = {
    "batch_size": 31,  # so that one process has more examples than the other
    "learning_rate": 0.05,
    "frozen_epochs": 0,
    "weight_steps_per_architecture_step": 1,
    "architecture_learning_rate": 0.02,
    "cells": None,
    "operations": (2, 1),
    "controller_steps": 2,
    "controller_samples": 2,
    "controller_learning_rate": 0.05,
}
CASES: dict[str, tuple[str, dict[str, Any]]] = {
    **{name: (name, {}) for name in METHODS},
    "accumulation": ("darts2", {"accumulation": 2, "batch_size": 30}),
    "dropout": ("darts", {"early_stop": True, "operation_dropout": 0.3}),
    "latency": ("proxyless", {"latency": "flops"}),
}


def told(gates: dict[str, Gate]) -> list[str]:
    """The gates of a step, as text that two processes can compare to the last bit."""
    found = []
    for address, gate in gates.items():
        weights = gate.weights if isinstance(gate, Mixture) else None
        shown = repr(gate) if weights is None else f"{gate.computed} {weights.tolist()}"  # type: ignore[union-attr]
        found.append(f"{address}: {shown}")
    return found


class Watched(Supernet):
    """Keeps what gates it was given."""

    steps: list[list[str]]

    def set_gates(self, gates: Any) -> None:
        super().set_gates(gates)
        self.__dict__.setdefault("steps", []).append(told(self.gates.get()))


def train(case: str, ranks: Ranks = ALONE) -> dict[str, Any]:
    """Two epochs of a method, three where it has stages; weights, figures and gates."""
    name, more = CASES[case]
    options = {key: value for key, value in OPTIONS.items() if key in METHODS.options(name)}
    options["precision"] = "64-true"
    method = make_method(name, seed=3, epochs=3 if name == "pdarts" else 2, **{**options, **more})
    task = known_best_task(
        0, examples=150
    )  # no rest of a part is so small that several processes divide otherwise
    torch.manual_seed(0)
    supernet = Watched(known_best_space(), task.example_arguments())
    trainer = method.trainer(supernet, task, accelerator="cpu", ranks=ranks)
    figures = []
    with trainer.randomness.drawing():
        # What a rank draws for itself must not matter.
        random.seed(ranks.rank)
        np.random.seed(ranks.rank)
        torch.manual_seed(ranks.rank)
        while trainer.epoch < method.epochs:
            figures.append(dict(train_epoch(trainer).metrics))
    steps = supernet.steps if trainer.network is supernet else []
    found = {
        "weights": dict(trainer.network.state_dict()),
        "figures": figures,
        "probabilities": {a: dict(p) for a, p in method.probabilities().items()},
        "steps": steps,
        "state": fingerprint(method.state_dict()),
    }
    mine = {"steps": steps, "state": found["state"], "weights": fingerprint(trainer.network.state_dict())}
    found["ranks"] = ranks.gather(mine)
    return found


def follow(case: str, ranks: Ranks) -> None:
    train(case, ranks)


@pytest.mark.sampled(6)
@pytest.mark.filterwarnings("ignore:P-DARTS")
@pytest.mark.parametrize("case", CASES)
def test_two_gloo_processes_learn_what_one_does_on_paths_that_are_alike(case: str) -> None:
    with joined(2, partial(follow, case), [torch.device("cpu")] * 2) as ranks:
        together = train(case, ranks)
    alone = train(case)
    first, second = together["ranks"]
    assert first == second  # each step's gates, weights and the method's state, to the last bit
    for name, tensor in alone["weights"].items():
        torch.testing.assert_close(together["weights"][name], tensor, rtol=1e-8, atol=1e-8)
    for mine, theirs in zip(together["figures"], alone["figures"], strict=True):
        assert mine == pytest.approx(theirs, rel=1e-3, abs=1e-5)
    for address, chances in alone["probabilities"].items():
        assert together["probabilities"][address] == pytest.approx(chances, abs=1e-5)


def broken(ranks: Ranks) -> None:
    """Trains by a method whose second process draws other paths."""
    method = make_method("spos", seed=0, epochs=1, batch_size=30)
    task = known_best_task(0, examples=100)
    trainer = method.trainer(
        Supernet(known_best_space(), task.example_arguments()), task, accelerator="cpu", ranks=ranks
    )
    if not ranks.is_first:
        method.sampler.seed(5)  # type: ignore[attr-defined]
    train_epoch(trainer)


def follow_broken(ranks: Ranks) -> None:
    with pytest.raises(SearchError):
        broken(ranks)


@pytest.mark.slow
def test_ranks_that_have_other_gates_are_noticed() -> None:
    with (
        pytest.raises(SearchError, match="have other gates each, in epoch 1"),
        joined(2, follow_broken, [torch.device("cpu")] * 2) as ranks,
    ):
        broken(ranks)
