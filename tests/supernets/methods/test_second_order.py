from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor
from torch.func import functional_call

import archwright as aw
from archwright.supernets import Supernet, make_method
from archwright.supernets.methods.bilevel import Bilevel
from archwright.supernets.methods.darts import Softmax
from archwright.supernets.methods.second_order import unrolled_gradient
from archwright.tasks import Task


def prepared(cells: aw.Space, images: Task, **options: Any) -> Bilevel:
    """A method in float64 with alphas that matter and a gathered momentum."""
    torch.manual_seed(0)
    method = Bilevel(Softmax(), second_order=True, batch_size=16, learning_rate=0.1, **options)
    supernet = Supernet(cells, images.example_arguments()).double()
    method.setup(supernet, images)
    drawn = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for alpha in method.policy.parameters():
            alpha.data = torch.randn(alpha.shape, generator=drawn).double()
    method.weights.begin(0)
    for inputs, targets in [batch(method.weight_data) for _ in range(2)]:
        method.weight_step(inputs, targets, 0.0)
    return method


def batch(stream: Any) -> tuple[Tensor, Tensor]:
    inputs, targets = stream.next()
    return inputs.double(), targets


def exact(method: Bilevel, training: Any, validation: Any) -> list[Tensor]:
    """By differentiating through the step."""
    supernet, task = method.supernet, method.task
    names = {id(parameter): name for name, parameter in supernet.named_parameters()}
    supernet.set_gates(method.policy.architecture_gates(0.0))
    loss = task.loss(supernet(training[0]), training)
    weights = method.weights.parameters
    gradients = torch.autograd.grad(loss, weights, create_graph=True)
    moved = {}
    for w, g in zip(weights, gradients, strict=True):
        gathered = method.weights.momentum_of(w)
        assert gathered is not None
        step = 0.9 * gathered + g + 3e-4 * w
        moved[names[id(w)]] = w - method.weights.rate * step
    supernet.set_gates(method.policy.architecture_gates(0.0))
    outputs = functional_call(supernet, moved, (validation[0],))
    found = torch.autograd.grad(task.loss(outputs, validation), method.policy.parameters())
    return list(found)


def flat(tensors: list[Any]) -> Tensor:
    return torch.cat([tensor.flatten() for tensor in tensors])


def test_the_gradient_is_that_of_differentiating_through_the_step(cells: aw.Space, images: Task) -> None:
    method = prepared(cells, images)
    training, validation = batch(method.weight_data), batch(method.architecture_data)

    def loss_on(batch: Any) -> Any:
        def loss() -> Tensor:
            method.supernet.set_gates(method.policy.architecture_gates(0.0))
            return images.loss(method.supernet(batch[0]), batch)

        return loss

    parameters = method.policy.parameters()
    found = flat(unrolled_gradient(method.weights, parameters, loss_on(training), loss_on(validation)))
    first_order = flat(list(torch.autograd.grad(loss_on(validation)(), parameters)))
    expected = flat(exact(method, training, validation))
    assert (found - expected).norm() < 1e-2 * expected.norm()
    # What second order adds is found too, not only the sum, in which it may be small.
    assert (first_order - expected).norm() > 5e-2 * expected.norm()
    assert (found - expected).norm() < 1e-2 * (first_order - expected).norm()


def test_a_step_of_alpha_leaves_weights_statistics_and_gates_gradients_as_they_were(
    cells: aw.Space, images: Task
) -> None:
    method = prepared(cells, images)
    before = {name: tensor.clone() for name, tensor in method.supernet.state_dict().items()}
    alphas = [alpha.detach().clone() for alpha in method.policy.parameters()]
    method.architecture_step(*batch(method.architecture_data), 0.0, batch(method.weight_data))
    for name, tensor in method.supernet.state_dict().items():
        assert torch.equal(tensor, before[name]), name
    assert all(w.requires_grad and w.grad is None for w in method.weights.parameters)
    assert all(not torch.equal(old, new) for old, new in zip(alphas, method.policy.parameters(), strict=True))


@pytest.mark.parametrize("dropout", [0.0, 0.4])
def test_dropout_is_the_same_in_all_losses_of_a_step(cells: aw.Space, images: Task, dropout: float) -> None:
    """Otherwise the difference quotient of two losses that differ in what is dropped would be enormous."""
    method = prepared(cells, images, operation_dropout=dropout)
    gradients, loss = method._unrolled(batch(method.architecture_data), batch(method.weight_data), 0.0)
    assert flat(gradients).norm() < 1.0
    assert 0 < float(loss) < 5


def test_darts2_learns(cells: aw.Space, images: Task) -> None:
    torch.manual_seed(0)
    method = make_method("darts2", epochs=4, batch_size=16, learning_rate=0.05)
    method.setup(Supernet(cells, images.example_arguments()), images)
    losses = [method.epoch().metrics for _ in range(4)]
    assert losses[-1]["train_loss"] < losses[0]["train_loss"]
    assert losses[-1]["architecture_loss"] < losses[0]["architecture_loss"]
