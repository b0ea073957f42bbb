"""A graph neural network on the calls of a network."""

from __future__ import annotations

import itertools
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from archwright.errors import UsageError
from archwright.spaces import Architecture, Space
from archwright.spaces.graph import Graph, Node
from archwright.surrogates.columns import Columns, more_columns
from archwright.surrogates.graph_layers import GraphLayers, edges_of, owners_of
from archwright.surrogates.surrogate import Prediction, Refitted, Vector, mean_and_spread

__all__ = ["GraphNetwork"]


@dataclass(frozen=True, slots=True)
class _Batch:
    """Several graphs as one: labels and arguments of the nodes, edges by relation, and whose node each is."""

    labels: Tensor
    arguments: Tensor
    starts: Tensor
    edges: tuple[Tensor, ...]
    owner: Tensor
    count: int


class GraphNetwork(Refitted):
    """Messages along the edges of `space.graph`, then a perceptron on the mean and the sum of the nodes' states.

    The messages are those of `GraphLayers`. A node begins as the sum of the embeddings of its function's name and of
    each of its arguments at its place; what training did not see is one common "unknown". Several networks give the
    deviation.

    Args:
        space: The space.
        seed: Seed of all random numbers.
        members: How many networks, at least 2.
        hidden: Width of a node's state.
        rounds: How often messages are sent.
        epochs: Passes over the data.
        learning_rate: Adam's.
        graf: Whether to read counts, path lengths and degrees of the networks' graphs too, see `GRAF`.
        columns: What else to read of each network, such as proxies' scores.

    Raises:
        UsageError: When an option is out of range.
    """

    def __init__(
        self,
        space: Space,
        *,
        seed: int = 0,
        members: int = 3,
        hidden: int = 48,
        rounds: int = 3,
        epochs: int = 60,
        learning_rate: float = 0.005,
        graf: bool = False,
        columns: Columns | None = None,
    ) -> None:
        super().__init__(space, seed=seed)
        if members < 2 or hidden < 1 or rounds < 1 or epochs < 1:
            raise UsageError(
                "graph network: expected members >= 2, and hidden, rounds and epochs >= 1, got "
                f"{members}, {hidden}, {rounds} and {epochs}"
            )
        self.members, self.hidden, self.rounds = members, hidden, rounds
        self.epochs, self.learning_rate = epochs, learning_rate
        self._more = more_columns(space, graf=graf, columns=columns)
        self._graphs: dict[Hashable, Graph] = {}
        self._labels: dict[str, int] = {}
        self._arguments: dict[str, int] = {}
        self._networks: list[_Network] = []

    def learn(self, architectures: Sequence[Architecture], values: Vector) -> None:
        """Train from new weights, in batches of 32."""
        graphs = [self._graph(architecture) for architecture in architectures]
        more = self._read(architectures)
        nodes = [node for graph in graphs for node in graph.nodes]
        self._labels = _numbered(node.label for node in nodes)
        self._arguments = _numbered(argument for node in nodes for argument in _arguments(node))
        targets = torch.as_tensor(values, dtype=torch.float32)
        self._networks = []
        for member in range(self.members):
            drawn = torch.Generator().manual_seed(1000 * self.seed + member)
            with torch.random.fork_rng(devices=[]):
                torch.default_generator.manual_seed(1000 * self.seed + member)
                sizes = len(self._labels) + 1, len(self._arguments) + 1, self.hidden, self.rounds
                network = _Network(*sizes, more.shape[1])
            optimizer = torch.optim.AdamW(network.parameters(), lr=self.learning_rate, weight_decay=1e-3)
            schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, self.epochs)
            for _ in range(self.epochs):
                order = torch.randperm(len(graphs), generator=drawn)
                for begin in range(0, len(graphs), 32):
                    batch = order[begin : begin + 32]
                    predicted = network(self._batch([graphs[i] for i in batch.tolist()]), more[batch])
                    loss = (predicted - targets[batch]).square().mean()
                    optimizer.zero_grad(set_to_none=True)
                    loss.backward()
                    optimizer.step()
                schedule.step()
            self._networks.append(network)

    @torch.no_grad()
    def expect(self, architectures: Sequence[Architecture]) -> Prediction:
        """Mean and deviation over the members; the deviation is at least 1e-3."""
        batch = self._batch([self._graph(architecture) for architecture in architectures])
        more = self._read(architectures)
        votes = torch.stack([network(batch, more) for network in self._networks]).double().numpy()
        return mean_and_spread(votes)

    def _read(self, architectures: Sequence[Architecture]) -> Tensor:
        """What is known of networks beside their graphs."""
        rows = [torch.as_tensor(one(architectures), dtype=torch.float32) for one in self._more]
        return torch.cat([torch.zeros(len(architectures), 0), *rows], 1)

    def _graph(self, architecture: Architecture) -> Graph:
        canonical = self.space.canonical(architecture)
        if canonical not in self._graphs:
            self._graphs[canonical] = self.space.graph(architecture)
        return self._graphs[canonical]

    def _batch(self, graphs: Sequence[Graph]) -> _Batch:
        nodes = [node for graph in graphs for node in graph.nodes]
        arguments = [[self._arguments.get(argument, 0) for argument in _arguments(node)] for node in nodes]
        starts = list(itertools.accumulate(map(len, arguments), initial=0))[:-1]
        return _Batch(
            torch.tensor([self._labels.get(node.label, 0) for node in nodes]),
            torch.tensor(list(itertools.chain(*arguments)), dtype=torch.long),
            torch.tensor(starts),
            edges_of(graphs),
            owners_of(graphs),
            len(graphs),
        )


def _numbered(words: Iterable[str]) -> dict[str, int]:
    """The words by number from 1, in the order in which they first come."""
    return {word: i + 1 for i, word in enumerate(dict.fromkeys(words))}


def _arguments(node: Node) -> list[str]:
    """The plain arguments of a call, each with the function's name and its place."""
    inside = node.text.partition("(")[2].removesuffix(")")
    return [f"{node.label} {i} {word}" for i, word in enumerate(inside.split(", "))] if inside else []


class _Network(nn.Module):
    def __init__(self, labels: int, arguments: int, hidden: int, rounds: int, more: int) -> None:
        super().__init__()
        self.label = nn.Embedding(labels, hidden)
        self.arguments = nn.EmbeddingBag(arguments, hidden, mode="sum")
        self.layers = GraphLayers(hidden, rounds)
        self.head = nn.Sequential(nn.Linear(2 * hidden + more, hidden), nn.ReLU(), nn.Linear(hidden, 1))

    def forward(self, batch: _Batch, more: Tensor) -> Tensor:
        """One number a graph."""
        state = self.label(batch.labels) + self.arguments(batch.arguments, batch.starts)
        state = self.layers(state, batch.edges)
        total = state.new_zeros(batch.count, state.shape[1]).index_add(0, batch.owner, state)
        sizes = torch.bincount(batch.owner, minlength=batch.count).unsqueeze(1)
        both = torch.cat([total / sizes, total / sizes.float().mean(), more], 1)
        made: Tensor = self.head(both).squeeze(1)
        return made
