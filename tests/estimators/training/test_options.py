"""Each option of a recipe does to the training what it says."""

import math

import pytest
import torch
from torch import nn

from archwright.learning.schedules import learning_rate_factor
from archwright.objectives import DIRECTIONS
from archwright.tasks import Classification

ONE_STEP = {"epochs": 1, "batch_size": 512, "schedule": "constant", "weight_decay": 0.0}


def whole(task):
    """The training data in one batch."""
    return tuple(
        torch.stack(parts) for parts in zip(*(task.train[i] for i in range(len(task.train))), strict=True)
    )


def gradients(task, network, label_smoothing=0.0):
    """Loss and gradients of the whole training data, computed apart from any training."""
    inputs, targets = whole(task)
    loss = task.criterion(network(inputs), targets, label_smoothing)
    return loss.item(), torch.autograd.grad(loss, list(network.parameters()))


def test_epochs_and_batch_size(train, blobs, recorder):
    _, measured = train(blobs, recorder, 4, 3, epochs=3, batch_size=20)
    assert [entry["epoch"] for entry in measured.curve] == [1, 2, 3]
    assert [len(inputs) for inputs in recorder.trained] == 3 * [20, 20, 20, 12]
    # Each epoch sees each example once, in another order.
    epochs = [torch.cat(recorder.trained[i : i + 4]) for i in (0, 4, 8)]
    expected = whole(blobs)[0]
    for seen in epochs:
        assert sorted(map(tuple, seen.tolist())) == sorted(map(tuple, expected.tolist()))
    assert not torch.equal(epochs[0], epochs[1])


def test_a_single_example_left_over_joins_the_batch_before_it(train, blobs, recorder):
    train(blobs, recorder, 4, 3, epochs=1, batch_size=71)
    assert [len(inputs) for inputs in recorder.trained] == [72]


@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_gradient_descent_with_nesterov_momentum(train, lines, constant, momentum):
    network, _ = train(
        lines,
        constant,
        3,
        1,
        **ONE_STEP | {"epochs": 2, "optimizer": "sgd", "momentum": momentum},
        learning_rate=0.1,
    )
    expected, velocity = constant(3, 1), None
    for _ in range(2):
        _, slopes = gradients(lines, expected)
        velocity = (
            slopes if velocity is None else [momentum * v + g for v, g in zip(velocity, slopes, strict=True)]
        )
        with torch.no_grad():
            for parameter, v, g in zip(expected.parameters(), velocity, slopes, strict=True):
                parameter -= 0.1 * (g + momentum * v)
    for found, wanted in zip(network.parameters(), expected.parameters(), strict=True):
        torch.testing.assert_close(found, wanted)


def test_the_first_step_of_adam_has_the_size_of_the_learning_rate(train, lines, constant):
    _, slopes = gradients(lines, constant(3, 1))
    for optimizer in ("adam", "adamw"):
        network, _ = train(lines, constant, 3, 1, **ONE_STEP, optimizer=optimizer, learning_rate=0.01)
        for found, slope in zip(network.parameters(), slopes, strict=True):
            torch.testing.assert_close(found, 0.1 - 0.01 * slope.sign(), atol=1e-6, rtol=0)


class Deaf(nn.Module):
    """Gives what does not depend on its weights, so that only weight decay moves them."""

    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(3, 1)
        nn.init.ones_(self.linear.weight)
        nn.init.ones_(self.linear.bias)

    def forward(self, inputs):
        return 0.0 * self.linear(inputs)


@pytest.mark.parametrize("decay_all", [False, True])
def test_weight_decay_shrinks_weights_by_the_closed_form(train, lines, decay_all):
    recipe = {
        "epochs": 5,
        "batch_size": 512,
        "schedule": "constant",
        "learning_rate": 0.1,
        "weight_decay": 0.5,
    }
    network, _ = train(lines, Deaf, **recipe, decay_all=decay_all)
    shrunk = (1 - 0.1 * 0.5) ** 5
    torch.testing.assert_close(network.linear.weight, torch.full((1, 3), shrunk))
    torch.testing.assert_close(network.linear.bias, torch.full((1,), shrunk if decay_all else 1.0))


@pytest.mark.parametrize("clip", [0.01, 0.5, 1e6])
def test_gradient_clip_bounds_the_norm(train, lines, constant, clip):
    network, _ = train(
        lines,
        constant,
        3,
        1,
        **ONE_STEP,
        optimizer="sgd",
        momentum=0.0,
        learning_rate=1.0,
        gradient_clip=clip,
    )
    moved = torch.cat([(parameter.detach() - 0.1).flatten() for parameter in network.parameters()])
    slopes = torch.cat([slope.flatten() for slope in gradients(lines, constant(3, 1))[1]])
    assert moved.norm().item() == pytest.approx(min(clip, slopes.norm().item()), rel=1e-4)
    torch.testing.assert_close(moved / moved.norm(), -slopes / slopes.norm(), atol=1e-4, rtol=0)


class Scores(nn.Module):
    """Gives the same scores for every input."""

    def __init__(self):
        super().__init__()
        self.scores = nn.Parameter(torch.tensor([2.0, 0.0, -1.0]))

    def forward(self, inputs):
        return self.scores.expand(len(inputs), 3)


@pytest.mark.parametrize("smoothing", [0.0, 0.1, 0.6])
def test_label_smoothing_has_the_closed_form(train, blobs, smoothing):
    _, measured = train(blobs, Scores, **ONE_STEP, learning_rate=1e-9, label_smoothing=smoothing)
    costs = [math.log(sum(math.exp(s) for s in (2.0, 0.0, -1.0))) - s for s in (2.0, 0.0, -1.0)]
    right = sum(share * cost for share, cost in zip((12, 24, 36), costs, strict=True)) / 72
    expected = (1 - smoothing) * right + smoothing * sum(costs) / 3
    assert measured.curve[0]["train_loss"] == pytest.approx(expected, rel=1e-5)
    # The validation loss is never smoothed.
    part = [4, 8, 12]
    expected = sum(share * cost for share, cost in zip(part, costs, strict=True)) / 24
    assert measured.metrics["loss"] == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("schedule", ["constant", "cosine", "linear", "step", "one_cycle"])
def test_the_schedule_moves_the_learning_rate(train, blobs, constant, schedule):
    _, measured = train(blobs, constant, 4, 3, epochs=4, batch_size=18, schedule=schedule, learning_rate=0.2)
    # Four batches an epoch; the curve has the rate of the last one.
    expected = [0.2 * learning_rate_factor(schedule, 4 * epoch - 1, 16) for epoch in (1, 2, 3, 4)]
    assert [entry["learning_rate"] for entry in measured.curve] == pytest.approx(expected)


def test_warm_up_rises_over_its_epochs(train, blobs, constant):
    recipe = {"batch_size": 18, "schedule": "cosine", "learning_rate": 0.2, "warmup_epochs": 2}
    _, measured = train(blobs, constant, 4, 3, epochs=4, **recipe)
    rates = [entry["learning_rate"] for entry in measured.curve]
    assert rates[:2] == pytest.approx([0.1, 0.2])
    assert rates[2:] == pytest.approx([0.2 * learning_rate_factor("cosine", step, 8) for step in (3, 7)])


def test_augmentation_changes_what_is_trained_on_and_nothing_else(train, pictures, recorder):
    def seen(augmentation):
        recorder.trained.clear()
        recorder.scored.clear()
        train(pictures, recorder, 64, 2, epochs=2, batch_size=512, augmentation=augmentation)
        return recorder.trained[:], recorder.scored[:]

    trained, scored = seen("none")
    for augmentation in ("shift", "flip", "noise", "shift+flip+noise"):
        changed, same = seen(augmentation)
        assert [inputs.shape for inputs in changed] == [inputs.shape for inputs in trained]
        assert not torch.equal(changed[0], trained[0])
        assert all(torch.equal(a, b) for a, b in zip(same, scored, strict=True))
    flipped, _ = seen("flip")
    for before, after in zip(trained[0], flipped[0], strict=True):
        assert torch.equal(before, after) or torch.equal(before.flip(-1), after)


class Scripted(Classification):
    """Reports a given accuracy each epoch, whatever the network does."""

    def scores(self, outputs, targets):
        self.asked += 1
        return {**super().scores(outputs, targets), "accuracy": self.script[self.asked - 1]}


def scripted(task, script):
    task.__class__ = Scripted
    task.script, task.asked = script, 0
    return task


@pytest.mark.parametrize(
    ("patience", "script", "epochs", "best"),
    [
        (1, [0.1, 0.5, 0.4, 0.9], 3, 2),
        (2, [0.1, 0.5, 0.4, 0.4, 0.9], 4, 2),
        (2, [0.1, 0.5, 0.4, 0.6, 0.3, 0.2, 0.9], 6, 4),
        (3, [0.1, 0.2, 0.3, 0.4, 0.5, 0.6], 6, 6),
    ],
)
def test_early_stopping_goes_back_to_the_best_epoch(train, blobs, constant, patience, script, epochs, best):
    recipe = {"schedule": "constant", "learning_rate": 0.05}
    task = scripted(blobs, script)
    network, measured = train(task, constant, 4, 3, epochs=len(script), early_stopping=patience, **recipe)
    assert len(measured.curve) == epochs
    assert measured.metrics["accuracy"] == script[best - 1]
    # With a constant learning rate, so many epochs alone lead to the same weights.
    task.asked = 0
    alone, _ = train(task, constant, 4, 3, epochs=best, **recipe)
    for found, wanted in zip(network.parameters(), alone.parameters(), strict=True):
        assert torch.equal(found, wanted)


def test_without_early_stopping_the_last_epoch_counts(train, blobs, constant):
    task = scripted(blobs, [0.9, 0.5, 0.1])
    _, measured = train(task, constant, 4, 3, epochs=3)
    assert measured.metrics["accuracy"] == 0.1
    assert DIRECTIONS["accuracy"] == "maximize"


def test_the_seed_decides_weights_and_order(train, blobs):
    def weights(seed):
        network, _ = train(blobs, nn.Linear, 4, 3, epochs=1, seed=seed)
        return network.weight

    assert torch.equal(weights(1), weights(1))
    assert not torch.equal(weights(1), weights(2))
