"""A subclass of a ready-made task has a loss and metrics of its own; micro-batches weigh what the task counts."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional

from archwright.errors import TaskError, TrialError, UsageError
from archwright.estimators import Training
from archwright.learning import PlainStep, Recipe, Trainer
from archwright.spaces import Space, layer
from archwright.tasks import BatchStream, Classification, Part, Plan, Task, from_arrays
from archwright.tasks.batches import evaluation_plan, moved
from archwright.trials import Candidate, LocalTrial


@pytest.fixture
def blobs():
    drawn = torch.Generator().manual_seed(0)
    labels = torch.arange(80) % 4
    inputs = torch.randn(80, 3, generator=drawn) + labels[:, None]
    return from_arrays(inputs.numpy(), labels.numpy(), kind="classification")


class Focal(Classification):
    """Has a loss of its own."""

    def loss(self, outputs, batch):
        chance = outputs.softmax(1)[torch.arange(len(outputs)), batch[1]]
        return (-((1 - chance) ** 2) * chance.log()).mean()


class TopTwo(Focal):
    """Has metrics of its own too."""

    def metrics(self, outputs, batch):
        best = outputs.topk(2, dim=1).indices
        return {"top_two": ((best == batch[1][:, None]).any(1).sum(), len(best))}


def as_kind(task, kind):
    task.__class__ = kind
    return task


def test_a_loss_of_its_own_is_trained_and_told(blobs):
    plain = nn.Linear(3, 4)
    outputs, batch = plain(blobs.train.tensors[0]), blobs.train.tensors
    plan, part = evaluation_plan(torch.device("cpu")), Part("train")
    before = blobs.evaluate(plain, part, plan)
    task = as_kind(blobs, Focal)
    after = task.evaluate(plain, part, plan)
    assert after["loss"] == pytest.approx(task.loss(outputs, batch).item(), rel=1e-5)
    assert {name: after[name] for name in before if name != "loss"} == {
        name: before[name] for name in before if name != "loss"
    }
    trainer = Trainer(task, plain, Recipe(batch_size=16), PlainStep())
    batches = trainer.pull("train")
    assert trainer.accumulate(batches).item() == pytest.approx(
        task.loss(plain(batches[0][0]), batches[0]).item()
    )


class TopTwoToo(Focal):
    """Adds a metric to the ready-made ones."""

    def metrics(self, outputs, batch):
        return {**super().metrics(outputs, batch), **TopTwo.metrics(self, outputs, batch)}


@pytest.mark.parametrize("kind", [Focal, TopTwoToo])
def test_a_batch_is_measured_by_the_loss_of_its_own(blobs, kind):
    task, network = as_kind(blobs, kind), nn.Linear(3, 4)
    batch = task.train.tensors
    outputs = network(batch[0])
    found = task.measure(outputs, batch)
    assert found["loss"] == pytest.approx(task.loss(outputs, batch).item())
    whole = task.evaluate(network, Part("train"), evaluation_plan(torch.device("cpu")))
    assert found == pytest.approx(whole, rel=1e-5)


def test_metrics_of_its_own_take_the_place_of_the_ready_ones(blobs):
    task, plain = as_kind(blobs, TopTwo), nn.Linear(3, 4)
    found = task.evaluate(plain, Part("train"), Plan(size=7, device=torch.device("cpu"), least=1))
    outputs, (_, targets) = plain(task.train.tensors[0]), task.train.tensors
    best = outputs.topk(2, dim=1).indices
    assert set(found) == {"loss", "top_two"}
    assert found["top_two"] == pytest.approx((best == targets[:, None]).any(1).float().mean().item())
    assert task.measure(outputs, task.train.tensors)["top_two"] == pytest.approx(found["top_two"])


@pytest.mark.parametrize("changes", [{"label_smoothing": 0.1}, {"mixup": 0.2}])
def test_a_loss_that_knows_nothing_of_soft_labels_is_not_given_any(blobs, changes):
    with pytest.raises(UsageError, match=r"needs a task with a method soften\(batch.*use .*=0"):
        Trainer(as_kind(blobs, Focal), nn.Linear(3, 4), Recipe(**changes), PlainStep())


class Padded(Task):
    """Sequences of different length; the loss is a mean over their steps."""

    name = "padded"

    def __init__(self):
        drawn = torch.Generator().manual_seed(1)
        lengths = torch.randint(1, 12, (40,), generator=drawn).tolist()
        self.train = [(torch.randn(n, 2, generator=drawn), torch.randn(n, generator=drawn)) for n in lengths]
        self.validation = self.test = self.train[:10]

    def collate(self, items):
        inputs, targets = zip(*items, strict=True)
        pad = nn.utils.rnn.pad_sequence
        return pad(list(inputs), batch_first=True), pad(
            list(targets), batch_first=True, padding_value=torch.nan
        )

    def weight(self, batch):
        return batch[1].isfinite().sum()

    def loss(self, outputs, batch):
        known = batch[1].isfinite()
        return functional.mse_loss(outputs.squeeze(-1)[known], batch[1][known])


def test_micro_batches_of_padded_sequences_weigh_their_steps():
    task = Padded()
    slopes = []
    for accumulation in (1, 4):
        torch.manual_seed(0)
        network = nn.Linear(2, 1)
        trainer = Trainer(task, network, Recipe(batch_size=16, accumulation=accumulation), PlainStep())
        loss = trainer.accumulate(trainer.pull("train"))
        slopes.append((loss, network.weight.grad, network.bias.grad))
    torch.testing.assert_close(slopes[0], slopes[1])
    whole = task.collate(task.train)
    found = task.evaluate(network, Part("train"), Plan(size=3, device=torch.device("cpu"), least=1))
    assert found == {"loss": pytest.approx(task.loss(network(whole[0]), whole).item(), rel=1e-5)}


def test_class_weights_are_those_of_the_whole_batch():
    drawn = torch.Generator().manual_seed(2)
    labels = (torch.arange(90) % 9 == 0).long()
    inputs = torch.randn(90, 3, generator=drawn)
    task = from_arrays(inputs.numpy(), labels.numpy(), kind="classification", class_weights="balanced")
    counts = torch.bincount(task.train.tensors[1]).float()
    torch.testing.assert_close(task.class_weights, counts.sum() / (2 * counts))
    slopes = []
    for accumulation in (1, 3):
        torch.manual_seed(0)
        network = nn.Linear(3, 2)
        trainer = Trainer(task, network, Recipe(batch_size=30, accumulation=accumulation), PlainStep())
        trainer.accumulate(trainer.pull("train"))
        slopes.append(network.weight.grad)
    torch.testing.assert_close(slopes[0], slopes[1])
    with pytest.raises(TaskError, match="expected 2 numbers >= 0"):
        from_arrays(inputs.numpy(), labels.numpy(), kind="classification", class_weights=[1.0, 2.0, 3.0])


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_micro_batches_whose_classes_all_weigh_nothing_add_nothing(smoothing):
    labels = torch.arange(64) % 2
    inputs = torch.randn(64, 3, generator=torch.Generator().manual_seed(2))
    task = from_arrays(inputs.numpy(), labels.numpy(), kind="classification", class_weights=[1.0, 0.0])
    recipe = Recipe(batch_size=4, accumulation=2, label_smoothing=smoothing)
    trainer = Trainer(task, nn.Linear(3, 2), recipe, PlainStep())
    counting, weightless = ((inputs[labels == label][:2], torch.full((2,), label)) for label in (0, 1))
    if smoothing:
        counting, weightless = (
            task.soften(batch, smoothing, 0.0, torch.Generator()) for batch in (counting, weightless)
        )
    found = []
    for batches in ([counting], [counting, weightless], [weightless], [weightless, weightless]):
        loss = trainer.accumulate(batches)
        found.append((loss, trainer.network.weight.grad.clone()))
        trainer.optimizers["weights"].zero_grad()
    torch.testing.assert_close(found[1], found[0])
    assert found[3][0] == 0
    assert not found[3][1].any()
    assert all(slope.isfinite().all() for _, slope in found)
    if not smoothing:
        assert found[2][0] == 0


def test_an_epoch_of_examples_that_weigh_nothing_is_one_of_no_loss():
    labels, inputs = torch.arange(64) % 2, torch.randn(64, 3)
    task = from_arrays(inputs.numpy(), labels.numpy(), kind="classification", class_weights=[0.0, 0.0])
    space = Space(layer(nn.Linear, 3, 2))
    found = Training(space, task, Recipe(epochs=1, batch_size=16)).estimate(
        Candidate(space.sample(0)), LocalTrial()
    )
    assert found.metrics["loss"] == found.curve[0]["train_loss"] == 0


def test_batches_of_any_structure_are_moved():
    class Held:
        def to(self, device):
            return ("moved", str(device))

    batch = {"a": [torch.ones(2), (Held(), "text")], "b": 3}
    found = moved(batch, "cpu")
    assert found["a"][1] == (("moved", "cpu"), "text")
    assert found["b"] == 3
    assert torch.equal(found["a"][0], torch.ones(2))


class Episodes(BatchStream):
    """Draws each batch anew from its number, as episodes of few-shot learning are."""

    length = 5

    def __init__(self, seed, size):
        self.seed, self.size = seed, size
        self.start(0)

    def start(self, epoch):
        self.epoch, self.taken = epoch, 0

    def __next__(self):
        if self.taken == self.length:
            raise StopIteration
        self.taken += 1
        drawn = torch.Generator().manual_seed(self.seed * 1000 + self.epoch * 10 + self.taken)
        inputs = torch.randn(self.size, 3, generator=drawn)
        return inputs, inputs.sum(1, keepdim=True)

    def state_dict(self):
        return {"epoch": self.epoch, "taken": self.taken}

    def load_state_dict(self, state):
        self.epoch, self.taken = state["epoch"], state["taken"]


class Drawn(Task):
    """Has no datasets at all."""

    name = "drawn"

    def batches(self, part, plan, network=None):
        return Episodes(plan.seed or 0, 8)

    def loss(self, outputs, batch):
        return functional.mse_loss(outputs, batch[1])

    def example(self):
        return next(Episodes(0, 2))


def test_a_task_may_make_its_batches_itself():
    space, task = Space(layer(nn.Linear, 3, 1)), Drawn()
    training = Training(space, task, Recipe(epochs=4, learning_rate=0.1), checkpoint_seconds=0.0)
    trial, candidate = LocalTrial(), Candidate(space.sample(0))
    expected = training.fit(candidate, trial)[1]
    assert expected.curve[-1]["loss"] < expected.curve[0]["loss"]
    assert training.fit(candidate, trial.again())[1].metrics == expected.metrics
    assert task.describe()["split"] == ""
    assert list(trial.reports) == [5, 10, 15, 20]


class Precise(Drawn):
    """Joins totals of its own to one number, and says nothing of the loss."""

    metric = "share"

    def metrics(self, outputs, batch):
        near = (outputs - batch[1]).abs() < 1
        return {"near": (near.sum(), near.numel())}

    def finish(self, totals):
        near, count = totals["near"]
        return {"share": float(near / count)}


class Judged(Drawn):
    """Is judged by an amount of its own alone."""

    def evaluate(self, network, part, plan):
        return {"reward": network(torch.ones(1, 3)).item()}


class Bare(Classification):
    """Has scores of its own without a loss."""

    def scores(self, outputs, targets):
        return {"accuracy": (outputs.argmax(1) == targets).float().mean().item()}


def test_the_loss_is_told_where_finish_says_nothing_of_it():
    space, task = Space(layer(nn.Linear, 3, 1)), Precise()
    found = Training(space, task, Recipe(epochs=2, early_stopping=2)).estimate(
        Candidate(space.sample(0)), LocalTrial()
    )
    assert {"loss", "share"} <= found.metrics.keys()
    network, batch = nn.Linear(3, 1), task.example()
    assert task.measure(network(batch[0]), batch)["loss"] == pytest.approx(
        task.loss(network(batch[0]), batch).item()
    )


def test_scores_need_not_have_a_loss(blobs):
    network = nn.Linear(3, 4)
    expected = blobs.evaluate(network, Part("train"), evaluation_plan(torch.device("cpu")))
    found = as_kind(blobs, Bare).evaluate(network, Part("train"), evaluation_plan(torch.device("cpu")))
    assert found == {name: pytest.approx(expected[name], rel=1e-5) for name in ("loss", "accuracy")}


def test_a_task_that_is_judged_otherwise_needs_no_loss_to_be_told_but_to_find_its_best_epoch():
    space, task = Space(layer(nn.Linear, 3, 1)), Judged()
    candidate = Candidate(space.sample(0))
    found = Training(space, task, Recipe(epochs=2)).estimate(candidate, LocalTrial())
    assert "reward" in found.metrics
    assert "loss" not in found.metrics
    with pytest.raises(TrialError, match="expected loss to tell the best epoch by, got reward"):
        Training(space, task, Recipe(epochs=2, early_stopping=1)).estimate(candidate, LocalTrial())


def test_metrics_that_lack_the_tasks_own_leave_the_best_epoch_to_the_loss(blobs):
    space, task = Space(layer(nn.Linear, 3, 4)), as_kind(blobs, TopTwo)
    found = Training(space, task, Recipe(epochs=3, early_stopping=2)).estimate(
        Candidate(space.sample(0)), LocalTrial()
    )
    assert found.metrics["loss"] == min(entry["loss"] for entry in found.curve)
