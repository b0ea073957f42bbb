"""Short searches of every one-shot method, whose figures are kept in the JSON files beside this one.

Usage: python tests/supernets/golden/golden_runs.py [--to FOLDER] [--digits 17] [NAME ...] writes them anew, in one
thread.
They were first written before all methods shared one trainer, so that they say what it must still give.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import warnings
from pathlib import Path
from typing import Any

import torch
from torch.nn import functional

from archwright.spaces import Space
from archwright.spaces.zoo.darts import darts_space
from archwright.supernets import METHODS, Supernet, make_method
from archwright.supernets.methods.one_shot import train_epoch
from archwright.tasks import Task, from_arrays
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


def run(name: str) -> dict[str, Any]:
    """The metrics of each epoch, and what is proposed and preferred at the end."""
    method_name, kind, options = RUNS[name]
    space, task = made_of(kind)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with torch.random.fork_rng(devices=[]), warnings.catch_warnings():
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
    finally:
        torch.set_num_threads(threads)
    total = [sum(column) for column in zip(*weights.values(), strict=True)]
    return {"epochs": epochs, "proposals": proposals, "probabilities": probabilities, "weights": total}


def rounding() -> str:
    """How this CPU rounds: a digest of the bits that the kernels of a small network give, and of its gradients."""
    drawn = torch.Generator().manual_seed(0)
    x, dense, apart = (
        torch.randn(*shape, generator=drawn) for shape in ((24, 8, 8, 8), (8, 8, 3, 3), (8, 1, 3, 3))
    )
    inputs = [part.requires_grad_() for part in (x, dense, apart)]
    y = functional.conv2d(functional.conv2d(x, dense, padding=1).relu(), apart, padding=1, groups=8)
    y = functional.avg_pool2d(functional.batch_norm(y, None, None, training=True), 3).flatten(1)
    loss = functional.cross_entropy(y @ y.T, torch.arange(24))
    bits = [part.detach().numpy().tobytes() for part in (y, loss, *torch.autograd.grad(loss, inputs))]
    return hashlib.sha256(b"".join(bits)).hexdigest()[:16]


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
    parser.add_argument("--digits", type=int, default=8)
    arguments = parser.parse_args()
    for asked in arguments.names or RUNS:
        text = json.dumps(rounded(run(asked), arguments.digits), indent=1, sort_keys=True)
        (arguments.to / f"{asked}.json").write_text(text + "\n")
        print(asked, flush=True)
    (arguments.to / "rounding.txt").write_text(rounding() + "\n")
