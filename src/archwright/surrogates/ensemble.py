"""An ensemble of multilayer perceptrons on architectures."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from archwright.errors import UsageError
from archwright.spaces import Architecture, Space
from archwright.surrogates.features import Features
from archwright.surrogates.paths import Paths
from archwright.surrogates.refitted import Refitted

__all__ = ["MLPEnsemble"]


class MLPEnsemble(Refitted):
    """Networks that differ in their initial weights and in the order of the examples (Lakshminarayanan et al. 2017).

    All members are trained at once, as batched matrix products.

    Args:
        space: The space.
        seed: Seed of all random numbers.
        members: How many networks, at least 2.
        hidden: Units of each of the three hidden layers.
        epochs: Passes over the data; at least 1.
        learning_rate: Adam's.
        paths: Whether the networks read the path encoding beside the features of the decisions.

    Raises:
        UsageError: When an option is out of range.
    """

    def __init__(
        self,
        space: Space,
        *,
        seed: int = 0,
        members: int = 5,
        hidden: int = 64,
        epochs: int = 100,
        learning_rate: float = 0.005,
        paths: bool = False,
    ) -> None:
        super().__init__(space, seed=seed)
        if members < 2 or hidden < 1 or epochs < 1:
            raise UsageError(
                f"ensemble: expected members >= 2, hidden >= 1 and epochs >= 1, got {members}, {hidden} and {epochs}"
            )
        self.members, self.hidden, self.epochs, self.learning_rate = members, hidden, epochs, learning_rate
        self._features = Features(space)
        self._paths = Paths(space) if paths else None
        self._layers: list[tuple[Tensor, Tensor]] = []

    def learn(self, architectures: Sequence[Architecture], values: NDArray[np.float64]) -> None:
        """Train from new weights, in batches of 32."""
        if self._paths is not None:
            self._paths.learn(architectures)
        rows = self._read(architectures)
        targets = torch.as_tensor(values, dtype=torch.float32)
        drawn = torch.Generator().manual_seed(self.seed)
        widths = [rows.shape[1], self.hidden, self.hidden, self.hidden, 1]
        self._layers = []
        for inner, outer in itertools.pairwise(widths):
            weight = torch.randn(self.members, inner, outer, generator=drawn) * (2.0 / inner) ** 0.5
            bias = torch.zeros(self.members, 1, outer)
            self._layers.append((weight.requires_grad_(), bias.requires_grad_()))
        parameters = [parameter for layer in self._layers for parameter in layer]
        optimizer = torch.optim.AdamW(parameters, lr=self.learning_rate, weight_decay=1e-3)
        count = len(targets)
        steps = self.epochs * -(-count // 32)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
        for _ in range(self.epochs):
            order = torch.rand(self.members, count, generator=drawn).argsort(1)
            for begin in range(0, count, 32):
                batch = order[:, begin : begin + 32]
                loss = (self._forward(rows[batch]) - targets[batch]).square().mean(1).sum()
                optimizer.zero_grad(set_to_none=True)
                loss.backward()  # type: ignore[no-untyped-call]
                optimizer.step()
                schedule.step()

    @torch.no_grad()
    def expect(
        self, architectures: Sequence[Architecture]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Mean and deviation over the members; the deviation is at least 1e-3."""
        rows = self._read(architectures)
        votes = self._forward(rows.expand(self.members, -1, -1)).double().numpy()
        return votes.mean(0), np.maximum(votes.std(0), 1e-3)

    def _read(self, architectures: Sequence[Architecture]) -> Tensor:
        rows = self._features(architectures)
        if self._paths is not None:
            rows = np.hstack([rows, self._paths(architectures)])
        return torch.as_tensor(rows, dtype=torch.float32)

    def _forward(self, rows: Tensor) -> Tensor:
        for i, (weight, bias) in enumerate(self._layers):
            rows = torch.baddbmm(bias, rows, weight)
            if i < len(self._layers) - 1:
                rows = nn.functional.relu(rows)
        return rows.squeeze(2)
