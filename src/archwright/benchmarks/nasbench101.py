"""NAS-Bench-101 (Ying et al. 2019, arXiv:1902.09635), from the official file."""

from __future__ import annotations

import base64
import hashlib
import itertools
import json
import math
from collections.abc import Hashable, Mapping, Sequence
from pathlib import Path
from typing import Any

from archwright.benchmarks.official import official_file, parsing
from archwright.benchmarks.table import Table
from archwright.benchmarks.tfrecord import read_fields, read_records
from archwright.errors import UsageError
from archwright.estimators.tabular import Row, Runs
from archwright.objectives import Direction, Objective
from archwright.spaces import Space, boolean, categorical, layer, switch, tied, when

__all__ = ["OPERATIONS", "WHERE", "cell_key", "nasbench101", "nasbench101_space"]

WHERE = "https://github.com/google-research/nasbench"
"""Where the files are published."""

OPERATIONS = ("conv3x3-bn-relu", "conv1x1-bn-relu", "maxpool3x3")
"""The operations, by the benchmark's names."""

_NODES = 7
_MOST_EDGES = 9
_EDGES = tuple(itertools.combinations(range(_NODES), 2))
_EPOCHS = 108
_EDGE = {pair: f"edge_{pair[0]}_{pair[1]}" for pair in _EDGES}
_OPERATION = {node: f"operation_{node}" for node in range(1, _NODES - 1)}


def nasbench101(file: str | Path | None, *, runs: Runs = "mean") -> Table:
    """The table of NAS-Bench-101: 423,624 cells on CIFAR-10, each trained three times.

    "accuracy" is on the validation data and "test_accuracy" on the test data; "params" is a count; seconds are those
    of the training. The larger file also has trainings of 4, 12 and 36 epochs.

    Args:
        file: `nasbench_only108.tfrecord` (500 MB) or `nasbench_full.tfrecord` (2 GB); reading takes minutes.
        runs: Measure the "mean" of the runs, or one "drawn".

    Raises:
        UsageError: When there is no such file, or it is another.
    """
    path = official_file(file, "NAS-Bench-101", "nasbench_only108.tfrecord", WHERE)
    keys: dict[str, str] = {}
    params: dict[str, float] = {}
    found: dict[int, dict[str, list[tuple[float, float, float]]]] = {}
    for number, record in enumerate(read_records(path)):
        with parsing(f"{path}, record {number}", "a result of NAS-Bench-101"):
            known, epochs, adjacency, operations, packed = json.loads(record)
            if known not in keys:
                size = math.isqrt(len(adjacency))
                edges = [(i // size, i % size) for i, digit in enumerate(adjacency) if digit == "1"]
                keys[known] = cell_key(edges, operations.split(","))
            key = keys[known]
            metrics = read_fields(base64.b64decode(packed))
            params[key] = float(metrics[2][0])
            final = read_fields(metrics[1][2])  # type: ignore[arg-type]  # before, halfway and after the training
            run = (float(final[4][0]), float(final[5][0]), float(final[2][0]))
            found.setdefault(int(epochs), {}).setdefault(key, []).append(run)
    levels = {epochs: _rows(cells, params) for epochs, cells in found.items()}
    if _EPOCHS not in levels:
        raise UsageError(f"{path}: expected networks trained for {_EPOCHS} epochs, got none")
    objectives = (Objective("accuracy", Direction.MAXIMIZE), Objective("params", Direction.MINIMIZE))
    return Table(
        "nas-bench-101",
        nasbench101_space(),
        levels[_EPOCHS],
        objectives,
        test="test_accuracy",
        epochs=levels,
        runs=runs,
    )


def _rows(
    cells: Mapping[str, Sequence[tuple[float, float, float]]], params: Mapping[str, float]
) -> dict[Hashable, Row]:
    rows: dict[Hashable, Row] = {}
    for key, trained in cells.items():
        validation, test, seconds = zip(*trained, strict=True)
        rows[key] = Row({"accuracy": validation, "test_accuracy": test, "params": (params[key],)}, seconds)
    return rows


def Cell(nodes: Sequence[Any], decided: Sequence[Any]) -> tuple[Any, ...]:  # noqa: N802  # a network's part
    """A cell, described by what its output reads."""
    return tuple(nodes)


def Operation(label: str, sources: Sequence[Any]) -> tuple[Any, ...]:  # noqa: N802
    """A node of the cell."""
    return (label, tuple(sources))


def nasbench101_space() -> Space:
    """The space of NAS-Bench-101 (Ying et al. 2019, arXiv:1902.09635): cells of 7 nodes and up to 9 edges.

    Node 0 is the input and node 6 the output; the five between have an operation each, and any node may read any one
    before it. Nodes that are not on a way from input to output are cut off and do not count, and isomorphic cells are
    one network: see `cell_key`. The space describes cells and does not build them.

    Returns:
        The space, with the addresses `edge_FROM_TO` and `operation_1` to `operation_5`.
    """
    edges = {pair: boolean(name=address) for pair, address in _EDGE.items()}
    chosen = {node: categorical(OPERATIONS, name=address) for node, address in _OPERATION.items()}
    nodes: list[Any] = [tied(layer(Operation, "input", []))]
    for node in range(1, _NODES):
        sources = [when(edges[earlier, node], nodes[earlier]) for earlier in range(node)]
        if node in chosen:
            options = {label: layer(Operation, label, sources) for label in OPERATIONS}
            nodes.append(tied(switch(chosen[node], options)))
    # All decisions stand in the cell itself, so that each is always active, as in the benchmark's own samples.
    cell = layer(Cell, sources, decided=[*edges.values(), *chosen.values()])
    return Space(cell, constraints=[_is_cell], canonicalize=_canonical, name="nas-bench-101")


def _edges(architecture: Mapping[str, Any]) -> list[tuple[int, int]]:
    return [pair for pair, address in _EDGE.items() if architecture[address]]


def _is_cell(architecture: Mapping[str, Any]) -> bool:
    """Whether there is a way from the input to the output, and at most 9 edges on such ways."""
    edges = _edges(architecture)
    kept = _on_the_way(edges, _NODES)
    return 0 in kept and sum(a in kept and b in kept for a, b in edges) <= _MOST_EDGES


def _canonical(architecture: Mapping[str, Any]) -> str:
    labels = ["input", *(architecture[address] for address in _OPERATION.values()), "output"]
    return cell_key(_edges(architecture), labels)


def _on_the_way(edges: Sequence[tuple[int, int]], count: int) -> set[int]:
    """The nodes that the input reaches and that reach the output; edges lead to later nodes."""
    after, before = {0}, {count - 1}
    for source, target in sorted(edges):
        if source in after:
            after.add(target)
    for source, target in sorted(edges, reverse=True):
        if target in before:
            before.add(source)
    return after & before


def cell_key(edges: Sequence[tuple[int, int]], operations: Sequence[str]) -> str:
    """What is equal for isomorphic cells.

    Each node's digest begins as that of its operation and degrees, and takes up those of its inputs and its outputs
    as many times as there are nodes; the digest of them all, sorted, is the key, as the benchmark's authors do
    (theirs is by MD5, with other texts). Cut-off nodes do not count.

    Args:
        edges: Pairs (from, to) of node numbers, to the later node.
        operations: Of all nodes: the first is the input, the last the output.
    """
    kept = _on_the_way(edges, len(operations))
    inside = [(source, target) for source, target in edges if source in kept and target in kept]
    inputs: dict[int, list[int]] = {node: [] for node in kept}
    outputs: dict[int, list[int]] = {node: [] for node in kept}
    for source, target in inside:
        inputs[target].append(source)
        outputs[source].append(target)
    digests = {n: _digest(f"{operations[n]} {len(inputs[n])} {len(outputs[n])}") for n in kept}
    for _ in kept:
        digests = {
            n: _digest(
                f"{''.join(sorted(digests[i] for i in inputs[n]))}|"
                f"{''.join(sorted(digests[o] for o in outputs[n]))}|{digests[n]}"
            )
            for n in kept
        }
    return _digest("".join(sorted(digests.values())))


def _digest(text: str) -> str:
    return hashlib.blake2b(text.encode(), digest_size=12).hexdigest()
