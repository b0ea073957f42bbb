"""Training keeps what is asked of every estimator, the conversation with its trial included."""

from __future__ import annotations

import numpy as np
from torch import nn

from archwright.estimators import Recipe, Training
from archwright.spaces import Space, choice, layer
from archwright.tasks import from_arrays
from archwright.testing import EstimatorContract
from archwright.trials import Fidelity


def perceptrons() -> Space:
    width = choice(8, 16, name="width")
    layers = (layer(nn.Linear, 4, width), layer(nn.ReLU), layer(nn.Dropout, 0.2), layer(nn.Linear, width, 3))
    return Space(layer(nn.Sequential, *layers))


def training(space: Space) -> Training:
    labels = np.repeat([0, 1, 2], 20)
    inputs = np.random.default_rng(0).normal(size=(60, 4)) + np.eye(4)[labels]
    recipe = Recipe(epochs=3, batch_size=12, augmentation="noise", mixup=0.2, schedule="cosine")
    task = from_arrays(inputs, labels, kind="classification", name="blobs")
    return Training(space, task, recipe, accelerator="cpu", threads=1, checkpoint_seconds=0.0)


class TestTraining(EstimatorContract):
    make = training
    make_space = perceptrons
    metrics = ("accuracy", "loss", "params", "flops")
    fidelities = (Fidelity(epochs=1), Fidelity(epochs=2, data_fraction=0.5), Fidelity(epochs=1, replicate=1))
    converses = True
