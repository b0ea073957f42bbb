from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.utils.data import TensorDataset

import archwright as aw
from archwright.errors import UsageError
from archwright.learning import Trainer
from archwright.supernets import Supernet, make_method, train_epoch
from archwright.supernets.methods.bilevel import Bilevel, mixture_search
from archwright.supernets.methods.darts import Softmax
from archwright.tasks import Task


def in_float64(images: Task) -> Task:
    images.train = TensorDataset(images.train[:][0].double(), images.train[:][1])
    images.criterion = lambda outputs, targets, _=0.0: nn.functional.cross_entropy(outputs, targets)  # type: ignore[attr-defined]
    return images


def prepared(cells: aw.Space, images: Task, **options: Any) -> tuple[Bilevel, Trainer]:
    """A method in float64 with alphas that matter and a gathered momentum."""
    torch.manual_seed(0)
    method = mixture_search(Softmax(), second_order=True, batch_size=16, learning_rate=0.1, **options)
    supernet = Supernet(cells, images.example_arguments()).double()
    trainer = method.trainer(supernet, in_float64(images), accelerator="cpu")
    drawn = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for alpha in method.policy.parameters():
            alpha.data = torch.randn(alpha.shape, generator=drawn).double()
    trainer.network.train()
    for _ in range(2):
        method.supernet.set_gates(method.policy.weight_gates(0.0))
        method.weight_step(trainer, trainer.pull("weights") or [])
    return method, trainer


def alphas_gradient(method: Bilevel, trainer: Trainer, training: Any, validation: Any) -> Tensor:
    """That of a step of alpha."""
    found: list[Any] = []
    update, trainer.update = (
        trainer.update,
        lambda name, **_: found.extend(p.grad for p in method.policy.parameters()),
    )  # type: ignore[method-assign]
    method.architecture_step(trainer, validation, training)
    trainer.update = update  # type: ignore[method-assign]
    for parameter in method.policy.parameters():
        parameter.grad = None
    return flat(found)


def exact(method: Bilevel, trainer: Trainer, training: Any, validation: Any) -> Tensor:
    """By differentiating through the step."""
    supernet, task = method.supernet, trainer.task
    names = {id(parameter): name for name, parameter in supernet.named_parameters()}
    supernet.set_gates(method.policy.architecture_gates(0.0))
    loss = task.loss(supernet(training[0]), training)
    gradients = torch.autograd.grad(loss, method.weights, create_graph=True)
    optimizer = trainer.optimizers["weights"]
    moved = {}
    for w, g in zip(method.weights, gradients, strict=True):
        step = 0.9 * optimizer.state[w]["momentum_buffer"] + g + 3e-4 * w
        moved[names[id(w)]] = w - method.learning_rate(trainer) * step
    supernet.set_gates(method.policy.architecture_gates(0.0))
    outputs = functional_call(supernet, moved, (validation[0],))
    return flat(list(torch.autograd.grad(task.loss(outputs, validation), method.policy.parameters())))


def flat(tensors: list[Any]) -> Tensor:
    return torch.cat([tensor.flatten() for tensor in tensors])


def test_the_gradient_is_that_of_differentiating_through_the_step(cells: aw.Space, images: Task) -> None:
    method, trainer = prepared(cells, images)
    training, validation = trainer.pull("weights") or [], trainer.pull("architecture") or []
    found = alphas_gradient(method, trainer, training, validation)
    method.second_order = False
    first_order = alphas_gradient(method, trainer, training, validation)
    expected = exact(method, trainer, training[0], validation[0])
    assert (found - expected).norm() < 1e-2 * expected.norm()
    # What second order adds is found too, not only the sum, in which it may be small.
    assert (first_order - expected).norm() > 5e-2 * expected.norm()
    assert (found - expected).norm() < 1e-2 * (first_order - expected).norm()


@pytest.mark.parametrize("second_order", [False, True])
def test_micro_batches_give_the_gradient_of_the_batch(
    cells: aw.Space, images: Task, second_order: bool
) -> None:
    """With gates that have gradients, in a network whose norms do not look at the batch."""
    method, trainer = prepared(cells, images)
    method.second_order = second_order
    for module in trainer.network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = 0.0
            module.forward = lambda x, m=module: x * 0.7  # type: ignore[method-assign,misc]
    training, validation = trainer.pull("weights") or [], trainer.pull("architecture") or []
    whole = alphas_gradient(method, trainer, training, validation)
    halves = [
        [(inputs[:6], targets[:6]), (inputs[6:], targets[6:])]
        for ((inputs, targets),) in (training, validation)
    ]
    torch.testing.assert_close(alphas_gradient(method, trainer, *halves), whole, rtol=1e-6, atol=1e-9)


def test_a_step_of_alpha_leaves_weights_statistics_and_gates_gradients_as_they_were(
    cells: aw.Space, images: Task
) -> None:
    method, trainer = prepared(cells, images)
    before = {name: tensor.clone() for name, tensor in method.supernet.state_dict().items()}
    alphas = [alpha.detach().clone() for alpha in method.policy.parameters()]
    method.architecture_step(trainer, trainer.pull("architecture") or [], trainer.pull("weights") or [])
    for name, tensor in method.supernet.state_dict().items():
        assert torch.equal(tensor, before[name]), name
    assert all(w.requires_grad and w.grad is None for w in method.weights)
    assert all(not torch.equal(old, new) for old, new in zip(alphas, method.policy.parameters(), strict=True))


@pytest.mark.parametrize("dropout", [0.0, 0.4])
def test_dropout_is_the_same_in_all_losses_of_a_step(cells: aw.Space, images: Task, dropout: float) -> None:
    """Otherwise the difference quotient of two losses that differ in what is dropped would be enormous."""
    method, trainer = prepared(cells, images, operation_dropout=dropout)
    training, validation = trainer.pull("weights") or [], trainer.pull("architecture") or []
    assert alphas_gradient(method, trainer, training, validation).norm() < 1.0


def test_mixed_precision_is_refused(cells: aw.Space, images: Task) -> None:
    method = make_method("darts2", precision="bf16-mixed")
    with pytest.raises(UsageError, match="refuses autocast"):
        method.trainer(Supernet(cells, images.example_arguments()), images, accelerator="cpu")


def test_darts2_learns(cells: aw.Space, images: Task) -> None:
    torch.manual_seed(0)
    method = make_method("darts2", epochs=4, batch_size=16, learning_rate=0.05)
    trainer = method.trainer(Supernet(cells, images.example_arguments()), images, accelerator="cpu")
    losses = [train_epoch(trainer).metrics for _ in range(4)]
    assert losses[-1]["train_loss"] < losses[0]["train_loss"]
    assert losses[-1]["architecture_loss"] < losses[0]["architecture_loss"]
