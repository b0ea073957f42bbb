"""Cells: parts of a network in which several operations read several states, drawn as graphs.

A cell is known by its data flow, whatever its class and its arguments are called. First come parts that prepare its
inputs, then nodes. In a node every operation reads one state, that of an input or of an earlier node, and what they
give is joined. Some node reads two different states; else it is no graph but a chain, or branches beside each other.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from archwright.reports.drawing.flow import Flow, Source
from archwright.reports.wording import value_text
from archwright.spaces import ResolvedCall, walk_calls

__all__ = ["Cell", "Edge", "cell_of"]

Flows = Mapping[int, Flow]


@dataclass(frozen=True, slots=True)
class Edge:
    """One operation of a cell.

    Args:
        start: Number of the state it reads: the inputs come first, then the nodes.
        end: Number of the node's state it adds to.
        text: What it does, in a word: the label of the choice that selected it, else the call.
        tooltip: The call in full.
        decided: Whether a decision selected it.
    """

    start: int
    end: int
    text: str
    tooltip: str
    decided: bool


@dataclass(frozen=True, slots=True)
class Cell:
    """A graph of operations.

    Args:
        name: The part of the decisions' addresses that all of them share, such as `normal`; may be empty.
        inputs: How each input is prepared.
        nodes: Number of nodes.
        edges: The operations.
        outputs: Numbers of the states that are its output.
    """

    name: str
    inputs: tuple[str, ...]
    nodes: int
    edges: tuple[Edge, ...]
    outputs: tuple[int, ...]

    @property
    def likeness(self) -> Any:
        """Equal for two cells of the same operations, whatever their channels."""
        edges = tuple((edge.start, edge.end, edge.text) for edge in self.edges)
        return (self.name, len(self.inputs), self.nodes, edges, self.outputs)


def cell_of(call: ResolvedCall, flows: Flows) -> Cell | None:
    """The cell that a call stands for, None where its data flow has another form."""
    flow = flows.get(id(call))
    if flow is None:
        return None
    states: dict[Any, int] = {}
    inputs: list[str] = []
    nodes: list[ResolvedCall] = []
    edges: list[Edge] = []
    for part in flow.order:
        operations = _operations(part, flows)
        reads = flow.reads[id(part)]
        if operations is None:
            if nodes and len(reads) == 1 and (read := next(iter(reads))) in states:
                states[id(part)] = states[read]  # it brings a state to another size
                continue
            if nodes or not all(isinstance(read, Source) for read in reads):
                return None
            states[id(part)] = len(inputs)
            inputs.append(str(part))
            continue
        if not inputs:
            outside = dict.fromkeys(read for read in reads if isinstance(read, Source))
            states |= {read: number for number, read in enumerate(outside)}
            inputs = ["nothing"] * len(outside)
        number = len(inputs) + len(nodes)
        for read, operation in operations:
            if read not in states:
                return None
            edges.append(_edge(states[read], number, operation))
        states[id(part)] = number
        nodes.append(part)
    if not any(len({edge.start for edge in edges if edge.end == node}) > 1 for node in states.values()):
        return None
    if not all(given in states for given in flow.gives):
        return None
    addresses = [address for node in nodes for inner in walk_calls(node) for address in inner.decisions]
    outputs = tuple(sorted({states[given] for given in flow.gives}))
    return Cell(_shared_name(addresses), tuple(inputs), len(nodes), tuple(edges), outputs)


def _operations(node: ResolvedCall, flows: Flows) -> list[tuple[Any, ResolvedCall]] | None:
    """What a node reads, as (state, operation), where each of its operations reads one state and all are joined."""
    flow = flows.get(id(node))
    if flow is None or not flow.order:
        return None
    found: dict[int, tuple[Any, ResolvedCall]] = {}
    for part in flow.order:
        reads = flow.reads[id(part)]
        (read,) = reads if len(reads) == 1 else (None,)
        if isinstance(read, Source) and len(read.outside) == 1:
            (state,) = read.outside
            found[id(part)] = (state, _innermost(part, flows))
        elif len(found) > 1 and reads == found.keys():
            return list(found.values()) if flow.gives == {id(part)} else None  # it joins what the others gave
        else:
            return None
    return list(found.values()) if flow.gives == found.keys() else None


def _innermost(part: ResolvedCall, flows: Flows) -> ResolvedCall:
    """The operation itself, where a part holds nothing else."""
    inside = flows.get(id(part))
    if inside is None or len(inside.order) != 1 or any(isinstance(v, str) for v in part.decisions.values()):
        return part
    return _innermost(inside.order[0], flows)


def _edge(start: int, end: int, operation: ResolvedCall) -> Edge:
    return Edge(start, end, _operation_text(operation), str(operation), bool(operation.decisions))


def _operation_text(operation: ResolvedCall) -> str:
    labels = [value for value in operation.decisions.values() if isinstance(value, str)]
    if labels:
        return labels[-1]
    plain = [value_text(v) for v in operation.args if isinstance(v, int | float | str)]
    return f"{operation.name}({', '.join(plain)})"


def _shared_name(addresses: list[str]) -> str:
    """The first part of the addresses, where all have the same and it is a word."""
    first = {address.split(".")[0] for address in addresses if "." in address}
    return first.pop() if len(first) == 1 and all("." in address for address in addresses) else ""
