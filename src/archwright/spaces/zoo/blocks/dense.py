"""A fully connected block, for tables."""

from __future__ import annotations

import torch
from torch import nn

__all__ = ["DenseBlock"]


class DenseBlock(nn.Module):
    """Linear layer, normalisation, activation, dropout, and a shortcut around them all where asked.

    The shortcut is an identity where the sizes agree, else a linear layer without bias
    (He et al. 2016, arXiv:1512.03385; on tables Gorishniy et al. 2021, arXiv:2106.11959).

    Args:
        in_features: Features of the input.
        out_features: Features of the output.
        normalization: Over `out_features`; an identity for none.
        activation: The activation.
        dropout: Probability of dropping a feature, in [0, 1).
        residual: Whether there is a shortcut.
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        normalization: nn.Module,
        activation: nn.Module,
        dropout: float = 0.0,
        residual: bool = False,
    ) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Linear(in_features, out_features), normalization, activation, nn.Dropout(dropout)
        )
        self.shortcut: nn.Module | None = None
        if residual:
            same = in_features == out_features
            self.shortcut = nn.Identity() if same else nn.Linear(in_features, out_features, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """From (N, in_features) to (N, out_features)."""
        y: torch.Tensor = self.body(x)
        return y if self.shortcut is None else y + self.shortcut(x)
