"""Networks for other limits from a trained supernet."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch
from torch import nn

import archwright as aw
from archwright.errors import RunError, SearchError, UsageError
from archwright.experiments import NamedConfig, RunConfig, SpaceConfig, TaskConfig
from archwright.objectives import measure_cheap, parse_limit
from archwright.session.parts import make_training
from archwright.session.specialised import LARGEST, check_limits, front_of, references_of
from archwright.session.specialising import Specialiser, specialise
from archwright.supernets import Supernet, make_method, shared_score, train_epoch
from archwright.tasks import Task, make_task


def space() -> aw.Space:
    """A width, a depth and a side of the kernel on 8 x 8 digits."""
    width = aw.integer(4, 20, step=4, name="width")
    kernel = aw.choice(1, 3, name="kernel")
    blocks = aw.repeat(
        lambda i: aw.layer(
            nn.Sequential,
            aw.layer(nn.Conv2d, width, width, 3, padding=1),
            aw.layer(nn.BatchNorm2d, width),
            aw.layer(nn.ReLU),
        ),
        times=aw.integer(0, 3, name="depth"),
        name="blocks",
    )
    stem = aw.layer(nn.Conv2d, 1, width, kernel, 2, kernel // 2)
    head = [aw.layer(nn.AdaptiveAvgPool2d, 2), aw.layer(nn.Flatten), aw.layer(nn.Linear, 4 * width, 10)]
    return aw.Space(aw.layer(nn.Sequential, stem, aw.layer(nn.ReLU), blocks, *head), name="elastic")


@pytest.fixture(scope="module")
def task() -> Task:
    return make_task("digits", seed=0)


@pytest.fixture(scope="module")
def specialiser(task: Task) -> Specialiser:
    torch.manual_seed(0)
    supernet = Supernet(space(), task.example_arguments())
    trainer = make_method("sandwich", epochs=2, seed=0).trainer(supernet, task, accelerator="cpu")
    while trainer.epoch < 2:
        train_epoch(trainer)
    drawn = [space().sample(seed) for seed in range(12)]
    scored = [(a, shared_score(supernet, a, task)["accuracy"]) for a in dict.fromkeys(drawn)]
    return Specialiser(supernet, task, scored)


@pytest.mark.parametrize("limits", [["params<=3000"], ["params<=8000", "macs<=90000"], ["macs<=5000"]])
def test_limits_are_kept_by_the_plain_network_with_the_supernets_weights(
    specialiser: Specialiser, task: Task, limits: list[str]
) -> None:
    found = specialiser.find([parse_limit(limit) for limit in limits])
    measured = measure_cheap(found.network, task.example_arguments())
    measured["macs"] = measured["flops"] / 2
    for limit in map(parse_limit, limits):
        assert measured[limit.name] == found.costs[limit.name] <= (limit.limit or 0)
    assert not any(type(module).__module__.startswith("archwright") for module in found.network.modules())
    inherited = specialiser.supernet.extract(found.architecture)
    for name, tensor in inherited.named_parameters():
        assert torch.equal(tensor, found.network.get_parameter(name))
    assert found.metrics["accuracy"] > 0.15  # ten classes


def test_more_room_is_used(specialiser: Specialiser) -> None:
    """Among the 40 networks of this space the best that were predicted are not all tiny."""
    small, large = (specialiser.find([parse_limit(f"params<={bound}")]) for bound in (500, 12_000))
    assert small.costs["params"] <= 500 < large.costs["params"]
    assert large.metrics["accuracy"] >= small.metrics["accuracy"]


def test_the_same_question_has_the_same_answer(specialiser: Specialiser) -> None:
    first, second = (specialiser.find([parse_limit("params<=4000")]) for _ in range(2))
    assert first.metrics == second.metrics


def test_a_limit_that_nothing_keeps_is_told(specialiser: Specialiser) -> None:
    with pytest.raises(SearchError, match=r"the least that was measured: params \d+"):
        specialiser.find([parse_limit("params<=10")])
    with pytest.raises(UsageError, match="expected limits on what is measured on a network"):
        specialiser.find([parse_limit("accuracy>=0.9")])
    with pytest.raises(UsageError, match=r"got 'latency'; .* Did you mean 'latency_ms'"):
        check_limits([parse_limit("latency<=5")])
    with pytest.raises(UsageError, match=r"expected a front by what is measured .*, got 'accuracy'"):
        front_of("accuracy")


def test_the_network_as_it_was_given_and_the_largest_are_told_beside(task: Task) -> None:
    torch.manual_seed(0)
    network = nn.Sequential(nn.Flatten(), nn.Linear(64, 16), nn.ReLU(), nn.Linear(16, 10))
    given = aw.from_network(network, torch.zeros(2, 1, 8, 8))
    supernet = Supernet(given, task.example_arguments())
    with torch.no_grad():
        for one in supernet.parameters():
            one.zero_()  # trained to something else
    specialiser = Specialiser(supernet, task, [(given.sample(seed), 0.1) for seed in range(2)])
    limits = [parse_limit("params<=900")]
    config = RunConfig(
        name="mine",
        task=TaskConfig.of(task),
        space=SpaceConfig.of(given),
        strategy=NamedConfig(name="sandwich"),
        objectives=(aw.Objective("accuracy"),),
        budget=aw.Budget(trials=1),
        recipe=aw.Recipe(),
    )
    own, largest = references_of(
        specialiser.largest(limits), limits, config, given, task, validated=specialiser.validated
    )
    params = sum(one.numel() for one in network.parameters())
    assert (own.name, largest.name) == ("the network as it was given", LARGEST)
    assert own.costs == largest.costs == {"params": params}
    expected = make_training(config, given, task).test(network)
    assert own.test == expected != largest.test
    assert largest.metrics["loss"] == pytest.approx(math.log(10))
    assert own.metrics["loss"] != largest.metrics["loss"]


def test_a_run_without_a_supernet_is_told(tmp_path: Path) -> None:
    aw.search(
        "mlp",
        "digits",
        budget=aw.Budget(trials=1),
        recipe=aw.Recipe(epochs=1),
        retrain=0,
        baseline=False,
        progress=False,
        out=tmp_path / "run",
    )
    with pytest.raises(
        RunError, match="has no trained supernet; search with --strategy once_for_all or sandwich"
    ):
        specialise(tmp_path / "run", ["params<=1000"])
