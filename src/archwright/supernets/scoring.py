"""The score of an architecture by shared weights."""

from __future__ import annotations

import torch
from torch import Tensor

from archwright.objectives import DIRECTIONS, Direction
from archwright.spaces import Architecture, Decision
from archwright.supernets.gates import Gate, Mixture, OnePath
from archwright.supernets.mixed import MixedSwitch
from archwright.supernets.norms import recalibrate
from archwright.supernets.partial import divisor_of
from archwright.supernets.supernet import Supernet
from archwright.supernets.untouched import kept, same_draws
from archwright.tasks import Task
from archwright.tasks.batches import Examples, divide, predict

__all__ = ["shared_cost", "shared_score"]

_BATCH = 64
_BATCHES = 8
_PARTIAL_BATCH = 256


def shared_cost(supernet: Supernet, architecture: Architecture, task: Task) -> float:
    """What ranks architectures by `shared_score`, the best lowest: the task's metric, less what is to be large.

    A metric of which it is not known which way is better gives way to the loss.
    """
    scores = shared_score(supernet, architecture, task)
    direction = DIRECTIONS.get(task.metric)
    if direction is None:
        return scores["loss"]
    return -scores[task.metric] if direction is Direction.MAXIMIZE else scores[task.metric]


def shared_score(supernet: Supernet, architecture: Architecture, task: Task) -> dict[str, float]:
    """The task's metrics on the validation data with shared weights, nothing trained.

    The extracted network is scored, the statistics of its norms taken anew from 512 training examples. Of a
    supernet with partial channels only a corner of each weight is trained, so there the supernet itself is scored,
    each edge's operation on its part of the channels, with the statistics of the batch as in the search.

    The score tells architectures of one supernet apart; it is no estimate of what a network reaches that is trained
    alone.

    Args:
        supernet: A trained one; not changed.
        architecture: One of its space.
        task: Its training data recalibrate, its validation data score.
    """
    if divisor_of(supernet) is not None:
        outputs, targets = _predicted_partially(supernet, architecture, task)
        return dict(task.metrics(outputs, targets))
    network = supernet.extract(architecture)
    device = next((parameter.device for parameter in network.parameters()), torch.device("cpu"))
    training = Examples(task.train, device)
    # Drawn, always the same ones: data may stand in the order of their classes.
    drawn = torch.randperm(len(training), generator=torch.Generator().manual_seed(0))
    positions = torch.split(drawn[: _BATCH * _BATCHES], _BATCH)
    recalibrate(network, (inputs for inputs, _ in training.batches([p for p in positions if len(p) > 1])))
    return dict(task.metrics(*predict(network, Examples(task.validation, device))))


def _predicted_partially(supernet: Supernet, architecture: Architecture, task: Task) -> tuple[Tensor, Tensor]:
    """Outputs and targets of the validation data on a part of the channels."""
    operations = {
        address
        for module in supernet.modules()
        if isinstance(module, MixedSwitch) and isinstance(module.selector.expression, Decision)
        for address in module.selector.reads
    }
    gates: dict[str, Gate] = {}
    for address, value in architecture.items():
        if address in operations:
            position = list(supernet.space.decisions[address].values()).index(value)
            gates[address] = Mixture(None, (position,))
        else:
            gates[address] = OnePath(value)
    examples = Examples(task.validation, next(supernet.parameters()).device)
    outputs, targets = [], []
    training = supernet.training
    with torch.no_grad(), supernet.on(gates), same_draws(supernet, 0), kept(list(supernet.buffers())):
        supernet.train()
        for inputs, wanted in examples.batches(divide(torch.arange(len(examples)), _PARTIAL_BATCH)):
            outputs.append(supernet(inputs).float().cpu())
            targets.append(wanted.cpu())
    supernet.train(training)
    return torch.cat(outputs), torch.cat(targets)
