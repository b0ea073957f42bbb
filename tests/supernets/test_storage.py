"""A trained supernet on disk, and scores by its weights."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

import archwright as aw
from archwright.errors import RunError
from archwright.estimators import WeightSharing
from archwright.references import load_object
from archwright.supernets import Supernet, make_method, shared_score, train_epoch
from archwright.supernets.methods.uniform import UniformSampling
from archwright.supernets.storage import load_supernet, save_supernet
from archwright.tasks import Task, make_task
from archwright.testing import EstimatorContract
from archwright.trials import Candidate, LocalTrial

HERE = Path(__file__).parent


def small_space() -> aw.Space:
    make = load_object(f"{HERE.parent / 'session' / 'spaces_for_tests.py'}:make")
    return make()


@pytest.fixture(scope="module")
def task() -> Task:
    return make_task("digits")


@pytest.fixture(scope="module")
def trained(task: Task) -> Supernet:
    torch.manual_seed(0)
    supernet = Supernet(small_space(), task.example_arguments())
    method = make_method("spos", epochs=4)
    trainer = method.trainer(supernet, task, accelerator="cpu")
    for _ in range(4):
        train_epoch(trainer)
    return supernet


def test_what_was_written_is_read(trained: Supernet, task: Task, tmp_path: Path) -> None:
    save_supernet(trained, tmp_path / "supernet.pt")
    read = load_supernet(small_space(), task.example_arguments(), tmp_path / "supernet.pt")
    assert all(torch.equal(tensor, read.state_dict()[name]) for name, tensor in trained.state_dict().items())


def test_allowed_values_and_scale_are_kept(tmp_path: Path) -> None:
    space = aw.spaces.zoo.make_space("darts", (1, 8, 8), 3, cells=3, channels=4, nodes=1)
    allowed = {"normal.0.from_0": ["skip_connect", "sep_conv_3x3"]}
    supernet = Supernet(space, torch.randn(2, 1, 8, 8), allowed=allowed, scale={"cells": 5})
    save_supernet(supernet, tmp_path / "supernet.pt")
    read = load_supernet(space, torch.randn(2, 1, 8, 8), tmp_path / "supernet.pt")
    assert len(read.network.cells) == 5
    assert read.allowed == {"normal.0.from_0": ("skip_connect", "sep_conv_3x3")}


def test_a_missing_corrupt_or_foreign_file_is_told(trained: Supernet, task: Task, tmp_path: Path) -> None:
    path = tmp_path / "supernet.pt"
    with pytest.raises(RunError, match="cannot be read"):
        load_supernet(small_space(), task.example_arguments(), path)
    path.write_bytes(b"not a supernet")
    with pytest.raises(RunError, match="search anew"):
        load_supernet(small_space(), task.example_arguments(), path)
    save_supernet(trained, path)
    other = aw.spaces.zoo.make_space("chain", task.input_shape, task.outputs)
    with pytest.raises(RunError, match="of another space"):
        load_supernet(other, task.example_arguments(), path)


def test_shared_scores_tell_trained_weights_from_new_ones(trained: Supernet, task: Task) -> None:
    architecture = small_space().sample(0)
    before = {name: tensor.clone() for name, tensor in trained.state_dict().items()}
    scores = shared_score(trained, architecture, task)
    assert scores["accuracy"] > 0.4
    assert scores == shared_score(trained, architecture, task)
    assert all(torch.equal(before[name], tensor) for name, tensor in trained.state_dict().items())
    torch.manual_seed(5)
    assert (
        shared_score(Supernet(small_space(), task.example_arguments()), architecture, task)["accuracy"] < 0.4
    )


def test_uniform_sampling_proposes_by_shared_scores(trained: Supernet, task: Task) -> None:
    method = UniformSampling(epochs=4, samples=6)
    method.trainer(trained, task, accelerator="cpu")
    proposed = method.derive(6)
    assert len(set(proposed)) == 6
    scores = [shared_score(trained, architecture, task)["accuracy"] for architecture in proposed]
    assert scores == sorted(scores, reverse=True)
    assert method.derive(6) == proposed


class TestWeightSharing(EstimatorContract):
    """The contract of estimators."""

    metrics = ("accuracy", "loss", "params", "flops")
    fidelities = ()
    curves = False

    @staticmethod
    def make_space() -> aw.Space:
        return small_space()

    @staticmethod
    def make(space: aw.Space) -> WeightSharing:
        task = make_task("digits")
        torch.manual_seed(0)
        return WeightSharing(space, task, Supernet(space, task.example_arguments()), accelerator="cpu")


def test_the_estimator_reads_a_file(trained: Supernet, task: Task, tmp_path: Path) -> None:
    save_supernet(trained, tmp_path / "supernet.pt")
    space = small_space()
    candidate = Candidate(space.sample(0))
    from_file = WeightSharing(space, task, tmp_path / "supernet.pt", accelerator="cpu").estimate(
        candidate, LocalTrial()
    )
    assert from_file.metrics == WeightSharing(space, task, trained).estimate(candidate, LocalTrial()).metrics
    plain = space.build(candidate.architecture, task.example_arguments())
    assert from_file.metrics["params"] == sum(p.numel() for p in plain.parameters())


def test_evolution_searches_on_shared_weights(trained: Supernet, task: Task, tmp_path: Path) -> None:
    space = small_space()
    result = aw.search(
        space,
        task,
        strategy="evolution",
        strategy_options={"population_size": 4, "tournament_size": 2},
        estimator=WeightSharing(space, task, trained),
        budget=aw.Budget(trials=8),
        recipe=aw.Recipe(epochs=1),
        retrain=1,
        baseline=False,
        onnx=False,
        progress=False,
        out=tmp_path / "run",
    )
    assert len(result.trials) == 8
    assert result.test is not None
