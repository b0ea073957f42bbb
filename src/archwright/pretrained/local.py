"""Local distillation: an alternative learns to give what its block gives for the same inputs."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.data import TensorDataset

from archwright.errors import TaskError
from archwright.evaluating import evaluating
from archwright.learning.devices import make_fabric
from archwright.learning.plain import PlainStep
from archwright.learning.recipe import Recipe
from archwright.learning.trainer import Trainer
from archwright.pretrained.blocks import Block, passed_through
from archwright.tasks.batches import Part, Plan, evaluation_plan
from archwright.tasks.task import Task

__all__ = ["BlockTask", "block_data", "train_locally"]

_BATCH = 128
_HELD_OUT = 8
"""One example in so many judges, and is not learned."""


class BlockTask(Task):
    """To give a block's outputs for its inputs; the loss is the mean squared error over the outputs' mean square.

    Source: Puzzle (Bercovich et al. 2024, arXiv:2411.19146, section 2), equation of the normalised loss; Blakeney et
    al. and LANA (Molchanov et al. 2021, arXiv:2107.10624) train layer by layer alike.

    Args:
        block: Gives what else it is called with.
        inputs: What the block gets, shape (N, ...), N >= 4.
        outputs: What it gives, shape (N, ...).
    """

    name = "block"
    kind = "regression"

    def __init__(self, block: Block, inputs: Tensor, outputs: Tensor) -> None:
        held_out = max(2, len(inputs) // _HELD_OUT)
        if len(inputs) < held_out + 2:
            raise TaskError(f"expected at least 4 examples to train an alternative, got {len(inputs)}")
        self.block = block
        self.scale = float(outputs.square().mean()) or 1.0
        self.train = TensorDataset(inputs[held_out:], outputs[held_out:])
        self.validation = self.test = TensorDataset(inputs[:held_out], outputs[:held_out])

    def arguments(self, batch: Any) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """The block's input, and what else it is called with."""
        return (batch[0], *self.block.args), dict(self.block.kwargs)

    def loss(self, outputs: Any, batch: Any) -> Tensor:
        """The normalised mean squared error: 0 for the block itself, 1 for zeros."""
        error: Tensor = (outputs.float() - batch[1]).square().mean() / self.scale
        return error


def block_data(
    network: nn.Module, block: Block, task: Task, examples: int, device: torch.device, seed: int = 0
) -> tuple[Tensor, Tensor]:
    """What a block gets and gives on training examples, on the CPU.

    Args:
        network: In which it stands, on the device.
        block: The block.
        task: Its training data are read, in an order by the seed.
        examples: How many, at most as many as there are.
        device: Where the network runs.
        seed: Of the order.
    """
    stream = task.batches(Part("train"), Plan(size=_BATCH, device=device, seed=seed), network)
    inputs, outputs, count = [], [], 0
    with evaluating(network):
        for batch in stream:
            got, given = passed_through(network, block.name, partial(_called, task, batch))
            inputs.append(got.cpu())
            outputs.append(given.cpu())
            count += len(got)
            if count >= examples:
                break
    return torch.cat(inputs)[:examples], torch.cat(outputs)[:examples]


def _called(task: Task, batch: Any, network: nn.Module) -> Any:
    return task.forward(network, batch)


def train_locally(module: nn.Module, task: BlockTask, recipe: Recipe, accelerator: str = "auto") -> float:
    """Train an alternative in place against its block.

    Args:
        module: The alternative; on the CPU and in evaluation mode afterwards.
        task: The block's inputs and outputs.
        recipe: How.
        accelerator: Lightning Fabric's name of a device.

    Returns:
        The normalised error on examples that were held out.
    """
    fabric = make_fabric(accelerator, 1, "32-true")
    if any(one.requires_grad for one in module.parameters()):
        trainer = Trainer(task, module, recipe, PlainStep(), fabric=fabric)
        with trainer.randomness.drawing():
            for _ in trainer.run():
                pass
    module.to(fabric.device)
    scores: Mapping[str, float] = task.evaluate(module, Part("validation"), evaluation_plan(fabric.device))
    module.to("cpu").eval().zero_grad(set_to_none=True)
    return scores["loss"]
