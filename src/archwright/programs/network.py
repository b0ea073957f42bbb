"""A program as a PyTorch module, whose state is the memory that training leaves."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from archwright.programs.program import Program, parse_function
from archwright.programs.runner import Runner

__all__ = ["EvolvedProgram"]

_NOT_A_NUMBER = -30.0
"""Log odds of a class that is NaN: class 0."""


class EvolvedProgram(nn.Module):
    """A learning algorithm of AutoML-Zero (Real et al. 2020, arXiv:2003.03384) with what it has learned.

    It learns by `learn`, not by gradients. Each call begins with the memory that learning left, and shows the rows of
    the batch one after the other.

    Args:
        setup: Text of the function that runs once.
        predict: Text of the function that leaves the prediction in s1.
        learn: Text of the function that reads the label.
        features: Numbers in an input.
        scalars: How many scalars there are.
        vectors: How many vectors.
        matrices: How many matrices.
        is_classes: Whether it tells two classes apart: outputs have the shape (N, 2) and are logits; else (N, 1).
    """

    memory: Tensor
    shown: Tensor

    def __init__(
        self,
        setup: str,
        predict: str,
        learn: str,
        features: int,
        scalars: int,
        vectors: int,
        matrices: int,
        is_classes: bool,
    ) -> None:
        super().__init__()
        self.program = Program(*map(parse_function, (setup, predict, learn)))
        self.features, self.is_classes = features, is_classes
        self.sizes = (scalars, vectors, matrices)
        self.seed = 0
        rows = scalars + vectors * features + matrices * features**2
        self.register_buffer("memory", torch.zeros(rows, dtype=torch.float64))
        self.register_buffer("shown", torch.zeros((), dtype=torch.int64))

    def learn(self, inputs: NDArray[np.float64], labels: NDArray[np.float64], seed: int = 0) -> bool:
        """Learn from examples of shape (n, F) and labels (n,), in their order.

        Returns:
            Whether it went well: every error was a number and not over 100.
        """
        runner = Runner(self.features, self.sizes)
        went = runner.train(self.program, inputs, labels, is_classes=self.is_classes, seed=seed)
        self.memory = torch.from_numpy(runner.memory_now[:, 0].copy())
        self.shown = torch.tensor(len(inputs))
        return went

    def forward(self, inputs: Tensor) -> Tensor:
        """Predict for inputs (N, ...) of F numbers each. Logits (N, 2) of two classes, else amounts (N, 1)."""
        rows = inputs.detach().reshape(len(inputs), -1).double().cpu().numpy()
        runner = Runner(self.features, self.sizes)
        found = runner.predict(
            self.program,
            self.memory.double().cpu().numpy()[:, None],
            rows,
            is_classes=self.is_classes,
            step=int(self.shown),
        )
        outputs = torch.from_numpy(found).to(inputs.device, torch.float32)[:, None]
        if not self.is_classes:
            return outputs
        odds = outputs.nan_to_num(_NOT_A_NUMBER)
        return torch.cat([torch.zeros_like(odds), odds], dim=1)
