"""Messages along the edges of networks' graphs: what every model that reads `Space.graph` has in common."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from archwright.spaces.graph import Graph

__all__ = ["GraphLayers", "edges_of", "owners_of"]

_RELATIONS = ("contains", "follows")


def edges_of(graphs: Sequence[Graph]) -> tuple[Tensor, ...]:
    """The edges of several graphs beside each other, shape (2, edges) each.

    Returns:
        A tensor per kind of edge and direction: contains, contained, follows, followed.
    """
    begins = list(itertools.accumulate((len(graph.nodes) for graph in graphs), initial=0))
    edges: list[Tensor] = []
    for kind in _RELATIONS:
        pairs = [
            (begin + i, begin + j)
            for begin, graph in zip(begins, graphs, strict=False)
            for i, j in getattr(graph, kind)
        ]
        made = torch.tensor(pairs, dtype=torch.long).reshape(-1, 2).T
        edges += [made, made.flip(0)]
    return tuple(edges)


def owners_of(graphs: Sequence[Graph]) -> Tensor:
    """For each node of several graphs the number of its graph."""
    return torch.tensor([i for i, graph in enumerate(graphs) for _ in graph.nodes], dtype=torch.long)


class GraphLayers(nn.Module):
    """A relational graph convolution (Schlichtkrull et al. 2018, arXiv:1703.06103), with residual connections.

    There is a weight for "contains" and one for "follows" in each direction.

    Args:
        hidden: Width of a node's state.
        rounds: How often messages are sent.
    """

    def __init__(self, hidden: int, rounds: int) -> None:
        super().__init__()
        relations = 2 * len(_RELATIONS)
        self.own = nn.ModuleList(nn.Linear(hidden, hidden) for _ in range(rounds))
        self.messages = nn.ModuleList(
            nn.Linear(hidden, hidden * relations, bias=False) for _ in range(rounds)
        )
        self.norms = nn.ModuleList(nn.LayerNorm(hidden) for _ in range(rounds))

    def forward(self, state: Tensor, edges: Sequence[Tensor]) -> Tensor:
        """The nodes' states after all rounds, shape (nodes, hidden).

        Args:
            state: Shape (nodes, hidden).
            edges: As `edges_of` gives them.
        """
        for own, messages, norm in zip(self.own, self.messages, self.norms, strict=True):
            gathered = own(state)
            for message, (source, target) in zip(messages(state).chunk(len(edges), 1), edges, strict=True):
                gathered = gathered.index_add(0, target, message[source])
            state = state + nn.functional.relu(norm(gathered))
        return state
