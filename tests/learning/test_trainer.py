"""One loop: resumes to the bit, accumulates to the same gradient, and lets steps of any kind be written on it."""

from __future__ import annotations

import io

import pytest
import torch
from torch import nn

from archwright.errors import UsageError
from archwright.learning import Part, PlainStep, Randomness, Recipe, Seeds, Step, Trainer
from archwright.learning.devices import make_fabric
from archwright.tasks import from_arrays

FULL = {"batch_size": 12, "augmentation": "noise", "mixup": 0.3, "label_smoothing": 0.1, "gradient_clip": 1.0}


@pytest.fixture(scope="module")
def task():
    drawn = torch.Generator().manual_seed(0)
    labels = torch.arange(90) % 3
    inputs = torch.randn(90, 4, generator=drawn) + labels[:, None]
    return from_arrays(inputs.numpy(), labels.numpy(), kind="classification")


def network():
    return nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(0.3), nn.Linear(8, 3))


def made(task, recipe, step=PlainStep, precision="32-true"):
    fabric = make_fabric("cpu", 1, precision)
    seeds = Seeds.of(recipe.seed)
    randomness = Randomness(seeds.network)
    with randomness.drawing():
        return Trainer(
            task, network(), recipe, step(), seeds=seeds, fabric=fabric, randomness=randomness, fraction=0.9
        )


def run(trainer, until=None, steps=None):
    """Epochs' metrics, until so many steps are done."""
    metrics = []
    with trainer.randomness.drawing():
        for event in trainer.run(until):
            if event.kind == "epoch":
                metrics.append(dict(event.metrics))
            elif steps is not None and trainer.updates == steps:
                break
    return metrics


def same(first, second):
    return all(
        torch.equal(a, b)
        for a, b in zip(
            first.network.state_dict().values(), second.network.state_dict().values(), strict=True
        )
    )


class Bilevel(Step):
    """Weights on one half, the first layer's bias on the other: two optimizers, two streams, a look ahead."""

    parts = {"weights": Part("train", 0.0, 0.5), "alpha": Part("train", 0.5, 1.0)}  # noqa: RUF012
    driver = "weights"

    def optimizers(self, network, recipe):
        self.alpha = [network[0].bias]
        self.weights = [p for p in network.parameters() if p is not network[0].bias]
        return {
            "weights": torch.optim.SGD(self.weights, lr=1.0, momentum=0.9),
            "alpha": torch.optim.Adam(self.alpha, lr=0.01),
        }

    def take(self, trainer):
        batches = trainer.pull("weights")
        if batches is None:
            return False
        seed = int(torch.randint(2**31, (1,)))
        slopes, _ = trainer.gradients(batches, self.weights, draws=seed)
        held_out = trainer.pull("alpha")
        with trainer.moved(self.weights, slopes, -0.05):
            (slope,), loss = trainer.gradients(held_out, self.alpha, draws=seed)
        self.alpha[0].grad = slope
        trainer.update("alpha", clip=False)
        trainer.note("alpha_loss", loss)
        trainer.note("train_loss", trainer.accumulate(batches, parameters=self.weights))
        trainer.update("weights")
        return True


@pytest.mark.parametrize("step", [PlainStep, Bilevel])
@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed"])
@pytest.mark.parametrize("changes", [{}, FULL, {"accumulation": 4, "optimizer": "sgd", "schedule": "cosine"}])
def test_a_state_in_mid_epoch_goes_on_to_the_same_bits(task, step, precision, changes):
    recipe = Recipe(**{"epochs": 4, "batch_size": 16, "learning_rate": 0.05, **changes})
    whole = made(task, recipe, step, precision)
    expected = run(whole)
    for steps in (1, 3, 5):
        first = made(task, recipe, step, precision)
        before = run(first, steps=steps)
        file = io.BytesIO()
        torch.save(first.state_dict(), file)
        file.seek(0)
        torch.randn(5)
        again = made(task, recipe, step, precision)
        again.load_state_dict(torch.load(file, weights_only=True))
        assert before + run(again) == expected
        assert same(again, whole)


def test_epochs_in_pieces_are_the_same_as_in_one(task):
    recipe = Recipe(epochs=4, **FULL)
    whole, pieces = made(task, recipe), made(task, recipe)
    expected = run(whole)
    assert run(pieces, 1) + run(pieces, 3) + run(pieces) == expected
    assert same(whole, pieces)


def test_another_epoch_is_another_order_and_a_jump_is_no_walk(task):
    plan = made(task, Recipe(epochs=3, batch_size=16)).streams["train"]
    orders = []
    for epoch in range(3):
        plan.start(epoch)
        orders.append(torch.cat([targets for _, targets in plan]))
    assert not torch.equal(orders[0], orders[1])
    jumped = made(task, Recipe(epochs=3, batch_size=16)).streams["train"]
    jumped.start(2)
    assert torch.equal(torch.cat([targets for _, targets in jumped]), orders[2])
    jumped.start(0)
    assert torch.equal(torch.cat([targets for _, targets in jumped]), orders[0])


def test_micro_batches_give_the_gradient_of_the_whole_batch(task):
    one, parts = made(task, Recipe(batch_size=24)), made(task, Recipe(batch_size=24, accumulation=4))
    slopes = []
    for trainer in (one, parts):
        trainer.network.eval()  # norms see another batch otherwise
        batches = trainer.pull("train")
        loss = trainer.accumulate(batches)
        slopes.append([loss, *(p.grad.clone() for p in trainer.network.parameters())])
        again, also = trainer.gradients(batches, list(trainer.network.parameters()))
        torch.testing.assert_close([also, *again], slopes[-1])
    assert len(batches) == 4
    torch.testing.assert_close(slopes[0], slopes[1])


def test_a_look_with_draws_of_its_own_leaves_no_trace(task):
    trainer = made(task, Recipe())
    batches, parameters = trainer.pull("train"), list(trainer.network.parameters())
    before = {name: tensor.clone() for name, tensor in trainer.network.state_dict().items()}
    drawn = torch.get_rng_state()
    first, _ = trainer.gradients(batches, parameters, draws=7)
    with trainer.moved(parameters, first, 0.3):
        moved = [p.detach().clone() for p in parameters]
    second, _ = trainer.gradients(batches, parameters, draws=7)
    assert all(torch.equal(a, b) for a, b in zip(first, second, strict=True))
    assert torch.equal(torch.get_rng_state(), drawn)
    assert all(torch.equal(before[name], now) for name, now in trainer.network.state_dict().items())
    assert any(not torch.equal(a, p) for a, p in zip(moved, parameters, strict=True))
    assert all(p.grad is None for p in parameters)


def test_events_count_steps_and_the_schedule_follows_the_recipe(task):
    trainer = made(task, Recipe(epochs=2, batch_size=16, schedule="linear", learning_rate=0.1))
    seen, rates = [], []
    with trainer.randomness.drawing():
        for event in trainer.run():
            seen.append((event.kind, event.epoch, event.step, event.steps))
            rates.append(trainer.optimizers["weights"].param_groups[0]["lr"])
    # 54 examples for training, of which 48 are used.
    assert seen == [
        *(("step", 1, n, 3) for n in (1, 2, 3)),
        ("epoch", 1, 3, 3),
        *(("step", 2, n, 3) for n in (1, 2, 3)),
        ("epoch", 2, 3, 3),
    ]
    assert rates == pytest.approx([0.1 * (1 - n / 6) for n in (0, 1, 2, 2, 3, 4, 5, 5)])


def test_random_numbers_of_the_caller_are_untouched(task):
    torch.manual_seed(3)
    expected = torch.rand(2)
    torch.manual_seed(3)
    run(made(task, Recipe(epochs=1)))
    assert torch.equal(torch.rand(2), expected)
    with pytest.raises(RuntimeError, match="drawing"):
        next(made(task, Recipe(epochs=1)).run())


class Fussy(PlainStep):
    refuses = frozenset({"autocast", "accumulation"})


def test_what_a_step_cannot_bear_is_refused_beforehand(task):
    with pytest.raises(
        UsageError, match=r"Fussy cannot be trained with the precision 'bf16-mixed': it refuses a"
    ):
        made(task, Recipe(), Fussy, "bf16-mixed")
    with pytest.raises(UsageError, match="accumulation=2: it refuses accumulation"):
        made(task, Recipe(accumulation=2), Fussy)
    made(task, Recipe(), Fussy)


class Growing(PlainStep):
    """Exchanges its network for a wider one after an epoch."""

    def __init__(self):
        self.width = 8

    def network(self):
        return nn.Sequential(nn.Linear(4, self.width), nn.ReLU(), nn.Linear(self.width, 3))

    def begin(self, trainer):
        if trainer.epoch == 1:
            self.width = 16
            trainer.exchange(self.network())

    def rebuild(self, state, network):
        self.width = state["width"]
        return self.network()

    def state_dict(self):
        return {"width": self.width}


def test_a_step_may_exchange_the_network_and_is_resumed_with_the_present_one(task):
    recipe = Recipe(epochs=3, batch_size=16)
    whole, first = made(task, recipe, Growing), made(task, recipe, Growing)
    run(whole)
    assert whole.network[0].weight.shape == (16, 4)
    run(first, steps=5)
    state = torch.load(io.BytesIO(_bytes(first.state_dict())), weights_only=True)
    again = made(task, recipe, Growing)
    again.load_state_dict(state)
    run(again)
    assert same(again, whole)


def _bytes(state):
    file = io.BytesIO()
    torch.save(state, file)
    return file.getvalue()
