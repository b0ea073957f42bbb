"""An architecture as a labelled graph, for drawings and for surrogates that read graphs."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any

from archwright.spaces.calls import calls_in, walk_calls

__all__ = ["Graph", "Node"]


@dataclass(frozen=True, slots=True)
class Node:
    """One call of the network.

    Args:
        label: The called function's name, such as `Conv2d`.
        text: The call with its plain arguments, such as `Conv2d(1, 16, kernel_size=3)`.
        place: Where it stands in the expression.
        decisions: The addresses of the decisions that led to it or stand in its arguments.
    """

    label: str
    text: str
    place: str
    decisions: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Graph:
    """The calls of one network.

    Args:
        nodes: The calls; node 0 is the outermost.
        contains: Pairs (caller, argument) of node numbers: the second is built to be given to the first.
        follows: Pairs (earlier, later) of node numbers: neighbours in one list of arguments.
    """

    nodes: tuple[Node, ...]
    contains: tuple[tuple[int, int], ...]
    follows: tuple[tuple[int, int], ...]

    def condensed(self) -> Graph:
        """The graph with each group of nodes that are alike as one node.

        Alike are calls of one function under the same decisions whose arguments' calls are alike in turn, so that the
        stacked copies of a cell are one. Its text and place are those of the first.
        """
        inner: dict[int, list[int]] = {}
        for caller, argument in self.contains:
            inner.setdefault(caller, []).append(argument)
        groups: dict[tuple[Any, ...], int] = {}
        known: dict[int, int] = {}

        def group_of(i: int) -> int:
            if i not in known:
                kinds = tuple(sorted({group_of(j) for j in inner.get(i, ())}))
                alike = self.nodes[i].label, self.nodes[i].decisions, kinds
                known[i] = groups.setdefault(alike, len(groups))
            return known[i]

        group = [group_of(i) for i in range(len(self.nodes))]
        number = {found: i for i, found in enumerate(dict.fromkeys(group))}
        nodes: dict[int, Node] = {}
        for node, found in zip(self.nodes, group, strict=True):
            nodes.setdefault(number[found], node)

        def joined(pairs: tuple[tuple[int, int], ...]) -> tuple[tuple[int, int], ...]:
            return tuple(dict.fromkeys((number[group[i]], number[group[j]]) for i, j in pairs))

        return Graph(tuple(nodes.values()), joined(self.contains), joined(self.follows))


def graph_of(root: Any) -> Graph:
    """The graph of a tree of calls."""
    calls = list(walk_calls(root))
    number = {id(call): i for i, call in enumerate(calls)}
    contains: list[tuple[int, int]] = []
    follows: list[tuple[int, int]] = []
    for i, call in enumerate(calls):
        inner = [number[id(argument)] for argument in calls_in([call.args, call.kwargs])]
        contains += [(i, j) for j in inner]
        follows += itertools.pairwise(inner)
    nodes = tuple(Node(call.name, str(call), call.place, tuple(call.decisions)) for call in calls)
    return Graph(nodes, tuple(contains), tuple(follows))
