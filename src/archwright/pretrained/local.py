"""Local distillation: an alternative learns to give what its block gives for the same inputs."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_flatten, tree_unflatten
from torch.utils.data import TensorDataset

from archwright.errors import TaskError
from archwright.evaluating import evaluating
from archwright.learning.devices import make_fabric
from archwright.learning.layout import lay_out, plain_layout
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
        data: What the block is called with and gives for N >= 4 examples: see `block_data`.
    """

    name = "block"
    kind = "regression"

    def __init__(self, data: Block) -> None:
        count = len(data.inputs)
        held_out = max(2, count // _HELD_OUT)
        if count < held_out + 2:
            raise TaskError(f"expected at least 4 examples to train an alternative, got {count}")
        self.batched = data.batched
        self.leaves, self.form = tree_flatten((data.args, data.kwargs))
        self.scale = float(data.outputs.square().mean()) or 1.0
        tensors = [data.inputs, *(self.leaves[place] for place in data.batched), data.outputs]
        self.train = TensorDataset(*(one[held_out:] for one in tensors))
        self.validation = self.test = TensorDataset(*(one[:held_out] for one in tensors))

    def arguments(self, batch: Any) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """The block's input, and what else it is called with."""
        leaves = list(self.leaves)
        for place, one in zip(self.batched, batch[1:-1], strict=True):
            leaves[place] = one
        args, kwargs = tree_unflatten(leaves, self.form)
        return (batch[0], *args), kwargs

    def loss(self, outputs: Any, batch: Any) -> Tensor:
        """The normalised mean squared error: 0 for the block itself, 1 for zeros."""
        error: Tensor = (outputs.float() - batch[-1]).square().mean() / self.scale
        return error


def block_data(
    network: nn.Module, block: Block, task: Task, examples: int, device: torch.device, seed: int = 0
) -> Block:
    """What a block is called with and gives on training examples, on the CPU.

    Args:
        network: In which it stands, on the device.
        block: The block.
        task: Its training data are read, in an order by the seed. Batches in which the block sees other sizes than in
            the first, such as longer sequences, are left out.
        examples: How many, at most as many as there are.
        device: Where the network runs.
        seed: Of the order.
    """
    stream = task.batches(Part("train"), Plan(size=_BATCH, device=device, seed=seed), network)
    calls: list[list[Tensor]] = []
    count = 0
    with evaluating(network):
        for batch in stream:
            call = passed_through(network, block.name, partial(_called, task, batch))
            leaves, form = tree_flatten((call.args, call.kwargs))
            tensors = [call.inputs, *(leaves[place] for place in block.batched), call.outputs]
            if calls and any(
                one.shape[1:] != other.shape[1:] for one, other in zip(tensors, calls[0], strict=True)
            ):
                continue
            calls.append([one.cpu() for one in tensors])
            count += len(call.inputs)
            if count >= examples:
                break
    inputs, *batched, outputs = (torch.cat(pieces)[:examples] for pieces in zip(*calls, strict=True))
    for place, one in zip(block.batched, batched, strict=True):
        leaves[place] = one
    args, kwargs = tree_unflatten([one.cpu() if isinstance(one, Tensor) else one for one in leaves], form)
    return Block(block.name, inputs, outputs, args, kwargs, block.batched)


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
            lay_out(module, task)
            for _ in trainer.run():
                pass
    module.to(fabric.device)
    scores: Mapping[str, float] = task.evaluate(module, Part("validation"), evaluation_plan(fabric.device))
    module.to("cpu").eval().zero_grad(set_to_none=True)
    plain_layout(module)
    return scores["loss"]
