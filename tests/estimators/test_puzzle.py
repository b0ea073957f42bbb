from __future__ import annotations

import itertools
import sys
from pathlib import Path

import pytest
import torch

import archwright as aw
from archwright.errors import UsageError
from archwright.estimators.puzzle import Puzzle
from archwright.learning import Recipe
from archwright.objectives import FunctionMeter
from archwright.pretrained.blockwise import combinations_of
from archwright.spaces import Space
from archwright.strategies.puzzle import EXCHANGE
from archwright.supernets.norms import recalibrate
from archwright.tasks import Part, Plan, Task
from archwright.tasks.batches import evaluation_plan
from archwright.tasks.datasets.arrays import from_arrays
from archwright.trials import Candidate, LocalTrial

sys.path.append(str(Path(__file__).parents[1] / "pretrained"))  # the suite imports tests by their path
from residual_network import ResidualNetwork

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def task() -> Task:
    generator = torch.Generator().manual_seed(0)
    return from_arrays(torch.randn(120, 1, 8, 8, generator=generator), torch.arange(120) % 3, name="images")


def parts(task: Task, folder: Path) -> tuple[Space, Puzzle]:
    torch.manual_seed(0)
    network = ResidualNetwork(16, 3).eval()
    space = aw.blockwise(network, task.example_arguments(), library=folder)
    return space, Puzzle(space, task, Recipe(epochs=4), accelerator="cpu", examples=64, local_epochs=2)


def exchange(space: Space, **choices: str) -> Candidate:
    return Candidate(space.architecture({**space.default, **choices}), EXCHANGE)


def test_the_score_of_an_exchange_is_that_of_the_network_with_fresh_norms(task: Task, tmp_path: Path) -> None:
    space, estimator = parts(task, tmp_path)
    candidate = exchange(space, layers_2="width_1_2")
    metrics = estimator.measure(candidate, LocalTrial()).metrics
    network = ResidualNetwork(16, 3).eval()
    network.load_state_dict(combinations_of(space).network.state_dict())  # type: ignore[union-attr]
    network.layers[2] = combinations_of(space).alternative("layers_2", "width_1_2")  # type: ignore[union-attr]
    drawn = task.batches(Part("train"), Plan(size=64, device=CPU, seed=0))
    recalibrate(network, itertools.islice(drawn, 32), task.forward)
    expected = task.evaluate(network, Part("validation"), evaluation_plan(CPU))
    assert {name: metrics[name] for name in expected} == pytest.approx(expected)
    own = sum(one.numel() for one in network.parameters())
    assert metrics["params"] == own
    assert 0 < metrics["local_error"] < 2


def test_an_alternative_is_trained_once_and_scored_once(task: Task, tmp_path: Path) -> None:
    space, estimator = parts(task, tmp_path)
    candidate = exchange(space, stem="projection")
    first = estimator.measure(candidate, LocalTrial())
    (path,) = tmp_path.iterdir()
    written = path.stat().st_mtime_ns
    again = parts(task, tmp_path)[1].measure(candidate, LocalTrial())
    assert again.metrics == first.metrics
    assert path.stat().st_mtime_ns == written


def test_a_combination_begins_with_the_library_and_trains_what_it_lacks(task: Task, tmp_path: Path) -> None:
    space, estimator = parts(task, tmp_path)
    both = Candidate(space.architecture({**space.default, "stem": "projection", "layers_0": "separable"}))
    measurement = estimator.measure(both, LocalTrial())
    assert len(measurement.curve) == 1  # a quarter of the recipe's epochs
    assert len(list(tmp_path.iterdir())) == 2
    built = space.build(both.architecture)
    trained = combinations_of(space).kept("stem", "projection")["weights"]  # type: ignore[union-attr, index]
    assert all(torch.equal(value, trained[name]) for name, value in built.stem.state_dict().items())


def test_limits_bound_combinations_and_not_exchanges(task: Task, tmp_path: Path) -> None:
    space, estimator = parts(task, tmp_path)
    assert not estimator.is_bounded(exchange(space))
    assert estimator.is_bounded(Candidate(space.default))


def test_what_needs_the_machine_is_measured_on_the_two_blocks(task: Task, tmp_path: Path) -> None:
    space, estimator = parts(task, tmp_path)
    seen: list[tuple[str, int]] = []

    def size(network: torch.nn.Module, *args: torch.Tensor) -> float:
        seen.append((type(network).__name__, len(args[0])))
        return 10 * float(sum(one.numel() for one in network.parameters()))

    meter = FunctionMeter(size, exclusive=True)
    for choice in ("width_1_2", "separable"):
        candidate = exchange(space, layers_2=choice)
        whole = sum(one.numel() for one in space.build(candidate.architecture).parameters())
        assert estimator.costs(candidate, {"energy": meter}) == {"energy": 10 * whole}
    assert seen == [
        ("ResidualNetwork", 2),
        ("ResidualBlock", 1),
        ("ResidualBlock", 1),
        ("Substitute", 1),
    ]
    assert estimator.costs(exchange(space), {"energy": meter}) is None
    assert estimator.costs(exchange(space, stem="projection"), {"size": FunctionMeter(size)}) is None
    assert estimator.costs(Candidate(space.default), {"energy": meter}) is None


def test_another_space_is_refused(task: Task) -> None:
    with pytest.raises(UsageError, match=r"aw\.blockwise"):
        Puzzle(aw.Space(aw.layer(ResidualNetwork)), task)
