"""What goes wrong in one trial is a TrialError with its reason; what is nobody's fault passes through."""

import gc
import json
import signal
import weakref

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

from archwright.errors import TaskError, TrialError, UsageError
from archwright.estimators import Recipe, Training
from archwright.spaces import Space, layer
from archwright.tasks import Classification, from_frame, from_text
from archwright.trials import Candidate, LocalTrial


class Fragile(nn.Module):
    """A linear layer to which something happens in a given training step, counted from 1."""

    def __init__(self, happens, step=1):
        super().__init__()
        self.linear = nn.Linear(4, 3)
        self.happens, self.step, self.steps = happens, step, 0

    def forward(self, inputs):
        outputs = self.linear(inputs)
        self.steps += self.training
        if self.training and self.steps == self.step:
            return self.happens(outputs)
        return outputs


def becomes(value):
    return lambda outputs: outputs * value


def raises(error):
    def happens(outputs):
        raise error

    return happens


@pytest.mark.parametrize(("value", "told"), [(float("nan"), "NaN"), (float("inf"), "NaN|infinite")])
def test_a_loss_that_is_not_finite(train, blobs, value, told):
    # Three steps an epoch, so the eighth is in the third.
    with pytest.raises(
        TrialError, match=f"training loss became ({told}) in epoch 3; use a smaller learning_rate"
    ):
        train(blobs, Fragile, becomes(value), 8, epochs=5, batch_size=24)


def test_a_learning_rate_that_is_far_too_high(train, lines, constant):
    with pytest.raises(TrialError, match=r"became (NaN|infinite) in epoch"):
        train(lines, constant, 3, 1, epochs=30, optimizer="sgd", learning_rate=1e6, schedule="constant")


def test_outputs_that_are_not_finite_when_scored(train, blobs):
    class Broken(nn.Linear):
        def forward(self, inputs):
            return super().forward(inputs) * (1.0 if self.training else float("nan"))

    with pytest.raises(TrialError, match="validation loss became NaN in epoch 1"):
        train(blobs, Broken, 4, 3, epochs=2)


def allocates(outputs):
    torch.empty(10**15)


@pytest.mark.parametrize(
    "happens",
    [
        allocates,
        raises(MemoryError()),
        raises(torch.OutOfMemoryError("CUDA out of memory. Tried to allocate")),
    ],
)
def test_out_of_memory(train, blobs, happens):
    with pytest.raises(TrialError, match=r"out of memory: .*; use a smaller batch_size or fewer workers"):
        train(blobs, Fragile, happens, epochs=1)


class Huge(nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.empty(10**15))


class HugeInside(nn.Linear):
    def forward(self, inputs):
        torch.empty(10**15)
        return super().forward(inputs)


@pytest.mark.parametrize("network", [layer(Huge), layer(HugeInside, 4, 3)])
def test_out_of_memory_while_building(blobs, network):
    space = Space(network)
    with pytest.raises(TrialError, match=r"out of memory: .*10{15}|out of memory: .*allocate"):
        Training(space, blobs).estimate(Candidate(space.sample(0)), LocalTrial())


def test_out_of_memory_lets_go_of_the_network(train, blobs):
    kept = []

    class Watched(Fragile):
        def __init__(self):
            super().__init__(allocates)
            kept.append(weakref.ref(self))

    with pytest.raises(TrialError) as caught:
        train(blobs, Watched, epochs=1)
    gc.collect()
    assert kept[0]() is None
    assert caught.value.__context__ is None


def test_a_network_that_does_not_build(blobs):
    space = Space(layer(nn.Sequential, layer(nn.Linear, 4, 5), layer(nn.Linear, 6, 3)))
    with pytest.raises(TrialError, match=r"shape .*Linear.*shapes cannot be multiplied"):
        Training(space, blobs).estimate(Candidate(space.sample(0)), LocalTrial())
    space = Space(layer(nn.Linear, 4, -3))
    with pytest.raises(TrialError, match="could not build"):
        Training(space, blobs).estimate(Candidate(space.sample(0)), LocalTrial())


@pytest.mark.parametrize(
    ("fn", "arguments", "got"),
    [
        (nn.Linear, (4, 7), r"got the shape \(2, 7\)"),
        (nn.Unflatten, (1, (2, 2)), r"got the shape \(2, 2, 2\)"),
        (nn.LSTM, (4, 3), "got tuple"),
    ],
)
def test_outputs_of_a_wrong_shape(train, blobs, fn, arguments, got):
    with pytest.raises(
        TrialError, match=rf"tensor of shape \(2, 3\) for 2 inputs, {got}; the task 'blobs' wants 3"
    ):
        train(blobs, fn, *arguments, epochs=1)


def test_a_network_without_parameters(train, blobs):
    class First(nn.Module):
        def forward(self, inputs):
            return inputs[:, :3]

    with pytest.raises(TrialError, match="no trainable parameter"):
        train(blobs, First, epochs=1)


def test_errors_of_another_kind_pass_through(train, blobs):
    for error in (RuntimeError("of the user"), ValueError("of the user"), KeyboardInterrupt(), SystemExit()):
        with pytest.raises(type(error)) as caught:
            train(blobs, Fragile, raises(error), epochs=1)
        assert caught.value is error


class OverTimeError(TrialError):
    pass


class Alarm(BaseException):
    pass


@pytest.mark.parametrize("kind", [OverTimeError, Alarm])
@pytest.mark.parametrize("where", ["building", "dry run", "training", "scoring"])
def test_a_limit_kept_by_an_exception_is_never_swallowed(train, blobs, kind, where):
    error = kind("over the time limit")

    class Slow(nn.Linear):
        calls = 0

        def __init__(self, *args):
            if where == "building":
                raise error
            super().__init__(*args)

        def forward(self, inputs):
            Slow.calls += 1
            now = {"dry run": Slow.calls == 1, "training": self.training, "scoring": len(inputs) == 24}
            if now.get(where):
                raise error
            return super().forward(inputs)

    with pytest.raises(kind) as caught:
        train(blobs, Slow, 4, 3, epochs=1)
    assert caught.value is error


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="this system has no alarm signal")
def test_an_alarm_signal_ends_a_training(train, blobs, constant):
    def ring(number, frame):
        raise Alarm

    before = signal.signal(signal.SIGALRM, ring)
    torch.manual_seed(1)
    expected = torch.rand(2)
    torch.manual_seed(1)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.3)
        with pytest.raises(Alarm):
            train(blobs, constant, 4, 3, epochs=10**6)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert torch.equal(torch.rand(2), expected)


def test_a_task_without_enough_data_is_refused_at_once(blobs):
    blobs.train = torch.utils.data.Subset(blobs.train, [0])
    with pytest.raises(UsageError, match="at least 2 training examples, got 1"):
        Training(Space(layer(nn.Linear, 4, 3)), blobs, Recipe())


def test_a_network_that_gives_one_score_for_a_whole_text(train):
    task = from_text("abcd" * 50, length=4)
    with pytest.raises(TrialError, match=r"shape \(2, 4, 4\) for 2 inputs, got the shape \(2, 4\).* 4 x 4"):
        train(task, LastOfText, epochs=1)


def test_symbols_cannot_be_augmented():
    task = from_text("abcd" * 50, length=4)
    with pytest.raises(UsageError, match=r"'noise' needs inputs that are amounts; those .* are symbols"):
        Training(Space(layer(LastOfText)), task, Recipe(augmentation="noise"))


def test_codes_of_categories_are_no_amounts():
    codes = [f"code {i % 300}" for i in range(3000)]
    frame = pd.DataFrame({"code": codes, "amount": range(3000), "y": ["a", "b"] * 1500})
    task = from_frame(frame, "y", columns={"code": "categorical"})
    space = Space(layer(nn.Linear, 2, 2))
    for recipe, told in (
        (Recipe(augmentation="noise"), "some of the task 'table' are codes of categories"),
        (
            Recipe(mixup=0.2),
            "mixup needs inputs that are amounts; .* some are codes of categories; use mixup=0",
        ),
    ):
        with pytest.raises(UsageError, match=told):
            Training(space, task, recipe)
    Training(space, task, precision="bf16-mixed", accelerator="cpu")
    with pytest.raises(UsageError, match=r"apart up to 256 only, .* has 2.. codes; take 'bf16-m"):
        Training(space, task, precision="bf16-true", accelerator="cpu")


class LastOfText(nn.Module):
    """Scores for the last place alone."""

    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(4, 4)

    def forward(self, inputs):
        return self.embedding(inputs[:, -1])


class TupleInTraining(nn.Linear):
    """Gives an auxiliary output beside, as some published networks do, in training mode alone."""

    def forward(self, inputs):
        outputs = super().forward(inputs)
        return (outputs, outputs) if self.training else outputs


def test_a_network_that_gives_something_else_in_training_mode(train, blobs):
    with pytest.raises(
        TaskError, match=r"tensor of shape \(32, 3\) for 32 inputs, in training mode got tuple"
    ):
        train(blobs, TupleInTraining, 4, 3, epochs=1)


class Complex(nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(4, 3, dtype=torch.complex64))

    def forward(self, inputs):
        return (inputs.to(torch.complex64) @ self.weight).abs()


class Sparse(nn.Module):
    def __init__(self):
        super().__init__()
        self.table, self.head = nn.Embedding(7, 4, sparse=True), nn.Linear(4, 3)

    def forward(self, inputs):
        return self.head(self.table((inputs > 0).sum(1)))


@pytest.mark.parametrize("optimizer", ["adamw", "adam", "sgd"])
def test_complex_weights_are_trained(train, blobs, optimizer):
    _, measured = train(blobs, Complex, epochs=2, optimizer=optimizer)
    assert measured.curve[1]["train_loss"] < measured.curve[0]["train_loss"]


def test_sparse_gradients_are_trained_where_torch_can(train, blobs):
    train(blobs, Sparse, epochs=1, optimizer="sgd", weight_decay=0.0, momentum=0.0)


@pytest.mark.parametrize("state", ["dtype", "device", "grad"])
def test_a_training_does_not_depend_on_the_global_state_of_torch(train, blobs, constant, state):
    def metrics():
        return train(blobs, constant, 4, 3, epochs=2)[1].metrics

    expected = metrics()
    if state == "grad":
        with torch.no_grad():
            assert metrics() == expected
            assert not torch.is_grad_enabled()
        return
    change, before, other = {
        "dtype": (torch.set_default_dtype, torch.float32, torch.float64),
        "device": (torch.set_default_device, "cpu", "meta"),
    }[state]
    try:
        change(other)
        assert metrics() == expected
        assert torch.empty(1).dtype == torch.float64 or torch.empty(1).device.type == "meta"
    finally:
        change(before)


class CountsInNumpy(Classification):
    """A task of a user's whose scores are numbers of NumPy."""

    def evaluate(self, network, part, plan):
        scores = super().evaluate(network, part, plan)
        return {**scores, "mine": np.float32(scores["accuracy"]), "right": np.int64(3)}


def test_scores_of_numpy_are_plain_numbers_on_test_data_too(blobs):
    blobs.__class__ = CountsInNumpy
    training = Training(Space(layer(nn.Linear, 4, 3)), blobs, Recipe(epochs=1), accelerator="cpu")
    network, _ = training.fit(Candidate(training.space.default))
    scores = training.test(network)
    assert scores["mine"] == pytest.approx(scores["accuracy"])
    assert json.loads(json.dumps(scores)) == scores
