"""A spiking network of one's own: cells with surrogate gradients, and what is decided about them.

Runs within a minute: `python docs/examples/spiking.py`.
"""

from __future__ import annotations

import torch
from torch import nn

import archwright as aw
from archwright.primitives import LeakyIntegrateAndFire


class RateReadout(nn.Module):
    """One layer of cells that is shown an image for some steps; scores are read off the rates of its spikes."""

    def __init__(self, width: int, cell: nn.Module, steps: int) -> None:
        super().__init__()
        self.encode = nn.Linear(64, width)
        self.cell = cell
        self.decode = nn.Linear(width, 10)
        self.steps = steps

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """From images (N, 1, 8, 8) to scores (N, 10)."""
        current, potential, count = self.encode(x.flatten(1)), None, 0.0
        for _ in range(self.steps):
            spikes, potential = self.cell(current, potential)
            count = count + spikes
        return self.decode(count / self.steps)


cell = aw.layer(
    LeakyIntegrateAndFire,
    decay=aw.real(0.3, 0.95, name="decay"),
    reset=aw.categorical(["subtract", "zero"], name="reset"),
    surrogate=aw.categorical(["fast_sigmoid", "arctan", "triangle"], name="surrogate"),
    slope=aw.real(1.0, 10.0, log=True, name="slope"),
)
space = aw.Space(
    aw.layer(
        RateReadout, aw.categorical([32, 64, 128], name="width"), cell, aw.categorical([4, 8], name="steps")
    ),
    name="rates",
)

if __name__ == "__main__":
    result = aw.search(
        space,
        "digits",
        budget=aw.Budget(trials=6),
        recipe=aw.Recipe(epochs=4),
        retrain=1,
        baseline=False,  # a network that does not spike
        out="runs/spiking",
    )
    print(dict(result.best.architecture))
    print(f"test accuracy {result.test['accuracy']:.3f}")
