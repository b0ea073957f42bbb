"""Once-for-all and the sandwich rule, step by step."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

import archwright as aw
from archwright.errors import UsageError
from archwright.supernets import Supernet, train_epoch
from archwright.supernets.methods.once_for_all import OnceForAll
from archwright.supernets.methods.sandwich import Sandwich
from archwright.tasks import Task


def elastic() -> aw.Space:
    """Kernel, depth, width and an activation on two channels of 6 x 6 pixels."""
    width = aw.choice(4, 8, 12, name="width")
    kernel = aw.choice(1, 3, name="kernel")
    blocks = aw.repeat(
        lambda i: aw.layer(nn.Conv2d, width, width, 3, padding=1),
        times=aw.integer(0, 2, name="times"),
        name="blocks",
    )
    return aw.Space(
        aw.layer(
            nn.Sequential,
            aw.layer(nn.Conv2d, 2, width, kernel, padding=kernel // 2),
            aw.layer(nn.BatchNorm2d, width),
            aw.choice({"relu": aw.layer(nn.ReLU), "tanh": aw.layer(nn.Tanh)}, name="activation"),
            blocks,
            aw.layer(nn.Dropout, 0.5),
            aw.layer(nn.AdaptiveAvgPool2d, 1),
            aw.layer(nn.Flatten),
            aw.layer(nn.Linear, width, 3),
        )
    )


def narrow(widths: Sequence[int] = (2, 5)) -> aw.Space:
    """Two linear layers on 6 features; the width between them is decided."""
    width = aw.choice(*widths, name="width")
    layers = [aw.layer(nn.Linear, 6, width), aw.layer(nn.Tanh), aw.layer(nn.Linear, width, 3)]
    return aw.Space(aw.layer(nn.Sequential, *layers))


class Watched(Supernet):
    """Keeps the gates that it was given, and which modules dropped."""

    def set_gates(self, gates: Any) -> None:
        super().set_gates(gates)
        self.__dict__.setdefault("seen", []).append(dict(self.gates.values))

    def forward(self, *inputs: Any, **named: Any) -> Any:
        drops = [module.training for module in self.modules() if isinstance(module, nn.Dropout)]
        self.__dict__.setdefault("drops", []).extend(drops)
        return super().forward(*inputs, **named)


def trainer_of(method: Any, space: aw.Space, task: Task) -> Any:
    torch.manual_seed(0)
    return method.trainer(Watched(space, task.example_arguments()), task, accelerator="cpu")


def test_phases_shrink_from_the_largest_on(images: Task) -> None:
    method = OnceForAll(epochs=12, batch_size=45, seed=1)
    trainer = trainer_of(method, elastic(), images)
    supernet: Any = trainer.network
    assert [phase.kind.value for phase in method.phases] == [
        "other",
        "kernel",
        *2 * ["depth"],
        *2 * ["width"],
    ]
    times = [{2}, {2}, {2, 1}, {2, 1, 0}, {2, 1, 0}, {2, 1, 0}]
    widths = [{12}, {12}, {12}, {12}, {12, 8}, {12, 8, 4}]
    for epoch in range(method.epochs):
        metrics = train_epoch(trainer).metrics
        number = method.phase(epoch)
        seen = supernet.seen[-2 * (1, 1, 2, 2, 4, 4)[number] :]  # before, channels may have been sorted
        assert metrics["phase"] == number + 1
        assert metrics["unsorted_widths"] == 0
        assert {one["kernel"] for one in seen} <= ({3} if number == 0 else {1, 3})
        assert {one["blocks.times"] for one in seen} <= times[number]
        assert {one["width"] for one in seen} <= widths[number]
    assert {one["width"] for one in supernet.seen} == widths[-1]
    assert {one["activation"] for one in supernet.seen} == {"relu", "tanh"}


def test_epochs_and_learning_rates_of_the_phases(images: Task) -> None:
    method = OnceForAll(epochs=590, lowest_learning_rate=0.0)
    trainer = trainer_of(method, elastic(), images)
    ends = [*method.starts[1:], 590]
    lengths = [end - start for start, end in zip(method.starts, ends, strict=True)]
    for length, papers in zip(lengths, (180, 120, 25, 120, 25, 120), strict=True):
        assert length == papers
    rates = []
    for epoch in (0, 90, 179, 180, 240):
        trainer.epoch = epoch
        rates.append(method.learning_rate(trainer))
    assert rates[0] == 0.05
    assert rates[1] == pytest.approx(0.025, rel=0.02)
    assert rates[2] < 1e-5
    assert rates[3] == 0.02
    with pytest.raises(UsageError, match="expected epochs >= 6, one for each phase of this space, got 5"):
        trainer_of(OnceForAll(epochs=5), elastic(), images)


def output(weights: Sequence[Tensor], inputs: Tensor, width: int) -> Tensor:
    """The narrow space's network by hand."""
    first, bias, second, last = weights
    return torch.tanh(inputs @ first[:width].T + bias[:width]) @ second[:, :width].T + last


def leaves(network: nn.Module) -> list[Tensor]:
    """The weights in the order of the network, each a leaf of its own."""
    found = {tuple(p.shape): p.detach().clone().requires_grad_() for p in network.parameters()}
    return [found[shape] for shape in ((5, 6), (5,), (3, 5), (3,))]


def examples(task: Task) -> tuple[Tensor, Tensor]:
    train: Any = task.train
    return torch.stack([train[i][0] for i in range(len(train))]), torch.stack(
        [train[i][1] for i in range(len(train))]
    )


def taken(trainer: Any) -> list[Tensor]:
    """The step that plain gradient descent took in an epoch of one step, divided by the learning rate."""
    before = leaves(trainer.network)
    rate = trainer.step.learning_rate(trainer)
    train_epoch(trainer)
    return [(a - b).detach() / rate for a, b in zip(before, leaves(trainer.network), strict=True)]


PLAIN: dict[str, Any] = {"batch_size": 1000, "momentum": 0.0, "weight_decay": 0.0, "gradient_clip": 1e9}


def test_the_sandwichs_gradient_is_the_sum_over_its_networks(task: Task) -> None:
    method = Sandwich(epochs=1, random_networks=2, seed=4, **PLAIN)
    trainer = trainer_of(method, narrow(), task)
    weights, (inputs, targets) = leaves(trainer.network), examples(task)
    step = taken(trainer)
    widths = [one["width"] for one in trainer.network.seen[-4:]]
    assert widths[:2] == [5, 2]
    answers = output(weights, inputs, 5)
    loss = functional.cross_entropy(answers, targets)
    for width in widths[1:]:
        loss = loss + functional.cross_entropy(output(weights, inputs, width), answers.detach().softmax(1))
    for found, expected in zip(step, torch.autograd.grad(loss, weights), strict=True):
        torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-5)


def test_a_steps_gradient_is_that_of_labels_and_teacher_over_its_networks(task: Task) -> None:
    method = OnceForAll(epochs=2, distillation_ratio=3.0, seed=4, **PLAIN)
    trainer = trainer_of(method, narrow(), task)
    train_epoch(trainer)
    inputs, targets = examples(task)
    weights = leaves(trainer.network)
    soft = output(weights, inputs, 5).detach().softmax(1)  # the largest as it is after the first phase
    # Of the second phase the channels are sorted first, by the weights that read them.
    order = weights[2].abs().sum(0).argsort(descending=True, stable=True)
    weights = [
        w.detach()[:, order] if w.shape == (3, 5) else w.detach()[order] if len(w) == 5 else w
        for w in weights
    ]
    weights = [w.detach().clone().requires_grad_() for w in weights]
    rate = method.shrinking_learning_rate
    train_epoch(trainer)
    widths = [one["width"] for one in trainer.network.seen[-4:]]
    assert set(widths) == {2, 5}
    loss = torch.zeros(())
    for width in widths:
        found = output(weights, inputs, width)
        loss = loss + 0.5 * (
            functional.cross_entropy(found, targets) + 3 * functional.cross_entropy(found, soft)
        )
    gradients = torch.autograd.grad(loss, weights)
    for weight, gradient, after in zip(weights, gradients, leaves(trainer.network), strict=True):
        torch.testing.assert_close((weight - after) / rate, gradient, rtol=1e-3, atol=1e-4)


def test_only_the_largest_network_drops(images: Task) -> None:
    method = Sandwich(epochs=1, random_networks=1, batch_size=90)
    trainer = trainer_of(method, elastic(), images)
    trainer.network.drops = []
    train_epoch(trainer)
    assert trainer.network.drops == [True, False, False]
    assert all(module.training for module in trainer.network.modules() if isinstance(module, nn.Dropout))


def test_dropout_of_a_decided_probability_is_off_too(images: Task) -> None:
    dropped = aw.layer(nn.Dropout, aw.choice(0.4, 0.9, name="dropout"))
    flat = [aw.layer(nn.Flatten), dropped, aw.layer(nn.Linear, 72, 3)]
    supernet = Supernet(aw.Space(aw.layer(nn.Sequential, *flat)), images.example_arguments())
    x = torch.ones(4, 2, 6, 6)
    with supernet.on(supernet.space.sample(0)):
        supernet(x)
        with supernet.without_dropout():
            torch.testing.assert_close(supernet(x), supernet(x))
        assert not torch.equal(supernet(x), supernet(x))


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda: Sandwich(random_networks=-1), "random_networks >= 0"),
        (lambda: OnceForAll(shrinking_learning_rate=0.0), "shrinking_learning_rate > 0"),
        (lambda: OnceForAll(distillation_ratio=-1.0), "distillation_ratio >= 0"),
        (lambda: OnceForAll(samples=0), "samples >= 1"),
    ],
)
def test_options_out_of_range_are_told(make: Any, told: str) -> None:
    with pytest.raises(UsageError, match=told):
        make()
