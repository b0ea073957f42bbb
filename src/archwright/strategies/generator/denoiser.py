"""The network that guesses clean architectures from the graphs of noisy ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from archwright.spaces.graph import Graph
from archwright.strategies.generator.noise import NoiseSchedule
from archwright.strategies.generator.variables import Levels, Variables
from archwright.strategies.randomness import random_for
from archwright.surrogates.graph_layers import GraphLayers, edges_of, owners_of

__all__ = ["Denoiser", "Example"]

_BATCH = 64


@dataclass(frozen=True, slots=True)
class Example:
    """A noisy architecture, and the clean one that it was made of.

    Args:
        graph: Of the noisy one, condensed.
        levels: Of its variables.
        t: How many steps of noise it has seen.
        clean: The levels of the clean one's variables.
    """

    graph: Graph
    levels: Levels
    t: int
    clean: Levels


@dataclass(frozen=True, slots=True)
class _Batch:
    """Several graphs as one. `mentions` are the pairs of a node and an asked variable of a decision that led to it.

    Args:
        labels: Of the nodes, shape (nodes,).
        edges: See `edges_of`.
        owner: The graph of each node, shape (nodes,).
        mentions: Shape (2, pairs): a node, and a place among the asked variables.
        places: Of each asked variable the graph, its number and its present level; shape (3, asked).
        times: Share of the steps, shape (graphs,).
    """

    labels: Tensor
    edges: tuple[Tensor, ...]
    owner: Tensor
    mentions: Tensor
    places: Tensor
    times: Tensor


class Denoiser:
    """Guesses the clean level of every variable from the network's graph under noise.

    A graph convolution on `Space.graph`, condensed: a node begins as its function's name and the levels of the
    decisions that led to it. A variable is guessed from the mean of the nodes it led to, the mean of all, its present
    level and the time, as in the denoising network of DiGress (Vignac et al. 2023, arXiv:2209.14734).

    Args:
        variables: Of the space.
        schedule: The noise.
        seed: Seed of weights and batches.
        hidden: Width of a node's state.
        rounds: How often messages are sent.
    """

    def __init__(
        self, variables: Variables, schedule: NoiseSchedule, *, seed: int, hidden: int = 48, rounds: int = 2
    ) -> None:
        self.variables, self.schedule, self.seed = variables, schedule, seed
        self._labels: dict[str, int] = {}
        self.hidden, self.rounds = hidden, rounds
        self._network: _Network | None = None

    def learn(self, examples: Sequence[Example], passes: int, learning_rate: float = 3e-3) -> None:
        """Train from new weights.

        Args:
            examples: At least one.
            passes: Over the examples.
            learning_rate: Adam's, which falls to 0 by a cosine.
        """
        names = dict.fromkeys(node.label for example in examples for node in example.graph.nodes)
        self._labels = {name: i + 1 for i, name in enumerate(names)}
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(self.seed)
            levels = [variable.levels for variable in self.variables.listed]
            self._network = network = _Network(len(self._labels) + 1, levels, self.hidden, self.rounds)
        optimizer = torch.optim.Adam(network.parameters(), lr=learning_rate)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, passes)
        random = random_for(self.seed, len(examples))
        batches: list[tuple[_Batch, Tensor, Tensor]] = []
        order = random.sample(range(len(examples)), len(examples))
        for begin in range(0, len(order), _BATCH):
            chosen = [examples[i] for i in order[begin : begin + _BATCH]]
            targets = [[example.clean.get(number, -1) for number in example.levels] for example in chosen]
            wanted = torch.tensor([level for row in targets for level in row], dtype=torch.long)
            known = torch.nonzero(wanted >= 0).squeeze(1)
            if len(known):
                given = [(example.graph, example.levels, example.t) for example in chosen]
                batches.append((self._batch(given), known, wanted[known]))
        for _ in range(passes):
            for i in random.sample(range(len(batches)), len(batches)):
                batch, known, wanted = batches[i]
                loss = nn.functional.cross_entropy(network(batch)[known], wanted)
                optimizer.zero_grad(set_to_none=True)
                loss.backward()  # type: ignore[no-untyped-call]
                optimizer.step()
            schedule.step()

    @torch.no_grad()
    def guess(
        self, given: Sequence[tuple[Graph, Mapping[int, int]]], t: int
    ) -> list[dict[int, NDArray[np.float64]]]:
        """The chances of each clean level of each variable that an architecture has now.

        Args:
            given: Graphs, condensed, and the levels of their variables.
            t: How many steps of noise they have seen.
        """
        if self._network is None:
            raise RuntimeError("a denoiser learns before it guesses")
        chances = self._network(self._batch([(graph, levels, t) for graph, levels in given])).softmax(1)
        rows = iter(chances.double().numpy())
        listed = self.variables.listed
        return [{number: next(rows)[: listed[number].levels] for number in levels} for _, levels in given]

    def _batch(self, given: Sequence[tuple[Graph, Mapping[int, int], int]]) -> _Batch:
        graphs = [graph for graph, _, _ in given]
        places: list[tuple[int, int, int]] = []
        mentions: list[tuple[int, int]] = []
        node = 0
        for owner, (graph, levels, _) in enumerate(given):
            begin = len(places)
            place = {number: begin + i for i, number in enumerate(levels)}
            places += [(owner, number, level) for number, level in levels.items()]
            for one in graph.nodes:
                numbers = (number for address in one.decisions for number in self.variables.numbers(address))
                mentions += [(node, place[number]) for number in numbers if number in place]
                node += 1
        return _Batch(
            torch.tensor([self._labels.get(one.label, 0) for graph in graphs for one in graph.nodes]),
            edges_of(graphs),
            owners_of(graphs),
            torch.tensor(mentions, dtype=torch.long).reshape(-1, 2).T,
            torch.tensor(places, dtype=torch.long).reshape(-1, 3).T,
            torch.tensor([t / self.schedule.steps for _, _, t in given]),
        )


class _Network(nn.Module):
    """Logits of clean levels, shape (asked variables, most levels); those that a variable lacks are -inf."""

    def __init__(self, labels: int, levels: Sequence[int], hidden: int, rounds: int) -> None:
        super().__init__()
        most = max(levels, default=2)
        self.label = nn.Embedding(labels, hidden)
        self.level = nn.Embedding(len(levels) * most, hidden)
        self.layers = GraphLayers(hidden, rounds)
        self.body = nn.Sequential(nn.Linear(3 * hidden + 2, hidden), nn.ReLU())
        self.head = nn.Embedding(len(levels) * most, hidden + 1)
        nn.init.normal_(self.head.weight, std=hidden**-0.5)
        self.most = most
        lacking = torch.arange(most).unsqueeze(0) >= torch.tensor(levels).unsqueeze(1)
        self.register_buffer("lacking", lacking)

    def forward(self, batch: _Batch) -> Tensor:
        owner, number, level = batch.places
        now = self.level(number * self.most + level)
        node, asked = batch.mentions
        state = self.label(batch.labels)
        state = self.layers(state.index_add(0, node, now[asked]), batch.edges)
        everything = _means(state, batch.owner, len(batch.times))[owner]
        led_to = _means(state[node], asked, len(number))
        times = torch.stack([batch.times, batch.times**2], 1)[owner]
        read = self.body(torch.cat([led_to, everything, now, times], 1))
        places = number.unsqueeze(1) * self.most + torch.arange(self.most)
        head = self.head(places)
        logits = (head[..., :-1] * read.unsqueeze(1)).sum(2) + head[..., -1]
        masked: Tensor = logits.masked_fill(self.get_buffer("lacking")[number], -torch.inf)
        return masked


def _means(rows: Tensor, groups: Tensor, count: int) -> Tensor:
    """The mean of the rows of each group, 0 for one without rows; shape (count, width)."""
    total = rows.new_zeros(count, rows.shape[1]).index_add(0, groups, rows)
    return total / torch.bincount(groups, minlength=count).clamp(min=1).unsqueeze(1)
