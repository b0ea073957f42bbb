"""The seam of gradient-based methods: what supplies the gates."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from archwright.supernets.gates import Gate, Mixture
from archwright.supernets.methods.derivation import Preferences, Refused
from archwright.supernets.methods.relaxation import Relaxation
from archwright.supernets.supernet import Supernet

__all__ = ["GateSampler"]


class GateSampler(ABC):
    """Turns architecture parameters (alpha) into gates. `Bilevel` trains them and the weights in turn.

    A subclass fills in `architecture_gates`; the rest is that of the softmax of alpha.

    Attributes:
        samples: Whether gates are drawn at random, so that the loss is no fixed function of alpha.
        relaxation: Alpha.
        generator: Draws gates; its state is the caller's to keep.
    """

    samples: bool = False

    def setup(self, supernet: Supernet, generator: torch.Generator) -> None:
        """Make the architecture parameters for a new supernet, on its device.

        Args:
            supernet: The supernet.
            generator: Draws the first values, and gates; on the CPU.
        """
        self.relaxation = Relaxation(supernet, generator)
        self.generator = generator

    def parameters(self) -> list[nn.Parameter]:
        """The architecture parameters."""
        return list(self.relaxation.alphas.values())

    @abstractmethod
    def architecture_gates(self, progress: float) -> dict[str, Gate]:
        """Gates for a step of alpha, through which its gradient flows.

        Args:
            progress: Share of the epochs that is done, in [0, 1).
        """

    def weight_gates(self, progress: float) -> dict[str, Gate]:
        """Gates for a step of the weights, without gradients to alpha: by default those of alpha's step."""
        gates = self.architecture_gates(progress)
        return {a: gate.detached() if isinstance(gate, Mixture) else gate for a, gate in gates.items()}

    def preferences(self, refused: Refused = ()) -> Preferences:
        """Every relaxed decision's values with their scores, for the derivation.

        Args:
            refused: Pairs of an address and a value that may not be chosen; a decision that has nothing else keeps
                its values.
        """
        return self.relaxation.preferences(refused=refused)

    def probabilities(self) -> dict[str, dict[str, float]]:
        """See `OneShot.probabilities`."""
        return self.relaxation.probabilities()

    def state_dict(self) -> dict[str, Any]:
        """Alpha, and what else the gates depend on."""
        return self.relaxation.state_dict()

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue from a state, after `setup`."""
        self.relaxation.load_state_dict(state)

    def add_penalty(self, loss: Tensor) -> Tensor:
        """The loss that alpha minimises, from that of the task: with a term for latency, say."""
        return loss

    def after_step(self) -> None:  # noqa: B027 - most have nothing to do
        """Called after each step of alpha."""
