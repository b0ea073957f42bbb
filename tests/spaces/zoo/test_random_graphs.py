"""Random graphs beside networkx's: the laws that each one keeps, and statistics over many."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from random import Random

import networkx as nx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from archwright.errors import BuildError
from archwright.spaces.zoo.random_graphs import (
    Edges,
    barabasi_albert,
    connected,
    erdos_renyi,
    watts_strogatz,
    wired,
)


def graph(edges: Edges, nodes: int) -> nx.Graph:
    made = nx.Graph(sorted(edges))
    made.add_nodes_from(range(nodes))
    return made


@given(nodes=st.integers(3, 20), k=st.integers(2, 8), p=st.floats(0, 1), seed=st.integers(0, 10**6))
def test_a_watts_strogatz_graph_has_as_many_edges_as_its_ring(
    nodes: int, k: int, p: float, seed: int
) -> None:
    edges = watts_strogatz(nodes, k, p, Random(seed))
    assert all(0 <= a < b < nodes for a, b in edges)
    assert len(edges) == min(nodes * (k // 2), nodes * (nodes - 1) // 2)
    if p == 0:
        assert nx.utils.graphs_equal(graph(edges, nodes), nx.watts_strogatz_graph(nodes, min(k, nodes), 0))


@given(nodes=st.integers(3, 20), data=st.data(), seed=st.integers(0, 10**6))
def test_each_node_that_is_added_joins_m_others(nodes: int, data: st.DataObject, seed: int) -> None:
    m = data.draw(st.integers(1, nodes - 1))
    edges = barabasi_albert(nodes, m, Random(seed))
    assert [sum(b == node for _, b in edges) for node in range(nodes)] == [0] * m + [m] * (nodes - m)
    assert nx.is_connected(graph(edges, nodes))


def test_barabasi_albert_of_one_is_a_tree() -> None:
    assert nx.is_tree(graph(barabasi_albert(30, 1, Random(0)), 30))


def clustering(made: nx.Graph) -> float:
    return float(nx.average_clustering(made))


def most(made: nx.Graph) -> float:
    return float(max(degree for _, degree in made.degree))


def far(made: nx.Graph) -> float:
    return float(nx.average_shortest_path_length(made)) if nx.is_connected(made) else float(len(made))


def spread(made: nx.Graph) -> float:
    return statistics.pstdev(degree for _, degree in made.degree)


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (
            lambda random: watts_strogatz(32, 4, 0.75, random),
            lambda seed: nx.watts_strogatz_graph(32, 4, 0.75, seed=seed),
        ),
        (
            lambda random: watts_strogatz(32, 4, 0.2, random),
            lambda seed: nx.watts_strogatz_graph(32, 4, 0.2, seed=seed),
        ),
        (
            lambda random: erdos_renyi(32, 0.2, random),
            lambda seed: nx.erdos_renyi_graph(32, 0.2, seed=seed),
        ),
        (
            lambda random: barabasi_albert(32, 5, random),
            lambda seed: nx.barabasi_albert_graph(32, 5, seed=seed),
        ),
        (
            lambda random: barabasi_albert(32, 1, random),
            lambda seed: nx.barabasi_albert_graph(32, 1, seed=seed),
        ),
    ],
    ids=["ws .75", "ws .2", "er .2", "ba 5", "ba 1"],
)
def test_statistics_are_those_of_networkx(
    ours: Callable[[Random], Edges], theirs: Callable[[int], nx.Graph]
) -> None:
    many = 200
    random = Random(1)
    left = [graph(ours(random), 32) for _ in range(many)]
    right = [theirs(seed) for seed in range(many)]
    for statistic in (clustering, most, far, spread):
        a, b = [statistic(made) for made in left], [statistic(made) for made in right]
        error = ((statistics.variance(a) + statistics.variance(b)) / many) ** 0.5
        assert abs(statistics.mean(a) - statistics.mean(b)) < 4.5 * error + 1e-9, statistic.__name__


@given(nodes=st.integers(1, 15), p=st.floats(0, 1), seed=st.integers(0, 10**6))
def test_a_wiring_is_the_graph_directed_upwards(nodes: int, p: float, seed: int) -> None:
    edges = erdos_renyi(nodes, p, Random(seed))
    wiring = wired(edges, nodes)
    directed = nx.DiGraph((a, b) for b, reads in enumerate(wiring.reads) for a in reads)
    directed.add_nodes_from(range(nodes))
    assert set(directed.edges) == edges
    assert nx.is_directed_acyclic_graph(directed)
    assert list(wiring.outputs) == [node for node in range(nodes) if not directed.out_degree(node)]


@given(nodes=st.integers(2, 12), seed=st.integers(0, 10**6))
def test_only_connected_graphs_are_taken(nodes: int, seed: int) -> None:
    seen: list[Edges] = []

    def draw(random: Random) -> Edges:
        seen.append(erdos_renyi(nodes, 0.4, random))
        return seen[-1]

    edges = connected(draw, nodes, Random(seed))
    assert [nx.is_connected(graph(one, nodes)) for one in seen] == [False] * (len(seen) - 1) + [True]
    assert edges == seen[-1]


def test_a_graph_that_is_never_connected_is_told() -> None:
    with pytest.raises(BuildError, match="none of 10,000 random graphs of 4 nodes"):
        connected(lambda _: frozenset(), 4, Random(0))


def test_the_graph_of_a_seed_stays_what_it_is() -> None:
    """Architectures that were saved hold a seed: this must never change."""
    assert sorted(watts_strogatz(6, 2, 0.5, Random("7 0"))) == [
        (0, 1),
        (0, 2),
        (0, 3),
        (1, 4),
        (2, 5),
        (3, 5),
    ]
    assert sorted(barabasi_albert(5, 2, Random("7 0"))) == [(0, 2), (0, 3), (0, 4), (1, 2), (1, 4), (2, 3)]
    assert sorted(erdos_renyi(4, 0.5, Random("7 0"))) == [(0, 1), (0, 2), (0, 3), (1, 2), (1, 3)]
