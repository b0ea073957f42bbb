"""The seam of gradient-based methods: architecture parameters (alpha), and the gates that they give."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from archwright.supernets.gates import Gate, Mixture
from archwright.supernets.methods.derivation import ZERO_OPERATIONS, Preferences, Refused, ranked_subsets
from archwright.supernets.supernet import Supernet

__all__ = ["GateSampler"]

_SCALE = 1e-3


class GateSampler(ABC):
    """Turns architecture parameters (alpha) into gates. `Bilevel` trains them and the weights in turn.

    Alpha has for each decision one number a value, at first 1e-3 times a standard normal number. A subset whose items
    are edges with mixed operations has no alpha: in the search all its edges are there, and an edge is as strong as
    its best operation that is not zero (Liu et al. 2019, arXiv:1806.09055, section 2.4). Any other subset has one
    number an item, whose sigmoid weighs it.

    A subclass fills in `architecture_gates`; the rest is that of the softmax of alpha.

    Attributes:
        samples: Whether gates are drawn at random, so that the loss is no fixed function of alpha.
        supernet: Its network's decisions that have more than one value are relaxed.
        alphas: Address to parameter, shape (values,) or (items,).
        generator: Draws gates; its state is the caller's to keep.
    """

    samples: bool = False

    def setup(self, supernet: Supernet, generator: torch.Generator) -> None:
        """Make the architecture parameters for a new supernet, on its device.

        Args:
            supernet: The supernet.
            generator: Draws the first values, and gates; on the CPU.
        """
        self.supernet, self.generator = supernet, generator
        self.alphas: dict[str, nn.Parameter] = {}
        for address, decision in supernet.decisions.items():
            count = len(decision.relaxed().labels)
            if len(supernet.edges.get(address, ())) < count:
                self.alphas[address] = self.drawn_parameter(count)

    def drawn_parameter(self, count: int) -> nn.Parameter:
        """Architecture parameters, small random numbers, on the supernet's device. Shape (count,)."""
        device = next((parameter.device for parameter in self.supernet.parameters()), torch.device("cpu"))
        return nn.Parameter((_SCALE * torch.randn(count, generator=self.generator)).to(device))

    def parameters(self) -> list[nn.Parameter]:
        """The architecture parameters."""
        return list(self.alphas.values())

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

    def state_dict(self) -> dict[str, Any]:
        """Alpha, and what else the gates depend on."""
        return {address: alpha.detach().clone() for address, alpha in self.alphas.items()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue from a state, after `setup`."""
        with torch.no_grad():
            for address, alpha in self.alphas.items():
                alpha.copy_(state[address])

    def add_penalty(self, loss: Tensor) -> Tensor:
        """The loss that alpha minimises, from that of the task: with a term for latency, say."""
        return loss

    def after_step(self) -> None:  # noqa: B027 - most have nothing to do
        """Called after each step of alpha."""

    def labels(self, address: str) -> list[Any]:
        """The values of a decision, in the order of its alpha; for a subset the items."""
        return list(self.supernet.decisions[address].relaxed().labels)

    def allowed(self, address: str) -> tuple[int, ...]:
        """The positions of the values that the supernet was built with."""
        labels = self.labels(address)
        allowed = self.supernet.allowed.get(address, labels)
        return tuple(i for i, label in enumerate(labels) if label in allowed)

    def weights(self, address: str) -> Tensor:
        """The softmax of alpha over the allowed values, 0 elsewhere; for a subset the sigmoid. Shape (values,)."""
        alpha = self.alphas[address]
        if self.supernet.decisions[address].several:
            return alpha.sigmoid()
        return self.log_weights(address).exp()

    def log_weights(self, address: str) -> Tensor:
        """The logarithm of the softmax of alpha over the allowed values, -inf elsewhere. Shape (values,)."""
        alpha: Tensor = self.alphas[address]
        allowed = self.allowed(address)
        if len(allowed) < len(alpha):
            mask = torch.full_like(alpha, -math.inf)
            mask[list(allowed)] = 0.0
            alpha = alpha + mask
        return alpha.log_softmax(0)

    def choices(self) -> Iterator[str]:
        """The addresses of the relaxed decisions that choose one value."""
        return (a for a in self.alphas if not self.supernet.decisions[a].several)

    def subset_gates(self) -> dict[str, Mixture]:
        """The gates of all subsets: every item is there, scaled by its weight where it has one of its own."""
        gates: dict[str, Mixture] = {}
        for address, decision in self.supernet.decisions.items():
            if decision.several:
                own = self.weights(address) if address in self.alphas else None
                gates[address] = Mixture(own, tuple(decision.relaxed().labels))
        return gates

    def mixtures(self) -> dict[str, Mixture]:
        """The gates under which every allowed value of every decision is computed, with its weight."""
        gates = {a: Mixture(self.weights(a), self.allowed(a)) for a in self.choices()}
        return {**gates, **self.subset_gates()}

    def strengths(self, subset: str, refused: Refused = ()) -> list[float]:
        """How strong each item of a subset is: its own weight, or that of its best operation that is not zero.

        Args:
            subset: Its address.
            refused: Operations that must not be chosen; they lend no strength.
        """
        if subset in self.alphas:
            return [float(weight) for weight in self.weights(subset).detach()]
        found = []
        for _, addresses in sorted(self.supernet.edges[subset].items()):
            known = [self._named(a, refused) for a in addresses]
            best = [
                max((p for label, p in pairs if label not in ZERO_OPERATIONS), default=0.0) for pairs in known
            ]
            found.append(math.prod(best))
        return found

    def preferences(self, refused: Refused = ()) -> Preferences:
        """Every relaxed decision's values with the logarithms of their weights, the best first, for the derivation.

        An operation on an edge that may be left out is never zero: leaving the edge out says that.

        Args:
            refused: Pairs of an address and a value that may not be chosen; a decision that has nothing else keeps
                its values.
        """
        droppable = {
            a for items in self.supernet.edges.values() for addresses in items.values() for a in addresses
        }
        found: dict[str, list[tuple[Any, float]]] = {}
        for address in self.choices():
            named = self._named(address, refused)
            if address in droppable:
                named = [pair for pair in named if pair[0] not in ZERO_OPERATIONS] or named
            scored = [(label, math.log(max(p, 1e-12))) for label, p in named or self._named(address)]
            found[address] = sorted(scored, key=lambda pair: -pair[1])
        for address, decision in self.supernet.decisions.items():
            if decision.several:
                found[address] = list(ranked_subsets(decision, self.strengths(address, refused)))
        return found

    def probabilities(self) -> dict[str, dict[str, float]]:
        """See `OneShot.probabilities`: the weights of all values, and the strengths of all items."""
        found = {address: {str(label): p for label, p in self._named(address)} for address in self.choices()}
        for address, decision in self.supernet.decisions.items():
            if decision.several:
                found[address] = {str(i): strength for i, strength in enumerate(self.strengths(address))}
        return found

    def _named(self, address: str, refused: Refused = ()) -> list[tuple[Any, float]]:
        """The allowed values of a decision with their weights, without those that are refused."""
        labels, weights = self.labels(address), self.weights(address).detach().tolist()
        pairs = [(labels[position], weights[position]) for position in self.allowed(address)]
        return [(label, weight) for label, weight in pairs if (address, label) not in refused]
