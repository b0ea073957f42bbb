"""NAS-Bench-Graph (Qin et al. 2022, arXiv:2206.09166): trained graph networks on nine data sets."""

from __future__ import annotations

import functools
import importlib.util
import itertools
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter
from pathlib import Path
from typing import Any

from archwright.benchmarks.official import parsing
from archwright.benchmarks.table import Table
from archwright.errors import MissingExtraError, UsageError, did_you_mean
from archwright.estimators.tabular import Row
from archwright.objectives import Direction, Objective
from archwright.spaces import Space, categorical, layer, switch, tied

__all__ = ["DATASETS", "OPERATIONS", "SHAPES", "canonical_key", "nasbench_graph", "nasbench_graph_space"]

DATASETS = ("cora", "citeseer", "pubmed", "cs", "physics", "photo", "computers", "arxiv", "proteins")
"""The data sets, by the package's names."""

OPERATIONS = ("gat", "gcn", "gin", "cheb", "sage", "arma", "graph", "fc", "skip")
"""The operations, in the package's order."""

PROTEINS_OPERATIONS = ("gcn", "sage", "arma", "fc", "skip")
"""Those that were tried on proteins."""

SHAPES = ("0000", "0001", "0011", "0012", "0013", "0111", "0112", "0122", "0123")
"""The nine trees of four nodes: digit k says which node feeds node k + 1; 0 is the input."""

_NODES = 4
_CODES = {operation: code for code, operation in enumerate(OPERATIONS)}
_SKIP = _CODES["skip"]
_ADDRESSES = tuple(f"operation_{node}" for node in range(1, _NODES + 1))
_choices = itemgetter("tree", *_ADDRESSES)


@dataclass(frozen=True)
class Features:
    """The features of the graph's nodes, which the network reads."""


@dataclass(frozen=True)
class _Operation:
    source: Any


class GAT(_Operation):
    """Graph attention with two heads."""


class GCN(_Operation):
    """A graph convolution."""


class GIN(_Operation):
    """A graph isomorphism layer."""


class Cheb(_Operation):
    """A Chebyshev convolution."""


class SAGE(_Operation):
    """A GraphSAGE layer."""


class ARMA(_Operation):
    """An ARMA convolution."""


class GraphConv(_Operation):
    """A layer of a k-GNN."""


class Linear(_Operation):
    """A fully connected layer, which does not look at the edges."""


class Skip(_Operation):
    """No operation."""


@dataclass(frozen=True)
class Concatenated:
    """The network's output: what no other node reads, side by side."""

    leaves: Sequence[Any]


_CALLS = dict(zip(OPERATIONS, (GAT, GCN, GIN, Cheb, SAGE, ARMA, GraphConv, Linear, Skip), strict=True))


def nasbench_graph(dataset: str, *, file: str | Path | None = None) -> Table:
    """The table of one data set: 26,206 networks; 2,021 on proteins.

    "accuracy" is on the validation data ("roc_auc" on proteins), "test_accuracy" ("test_roc_auc") on the test data,
    each the mean of three trainings; "latency" is in seconds, "params" a count.

    Args:
        dataset: One of `DATASETS`.
        file: A `.bench` file of the package's light form; None takes that of the installed package.

    Raises:
        MissingExtraError: When the package is not installed and no file is given.
        TaskError: When the file is not the official one.
        UsageError: When the data set is unknown, or there is no such file.
    """
    if dataset not in DATASETS:
        raise UsageError(f"NAS-Bench-Graph has no data set {dataset!r}.{did_you_mean(dataset, DATASETS)}")
    path = Path(file) if file is not None else _installed(dataset)
    if not path.is_file():
        raise UsageError(
            f"there is no file {path}; the package nas-bench-graph has it as light/{dataset}.bench"
        )
    from archwright.tasks.datasets.restricted_pickle import NUMBERS, load_plain  # the room loads torch

    with path.open("rb") as opened:
        found = load_plain(opened, str(path), NUMBERS)
    score = "roc_auc" if dataset == "proteins" else "accuracy"
    names = {"valid_perf": score, "perf": f"test_{score}", "latency": "latency"}
    rows: dict[Hashable, Row] = {}
    entries = "the light form of NAS-Bench-Graph, a dict of number to valid_perf, perf, latency and para"
    with parsing(path, entries):
        for key, entry in found.items():
            metrics = {told: (float(entry[name]),) for name, told in names.items()}
            rows[int(key)] = Row({**metrics, "params": (float(round(1e6 * entry["para"])),)})
    objectives = (
        Objective(score, Direction.MAXIMIZE),
        Objective("latency", Direction.MINIMIZE),
        Objective("params", Direction.MINIMIZE),
    )
    return Table(
        f"nas-bench-graph:{dataset}",
        nasbench_graph_space(PROTEINS_OPERATIONS if dataset == "proteins" else OPERATIONS),
        rows,
        objectives,
        test=f"test_{score}",
    )


def _installed(dataset: str) -> Path:
    spec = importlib.util.find_spec("nas_bench_graph")
    if spec is None or not spec.submodule_search_locations:
        raise MissingExtraError("nas-bench-graph", "bench", f"the table nas-bench-graph:{dataset}")
    return Path(spec.submodule_search_locations[0]) / "light" / f"{dataset}.bench"


def nasbench_graph_space(operations: Sequence[str] = OPERATIONS) -> Space:
    """The space of NAS-Bench-Graph (Qin et al. 2022, arXiv:2206.09166).

    Four nodes, each with an operation, and a tree that says what each reads; what no node reads is concatenated as
    the output. The network of skips alone is left out, as in the table. The space describes networks and does not
    build them: their results are known.

    Args:
        operations: Those to choose from, of `OPERATIONS`.

    Returns:
        The space, with the addresses `tree` (of `SHAPES`) and `operation_1` to `operation_4`. 59,048 raw
        architectures are 26,206 networks, told apart by `canonical_key`.
    """
    chosen = [categorical(operations, name=address) for address in _ADDRESSES]
    networks = {}
    for shape in SHAPES:
        nodes: list[Any] = [layer(Features)]
        for decision, parent in zip(chosen, map(int, shape), strict=True):
            source = nodes[parent]
            nodes.append(
                tied(switch(decision, {label: layer(_CALLS[label], source) for label in operations}))
            )
        leaves = [node for i, node in enumerate(nodes) if str(i) not in shape]
        networks[shape] = layer(Concatenated, leaves)
    network = switch(categorical(SHAPES, name="tree"), networks)
    return Space(network, constraints=[_computes], canonicalize=_canonical, name="nas-bench-graph")


def _computes(architecture: Mapping[str, Any]) -> bool:
    """Whether any node has another operation than skip."""
    return any(architecture[address] != "skip" for address in _ADDRESSES)


def _canonical(architecture: Mapping[str, Any]) -> int:
    """The table's key of an architecture."""
    return _known_key(_choices(architecture))


@functools.cache
def _known_key(given: tuple[str, ...]) -> int:
    """See `canonical_key`; what was worked out once is remembered."""
    return canonical_key(given[0], given[1:])


def canonical_key(shape: str, operations: Sequence[str]) -> int:
    """The number by which the table knows a network.

    A skip that is read by another node, that is its parent's only reader, or that reads nothing but the input does
    not change what is computed: it is moved to the front, before everything else. What is left is a tree without an
    order; of all its spellings by `SHAPES` the key is the smallest number, whose digits are the position in `SHAPES`
    and those of the four operations in `OPERATIONS`.

    Args:
        shape: What each node reads: the parent of node k + 1 at digit k.
        operations: Of the four nodes.

    Example:
        >>> canonical_key("0123", ("gat", "skip", "gcn", "gin"))
        88012
    """
    parents = [int(digit) for digit in shape]
    codes = [_CODES[operation] for operation in operations]
    if _SKIP in codes:
        parents, codes = _skips_first(parents, codes)
    key, orders = _SPELLINGS[tuple(parents)]
    for code in min([order(codes) for order in orders]):
        key = 10 * key + code
    return key


def _skips_first(parents: list[int], codes: list[int]) -> tuple[list[int], list[int]]:
    """The same network with its skips that compute nothing as a chain from the input."""
    left = list(range(_NODES))
    reads = list(parents)  # for each node the node it reads, counted from 1; 0 is the input
    for node in range(_NODES):  # parents come before their readers
        if codes[node] != _SKIP:
            continue
        is_read = any(reads[other] == node + 1 for other in left)
        is_alone = not any(reads[other] == reads[node] for other in left if other != node)
        if is_read or is_alone or reads[node] == 0:
            left.remove(node)
            for other in left:
                if reads[other] == node + 1:
                    reads[other] = reads[node]
    moved = _NODES - len(left)
    place = {0: moved, **{node + 1: moved + i + 1 for i, node in enumerate(left)}}
    chain = list(range(moved))
    return chain + [place[reads[node]] for node in left], [_SKIP] * moved + [codes[node] for node in left]


def _spellings(parents: tuple[int, ...]) -> tuple[int, list[itemgetter[Any]]]:
    """The position in `SHAPES` of a tree, and the orders in which its nodes are numbered so, as getters of them."""
    position, orders = -1, []
    for order in itertools.permutations(range(_NODES)):
        place = {0: 0, **{node + 1: i + 1 for i, node in enumerate(order)}}
        shape = "".join(str(place[parents[node]]) for node in order)
        if shape in SHAPES:  # the same one for all orders: no two of them are the same tree
            position = SHAPES.index(shape)
            orders.append(itemgetter(*order))
    return position, orders


_SPELLINGS = {
    parents: _spellings(parents)
    for parents in itertools.product(*(range(node + 1) for node in range(_NODES)))
}
