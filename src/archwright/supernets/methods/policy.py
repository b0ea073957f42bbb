"""The seam of gradient-based methods: what supplies the gates."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from archwright.supernets.gates import Gate
from archwright.supernets.methods.derivation import Preferences, Refused
from archwright.supernets.supernet import Supernet

__all__ = ["Policy"]


class Policy(ABC):
    """Turns architecture parameters (alpha) into gates. `Bilevel` trains them and the weights in turn.

    Attributes:
        samples: Whether gates are drawn at random, so that the loss is no fixed function of alpha.
    """

    samples: bool = False

    @abstractmethod
    def setup(self, supernet: Supernet, generator: torch.Generator) -> None:
        """Make the architecture parameters for a supernet, on its device.

        Args:
            supernet: A new one.
            generator: Draws the first values, and gates; on the CPU. Its state is the caller's to keep.
        """

    @abstractmethod
    def parameters(self) -> list[nn.Parameter]:
        """The architecture parameters."""

    @abstractmethod
    def weight_gates(self, progress: float) -> dict[str, Gate]:
        """Gates for a step of the weights, without gradients to alpha.

        Args:
            progress: Share of the epochs that is done, in [0, 1).
        """

    @abstractmethod
    def architecture_gates(self, progress: float) -> dict[str, Gate]:
        """Gates for a step of alpha, through which its gradient flows."""

    @abstractmethod
    def preferences(self) -> Preferences:
        """Every relaxed decision's values with their scores, for the derivation."""

    def preferences_without(self, refused: Refused) -> Preferences:
        """The preferences when some values may not be chosen.

        Args:
            refused: Pairs of an address and a value. A decision keeps its values where all of them are refused.
        """
        found = {}
        for address, ranked in self.preferences().items():
            left = [(value, score) for value, score in ranked if (address, value) not in refused]
            found[address] = left or list(ranked)
        return found

    @abstractmethod
    def probabilities(self) -> dict[str, dict[str, float]]:
        """See `OneShot.probabilities`."""

    @abstractmethod
    def state_dict(self) -> dict[str, Any]:
        """Alpha, and what else the gates depend on."""

    @abstractmethod
    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue from a state, after `setup`."""

    def penalized(self, loss: Tensor) -> Tensor:
        """The loss that alpha minimises, from that of the task: with a term for latency, say."""
        return loss

    def updated(self) -> None:  # noqa: B027 - most have nothing to do
        """Called after each step of alpha."""
