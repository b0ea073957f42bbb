"""Dropout of operations and edges: terms of the mixture that are left out of a step."""

from __future__ import annotations

from collections.abc import Mapping

import torch

from archwright.errors import UsageError
from archwright.spaces import Decision
from archwright.supernets.gates import Gate, Mixture

__all__ = ["GateDropout"]


class GateDropout:
    """Leaves out terms of mixtures at random, so that no operation can lean on another being there.

    Each is left out on its own, at least one of a decision is kept, and the weights of those kept are divided by the
    probability of being kept, as in any dropout (Srivastava et al. 2014). What is left out is not computed.

    Args:
        operations: Probability that an operation (a value of a decision) is left out, in [0, 1).
        edges: Probability that an edge (an item of a subset) is left out, in [0, 1).
        seed: Of its own random numbers.

    Raises:
        UsageError: When a probability is out of range.
    """

    def __init__(self, operations: float, edges: float, seed: int) -> None:
        if not (0 <= operations < 1 and 0 <= edges < 1):
            raise UsageError(
                "expected probabilities 0 <= operation_dropout < 1 and 0 <= edge_dropout < 1, got "
                f"operation_dropout={operations}, edge_dropout={edges}"
            )
        self.operations, self.edges = operations, edges
        self.seed = seed
        self.restart()

    @property
    def active(self) -> bool:
        """Whether it ever leaves anything out."""
        return self.operations > 0 or self.edges > 0

    def thin(self, decisions: Mapping[str, Decision], gates: Mapping[str, Gate]) -> dict[str, Gate]:
        """The gates of one step, from those that the policy gives.

        Args:
            decisions: By address.
            gates: Address to gate; those of one path stay.
        """
        thinned: dict[str, Gate] = {}
        for address, gate in gates.items():
            probability = self.edges if decisions[address].several else self.operations
            if isinstance(gate, Mixture) and probability > 0 and len(gate.computed) > 1:
                thinned[address] = self._thinned(gate, probability, decisions[address])
            else:
                thinned[address] = gate
        return thinned

    def restart(self) -> None:
        """Begin anew, from the seed."""
        self.generator = torch.Generator().manual_seed(self.seed)

    def _thinned(self, gate: Mixture, probability: float, decision: Decision) -> Mixture:
        draws = torch.rand(len(gate.computed), generator=self.generator).tolist()
        kept = [position for position, draw in zip(gate.computed, draws, strict=True) if draw >= probability]
        if not kept:
            kept = [gate.computed[draws.index(max(draws))]]
        weights = gate.weights
        if weights is None:
            weights = torch.ones(len(decision.relaxed().labels))
        return Mixture(weights / (1 - probability), tuple(kept))
