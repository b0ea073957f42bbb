"""Blocks of the networks for tables: the residual network and FT-Transformer of Gorishniy et al. 2021, and TabM."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import nn

__all__ = [
    "EnsembleLinear",
    "EnsembleMean",
    "FeatureTokens",
    "ResidualRowBlock",
    "RowAttentionBlock",
    "RowHead",
]


class ResidualRowBlock(nn.Module):
    """x + Dropout(Linear(Dropout(ReLU(Linear(BatchNorm(x)))))): Gorishniy et al. 2021, arXiv:2106.11959, section 3.2.

    Args:
        width: Features of input and output.
        hidden: Features between.
        dropout: Probability of dropping a feature between, in [0, 1).
        residual_dropout: Probability of dropping a feature of what is added.
    """

    def __init__(self, width: int, hidden: int, dropout: float = 0.0, residual_dropout: float = 0.0) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.BatchNorm1d(width),
            nn.Linear(width, hidden),
            nn.ReLU(),
            nn.Dropout(dropout),
            nn.Linear(hidden, width),
            nn.Dropout(residual_dropout),
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """From (N, width) to (N, width)."""
        y: torch.Tensor = self.body(x)
        return x + y


class FeatureTokens(nn.Module):
    """A vector for each number of a row: Gorishniy et al. 2021, arXiv:2106.11959, equation 1.

    An amount x_j becomes x_j w_j + b_j, a code the vector of its category plus b_j. A vector of its own stands before
    them ([CLS]), from which the answer is read in the end.

    Args:
        columns: Numbers of a row.
        size: Length of a vector.
        cardinalities: For each number how many codes it takes, 0 where it is an amount; empty where all are.
    """

    first: torch.Tensor
    last: torch.Tensor

    def __init__(self, columns: int, size: int, cardinalities: Sequence[int] = ()) -> None:
        super().__init__()
        counts = list(cardinalities) or [0] * columns
        self.amounts = [place for place, codes in enumerate(counts) if not codes]
        self.codes = [place for place, codes in enumerate(counts) if codes]
        bound = 1 / math.sqrt(size)
        weight = torch.empty(len(self.amounts), size).uniform_(-bound, bound)
        self.weight = nn.Parameter(weight) if self.amounts else None
        self.bias = nn.Parameter(torch.empty(columns + 1, size).uniform_(-bound, bound))
        sizes = torch.tensor([counts[place] for place in self.codes], dtype=torch.int64)
        self.register_buffer("first", sizes.cumsum(0) - sizes, persistent=False)
        self.register_buffer("last", sizes - 1, persistent=False)
        self.table = nn.Embedding(int(sizes.sum()), size) if self.codes else None
        if self.table is not None:
            with torch.no_grad():
                self.table.weight.uniform_(-bound, bound)
                self.table.weight[self.first] = 0

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """From (N, columns) to (N, 1 + columns, size): [CLS], the amounts, the codes."""
        tokens = [x.new_zeros(x.shape[0], 1, self.bias.shape[1])]
        if self.weight is not None:
            tokens.append(x[:, self.amounts].unsqueeze(2) * self.weight)
        if self.table is not None:
            codes = torch.minimum(x[:, self.codes].long().clamp(min=0), self.last) + self.first
            tokens.append(self.table(codes))
        return torch.cat(tokens, dim=1) + self.bias


class RowAttentionBlock(nn.Module):
    """A block of FT-Transformer: Gorishniy et al. 2021, arXiv:2106.11959, section 3.3.

    x' = x + Dropout(Attention(LayerNorm(x))), then x' + Dropout(FFN(LayerNorm(x'))), where
    Attention = Linear(softmax(Q K^T / sqrt(d)) V) over several heads (Vaswani et al. 2017, arXiv:1706.03762) and
    FFN = Linear(Dropout(ReGLU(Linear(x)))) with ReGLU(a, b) = a ReLU(b) (Shazeer 2020, arXiv:2002.05202). As in the
    paper the first block does not normalise before its attention.

    Args:
        size: Length of a vector; a multiple of the heads.
        hidden: Features within the FFN.
        heads: Number of heads.
        attention_dropout: Probability of dropping a weight of the attention.
        dropout: Probability of dropping a feature within the FFN.
        residual_dropout: Probability of dropping a feature of what is added.
        is_first: Whether it is the first block.
    """

    def __init__(
        self,
        size: int,
        hidden: int,
        heads: int = 4,
        attention_dropout: float = 0.0,
        dropout: float = 0.0,
        residual_dropout: float = 0.0,
        is_first: bool = False,
    ) -> None:
        super().__init__()
        self.heads = heads
        self.before = nn.Identity() if is_first else nn.LayerNorm(size)
        self.query, self.key, self.value = (nn.Linear(size, size) for _ in range(3))
        self.out = nn.Linear(size, size)
        self.between = nn.LayerNorm(size)
        self.gate, self.up, self.down = (
            nn.Linear(size, hidden),
            nn.Linear(size, hidden),
            nn.Linear(hidden, size),
        )
        self.attention_dropout, self.dropout = nn.Dropout(attention_dropout), nn.Dropout(dropout)
        self.residual_dropout = nn.Dropout(residual_dropout)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """From (N, tokens, size) to (N, tokens, size)."""
        y = x + self.residual_dropout(self._attend(self.before(x)))
        z = self.between(y)
        fed = self.down(self.dropout(self.up(z) * torch.relu(self.gate(z))))
        found: torch.Tensor = y + self.residual_dropout(fed)
        return found

    def _attend(self, x: torch.Tensor) -> torch.Tensor:
        batch, tokens, size = x.shape
        split = (batch, tokens, self.heads, size // self.heads)
        query, key, value = (
            part(x).view(split).transpose(1, 2) for part in (self.query, self.key, self.value)
        )
        weights = (query @ key.transpose(2, 3) / math.sqrt(split[3])).softmax(dim=3)
        mixed = self.attention_dropout(weights) @ value
        attended: torch.Tensor = self.out(mixed.transpose(1, 2).reshape(batch, tokens, size))
        return attended


class RowHead(nn.Module):
    """Linear(ReLU(LayerNorm(first token))): Gorishniy et al. 2021, arXiv:2106.11959, equation 4.

    Args:
        size: Length of a token.
        outputs: Numbers that the network gives.
    """

    def __init__(self, size: int, outputs: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(size)
        self.linear = nn.Linear(size, outputs)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """From (N, tokens, size) to (N, outputs)."""
        y: torch.Tensor = self.linear(torch.relu(self.norm(x[:, 0])))
        return y


class EnsembleLinear(nn.Module):
    """A linear layer of several members: s_i * (W (r_i * x_i)) + b_i with one W for all of them.

    That is BatchEnsemble (Wen et al. 2020, arXiv:2002.06715) as TabM begins it (Gorishniy et al. 2024,
    arXiv:2410.24210, section 3.3): r and s begin at 1, but r of a network's first layer at -1 or 1 at random, which is
    what makes members differ.

    Args:
        in_features: Features of the input.
        out_features: Features of the output.
        members: Number of members.
        is_first: Whether it is the first layer, which gets one input for all members.
    """

    def __init__(self, in_features: int, out_features: int, members: int, is_first: bool = False) -> None:
        super().__init__()
        bound = 1 / math.sqrt(in_features)
        signs = torch.randint(2, (members, in_features)).float() * 2 - 1
        self.weight = nn.Parameter(torch.empty(out_features, in_features).uniform_(-bound, bound))
        self.r = nn.Parameter(signs if is_first else torch.ones(members, in_features))
        self.s = nn.Parameter(torch.ones(members, out_features))
        self.bias = nn.Parameter(torch.empty(members, out_features).uniform_(-bound, bound))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """From (N, in_features) or (N, members, in_features) to (N, members, out_features)."""
        x = x.unsqueeze(1) if x.ndim == 2 else x
        return nn.functional.linear(x * self.r, self.weight) * self.s + self.bias


class EnsembleMean(nn.Module):
    """The output layer of each member, and the mean of their predictions, as in TabM.

    In training all members' outputs are given, so that the loss is the mean of theirs; else the mean of their
    predictions: of amounts themselves, of the probabilities of classes or labels, which are given as logarithms or log
    odds.

    Args:
        in_features: Features of each member.
        outputs: Numbers that the network gives.
        members: Number of members.
        kind: "classification" and "multilabel" average probabilities; anything else what is given.
    """

    def __init__(self, in_features: int, outputs: int, members: int, kind: str = "") -> None:
        super().__init__()
        self.kind = kind
        bound = 1 / math.sqrt(in_features)
        self.weight = nn.Parameter(torch.empty(members, in_features, outputs).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.empty(members, outputs).uniform_(-bound, bound))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """From (N, members, in_features) to (N, members, outputs) in training, else to (N, outputs)."""
        y = torch.einsum("nki,kio->nko", x, self.weight) + self.bias
        if self.training:
            return y
        count = math.log(y.shape[1])
        if self.kind == "classification":
            return y.log_softmax(dim=2).logsumexp(dim=1) - count
        if self.kind == "multilabel":
            yes, no = (nn.functional.logsigmoid(sign * y).logsumexp(dim=1) for sign in (1, -1))
            return yes - no
        return y.mean(dim=1)
