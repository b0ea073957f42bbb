"""The table of graph networks: every key is reached, and the canonical form is the package's own."""

from __future__ import annotations

import io
import itertools
import pickle
import random
from pathlib import Path

import numpy as np
import pytest
from nas_bench_graph import Arch, light_read

from archwright.benchmarks import Table, nasbench_graph, nasbench_graph_space
from archwright.benchmarks.nasbench_graph import OPERATIONS, PROTEINS_OPERATIONS, SHAPES, canonical_key
from archwright.errors import TaskError, UsageError
from archwright.estimators import TabularEstimator
from archwright.spaces import Space
from archwright.testing import EstimatorContract, SpaceContract
from archwright.trials import Candidate, LocalTrial


@pytest.fixture(scope="module")
def cora() -> Table:
    return nasbench_graph("cora")


class TestSpace(SpaceContract):
    make = staticmethod(lambda: nasbench_graph_space(PROTEINS_OPERATIONS))


class TestEstimator(EstimatorContract):
    make = staticmethod(lambda space: TabularEstimator(space, nasbench_graph("proteins").rows))
    make_space = staticmethod(lambda: nasbench_graph_space(PROTEINS_OPERATIONS))
    metrics = ("roc_auc", "test_roc_auc", "latency", "params")
    fidelities = ()
    curves = False


def test_every_key_is_reached_and_no_other(cora: Table) -> None:
    reached = {
        canonical_key(shape, operations)
        for shape in SHAPES
        for operations in itertools.product(OPERATIONS, repeat=4)
        if set(operations) != {"skip"}
    }
    assert reached == set(cora.rows)
    assert len(cora.rows) == 26_206


def test_proteins_has_fewer() -> None:
    table = nasbench_graph("proteins")
    assert {table.space.canonical(architecture) for architecture in table.space} == set(table.rows)
    assert table.space.size == 2_021
    assert table.test == "test_roc_auc"


def test_the_canonical_form_is_the_packages() -> None:
    generator = random.Random(0)
    with_skips = list(itertools.product(("gat", "gcn", "skip"), repeat=4))
    for parents in itertools.product([0], [0, 1], [0, 1, 2], [0, 1, 2, 3]):
        drawn = [tuple(generator.choices(OPERATIONS, k=4)) for _ in range(100)]
        for operations in with_skips + drawn:
            if set(operations) != {"skip"}:
                expected = Arch(list(parents), list(operations)).valid_hash()
                assert canonical_key("".join(map(str, parents)), operations) == expected


def test_rows_are_the_packages(cora: Table) -> None:
    published = light_read("cora")
    for key, row in itertools.islice(cora.rows.items(), 0, None, 1_000):
        entry = published[key]
        assert row.metrics["accuracy"] == (entry["valid_perf"],)
        assert row.metrics["test_accuracy"] == (entry["perf"],)
        assert row.metrics["latency"] == (entry["latency"],)
        assert row.metrics["params"] == (round(entry["para"] * 1e6),)


def test_the_estimator_measures_by_the_canonical_form(cora: Table) -> None:
    space, estimator = cora.space, cora.estimator()
    values = {"tree": "0000", "operation_1": "gat", "operation_2": "gcn", "operation_3": "gin"}
    one = space.architecture({**values, "operation_4": "fc"})
    other = space.architecture({**values, "operation_1": "fc", "operation_4": "gat"})
    assert estimator.estimate(Candidate(one), LocalTrial()) == estimator.estimate(
        Candidate(other), LocalTrial()
    )


def test_the_graph_shares_what_is_read_twice(cora: Table) -> None:
    operations = {"operation_1": "gat", "operation_2": "gcn", "operation_3": "gin", "operation_4": "fc"}
    graph = cora.space.graph(cora.space.architecture({"tree": "0111", **operations}))
    assert sorted(node.label for node in graph.nodes) == [
        "Concatenated", "Features", "GAT", "GCN", "GIN", "Linear",
    ]  # fmt: skip
    readers = [graph.nodes[a].label for a, b in graph.contains if graph.nodes[b].label == "GAT"]
    assert sorted(readers) == ["GCN", "GIN", "Linear"]


def test_all_skips_are_not_in_the_space() -> None:
    space: Space = nasbench_graph_space()
    values = {"tree": "0000", **{f"operation_{i}": "skip" for i in range(1, 5)}}
    assert not space.contains(values)


class Evil:
    def __reduce__(self) -> tuple[object, ...]:
        return (print, ("called",))


@pytest.mark.parametrize("value", [Evil(), np.zeros(2), np.array([Evil()], dtype=object)])
def test_a_file_that_names_anything_else_is_refused(
    tmp_path: Path, value: object, capsys: pytest.CaptureFixture[str]
) -> None:
    entry = {"valid_perf": 0.5, "perf": 0.5, "latency": 0.1, "para": value}
    (tmp_path / "cora.bench").write_bytes(pickle.dumps({0: entry}, protocol=3))
    with pytest.raises(TaskError, match="refused"):
        nasbench_graph("cora", file=tmp_path / "cora.bench")
    assert capsys.readouterr().out == ""


def test_wrong_use_is_told(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="Did you mean 'cora'"):
        nasbench_graph("coar")
    with pytest.raises(UsageError, match="there is no file"):
        nasbench_graph("cora", file=tmp_path / "none.bench")
    buffer = io.BytesIO()
    pickle.dump([1, 2], buffer)
    (tmp_path / "list.bench").write_bytes(buffer.getvalue())
    with pytest.raises(UsageError, match="expected the light form"):
        nasbench_graph("cora", file=tmp_path / "list.bench")
