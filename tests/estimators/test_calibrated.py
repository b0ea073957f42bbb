"""Networks that come with weights are judged without training."""

import copy
import itertools

import pytest
import torch
from torch import nn

import archwright as aw
from archwright.errors import UsageError
from archwright.estimators.calibrated import Calibrated
from archwright.spaces.zoo.blocks.quantised import quantise
from archwright.tasks import Part, Plan
from archwright.tasks.batches import evaluation_plan
from archwright.testing import EstimatorContract
from archwright.trials import Candidate, LocalTrial

CPU = torch.device("cpu")


def network():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Dropout(0.5), nn.Linear(16, 3))


def space(own=None, shape=(4,)):
    return aw.quantised(aw.from_network(own or network(), torch.randn(2, *shape)))


def test_the_score_is_that_of_the_network_after_it_saw_the_examples(blobs):
    own = network()
    searched = space(own)
    candidate = Candidate(searched.architecture({"0": 16, "bits_0": "int8", "bits_4": "int4"}))
    found = Calibrated(searched, blobs, accelerator="cpu", batches=3).estimate(candidate, LocalTrial())
    made = quantise(copy.deepcopy(own).eval(), {"0": "int8", "4": "int4"})
    made[0].train()
    drawn = blobs.batches(Part("train"), Plan(size=64, device=CPU, seed=0))
    for inputs, _ in itertools.islice(drawn, 3):
        made(inputs)
    expected = blobs.evaluate(made.eval(), Part("validation"), evaluation_plan(CPU))
    assert {name: found.metrics[name] for name in expected} == pytest.approx(expected, rel=1e-6)
    assert found.metrics["params"] == sum(one.numel() for one in own.parameters())


def test_the_network_as_it_was_given_keeps_its_score(blobs):
    own = network()
    searched = space(own)
    found = Calibrated(searched, blobs, accelerator="cpu").estimate(Candidate(searched.default), LocalTrial())
    expected = blobs.evaluate(own, Part("validation"), evaluation_plan(CPU))
    assert {name: found.metrics[name] for name in expected} == pytest.approx(expected, rel=1e-6)
    smaller = Candidate(searched.architecture({**searched.default, "0": 8}))
    before = Calibrated(searched, blobs, accelerator="cpu").estimate(smaller, LocalTrial()).metrics
    assert before["params"] < found.metrics["params"]


def test_what_it_cannot_judge_is_refused(blobs):
    with pytest.raises(UsageError, match="come with weights"):
        Calibrated(aw.Space(aw.layer(network)), blobs)
    with pytest.raises(UsageError, match="batches >= 1"):
        Calibrated(space(), blobs, batches=0)


class TestCalibrated(EstimatorContract):
    """The contract of estimators."""

    metrics = ("accuracy", "loss", "params", "flops")
    fidelities = ()
    curves = False

    @staticmethod
    def make_space():
        torch.manual_seed(0)
        return space(nn.Sequential(nn.Flatten(), nn.Linear(64, 16), nn.ReLU(), nn.Linear(16, 10)), (1, 8, 8))

    @staticmethod
    def make(space):
        return Calibrated(space, aw.tasks.digits(), accelerator="cpu", batches=2)


class Own(nn.Sequential):
    """A network of the user's own."""

    def __init__(self):
        super().__init__(nn.Flatten(), nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10))


@pytest.mark.slow
def test_mixed_precision_is_found_within_a_limit(tmp_path):
    task = aw.tasks.digits()
    plain = aw.Space(aw.layer(Own))
    fitted, _ = aw.Training(plain, task, aw.Recipe(epochs=4)).fit(Candidate(plain.default))
    torch.save(fitted.state_dict(), tmp_path / "own.pt")
    own = aw.from_network(Own, task.example()[0], weights=tmp_path / "own.pt")
    searched = aw.quantised(own).fix({"1": 32})
    result = aw.search(
        searched,
        task,
        estimator="calibrated",
        strategy="grid",
        objectives=["accuracy", "size<=2200"],
        recipe={"epochs": 1},
        retrain=1,
        baseline=False,
        formats=(),
        out=tmp_path / "run",
        progress=False,
    )
    assert len(result.trials) == 9
    chosen = result.run.winner.architecture
    # 2,048 and 320 weights, 32 + 10 biases; int4 in the first layer: 1,024 + 64 scales of 4 bytes + 128 of biases
    assert chosen["bits_1"] == "int4"
    assert result.run.winner.metrics["size"] <= 2200
    assert result.run.winner.metrics["accuracy"] > 0.8
    assert "int4" in (tmp_path / "run" / "best" / "model.py").read_text()
