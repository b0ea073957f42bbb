"""Random graphs as wirings of networks: the generators of Erdős-Rényi, Barabási-Albert and Watts-Strogatz. No torch.

Drawn here rather than by networkx, whose graphs of one seed may differ between its versions: a seed is a part of an
architecture, which must mean the same network for good. Only `Random.random` is called, whose numbers Python promises.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from random import Random

from archwright.errors import BuildError

__all__ = ["Edges", "Wiring", "barabasi_albert", "connected", "erdos_renyi", "watts_strogatz", "wired"]

Edges = frozenset[tuple[int, int]]
"""Undirected edges between nodes 0, 1, ..., each as (lower, higher)."""

_TRIES = 10_000


@dataclass(frozen=True, slots=True)
class Wiring:
    """A directed acyclic graph: every edge leads from the lower to the higher node (Xie et al. 2019, section 3.2).

    Args:
        reads: For each node the nodes that it reads, ascending; none for one that reads the graph's input.
        outputs: The nodes that nobody reads, ascending.
    """

    reads: tuple[tuple[int, ...], ...]
    outputs: tuple[int, ...]


def erdos_renyi(nodes: int, p: float, random: Random) -> Edges:
    """Each pair of nodes is joined with probability p (Erdős & Rényi 1959)."""
    pairs = ((a, b) for a in range(nodes) for b in range(a + 1, nodes))
    return frozenset(pair for pair in pairs if random.random() < p)


def barabasi_albert(nodes: int, m: int, random: Random) -> Edges:
    """From m nodes without edges, each further node joins m others, with chances in proportion to their degrees.

    Albert & Barabási 2002; the first further node joins all m. There are m * (nodes - m) edges.

    Args:
        nodes: How many nodes, more than m.
        m: How many earlier nodes each further one joins.
        random: Random numbers.
    """
    edges = {(earlier, m) for earlier in range(m)}
    ends = [end for edge in sorted(edges) for end in edge]  # each node as often as its degree
    for node in range(m + 1, nodes):
        joined: dict[int, None] = {}
        while len(joined) < m:
            joined[ends[_below(len(ends), random)]] = None
        edges.update((earlier, node) for earlier in joined)
        for earlier in joined:
            ends += [earlier, node]
    return frozenset(edges)


def watts_strogatz(nodes: int, k: int, p: float, random: Random) -> Edges:
    """A ring in which each node is joined to k // 2 others on each side, and each edge rewired with probability p.

    Watts & Strogatz 1998. Going clockwise, once for each distance, the far end of an edge moves to any node to which
    the near one is not joined yet. There are nodes * (k // 2) edges; where all pairs are joined, none is rewired.

    Args:
        nodes: How many nodes.
        k: How many neighbours a node begins with; an odd one counts as the even one below.
        p: The chance of an edge to be rewired.
        random: Random numbers.
    """
    if 2 * (k // 2) >= nodes - 1:
        return frozenset((a, b) for b in range(nodes) for a in range(b))
    edges = {_edge(node, (node + far) % nodes) for far in range(1, k // 2 + 1) for node in range(nodes)}
    for far in range(1, k // 2 + 1):
        for node in range(nodes):
            if random.random() >= p:
                continue
            free = [other for other in range(nodes) if other != node and _edge(node, other) not in edges]
            if free:
                edges.discard(_edge(node, (node + far) % nodes))
                edges.add(_edge(node, free[_below(len(free), random)]))
    return frozenset(edges)


def connected(draw: Callable[[Random], Edges], nodes: int, random: Random) -> Edges:
    """The first connected one of random graphs, of at most 10,000.

    Raises:
        BuildError: When none of them is.
    """
    for _ in range(_TRIES):
        edges = draw(random)
        if _is_connected(edges, nodes):
            return edges
    raise BuildError(f"none of {_TRIES:,} random graphs of {nodes} nodes was connected; join more of them")


def wired(edges: Iterable[tuple[int, int]], nodes: int) -> Wiring:
    """The graph whose edges all lead from the lower to the higher node."""
    reads = tuple(tuple(sorted(a for a, b in edges if b == node)) for node in range(nodes))
    read = {earlier for earliers in reads for earlier in earliers}
    return Wiring(reads, tuple(node for node in range(nodes) if node not in read))


def _edge(a: int, b: int) -> tuple[int, int]:
    return (a, b) if a < b else (b, a)


def _below(count: int, random: Random) -> int:
    return int(random.random() * count)


def _is_connected(edges: Edges, nodes: int) -> bool:
    group = list(range(nodes))  # of each node the lowest that it was found to be joined to, by way of others

    def lowest(node: int) -> int:
        while group[node] != node:
            node = group[node]
        return node

    for a, b in edges:
        low, high = sorted((lowest(a), lowest(b)))
        group[high] = low
    return all(lowest(node) == 0 for node in range(nodes))
