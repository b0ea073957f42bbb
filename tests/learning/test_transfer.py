"""Fine-tuning: frozen parts, rates by layer, a teacher; formulas computed another way, resume to the bit."""

import copy
import io

import numpy as np
import pytest
import torch
from torch import nn

import archwright as aw
from archwright.errors import TrialError, UsageError
from archwright.estimators import Training
from archwright.learning import DistillStep, PlainStep, Randomness, Recipe, Seeds, Trainer
from archwright.learning.devices import make_fabric
from archwright.learning.optimizers import make_optimizer
from archwright.learning.transfer import FrozenParts, depths
from archwright.tasks import from_arrays
from archwright.trials import Candidate


def softmax(values, temperature):
    powers = np.exp(values / temperature - (values / temperature).max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)


def divergence(outputs, teacher, temperature):
    """T² Σ p log(p / q), row by row, from the definition."""
    p, q = softmax(teacher, temperature), softmax(outputs, temperature)
    return temperature**2 * (p * np.log(p / q)).sum(axis=-1)


def classes(weights=None):
    drawn = np.random.default_rng(0)
    labels = np.arange(90) % 3
    inputs = drawn.normal(size=(90, 4)).astype(np.float32) + labels[:, None].astype(np.float32)
    return from_arrays(inputs, labels, kind="classification", class_weights=weights)


def network():
    torch.manual_seed(0)
    body = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 6), nn.Dropout(0.2))
    return nn.ModuleDict({"body": body, "head": nn.Linear(6, 3)})


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        for name, part in network().items():
            self.add_module(name, part)

    def forward(self, x):
        return self.head(self.body(x))


@pytest.mark.parametrize("temperature", [1.0, 4.0])
def test_the_distance_of_classes_is_hintons(temperature):
    drawn = np.random.default_rng(1)
    outputs, teacher = drawn.normal(size=(2, 7, 3)) * 3
    task, batch = classes(), (torch.zeros(7, 4), torch.arange(7) % 3)
    found = task.distance(torch.tensor(outputs), torch.tensor(teacher), batch, temperature)
    assert float(found) == pytest.approx(divergence(outputs, teacher, temperature).mean(), rel=1e-5)
    members = torch.tensor(np.stack([outputs, teacher], axis=1))  # the second member is the teacher itself
    assert float(task.distance(members, torch.tensor(teacher), batch, temperature)) == pytest.approx(
        float(found) / 2, rel=1e-5
    )
    weights = np.array([1.0, 2.0, 5.0])
    own = weights[np.arange(7) % 3]
    expected = (own * divergence(outputs, teacher, temperature)).sum() / own.sum()
    weighted = classes(weights.tolist()).distance(
        torch.tensor(outputs), torch.tensor(teacher), batch, temperature
    )
    assert float(weighted) == pytest.approx(expected, rel=1e-5)


def test_the_distance_of_places_in_a_text_is_hintons():
    task = aw.tasks.from_text("abcabcbbca" * 40, length=8)
    drawn = np.random.default_rng(2)
    outputs, teacher = drawn.normal(size=(2, 5, 8, 3))
    found = task.distance(torch.tensor(outputs), torch.tensor(teacher), None, 2.0)
    assert float(found) == pytest.approx(divergence(outputs, teacher, 2.0).mean(), rel=1e-5)


def test_a_step_beside_a_teacher_takes_both_losses():
    task, teacher, student = classes(), Net(), Net()
    with torch.no_grad():
        student.head.weight.mul_(0.5)
    recipe = Recipe(distillation=0.3, temperature=3.0)
    step = DistillStep(teacher.train(), 0.3, 3.0)
    trainer = Trainer(task, student, recipe, step)
    inputs, labels = task.train.tensors[0][:9], task.train.tensors[1][:9]
    outputs = student.eval()(inputs)
    found = step.loss(trainer, outputs, (inputs, labels))
    mine, taught = outputs.detach().double().numpy(), teacher.eval()(inputs).detach().double().numpy()
    cross = -np.log(softmax(mine, 1.0)[np.arange(9), labels.numpy()]).mean()
    expected = 0.7 * cross + 0.3 * divergence(mine, taught, 3.0).mean()
    assert float(found.detach()) == pytest.approx(expected, rel=1e-5)
    found.backward()
    assert all(one.grad is None for one in teacher.parameters())


def test_rates_fall_from_the_last_layer_to_the_first():
    net = Net()
    expected = {"body.0": 2, "body.1": 2, "body.3": 1, "head": 0}
    named = dict(net.named_parameters())
    assert {name.rpartition(".")[0]: depths(net)[one] for name, one in named.items()} == expected
    before = {name: one.detach().numpy().copy() for name, one in named.items()}
    recipe = Recipe(
        optimizer="sgd",
        momentum=0.0,
        weight_decay=0.0,
        learning_rate=0.2,
        layer_decay=0.5,
        schedule="constant",
    )
    trainer = Trainer(classes(), net, recipe, PlainStep())
    for one in named.values():
        one.grad = torch.ones_like(one)
    trainer.update("weights")
    for name, one in named.items():
        rate = 0.2 * 0.5 ** expected[name.rpartition(".")[0]]
        np.testing.assert_allclose(one.detach().numpy(), before[name] - rate, rtol=1e-5, atol=1e-6)
    assert trainer.optimizers["weights"].param_groups[0]["lr"] == 0.2  # the rate that is told
    plain = make_optimizer(recipe.replace(layer_decay=1.0), Net())
    assert ["scale" in group for group in plain.param_groups] == [False, False]


def made(recipe, teacher):
    fabric = make_fabric("cpu", 1, "32-true")
    seeds = Seeds.of(recipe.seed)
    randomness = Randomness(seeds.network)
    with randomness.drawing():
        step = DistillStep(teacher, recipe.distillation, recipe.temperature)
        return Trainer(classes(), Net(), recipe, step, seeds=seeds, fabric=fabric, randomness=randomness)


def test_a_state_in_mid_epoch_goes_on_to_the_same_bits():
    recipe = Recipe(
        epochs=3, batch_size=16, freeze=("body.0.*", "body.1.*"), layer_decay=0.7, distillation=0.5, mixup=0.3
    )
    teacher = Net()
    whole, first, again = (made(recipe, teacher) for _ in range(3))
    with whole.randomness.drawing():
        list(whole.run())
    with first.randomness.drawing():
        for event in first.run():
            if (event.epoch, event.step) == (2, 2):
                break
    file = io.BytesIO()
    torch.save(first.state_dict(), file)
    file.seek(0)
    again.load_state_dict(torch.load(file, weights_only=True))
    with again.randomness.drawing():
        list(again.run())
    for one, other in zip(
        whole.network.state_dict().values(), again.network.state_dict().values(), strict=True
    ):
        assert torch.equal(one, other)


def test_what_is_frozen_stays_with_its_statistics():
    space = aw.Space(aw.layer(Net))
    started = Net().state_dict()
    training = Training(space, classes(), Recipe(epochs=2, freeze=("body.*",)))
    fitted, _ = training.fit(Candidate(space.sample(0)))
    assert all(one.requires_grad for one in fitted.parameters())
    for name, one in fitted.state_dict().items():
        assert torch.equal(one, started[name]) == name.startswith("body")
    net = Net()
    parts = FrozenParts(net, ("body.*",))
    net.train()
    parts.hold()
    assert [net.training, net.head.training, net.body[1].training] == [True, True, False]
    with pytest.raises(TrialError, match="'bdy' matches no parameter"):
        FrozenParts(Net(), ("bdy",))
    with pytest.raises(TrialError, match="leave no parameter"):
        FrozenParts(net := Net(), ("*",))
    assert all(one.requires_grad for one in net.parameters())


BACKBONE = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.ReLU())


def trained_backbone():
    """As a user loads one: a fresh module with its weights."""
    return copy.deepcopy(BACKBONE)


def test_a_head_is_searched_on_a_frozen_backbone():
    width = aw.integer(4, 8, step=4, name="width")
    head = aw.layer(
        nn.Sequential, aw.layer(nn.Linear, 8, width), aw.layer(nn.ReLU), aw.layer(nn.Linear, width, 3)
    )
    space = aw.Space(aw.layer(nn.Sequential, aw.layer(trained_backbone), head))
    training = Training(space, classes(), Recipe(epochs=4, freeze=("0.*",)))
    for hidden in (4, 8):
        fitted, measured = training.fit(Candidate(space.architecture({"width": hidden})))
        for one, other in zip(fitted[0].state_dict().values(), BACKBONE.state_dict().values(), strict=True):
            assert torch.equal(one, other)
        assert measured.curve[-1]["train_loss"] < measured.curve[0]["train_loss"]


def test_a_teacher_that_is_not_there_is_told():
    with pytest.raises(UsageError, match="needs a teacher"):
        Training(aw.Space(aw.layer(Net)), classes(), Recipe(distillation=0.5))
    with pytest.raises(UsageError, match="PlainStep has no teacher"):
        Trainer(classes(), Net(), Recipe(distillation=0.5), PlainStep())
    for changes in ({"layer_decay": 0.0}, {"distillation": 1.5}, {"temperature": 0}, {"freeze": "body"}):
        with pytest.raises(UsageError, match=f"expected {next(iter(changes))}"):
            Recipe(**changes)


def test_two_processes_learn_from_a_teacher_what_one_does():
    task = classes([1.0, 2.0, 4.0])
    net = nn.Sequential(nn.Linear(4, 16), nn.Tanh(), nn.Linear(16, 3))
    space = aw.from_network(net, torch.randn(2, 4))
    recipe = Recipe(epochs=2, batch_size=20, distillation=0.5, layer_decay=0.5)
    small = Candidate(space.architecture({"0": 8}))
    curves = []
    for devices in (1, 2):
        training = Training(space, task, recipe, accelerator="cpu", devices=devices, threads=1)
        curves.append(training.fit(small)[1].curve)
    for one, other in zip(*curves, strict=True):
        assert one["train_loss"] == pytest.approx(other["train_loss"], rel=1e-4)
        assert one["loss"] == pytest.approx(other["loss"], rel=1e-4)
