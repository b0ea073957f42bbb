"""Parts of a network whose data flow is told by their arguments: cells, chains with skips, shortcuts.

They are recognised by the form of the arguments, not by the class, so classes of a user's own are drawn alike:

- a cell: `prepare=[call, ...]` (one an input) and `nodes=[call(edges={"0": call, ...}), ...]`, or `blocks` whose `left`
  and `right` have such edges each, and perhaps `concatenate=[2, ...]`, the states that are its output;
- a chain: calls that each have `operation=call`, perhaps `skips=(0, ...)`, the numbers of earlier ones that they read
  besides the last, and `pool=call`;
- a shortcut: `body=call, shortcut=call`;
- calls in the order of the data: what a Sequential holds, and arguments named as in `IN_ORDER`.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeGuard

from archwright.reports.wording import value_text
from archwright.spaces import Call, walk_calls

__all__ = ["Cell", "Edge", "cell_of", "chain_of", "flows", "given", "shortcut_of"]

IN_ORDER = (
    "stem",
    "features",
    "backbone",
    "body",
    "stages",
    "blocks",
    "cells",
    "layers",
    "neck",
    "head",
    "classifier",
)


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


def given(call: Call) -> dict[str, Any]:
    """A call's arguments by the names of the parameters; those without a name (`*args`) by their number."""
    named: dict[str, Any] = {}
    names = _positional_names(call.fn)
    for i, value in enumerate(call.args):
        named[names[i] if i < len(names) else str(i)] = value
    return {**named, **call.kwargs}


def cell_of(call: Call) -> Cell | None:
    """The cell that a call stands for, None where its arguments have another form."""
    arguments = given(call)
    prepare, nodes = arguments.get("prepare"), arguments.get("nodes", arguments.get("blocks"))
    if not (_all_calls(prepare) and _all_calls(nodes)):
        return None
    edges = []
    for k, node in enumerate(nodes):
        reads = _reads(node)
        if reads is None:
            return None
        for source, operation in reads:
            start = int(source) if str(source).isdigit() else -1
            if not 0 <= start < len(prepare) + k:
                return None
            edges.append(
                Edge(
                    start,
                    len(prepare) + k,
                    _operation_text(operation),
                    str(operation),
                    bool(operation.decisions),
                )
            )
    states = range(len(prepare) + len(nodes))
    outputs = arguments.get("concatenate", states[len(prepare) :])
    if not all(state in states for state in outputs):
        return None
    addresses = [address for edge in nodes for inner in walk_calls(edge) for address in inner.decisions]
    return Cell(_shared_name(addresses), tuple(map(str, prepare)), len(nodes), tuple(edges), tuple(outputs))


def _reads(node: Call) -> list[tuple[Any, Call]] | None:
    """What a node reads, as (state, operation): its `edges`, or those of its `left` and `right`; None without any."""
    arguments = given(node)
    hands = [arguments.get(side) for side in ("left", "right")]
    holders = [given(hand) for hand in hands] if _all_calls(hands) else [arguments]
    found: list[tuple[Any, Call]] = []
    for holder in holders:
        edges = holder.get("edges")
        if not isinstance(edges, dict) or not _all_calls(list(edges.values())):
            return None
        found += edges.items()
    return found


def chain_of(call: Call) -> list[tuple[Call, Call, tuple[int, ...], Call | None]] | None:
    """The layers of a chain as (layer, operation, earlier layers it reads besides the last, pooling).

    None where the call is no chain.
    """
    layers = [value for argument in given(call).values() for value in _listed(argument)]
    if not layers or not _all_calls(layers):
        return None
    found = []
    for i, layer in enumerate(layers):
        arguments = given(layer)
        operation, skips, pool = arguments.get("operation"), arguments.get("skips", ()), arguments.get("pool")
        numbers = isinstance(skips, tuple | list) and all(isinstance(s, int) and 0 <= s < i for s in skips)
        if not isinstance(operation, Call) or not numbers or not (pool is None or isinstance(pool, Call)):
            return None
        found.append((layer, operation, tuple(skips), pool))
    return found


def shortcut_of(call: Call) -> tuple[Call, Call] | None:
    """Body and shortcut of a residual block; None where it is none."""
    arguments = given(call)
    body, shortcut = arguments.get("body"), arguments.get("shortcut")
    return (body, shortcut) if isinstance(body, Call) and isinstance(shortcut, Call) else None


def flows(call: Call) -> bool:
    """Whether the calls in its arguments are known to stand in the order of the data."""
    if any(base.__name__ == "Sequential" for base in getattr(call.fn, "__mro__", ())):
        return True
    places = [
        IN_ORDER.index(name) if name in IN_ORDER else -1
        for name, value in given(call).items()
        if next(walk_calls(value), None) is not None
    ]
    return len(places) > 1 and -1 not in places and places == sorted(places)


def _operation_text(operation: Call) -> str:
    labels = [value for value in operation.decisions.values() if isinstance(value, str)]
    if labels:
        return labels[-1]
    plain = [value_text(v) for v in operation.args if isinstance(v, int | float | str)]
    return f"{operation.name}({', '.join(plain)})"


def _shared_name(addresses: list[str]) -> str:
    """The first part of the addresses, where all have the same and it is a word."""
    first = {address.split(".")[0] for address in addresses if "." in address}
    return first.pop() if len(first) == 1 and all("." in address for address in addresses) else ""


def _all_calls(values: Any) -> TypeGuard[Sequence[Call]]:
    return isinstance(values, list | tuple) and len(values) > 0 and all(isinstance(v, Call) for v in values)


def _listed(value: Any) -> Iterator[Any]:
    if isinstance(value, list | tuple):
        yield from value
    else:
        yield value


def _positional_names(fn: Any) -> list[str]:
    try:
        parameters = inspect.signature(fn).parameters.values()
    except (TypeError, ValueError):
        return []
    return [p.name for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
