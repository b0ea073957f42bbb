"""An ensemble of multilayer perceptrons on architectures."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from archwright.errors import UsageError
from archwright.spaces import Architecture, Space
from archwright.surrogates.columns import Columns
from archwright.surrogates.features import Features
from archwright.surrogates.paths import Paths
from archwright.surrogates.surrogate import Prediction, Refitted, Vector, mean_and_spread

__all__ = ["MLPEnsemble"]

_BATCH = 32


class MLPEnsemble(Refitted):
    """Networks that differ in their initial weights and in the order of the examples (Lakshminarayanan et al. 2017).

    All members are trained at once, as batched matrix products on one tensor of all weights.

    Args:
        space: The space.
        seed: Seed of all random numbers.
        members: How many networks, at least 2.
        hidden: Units of each of the three hidden layers.
        epochs: At most so many passes over the data; at least 1.
        steps: At most so many steps of the optimiser, with batches of 32; at least 1.
        learning_rate: AdamW's at the first step; it falls to 0 along a cosine.
        paths: Whether the networks read the path encoding beside the features of the decisions.
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
        members: int = 5,
        hidden: int = 64,
        epochs: int = 100,
        steps: int = 100,
        learning_rate: float = 0.01,
        paths: bool = False,
        graf: bool = False,
        columns: Columns | None = None,
    ) -> None:
        super().__init__(space, seed=seed)
        if members < 2 or min(hidden, epochs, steps) < 1:
            raise UsageError(
                "ensemble: expected members >= 2, hidden >= 1, epochs >= 1 and steps >= 1, got "
                f"{members}, {hidden}, {epochs} and {steps}"
            )
        self.members, self.hidden = members, hidden
        self.epochs, self.steps, self.learning_rate = epochs, steps, learning_rate
        self._features = Features(space, graf=graf, columns=columns)
        self._paths = Paths(space) if paths else None
        self._shapes: list[tuple[int, int, int]] = []
        self._weights = torch.zeros(0)

    def learn(self, architectures: Sequence[Architecture], values: Vector) -> None:
        """Train from new weights."""
        if self._paths is not None:
            self._paths.learn(architectures)
        rows = self._read(architectures)
        targets = torch.as_tensor(values, dtype=torch.float32)
        drawn = torch.Generator().manual_seed(self.seed)
        widths = [rows.shape[1], self.hidden, self.hidden, self.hidden, 1]
        self._shapes, first = [], []
        for inner, outer in itertools.pairwise(widths):
            weight = torch.randn(self.members, inner, outer, generator=drawn) * (2.0 / inner) ** 0.5
            for part in (weight, torch.zeros(self.members, 1, outer)):
                self._shapes.append((part.shape[0], part.shape[1], part.shape[2]))
                first.append(part.flatten())
        self._weights = torch.cat(first).requires_grad_()
        # One tensor makes one fused update of what would be dozens.
        optimizer = torch.optim.AdamW([self._weights], lr=self.learning_rate, weight_decay=1e-3, fused=True)
        batches = -(-len(targets) // _BATCH)
        steps = min(self.steps, self.epochs * batches)
        for step in range(steps):
            if step % batches == 0:
                order = torch.rand(self.members, len(targets), generator=drawn).argsort(1)
            begin = step % batches * _BATCH
            batch = order[:, begin : begin + _BATCH]
            optimizer.param_groups[0]["lr"] = self.learning_rate * (1 + math.cos(math.pi * step / steps)) / 2
            loss = (self._forward(rows[batch]) - targets[batch]).square().mean(1).sum()
            optimizer.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()

    @torch.no_grad()
    def expect(self, architectures: Sequence[Architecture]) -> Prediction:
        """Mean and deviation over the members; the deviation is at least 1e-3."""
        rows = self._read(architectures)
        votes = self._forward(rows.expand(self.members, -1, -1)).double().numpy()
        return mean_and_spread(votes)

    def _read(self, architectures: Sequence[Architecture]) -> Tensor:
        rows = self._features(architectures)
        if self._paths is not None:
            rows = np.hstack([rows, self._paths(architectures)])
        return torch.as_tensor(rows, dtype=torch.float32)

    def _forward(self, rows: Tensor) -> Tensor:
        parts = torch.split(self._weights, [math.prod(shape) for shape in self._shapes])
        layers = [part.view(shape) for part, shape in zip(parts, self._shapes, strict=True)]
        for i in range(0, len(layers), 2):
            rows = torch.baddbmm(layers[i + 1], rows, layers[i])
            if i < len(layers) - 2:
                rows = nn.functional.relu(rows)
        return rows.squeeze(2)
