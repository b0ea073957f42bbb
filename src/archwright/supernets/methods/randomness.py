"""The random numbers of a method, apart from those of its caller."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor

__all__ = ["Randomness"]


class Randomness:
    """Streams of random numbers that follow from one seed and can be saved.

    Args:
        seed: Any whole number >= 0.

    Attributes:
        gates: For sampling gates.
        sampler: For sampling architectures.
    """

    def __init__(self, seed: int) -> None:
        words = [int(word) for word in np.random.SeedSequence(seed).generate_state(4)]
        self.gates = torch.Generator().manual_seed(words[0])
        self.sampler = random.Random(words[1])
        self.order = words[2]
        self._torch: Tensor = torch.Generator().manual_seed(words[3]).get_state()

    @contextmanager
    def drawing(self) -> Iterator[None]:
        """Let torch's global generator, which layers such as dropout draw from, be this method's own."""
        before = torch.get_rng_state()
        torch.set_rng_state(self._torch)
        try:
            yield
        finally:
            self._torch = torch.get_rng_state()
            torch.set_rng_state(before)

    def state_dict(self) -> dict[str, Any]:
        """All streams."""
        return {
            "gates": self.gates.get_state(),
            "sampler": self.sampler.getstate(),
            "torch": self._torch.clone(),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on where the streams were."""
        self.gates.set_state(state["gates"])
        version, numbers, gauss = state["sampler"]
        self.sampler.setstate((version, tuple(numbers), gauss))
        self._torch = state["torch"].clone()
