from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch
from torch import nn

from archwright.errors import TaskError
from archwright.learning import Recipe
from archwright.pretrained.blocks import Block, find_blocks
from archwright.pretrained.local import BlockTask, block_data, train_locally
from archwright.tasks import Task
from archwright.tasks.datasets.arrays import from_arrays

sys.path.append(str(Path(__file__).parent))  # the suite imports tests by their path
from residual_network import ResidualNetwork


def images() -> Task:
    generator = torch.Generator().manual_seed(0)
    return from_arrays(torch.randn(200, 1, 8, 8, generator=generator), torch.arange(200) % 10, name="images")


def test_the_loss_is_the_error_over_the_square_of_what_the_block_gives() -> None:
    outputs = torch.randn(40, 3, generator=torch.Generator().manual_seed(0))
    task = BlockTask(Block("one", outputs, outputs))
    batch = (outputs, outputs)
    assert float(task.loss(outputs, batch)) == 0
    assert float(task.loss(torch.zeros_like(outputs), batch)) == pytest.approx(1)
    near = outputs + 0.1
    expected = ((near - outputs) ** 2).sum() / (outputs**2).sum()
    assert float(task.loss(near, batch)) == pytest.approx(float(expected))
    with pytest.raises(TaskError, match="at least 4"):
        BlockTask(Block("one", outputs[:3], outputs[:3]))


def test_the_data_of_a_block_are_what_its_module_gives_for_training_examples() -> None:
    torch.manual_seed(0)
    task, network = images(), ResidualNetwork().eval()
    block = {one.name: one for one in find_blocks(network, task.example_arguments())}["layers.1"]
    data = block_data(network, block, task, 90, torch.device("cpu"))
    inputs, outputs = data.inputs, data.outputs
    assert len(inputs) == len(outputs) == 90
    assert not torch.equal(inputs[0], inputs[1])
    with torch.no_grad():
        assert torch.allclose(network.layers[1](inputs), outputs, atol=1e-5)


def test_a_linear_alternative_comes_near_to_least_squares() -> None:
    generator = torch.Generator().manual_seed(0)
    inputs = torch.randn(400, 6, generator=generator)
    outputs = torch.tanh(inputs @ torch.randn(6, 4, generator=generator) / 2)
    task = BlockTask(Block("one", inputs, outputs))
    torch.manual_seed(0)
    module = nn.Linear(6, 4)
    recipe = Recipe(epochs=30, batch_size=64, learning_rate=2e-2, weight_decay=0.0)
    error = train_locally(module, task, recipe, "cpu")
    learned, target = task.train.tensors
    ones = torch.ones(len(learned), 1)
    best = torch.linalg.lstsq(torch.cat([learned, ones], 1), target).solution
    held, wanted = task.validation.tensors
    given = torch.cat([held, torch.ones(len(held), 1)], 1) @ best
    least = ((given - wanted) ** 2).sum() / (outputs**2).mean() / wanted.numel()
    assert error == pytest.approx(float(least), rel=0.05)
    assert not module.training


def test_what_has_no_weights_is_only_judged() -> None:
    outputs = torch.randn(64, 3)
    task = BlockTask(Block("one", outputs, outputs))
    assert train_locally(nn.Identity(), task, Recipe(epochs=1), "cpu") == 0


class Masked(nn.Module):
    """An encoder's layer that is called with a mask of its examples."""

    def __init__(self) -> None:
        super().__init__()
        self.spread = nn.Linear(1, 16)
        self.layers = nn.ModuleList([nn.TransformerEncoderLayer(16, 2, 32, batch_first=True)])
        self.head = nn.Linear(16, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        flat = x.flatten(1)[:, :6]
        return self.head(self.layers[0](self.spread(flat[..., None]), src_key_padding_mask=flat > 1).mean(1))


def test_a_mask_goes_along_with_the_examples() -> None:
    torch.manual_seed(0)
    task, network = images(), Masked().eval()
    block = {one.name: one for one in find_blocks(network, task.example_arguments())}["layers.0"]
    data = block_data(network, block, task, 64, torch.device("cpu"))
    made = BlockTask(data)
    assert data.kwargs["src_key_padding_mask"].shape == (64, 6)
    assert data.kwargs["src_key_padding_mask"].any()
    assert train_locally(network.layers[0], made, Recipe(epochs=1, learning_rate=1e-12), "cpu") < 0.1
    batch = tuple(one[:5] for one in made.validation.tensors)
    args, kwargs = made.arguments(batch)
    with torch.no_grad():
        assert torch.allclose(network.layers[0].eval()(*args, **kwargs), batch[-1], atol=1e-4)
    kwargs["src_key_padding_mask"] = ~kwargs["src_key_padding_mask"]
    with torch.no_grad():
        assert not torch.allclose(network.layers[0](*args, **kwargs), batch[-1], atol=1e-2)
