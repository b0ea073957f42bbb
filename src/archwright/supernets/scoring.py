"""The score of an architecture by shared weights."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import nn

from archwright.learning.gradients import preserved
from archwright.learning.randomness import seeded
from archwright.objectives import DIRECTIONS, Direction
from archwright.spaces import Architecture, Decision
from archwright.supernets.gates import Gate, Mixture, OnePath
from archwright.supernets.mixed import MixedOp
from archwright.supernets.norms import recalibrate
from archwright.supernets.partial import divisor_of
from archwright.supernets.supernet import Supernet
from archwright.tasks import Part, Plan, Task
from archwright.tasks.batches import evaluation_plan

__all__ = ["inherited", "ranked_by_shared_weights", "shared_cost", "shared_score"]

_BATCH = 64
_BATCHES = 8
_PARTIAL_BATCH = 256


def shared_cost(supernet: Supernet, architecture: Architecture, task: Task) -> float:
    """What ranks architectures by `shared_score`, the best lowest: the task's metric, less what is to be large.

    A metric that is not given, or of which it is not known which way is better, gives way to the loss.
    """
    scores = shared_score(supernet, architecture, task)
    direction = DIRECTIONS.get(task.metric) if task.metric in scores else None
    if direction is None:
        return scores["loss"]
    return -scores[task.metric] if direction is Direction.MAXIMIZE else scores[task.metric]


def ranked_by_shared_weights(
    supernet: Supernet, architectures: Iterable[Architecture], task: Task
) -> list[Architecture]:
    """Architectures in the order of `shared_cost`, the best first; of equal ones the first."""
    scored = [(shared_cost(supernet, a, task), number, a) for number, a in enumerate(architectures)]
    return [architecture for _, _, architecture in sorted(scored, key=lambda entry: entry[:2])]


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
    device = next((parameter.device for parameter in supernet.parameters()), torch.device("cpu"))
    if divisor_of(supernet) is not None:
        return _score_partially(supernet, architecture, task, device)
    network = inherited(supernet, architecture, task)
    with seeded(0, device):  # data may be changed at random when they are read
        return task.evaluate(network, Part("validation"), evaluation_plan(device))


def inherited(
    supernet: Supernet,
    architecture: Architecture,
    task: Task,
    batches: int = _BATCHES,
    run: Callable[[nn.Module], nn.Module] = lambda network: network,
) -> nn.Module:
    """The plain network of an architecture with the supernet's weights, the statistics of its norms taken anew.

    Args:
        supernet: A trained one; not changed.
        architecture: One of its space.
        task: Its training data recalibrate.
        batches: Of 64 training examples, drawn, always the same ones: data may stand in the order of their classes.
        run: Gives what to call in the network's place, so that it runs in its precision.
    """
    network = supernet.extract(architecture)
    device = next((parameter.device for parameter in network.parameters()), torch.device("cpu"))
    module = run(network)
    with seeded(0, device):
        drawn = task.batches(Part("train"), Plan(size=_BATCH, device=device, seed=0), network)
        recalibrate(network, itertools.islice(drawn, batches), lambda _, batch: task.forward(module, batch))
    return network


class _AsTrained(nn.Module):
    """A network that stays in training mode when it is scored."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, *inputs: Any, **named: Any) -> Any:
        self.network.train()
        return self.network(*inputs, **named)


def _score_partially(
    supernet: Supernet, architecture: Architecture, task: Task, device: torch.device
) -> dict[str, float]:
    """The scores on a part of the channels."""
    operations = {
        address
        for module in supernet.modules()
        if isinstance(module, MixedOp) and isinstance(module.selector.expression, Decision)
        for address in module.selector.reads
    }
    gates: dict[str, Gate] = {}
    for address, value in architecture.items():
        if address in operations:
            position = list(supernet.space.decisions[address].values()).index(value)
            gates[address] = Mixture(None, (position,))
        else:
            gates[address] = OnePath(value)
    plan = Plan(size=_PARTIAL_BATCH, device=device)
    with supernet.on(gates), seeded(0, device), preserved(list(supernet.buffers())):
        return task.evaluate(_AsTrained(supernet), Part("validation"), plan)
