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
    """

    label: str
    text: str
    place: str


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
    nodes = tuple(Node(call.name, str(call), call.place) for call in calls)
    return Graph(nodes, tuple(contains), tuple(follows))
