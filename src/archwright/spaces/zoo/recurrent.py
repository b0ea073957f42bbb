"""The recurrent cell of DARTS and ENAS (Liu et al. 2019, arXiv:1806.09055; Pham et al. 2018, arXiv:1802.03268)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import nn

from archwright.errors import SpaceError, did_you_mean
from archwright.spaces.architecture import Architecture
from archwright.spaces.nodes import DeferredCall, layer, switch, tied, when
from archwright.spaces.scale import scalable
from archwright.spaces.space import Space
from archwright.spaces.zoo.blocks import (
    CellNode,
    HighwayEdge,
    HighwayStart,
    LockedDropout,
    RecurrentCell,
    RecurrentNetwork,
    SymbolEmbedding,
    TiedDecoder,
)
from archwright.spaces.zoo.cells import CellDecisions, cell_decisions
from archwright.spaces.zoo.shapes import check_labels, check_numbers, check_shape, check_widths

__all__ = ["ACTIVATIONS", "PUBLISHED", "published", "recurrent_space"]

ACTIVATIONS = {"tanh": nn.Tanh, "relu": nn.ReLU, "sigmoid": nn.Sigmoid, "identity": nn.Identity}
"""Label to activation."""


@scalable
def recurrent_space(
    input_shape: Sequence[int],
    outputs: int,
    *,
    nodes: int = 8,
    hidden: int = 64,
    activations: Sequence[str] = tuple(ACTIVATIONS),
    tie: bool = True,
    dropout: float = 0.0,
) -> Space:
    """The recurrent cell of DARTS (Liu et al. 2019, arXiv:1806.09055), as a language model on symbols.

    State 0 is a highway step from the input and the last step's state. Each node reads one earlier state s through
    an activation f: s + c (f(h) - s), where its own linear map gives h and, through a sigmoid, c. The cell's new
    state is the mean of all nodes. With 8 nodes there are 8! * 4^8 = 2,642,411,520 cells. ENAS searches the same
    space with 12 nodes, and takes the mean of those that no other node reads.

    With 850 hidden units and 10,000 words, as on the Penn Treebank, a network has 23 million parameters, as published.
    The defaults are made for characters on one core.

    Args:
        input_shape: (steps,): the length of a sequence of symbols, whole numbers from 0 to outputs - 1.
        outputs: Number of symbols; a network gives scores of shape (N, steps, outputs).
        nodes: Number of nodes in the cell.
        hidden: Length of a state, and of a symbol's vector.
        activations: Some of `ACTIVATIONS`.
        tie: Whether the decoder uses the table that symbols are read with; False gives it weights of its own.
        dropout: Probability of dropping a feature of a symbol's vector and of what the decoder reads, the same at all
            steps, in [0, 1).

    Returns:
        The space, with the addresses `cell.NODE.inputs`, the state that a node reads, as (state,), and
        `cell.NODE.from_STATE`, the activation. Nodes count from 0; state k + 1 is node k.

    Raises:
        SpaceError: When the shape is not that of a sequence of symbols, or an option is unknown or out of range.
    """
    check_shape("recurrent", input_shape, outputs, [1])
    check_numbers("recurrent", "(nodes, hidden)", (nodes, hidden), ("nodes", "hidden"))
    labels = check_labels("recurrent", "activation", activations, ACTIVATIONS)
    check_widths("recurrent", None, "a dropout", dropout)
    decisions = cell_decisions("cell", labels, nodes=nodes, inputs=1, edges=1)
    table = layer(SymbolEmbedding, outputs, hidden)
    embedding: Any = tied(table) if tie else table
    decoder = layer(TiedDecoder, embedding) if tie else layer(nn.Linear, hidden, outputs)
    if dropout:
        embedding = layer(nn.Sequential, embedding, layer(LockedDropout, dropout))
        decoder = layer(nn.Sequential, layer(LockedDropout, dropout), decoder)
    network = layer(RecurrentNetwork, embedding, _cell(decisions, hidden), decoder, hidden)
    return Space(network, name="recurrent")


def _cell(decisions: CellDecisions, hidden: int) -> DeferredCall:
    nodes = []
    for chosen, choices in zip(decisions.inputs, decisions.operations, strict=True):
        linear = tied(layer(nn.Linear, hidden, 2 * hidden, bias=False))
        edges = {}
        for state, decision in enumerate(choices):
            activation = switch(decision, {label: layer(ACTIVATIONS[label]) for label in decision.labels})
            edges[str(state)] = when(chosen.has(state), layer(HighwayEdge, linear, activation))
        nodes.append(layer(CellNode, edges))
    return layer(RecurrentCell, layer(HighwayStart, hidden, hidden), nodes)


PUBLISHED: dict[str, str] = {
    "darts_v1": "relu 0, relu 1, tanh 2, relu 3, relu 4, identity 1, relu 5, relu 1",
    "darts_v2": "sigmoid 0, relu 1, relu 1, identity 1, tanh 2, sigmoid 5, tanh 3, relu 5",
}
"""The cells found by first- and second-order DARTS (Liu et al. 2019): each node's activation and the state it reads."""


def published(name: str) -> Architecture:
    """A cell that was published, as an architecture of `recurrent_space`.

    Args:
        name: A key of `PUBLISHED`.

    Raises:
        SpaceError: When the name is unknown.
    """
    if name not in PUBLISHED:
        raise SpaceError(f"no recurrent cell {name!r} was published.{did_you_mean(name, PUBLISHED)}")
    values: dict[str, Any] = {}
    for node, written in enumerate(PUBLISHED[name].split(", ")):
        activation, state = written.split()
        values[f"cell.{node}.inputs"] = (int(state),)
        values[f"cell.{node}.from_{state}"] = activation
    return Architecture(values)
