"""What a derived architecture reaches with the weights that it shares."""

from __future__ import annotations

import torch
from torch import Tensor

from archwright.spaces import Architecture, Decision
from archwright.supernets.gates import Gate, Mixture, OnePath
from archwright.supernets.methods.untouched import kept, same_draws
from archwright.supernets.mixed import MixedSwitch
from archwright.supernets.partial import PartialChannels
from archwright.supernets.scoring import shared_score
from archwright.supernets.supernet import Supernet
from archwright.tasks import Task
from archwright.tasks.batches import Examples, divide

__all__ = ["derived_scores"]

_BATCH = 256


def derived_scores(supernet: Supernet, architecture: Architecture, task: Task) -> dict[str, float]:
    """The task's metrics on the validation data of an architecture with shared weights.

    Of a supernet with partial channels only a part of each weight is trained, so that the extracted network tells
    nothing. There it is the supernet itself that is scored, with each edge's operation on its part of the channels,
    and the statistics of the batch in its norms as in the search. Otherwise see `shared_score`.

    Args:
        supernet: Not changed.
        architecture: One of its space.
        task: Its validation data score.
    """
    switches = [module for module in supernet.modules() if isinstance(module, MixedSwitch)]
    if not any(isinstance(switch.mixer, PartialChannels) for switch in switches):
        return shared_score(supernet, architecture, task)
    operations = {
        address
        for switch in switches
        for address in switch.selector.reads
        if isinstance(switch.selector.expression, Decision)
    }
    gates: dict[str, Gate] = {}
    for address, value in architecture.items():
        position = None
        if address in operations:
            position = list(supernet.space.decisions[address].values()).index(value)
        gates[address] = OnePath(value) if position is None else Mixture(None, (position,))
    device = next(supernet.parameters()).device
    examples = Examples(task.validation, device)
    outputs: list[Tensor] = []
    targets: list[Tensor] = []
    training = supernet.training
    with torch.no_grad(), supernet.on(gates), same_draws(supernet, 0), kept(list(supernet.buffers())):
        supernet.train()
        for inputs, wanted in examples.batches(divide(torch.arange(len(examples)), _BATCH)):
            outputs.append(supernet(inputs).float().cpu())
            targets.append(wanted.cpu())
    supernet.train(training)
    return dict(task.metrics(torch.cat(outputs), torch.cat(targets)))
