"""Cells: directed acyclic graphs of operations, written with the nodes that every space is written with."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from archwright.errors import SpaceError
from archwright.spaces.decisions import Categorical, Subset, categorical, subset
from archwright.spaces.expression import Expression
from archwright.spaces.nodes import DeferredCall, layer, switch, when
from archwright.spaces.zoo.blocks import Cell, CellNode, FactorizedReduce, ReLUConvNorm

__all__ = ["CellDecisions", "cell", "cell_decisions", "stacked_cells"]


@dataclass(frozen=True, slots=True)
class CellDecisions:
    """What is decided about one kind of cell. Cells that are given the same object have the same wiring.

    Args:
        inputs: One subset per node: the earlier states it reads.
        operations: One tuple per node: the operation on the edge from each earlier state.
    """

    inputs: tuple[Subset, ...]
    operations: tuple[tuple[Categorical, ...], ...]


def cell_decisions(
    name: str,
    operations: Sequence[str],
    *,
    nodes: int = 4,
    inputs: int = 2,
    edges: int | tuple[int, int] = 2,
) -> CellDecisions:
    """The decisions of one kind of cell: which earlier states each node reads, and through which operations.

    States are numbered: the cell's inputs first, then its nodes.

    Args:
        name: Begins their addresses: `NAME.NODE.inputs` and `NAME.NODE.from_STATE`.
        operations: Labels of the operations that an edge can have.
        nodes: Number of nodes.
        inputs: Number of inputs of the cell.
        edges: How many states a node reads: exactly so many, or (fewest, most). The first nodes, which have fewer
            states before them, read at most as many as there are.

    Raises:
        SpaceError: When there are no operations, nodes or inputs, or a node might read nothing.
    """
    fewest, most = (edges, edges) if isinstance(edges, int) else edges
    if nodes < 1 or inputs < 1 or not 1 <= fewest <= most:
        raise SpaceError(
            f"the cell {name!r}: expected at least one node, one input and 1 <= fewest <= most edges a node, got "
            f"nodes={nodes}, inputs={inputs}, edges={edges}"
        )
    before = [inputs + node for node in range(nodes)]
    return CellDecisions(
        tuple(
            subset(states, (min(fewest, states), min(most, states)), name=f"{name}.{node}.inputs")
            for node, states in enumerate(before)
        ),
        tuple(
            tuple(categorical(operations, name=f"{name}.{node}.from_{state}") for state in range(states))
            for node, states in enumerate(before)
        ),
    )


def cell(
    decisions: CellDecisions, prepare: Sequence[Any], operation: Callable[[str, int], Expression]
) -> DeferredCall:
    """A cell: each node sums the operations on its edges, and the cell concatenates its nodes' states.

    Every place of a cell has its own weights; the wiring is decided once for all that share `decisions`.

    Args:
        decisions: Its wiring, from `cell_decisions`.
        prepare: One expression per input: a module that brings it to the cell's channels and size.
        operation: From an operation's label and the number of the state it reads (inputs first) to the module's
            expression; all must give the same shape.

    Returns:
        The expression of a `blocks.Cell`.

    Raises:
        SpaceError: When the number of inputs is not the one the decisions were made for.

    Example:
        >>> decisions = cell_decisions("cell", ["conv", "skip"], nodes=2)
        >>> def operation(label, state):
        ...     return layer(nn.Identity) if label == "skip" else layer(ConvNormAct, 16, 16)
        >>> body = cell(decisions, [layer(nn.Identity), layer(nn.Identity)], operation)
    """
    inputs = len(decisions.operations[0])
    if len(prepare) != inputs:
        raise SpaceError(
            f"cell: these decisions are for {inputs} inputs, got {len(prepare)} modules that prepare one"
        )
    nodes = []
    for chosen, choices in zip(decisions.inputs, decisions.operations, strict=True):
        edges = {}
        for state, decision in enumerate(choices):
            mixed = switch(decision, {label: operation(label, state) for label in decision.labels})
            edges[str(state)] = when(chosen.has(state), mixed)
        nodes.append(layer(CellNode, edges))
    return layer(Cell, list(prepare), nodes)


def stacked_cells(
    reduces: Sequence[bool],
    channels: Any,
    stem_channels: Any,
    make: Callable[[bool, list[DeferredCall], Any], tuple[DeferredCall, Any]],
    *,
    is_reduced: bool = False,
) -> tuple[list[DeferredCall], Any]:
    """Cells that each read the outputs of the two before. A reduction cell has twice the channels of the last.

    Args:
        reduces: Whether each cell is a reduction cell, the first one first.
        channels: Channels of the nodes before the first reduction cell.
        stem_channels: Channels of both inputs of the first cell.
        make: From whether a cell reduces, what prepares its two inputs, and its nodes' channels, to the cell and the
            channels of its output.
        is_reduced: Whether the second input of the first cell has half the size of the first.

    Returns:
        The cells, and the channels of the last one's output.
    """
    stack = []
    before = last = stem_channels
    for reduce in reduces:
        channels = 2 * channels if reduce else channels
        first = FactorizedReduce if is_reduced else ReLUConvNorm
        prepare = [layer(first, before, channels), layer(ReLUConvNorm, last, channels)]
        made, width = make(reduce, prepare, channels)
        stack.append(made)
        before, last, is_reduced = last, width, reduce
    return stack, last
