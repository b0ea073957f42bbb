"""The loss of an ensemble in training is the mean of its members' losses."""

import pytest
import torch
from torch.nn import functional

from archwright.errors import TaskError
from archwright.tasks import from_arrays
from archwright.tasks.supervised import Softened

torch.manual_seed(0)
INPUTS = torch.randn(60, 3)


def task(kind):
    targets = {
        "classification": (INPUTS[:, 0] > 0).long(),
        "regression": INPUTS[:, :2] * 3 + 1,
        "multilabel": (INPUTS[:, :2] > 0).float(),
    }[kind]
    weights = {"class_weights": [1.0, 3.0]} if kind == "classification" else {}
    return from_arrays(INPUTS, targets, kind=kind, **weights)


@pytest.mark.parametrize("kind", ["classification", "regression", "multilabel"])
def test_the_loss_is_the_mean_over_members(kind):
    made = task(kind)
    batch = (made.train.tensors[0][:8], made.train.tensors[1][:8])
    outputs = torch.randn(8, 5, 2, requires_grad=True)
    expected = sum(made.loss(outputs[:, i], batch) for i in range(5)) / 5
    torch.testing.assert_close(made.loss(outputs, batch), expected)
    made.check(outputs, batch)
    soft = made.soften(batch, 0.1, 0.4, torch.Generator().manual_seed(0))
    assert isinstance(soft[1], Softened)
    expected = sum(made.loss(outputs[:, i], soft) for i in range(5)) / 5
    torch.testing.assert_close(made.loss(outputs, soft), expected)
    merged = made.measure(outputs.mean(1), batch)
    assert {
        name: total / count for name, (total, count) in made.metrics(outputs, batch).items()
    } == pytest.approx({name: value for name, value in merged.items() if name != "loss"})
    teacher = torch.randn(8, 2)
    expected = sum(made.distance(outputs[:, i], teacher, batch) for i in range(5)) / 5
    if kind != "classification":
        torch.testing.assert_close(functional.mse_loss(outputs, teacher[:, None].expand(8, 5, 2)), expected)
    torch.testing.assert_close(made.distance(outputs, teacher, batch), expected)


def test_members_of_another_shape_are_refused():
    made = task("classification")
    batch = (made.train.tensors[0][:8], made.train.tensors[1][:8])
    for outputs in (torch.randn(8, 5, 3), torch.randn(7, 5, 2)):
        with pytest.raises((TaskError, ValueError), match="expected"):
            made.loss(outputs, batch)
