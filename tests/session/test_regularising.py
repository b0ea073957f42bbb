"""Which augmentations a trained network bears."""

from __future__ import annotations

import pytest
import torch
from torch import nn

import archwright as aw
from archwright.estimators.training import Training
from archwright.learning.augmentation import flip, shift
from archwright.objectives import Objective
from archwright.session.regularising import augmented, bearable
from archwright.spaces import Space, layer
from archwright.tasks import from_arrays, make_task


class Brightness(nn.Module):
    """Tells bright pictures from dark ones."""

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        mean = inputs.mean((1, 2, 3))
        return torch.stack([-mean, mean], 1)


class LeftIsBrighter(nn.Module):
    """Tells on which side a picture is brighter."""

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        half = inputs.shape[-1] // 2
        more = inputs[..., half:].mean((1, 2, 3)) - inputs[..., :half].mean((1, 2, 3))
        return torch.stack([-more, more], 1)


def pictures(sides: bool, count: int = 600) -> aw.Task:
    """Pictures of 12 x 12 points in two classes, which differ in brightness, or in the side that is bright."""
    generator = torch.Generator().manual_seed(0)
    labels = torch.arange(count) % 2
    inputs = torch.randn(count, 1, 12, 12, generator=generator)
    signs = 2.0 * labels - 1
    inputs += signs.view(-1, 1, 1, 1) * (torch.tensor([-1.0] * 6 + [1.0] * 6) if sides else 1.0)
    return from_arrays(inputs.numpy(), labels.numpy(), seed=0)


@pytest.mark.parametrize(
    ("network", "sides", "variant"), [(Brightness(), False, 3), (LeftIsBrighter(), True, 1)]
)
def test_what_leaves_the_class_is_borne(network: nn.Module, sides: bool, variant: int) -> None:
    training = Training(Space(layer(nn.Flatten)), pictures(sides), accelerator="cpu")
    reached = training.test(network, "validation")["accuracy"]
    assert reached > 0.95
    assert bearable(training, network, Objective("accuracy"), reached) == variant


def test_the_share_that_remains_is_counted_by_hand() -> None:
    """Mirrored by a generator of the same seed, the score of the sides is what `bearable` compares."""
    task = pictures(True)
    inputs, targets = (torch.stack(list(part)) for part in zip(*task.validation, strict=True))
    flipped = flip(inputs, torch.Generator().manual_seed(0))
    remains = (LeftIsBrighter()(flipped).argmax(1) == targets).float().mean()
    assert remains < 0.8  # about half of them are mirrored
    moved = shift(inputs, torch.Generator().manual_seed(0))
    assert (LeftIsBrighter()(moved).argmax(1) == targets).float().mean() > 0.95


def test_few_validation_examples_tell_nothing() -> None:
    training = Training(Space(layer(nn.Flatten)), pictures(False, 200), accelerator="cpu")
    assert len(training.task.validation) < 100
    assert bearable(training, Brightness(), Objective("accuracy"), 1.0) == 0


def test_a_loss_is_borne_where_it_hardly_rises() -> None:
    training = Training(Space(layer(nn.Flatten)), pictures(False), accelerator="cpu")
    loss = training.test(Brightness(), "validation")["loss"]
    assert bearable(training, Brightness(), Objective("loss"), loss) >= 2  # mirroring changes no mean
    assert bearable(training, LeftIsBrighter(), Objective("loss"), 1e-3) == 0


def test_rows_of_a_table_are_left_as_they_are() -> None:
    task = make_task("diabetes")
    training = Training(Space(layer(nn.Linear, 10, 1)), task, accelerator="cpu")
    assert bearable(training, nn.Linear(10, 1), Objective("r2"), 0.5) == 0


def test_variants_are_augmentations() -> None:
    recipe = aw.Recipe(epochs=7)
    assert augmented(recipe, 0) == recipe
    assert augmented(recipe, 1).augmentation == "shift"
    assert augmented(recipe, 2).augmentation == "flip"
    assert augmented(recipe, 3) == recipe.replace(augmentation="shift+flip")
