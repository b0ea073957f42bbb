"""Short searches of every one-shot method, whose figures are kept in the JSON files beside this one.

Usage: python tests/supernets/golden/golden_runs.py [--to FOLDER] [NAME ...] writes them anew.

Networks compute with 64 bits here. With 32 a CPU that adds in another order may change the sign of a slope near 0,
which Adam turns into a full step, and after a few epochs the figures differ by percents; with 64 they agree to 1e-6.
The trainer gave the figures that each method gave with a loop of its own to the last bit, with 32 bits.
"""

from __future__ import annotations

import argparse
import json
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

import torch

from archwright.spaces import Space
from archwright.spaces.zoo.darts import darts_space
from archwright.supernets import METHODS, Supernet, make_method
from archwright.supernets.methods.one_shot import train_epoch
from archwright.tasks import Task, from_arrays
from archwright.tasks.supervised import Supervised
from archwright.testing.known_best import RULE, known_best_space, known_best_task

HERE = Path(__file__).parent
_IMAGES: dict[str, Any] = {"epochs": 3, "batch_size": 24, "architecture_learning_rate": 0.02}
_KNOWN: dict[str, Any] = {**RULE, "epochs": 4}
_EVERY = {"weight_steps_per_architecture_step": 1}

OPERATIONS = ("none", "avg_pool_3x3", "skip_connect", "sep_conv_3x3")

_CONTROLLER: dict[str, Any] = {"controller_steps": 3, "controller_samples": 4}

# Name of a run: the method, what it runs on, its options.
RUNS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "darts": ("darts", "images", {**_IMAGES, "eigenvalue": True}),
    "darts_dropout": (
        "darts",
        "images",
        {**_IMAGES, "operation_dropout": 0.3, "edge_dropout": 0.3, "weight_steps_per_architecture_step": 2},
    ),
    "darts2": ("darts2", "images", {**_IMAGES, "skip_limit": 1}),
    "pcdarts": ("pcdarts", "images", {**_IMAGES, "frozen_epochs": 1}),
    "pdarts": (
        "pdarts",
        "images",
        {**_IMAGES, "epochs": 4, "cells": None, "operations": (3,), "skip_dropout": (0.3, 0.5)},
    ),
    "gdas": ("gdas", "images", _IMAGES),
    "proxyless": (
        "proxyless",
        "images",
        {**_IMAGES, "frozen_epochs": 1, "weight_steps_per_architecture_step": 2},
    ),
    "proxyless_flops": (
        "proxyless",
        "images",
        {
            **_IMAGES,
            "frozen_epochs": 0,
            "weight_steps_per_architecture_step": 1,
            "latency": "flops",
            "latency_term": "add",
        },
    ),
    "enas": ("enas", "images", {**_IMAGES, **_CONTROLLER}),
    "rsws": ("rsws", "images", _IMAGES),
    "spos": ("spos", "images", _IMAGES),
    **{
        f"known_best_{name}": (name, "known best", _KNOWN)
        for name in ("darts", "darts2", "gdas", "proxyless", "enas", "spos")
    },
}


def images() -> Task:
    """Three classes that differ in how fast the pixels change; 90 images to train on."""
    drawn = torch.Generator().manual_seed(7)
    targets = torch.arange(150) % 3
    phase = torch.rand(150, 3, 1, 1, generator=drawn) * 6
    waves = torch.sin((1.0 + targets.view(-1, 1, 1, 1)) * torch.arange(64).view(1, 1, 8, 8) + phase)
    inputs = waves + 0.3 * torch.randn(150, 3, 8, 8, generator=drawn)
    return from_arrays(inputs.numpy(), targets.numpy(), name="waves")


def made_of(kind: str) -> tuple[Space, Task]:
    """The space and the task of a run."""
    if kind == "images":
        task = images()
        space = darts_space(
            task.input_shape, task.outputs, cells=3, channels=8, nodes=2, operations=OPERATIONS
        )
        return space, task
    return known_best_space(), known_best_task(0, examples=400)


@contextmanager
def in_64_bits() -> Iterator[None]:
    """While a block runs, supernets, what their methods add to them and what tasks feed them have 64 bits."""

    def made(supernet: Supernet, *args: Any, **options: Any) -> None:
        plain_init(supernet, *args, **options)
        supernet.double()

    def arguments(task: Supervised, batch: Any) -> Any:
        positional, named = plain_arguments(task, batch)
        return tuple(x.double() for x in positional), named

    plain_init, plain_arguments, dtype = Supernet.__init__, Supervised.arguments, torch.get_default_dtype()
    with patch.object(Supernet, "__init__", made), patch.object(Supervised, "arguments", arguments):
        torch.set_default_dtype(torch.float64)
        try:
            yield
        finally:
            torch.set_default_dtype(dtype)


def run(name: str) -> dict[str, Any]:
    """The metrics of each epoch, and what is proposed and preferred at the end."""
    method_name, kind, options = RUNS[name]
    space, task = made_of(kind)
    with torch.random.fork_rng(devices=[]), warnings.catch_warnings(), in_64_bits():
        warnings.simplefilter("ignore")
        torch.manual_seed(0)
        known = {o: value for o, value in options.items() if o in METHODS.options(method_name)}
        method = make_method(method_name, seed=1, **known)
        trainer = method.trainer(Supernet(space, task.example_arguments()), task, accelerator="cpu")
        epochs = [dict(train_epoch(trainer).metrics) for _ in range(method.epochs)]
        proposals = [architecture.to_json() for architecture in method.derive(4)]
        probabilities = {a: dict(labels) for a, labels in method.probabilities().items()}
        weights = {
            key: [float(tensor.double().sum()), float(tensor.double().norm())]
            for key, tensor in method.supernet.named_parameters()
        }
    total = [sum(column) for column in zip(*weights.values(), strict=True)]
    return {"epochs": epochs, "proposals": proposals, "probabilities": probabilities, "weights": total}


def rounded(value: Any, digits: int) -> Any:
    """Numbers to so many significant digits, in lists and dicts too."""
    if isinstance(value, float):
        return float(f"{value:.{digits}g}")
    if isinstance(value, dict):
        return {key: rounded(item, digits) for key, item in value.items()}
    return [rounded(item, digits) for item in value] if isinstance(value, list) else value


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help="runs; all where none is named")
    parser.add_argument("--to", type=Path, default=HERE)
    arguments = parser.parse_args()
    for asked in arguments.names or RUNS:
        text = json.dumps(rounded(run(asked), 8), indent=1, sort_keys=True)
        (arguments.to / f"{asked}.json").write_text(text + "\n")
        print(asked, flush=True)
