from __future__ import annotations

import pytest
import torch
from torch import nn

from archwright.errors import UsageError
from archwright.learning import Recipe, Trainer
from archwright.learning.distilling import DistillStep
from archwright.tasks.datasets.arrays import from_arrays


def taken(share: float) -> tuple[nn.Linear, nn.Linear, nn.Linear, torch.Tensor, torch.Tensor]:
    """A student before and after one step of gradient descent without momentum, its teacher, and the batch."""
    generator = torch.Generator().manual_seed(0)
    task = from_arrays(
        torch.randn(10, 4, generator=generator), torch.arange(10) % 2, validation=0.4, test=None
    )
    torch.manual_seed(0)
    teacher, student = nn.Linear(4, 2), nn.Linear(4, 2)
    before = nn.Linear(4, 2)
    before.load_state_dict(student.state_dict())
    recipe = Recipe(
        epochs=1,
        batch_size=6,
        optimizer="sgd",
        momentum=0.0,
        weight_decay=0.0,
        learning_rate=0.5,
        schedule="constant",
    )
    trainer = Trainer(task, student, recipe, DistillStep(teacher, share))
    with trainer.randomness.drawing():
        assert [event.kind for event in trainer.run()] == ["step", "epoch"]
    inputs = torch.stack([task.train[i][0] for i in range(6)])
    targets = torch.tensor([int(task.train[i][1]) for i in range(6)])
    return before, student, teacher, inputs, targets


@pytest.mark.parametrize("share", [0.3, 1.0])
def test_a_step_follows_the_gradient_of_the_weighted_sum(share: float) -> None:
    before, student, teacher, inputs, targets = taken(share)
    scores = before(inputs)
    wanted = teacher(inputs).softmax(1)
    # The gradients by the scores, by hand: of the cross-entropy p - y, of the divergence from the teacher p - q.
    p, y = scores.softmax(1), torch.eye(2)[targets]
    by_scores = ((1 - share) * (p - y) + share * (p - wanted)) / len(inputs)
    expected = before.weight - 0.5 * by_scores.T @ inputs
    assert torch.allclose(student.weight, expected, atol=1e-6)


def test_the_teacher_stays_as_it_is() -> None:
    _, _, teacher, _, _ = taken(0.5)
    torch.manual_seed(0)
    assert torch.equal(teacher.weight, nn.Linear(4, 2).weight)
    assert all(one.grad is None and one.requires_grad for one in teacher.parameters())


def test_a_share_out_of_range_is_refused() -> None:
    with pytest.raises(UsageError, match="0 < share <= 1"):
        DistillStep(nn.Linear(1, 1), 0.0)
