"""Where networks for tables begin: codes of categories become vectors beside the amounts."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

__all__ = ["ColumnEmbedding"]


class ColumnEmbedding(nn.Module):
    """Looks up the codes among the numbers of a row; amounts stay as they are.

    All columns share one table, in which each has rows of its own. The row of code 0, rare and unseen categories,
    begins at zero: where training never has it, it stays without effect.

    Args:
        cardinalities: For each number of a row how many codes it takes; 0 where it is an amount.
        size: Length of a code's vector.
    """

    first: torch.Tensor
    last: torch.Tensor

    def __init__(self, cardinalities: Sequence[int], size: int) -> None:
        super().__init__()
        self.amounts = [place for place, codes in enumerate(cardinalities) if not codes]
        self.codes = [place for place, codes in enumerate(cardinalities) if codes]
        sizes = torch.tensor([cardinalities[place] for place in self.codes])
        first = sizes.cumsum(0) - sizes
        self.register_buffer("first", first, persistent=False)
        self.register_buffer("last", sizes - 1, persistent=False)
        self.table = nn.Embedding(int(sizes.sum()), size)
        with torch.no_grad():
            self.table.weight[first] = 0

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """From (N, columns) to (N, amounts + categorical columns * size); the vectors' first numbers come first."""
        codes = torch.minimum(x[:, self.codes].long().clamp(min=0), self.last) + self.first
        vectors = self.table(codes).transpose(1, 2).flatten(1)
        return torch.cat([x[:, self.amounts], vectors], dim=1) if self.amounts else vectors
