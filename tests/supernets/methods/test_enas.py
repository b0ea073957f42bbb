from __future__ import annotations

import itertools

import pytest
import torch
from torch import nn

import archwright as aw
from archwright.errors import SearchError, UsageError
from archwright.learning import Trainer
from archwright.supernets import Supernet, make_method, shared_score, train_epoch
from archwright.supernets.methods.enas import Enas, warm_restarts
from archwright.tasks import Task


def enas_on(space: aw.Space, task: Task, **options: object) -> tuple[Enas, Trainer]:
    small = {"epochs": 2, "batch_size": 32, "controller_steps": 2, "controller_samples": 3, **options}
    method = Enas(seed=3, **small)  # type: ignore[arg-type]
    return method, method.trainer(Supernet(space, task.example_arguments()), task, accelerator="cpu")


def test_one_path_is_trained_at_a_time(nested: aw.Space, task: Task) -> None:
    method, trainer = enas_on(nested, task, weight_decay=0.1, learning_rate=0.5)
    for _ in range(8):
        before = {name: tensor.detach().clone() for name, tensor in method.supernet.named_parameters()}
        trainer.streams["weights"].start(0)
        assert method.take(trainer)
        taken = method.supernet.gates.values["outer"]
        idle = "wide" if taken == "deep" else "deep"
        moved = {
            name
            for name, tensor in method.supernet.named_parameters()
            if not torch.equal(tensor, before[name])
        }
        assert moved
        assert not any(f".{idle}." in name for name in moved)


def test_an_epoch_trains_both_and_reports_the_reward(nested: aw.Space, task: Task) -> None:
    method, trainer = enas_on(nested, task)
    controller = [parameter.detach().clone() for parameter in method.controller.parameters()]
    steps: list[tuple[int, int]] = []
    measured = train_epoch(trainer, lambda step, of: steps.append((step, of))).metrics
    assert 0 <= measured["reward"] <= 1
    assert measured["train_loss"] > 0
    assert measured["learning_rate"] == 0.05
    assert any(not torch.equal(a, b) for a, b in zip(controller, method.controller.parameters(), strict=True))
    assert steps[-1] == (len(steps), len(steps))


def test_the_reward_is_the_accuracy_of_the_path_on_the_batch(nested: aw.Space, task: Task) -> None:
    method, trainer = enas_on(nested, task)
    architecture = nested.sample(0)
    ((inputs, targets),) = trainer.pull("controller") or ()
    trainer.streams["controller"].start(0)
    with torch.no_grad():
        outputs = method.supernet.extract(architecture)(inputs)
    wanted = (outputs.argmax(1) == targets).float().mean().item()
    assert method.reward(trainer, architecture) == pytest.approx(wanted)


def test_proposals_are_drawn_once_each_and_the_same_for_one_state(nested: aw.Space, task: Task) -> None:
    method, trainer = enas_on(nested, task)
    first = list(method.proposals())
    assert len(first) == len(set(first)) == 6
    assert list(itertools.islice(method.proposals(), 3)) == first[:3]
    train_epoch(trainer)
    assert all(nested.contains(architecture) for architecture in method.proposals())


def test_the_derived_are_the_best_by_shared_weights(nested: aw.Space, task: Task) -> None:
    method, trainer = enas_on(nested, task)
    train_epoch(trainer)
    best = method.derive(2)
    scores = {a: shared_score(method.supernet, a, task)[task.metric] for a in method.proposals()}
    assert [scores[a] for a in best] == sorted(scores.values(), reverse=True)[:2]


def test_probabilities_are_those_of_the_controller(nested: aw.Space, task: Task) -> None:
    method, _trainer = enas_on(nested, task)
    state = method.generator.get_state()
    found = method.probabilities()
    assert torch.equal(state, method.generator.get_state())
    assert set(found) == set(nested.decisions)
    assert all(sum(p.values()) == pytest.approx(1, abs=1e-5) for p in found.values())


def test_constraints_are_kept(task: Task, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("archwright.supernets.methods.enas._TRIES", 100)
    pick = [aw.choice({"id": aw.layer(nn.Identity), "relu": aw.layer(nn.ReLU)}, name=name) for name in "ab"]
    network = aw.layer(nn.Sequential, *pick, aw.layer(nn.Linear, 6, 3))
    space = aw.Space(network, constraints=[lambda a: a["a"] != a["b"]])
    method, trainer = enas_on(space, task)
    assert len(list(method.proposals())) == 2
    train_epoch(trainer)
    impossible = aw.Space(network, constraints=[lambda a: False])
    method.supernet.space = impossible
    with pytest.raises(SearchError, match="refused 100"):
        train_epoch(trainer)


def test_the_learning_rate_begins_anew_after_10_and_then_20_epochs() -> None:
    rates = [warm_restarts(epoch, 0.05, 0.0005, 10, 2) for epoch in range(71)]
    for beginning in (0, 10, 30, 70):
        assert rates[beginning] == 0.05
    assert rates[5] == rates[20] == rates[50] == pytest.approx((0.05 + 0.0005) / 2)
    assert all(later < earlier for earlier, later in itertools.pairwise(rates[10:30]))


def test_the_published_defaults() -> None:
    method = make_method("enas")
    assert isinstance(method, Enas)
    assert (method.epochs, method.controller_steps, method.controller_samples) == (150, 30, 10)


def test_wrong_options_are_refused() -> None:
    with pytest.raises(UsageError, match="controller_steps=0"):
        Enas(controller_steps=0)
