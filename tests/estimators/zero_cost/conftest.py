"""A small network with all that breaks hooks, in 64 bits, and the same written out."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import TensorDataset

from archwright.estimators.zero_cost import Probe
from archwright.tasks import Task

CHANNELS, CLASSES, EXAMPLES = 3, 3, 5


class Reusing(nn.Module):
    """One ReLU in place, called three times; one convolution, called twice."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(2, CHANNELS, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(CHANNELS)
        self.again = nn.Conv2d(CHANNELS, CHANNELS, 3, padding=1)
        self.relu = nn.ReLU(inplace=True)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.head = nn.Linear(CHANNELS, CLASSES)

    def forward(self, x):
        x = self.relu(self.norm(self.stem(x)))
        x = self.relu(self.again(x))
        x = self.relu(self.again(x))
        return self.head(self.pool(x).flatten(1))


class Squares(Task):
    """Classes of images of 4 x 4 pixels with 2 channels."""

    name, kind, metric = "squares", "classification", "loss"
    input_shape, outputs = (2, 4, 4), CLASSES

    def __init__(self):
        generator = torch.Generator().manual_seed(1)
        images = torch.randn(40, 2, 4, 4, generator=generator, dtype=torch.float64)
        labels = torch.randint(0, CLASSES, (40,), generator=generator)
        self.train = self.validation = self.test = TensorDataset(images, labels)

    def loss(self, outputs, batch):
        return F.cross_entropy(outputs, batch[1])


def written_out(weights, x, *, training=True, masks=None, buffers=None):
    """The network of `Reusing` without modules: outputs and what is on the way.

    Masks are factors on the outputs of layers, by example and channel.
    """
    m = masks or {}

    def masked(name, y):
        return y if name not in m else y * m[name].reshape(*m[name].shape, *[1] * (y.ndim - 2))

    found = SimpleNamespace(patterns=[], outputs=None, entering=None, pooled=None, stages=[])
    y = masked("stem", F.conv2d(x, weights["stem.weight"], padding=1))
    found.entering = y
    if training is None:
        z = y
    elif training:
        mean, var = y.mean((0, 2, 3), keepdim=True), y.var((0, 2, 3), unbiased=False, keepdim=True)
        z = (y - mean) / (var + 1e-5).sqrt()
    else:
        z = y / (1 + 1e-5) ** 0.5
    if training is not None:
        z = z * weights["norm.weight"].reshape(1, -1, 1, 1) + weights["norm.bias"].reshape(1, -1, 1, 1)
    found.stages.append(y)
    y = z.relu()
    found.patterns.append(y > 0)
    for _ in range(2):
        y = masked("again", F.conv2d(y, weights["again.weight"], weights["again.bias"], padding=1))
        found.stages.append(y)
        y = y.relu()
        found.patterns.append(y > 0)
    found.pooled = y
    found.outputs = masked("head", y.mean((2, 3)) @ weights["head.weight"].T + weights["head.bias"])
    return found


@pytest.fixture
def squares():
    return Squares()


@pytest.fixture
def network():
    torch.manual_seed(0)
    return Reusing().double()


@pytest.fixture
def make_probe(squares):
    """`make_probe(network, *wanted)`: on two batches of five examples."""

    def make(network, *wanted, task=squares, few=None):
        images, labels = task.train.tensors
        batches = [(images[i : i + EXAMPLES], labels[i : i + EXAMPLES]) for i in (0, EXAMPLES)]
        return Probe(network, task, batches, wanted=wanted, seed=7, few=few)

    return make


@pytest.fixture
def by_hand():
    return written_out
