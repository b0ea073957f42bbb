"""The score of an architecture by shared weights."""

from __future__ import annotations

import torch

from archwright.spaces import Architecture
from archwright.supernets.norms import recalibrate
from archwright.supernets.supernet import Supernet
from archwright.tasks import Task
from archwright.tasks.batches import Examples, predict

__all__ = ["shared_score"]

_BATCH = 64
_BATCHES = 8


def shared_score(supernet: Supernet, architecture: Architecture, task: Task) -> dict[str, float]:
    """The task's metrics on the validation data of the extracted network, nothing trained.

    The statistics of its norms are taken anew from the first 512 training examples. It tells architectures of one
    supernet apart; it is no estimate of what a network reaches that is trained alone.

    Args:
        supernet: A trained one; not changed.
        architecture: One of its space.
        task: Its training data recalibrate, its validation data score.
    """
    network = supernet.extract(architecture)
    device = next((parameter.device for parameter in network.parameters()), torch.device("cpu"))
    training = Examples(task.train, device)
    positions = torch.split(torch.arange(min(_BATCH * _BATCHES, len(training))), _BATCH)
    recalibrate(network, (inputs for inputs, _ in training.batches([p for p in positions if len(p) > 1])))
    outputs, targets = predict(network, Examples(task.validation, device))
    return dict(task.metrics(outputs, targets))
