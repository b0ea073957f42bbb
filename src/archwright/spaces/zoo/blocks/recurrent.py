"""Recurrent networks on symbols: the cell of DARTS (Liu et al. 2019, arXiv:1806.09055) and what surrounds it.

Symbols are whole numbers of shape (N, steps); states have the shape (N, hidden).
"""

from __future__ import annotations

import torch
from torch import nn

__all__ = [
    "HighwayEdge",
    "HighwayStart",
    "LSTMNetwork",
    "LockedDropout",
    "RecurrentCell",
    "RecurrentNetwork",
    "SymbolEmbedding",
    "TiedDecoder",
]


class SymbolEmbedding(nn.Embedding):
    """A table of one vector per symbol, with smaller initial values than torch's, so that it can be a decoder too.

    Args:
        symbols: Number of symbols.
        features: Length of a vector.
    """

    def __init__(self, symbols: int, features: int) -> None:
        super().__init__(symbols, features)

    def reset_parameters(self) -> None:
        """Values between -0.5 and 0.5: much smaller ones take a small cell epochs to grow."""
        nn.init.uniform_(self.weight, -0.5, 0.5)


class TiedDecoder(nn.Module):
    """From states to a score for each symbol, by the same table that symbols are read with (Press & Wolf 2017).

    Args:
        embedding: The table; its vectors are as long as a state.
    """

    def __init__(self, embedding: nn.Embedding) -> None:
        super().__init__()
        self.embedding = embedding
        self.bias = nn.Parameter(torch.zeros(embedding.num_embeddings))

    def forward(self, states: torch.Tensor) -> torch.Tensor:
        """From (N, steps, hidden) to (N, steps, symbols)."""
        return nn.functional.linear(states, self.embedding.weight, self.bias)


class LockedDropout(nn.Module):
    """Drops the same features at all steps of a sequence (Gal & Ghahramani 2016, arXiv:1512.05287).

    Args:
        p: Probability of dropping a feature, in [0, 1).
    """

    def __init__(self, p: float) -> None:
        super().__init__()
        self.p = p

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The same shape, (N, steps, features)."""
        if not self.training:
            return x
        kept = torch.rand(len(x), 1, x.shape[2], device=x.device) >= self.p
        return x * kept / (1 - self.p)


class HighwayStart(nn.Module):
    """A cell's first state: the last step's, or a new one of it and the input, as a gate decides.

    Args:
        features: Length of the input's vector.
        hidden: Length of a state.
    """

    def __init__(self, features: int, hidden: int) -> None:
        super().__init__()
        self.linear = nn.Linear(features + hidden, 2 * hidden, bias=False)

    def forward(self, x: torch.Tensor, state: torch.Tensor) -> torch.Tensor:
        """From (N, features) and (N, hidden) to (N, hidden)."""
        gate, candidate = self.linear(torch.cat([x, state], dim=-1)).chunk(2, dim=-1)
        return torch.lerp(state, candidate.tanh(), gate.sigmoid())


class HighwayEdge(nn.Module):
    """An edge between two states of a cell: the earlier one, or an activation of it, as a gate decides.

    Args:
        linear: From a state to the gate and the candidate, twice as long. The edges into a node share it.
        activation: Of the candidate.
    """

    def __init__(self, linear: nn.Module, activation: nn.Module) -> None:
        super().__init__()
        self.linear = linear
        self.activation = activation

    def forward(self, state: torch.Tensor) -> torch.Tensor:
        """The same shape, (N, hidden)."""
        gate, candidate = self.linear(state).chunk(2, dim=-1)
        return torch.lerp(state, self.activation(candidate), gate.sigmoid())


class RecurrentCell(nn.Module):
    """A directed acyclic graph of states, gone through once a step. Its new state is the mean of its nodes'.

    Args:
        start: From the input and the last step's state to state 0.
        nodes: `CellNode` modules, first to last; node k may read state 0 and nodes 0 to k - 1.
    """

    def __init__(self, start: nn.Module, nodes: list[nn.Module]) -> None:
        super().__init__()
        self.start = start
        self.nodes = nn.ModuleList(nodes)

    def forward(self, x: torch.Tensor, state: torch.Tensor) -> torch.Tensor:
        """From (N, features) and (N, hidden) to (N, hidden)."""
        states = [self.start(x, state)]
        for node in self.nodes:
            states.append(node(states))
        return torch.stack(states[1:]).mean(dim=0)


class RecurrentNetwork(nn.Module):
    """A cell that goes along a sequence of symbols, and tells at each step what comes next.

    Args:
        embedding: From symbols to vectors, (N, steps, features).
        cell: From a step's vectors and the last state to the next state.
        decoder: From states, (N, steps, hidden), to scores, (N, steps, symbols).
        hidden: Length of a state; the first is all zeros.
    """

    def __init__(self, embedding: nn.Module, cell: nn.Module, decoder: nn.Module, hidden: int) -> None:
        super().__init__()
        self.embedding = embedding
        self.cell = cell
        self.decoder = decoder
        self.hidden = hidden

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """From symbols (N, steps) to scores (N, steps, symbols)."""
        embedded = self.embedding(x)
        state = embedded.new_zeros(embedded.shape[0], self.hidden)
        states = []
        for step in embedded.unbind(dim=1):
            state = self.cell(step, state)
            states.append(state)
        scores: torch.Tensor = self.decoder(torch.stack(states, dim=1))
        return scores


class LSTMNetwork(nn.Module):
    """A long short-term memory on symbols (Hochreiter & Schmidhuber 1997), that tells at each step what comes next.

    Args:
        symbols: Number of symbols.
        features: Length of a symbol's vector.
        hidden: Length of a state.
    """

    def __init__(self, symbols: int, features: int, hidden: int) -> None:
        super().__init__()
        self.embedding = SymbolEmbedding(symbols, features)
        self.lstm = nn.LSTM(features, hidden, batch_first=True)
        self.decoder = nn.Linear(hidden, symbols)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """From symbols (N, steps) to scores (N, steps, symbols)."""
        states, _ = self.lstm(self.embedding(x))
        scores: torch.Tensor = self.decoder(states)
        return scores
