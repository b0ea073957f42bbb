"""ProxylessNAS: binary gates and expected latency (Cai et al. 2019, arXiv:1812.00332)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, final

import torch
from torch import Tensor

from archwright.errors import SearchError, UsageError, did_you_mean
from archwright.supernets.gates import Gate, Mixture, OnePath
from archwright.supernets.methods.bilevel import Bilevel
from archwright.supernets.methods.gate_sampler import GateSampler
from archwright.supernets.methods.gumbel import bounded_items, perturbed
from archwright.supernets.methods.latency import METERS, CostTable, costs_of
from archwright.supernets.supernet import Supernet

__all__ = ["BinaryGates", "proxyless"]

_TERMS = ("multiply", "add")
_LEAST = 1e-12
_SCALE, _EXPONENT = 0.2, 0.3
_WARM_UP = 0.25


@final
class BinaryGates(GateSampler):
    """Paths drawn from p = softmax(alpha): one in a step of the weights, two in a step of alpha.

    In a step of alpha two values are drawn without replacement; one of them, drawn by its share of the two, is active:
    its gate g is 1 and the other's 0. Both are computed, and with q the softmax over the two alphas alone (eq. 4)

        dL/dalpha_i = sum_j dL/dg_j * q_j (delta_ij - q_i),    i, j of the two.

    After the step both alphas are shifted by one number, so that the two keep their joint probability; no other alpha
    moves. An item of a subset that has a weight of its own is a choice of two values, in and out, so that both are
    always drawn.

    With `latency` the loss of alpha has a term of the expected cost E (section 3.3), in either form:

        multiply:  0.2 * L * (log E / log reference)^0.3
        add:       L + weight * (E - reference) / reference

    E is the sum over all parts of what they cost times the probability that they are selected (`CostTable`). It moves
    the two drawn alphas only, along the gradient for a fixed joint probability.

    Args:
        latency: "flops", "measured" (milliseconds on this machine), the file of a lookup table that `archwright profile
            --table` has written (milliseconds on its device), or None for no term.
        latency_term: "multiply" or "add".
        latency_weight: Of the term that is added.
        reference: The cost to aim at, in the unit of the cost for one example; None means the cost expected when
            all values are equally likely.

    Raises:
        UsageError: When an option is unknown or out of range.
    """

    samples = True

    def __init__(
        self,
        *,
        latency: str | None = None,
        latency_term: str = "multiply",
        latency_weight: float = 0.1,
        reference: float | None = None,
    ) -> None:
        if latency is not None and latency not in METERS and not Path(latency).is_file():
            raise UsageError(
                f"expected latency 'flops', 'measured', the file of a lookup table or None, got {latency!r}."
                f"{did_you_mean(latency, METERS)}"
            )
        if latency_term not in _TERMS:
            raise UsageError(
                f"expected latency_term 'multiply' or 'add', got {latency_term!r}."
                f"{did_you_mean(latency_term, _TERMS)}"
            )
        if latency_weight < 0 or (reference is not None and not reference > 0):
            raise UsageError(
                f"expected latency_weight >= 0 and reference > 0, got {latency_weight} and {reference}"
            )
        self.latency, self.latency_term, self.latency_weight = latency, latency_term, latency_weight
        self._asked = reference

    def setup(self, supernet: Supernet, generator: torch.Generator) -> None:
        """Make alpha, and measure the costs where they count.

        Raises:
            UsageError: When costs are wanted of a supernet that was made without an example.
        """
        super().setup(supernet, generator)
        self._drawn: dict[str, tuple[int, ...]] = {}
        self._before: dict[str, Tensor] = {}
        self.reference, self.table = self._asked, None
        if self.latency is None:
            return
        if supernet.example is None:
            raise UsageError("a latency term needs an input to measure on: Supernet(space, example=...)")
        self.table = costs_of(supernet, supernet.example, self.latency)
        if self.reference is None:
            even = {a: torch.zeros_like(alpha) for a, alpha in self.alphas.items()}
            for address, weights in even.items():
                is_subset = supernet.decisions[address].several
                allowed = list(self.allowed(address))
                weights[allowed] = 0.5 if is_subset else 1 / len(allowed)
            self.reference = self.table.expected(even).item()
        if self.latency_term == "multiply" and self.reference <= 1:
            raise UsageError(
                f"expected a reference > 1, whose logarithm divides that of the expected cost, got {self.reference}; "
                "use latency_term='add'"
            )

    def weight_gates(self, progress: float) -> dict[str, Gate]:
        """One path: every value drawn from the softmax of alpha."""
        gates: dict[str, Gate] = dict(self.subset_gates())
        for address, alpha in self.alphas.items():
            if self.supernet.decisions[address].several:
                gates[address] = OnePath(self._items(address, alpha))
            else:
                drawn = torch.multinomial(self._chances(address), 1, generator=self.generator)
                gates[address] = OnePath(self.labels(address)[int(drawn)])
        return gates

    def architecture_gates(self, progress: float) -> dict[str, Gate]:
        """Two paths of every decision, one of them active."""
        gates: dict[str, Gate] = dict(self.subset_gates())
        self._before = {a: alpha.detach().clone() for a, alpha in self.alphas.items()}
        for address, alpha in self.alphas.items():
            if self.supernet.decisions[address].several:
                self._drawn[address] = tuple(range(len(alpha)))
                active, soft = list(self._items(address, alpha)), alpha.sigmoid()
            else:
                chances = self._chances(address)
                count = min(2, len(self.allowed(address)))
                pair = torch.multinomial(chances, count, generator=self.generator)
                winner = torch.multinomial(chances[pair], 1, generator=self.generator)
                self._drawn[address] = tuple(pair.tolist())
                active, soft = [int(pair[winner])], self._pair(address)
            hard = torch.zeros_like(alpha)
            hard[active] = 1.0
            gates[address] = Mixture(hard + (soft - soft.detach()), self._drawn[address])
        return gates

    def add_penalty(self, loss: Tensor) -> Tensor:
        """The loss with the term of the expected cost.

        Raises:
            SearchError: When the expected cost is at most 1, whose logarithm cannot be raised to a power.
        """
        if self.table is None or self.reference is None:
            return loss
        expected = self.expected_cost()
        if self.latency_term == "add":
            return loss + self.latency_weight * (expected - self.reference) / self.reference
        if expected.item() <= 1:
            raise SearchError(
                f"the expected cost fell to {expected.item()}, and its logarithm must be above 0; use "
                "latency_term='add'"
            )
        share = expected.log() / torch.tensor(self.reference).log()
        return _SCALE * loss * share.pow(_EXPONENT)

    def expected_cost(self) -> Tensor:
        """E, with a gradient to the alphas that were drawn last.

        Raises:
            UsageError: Without `latency`.
        """
        if self.table is None:
            raise UsageError("no costs were measured; set latency='flops' or 'measured'")
        weights = {}
        for address, alpha in self.alphas.items():
            p = self.weights(address)
            if address in self._drawn and not self.supernet.decisions[address].several:
                drawn = torch.tensor(self._drawn[address], device=alpha.device)
                p = p.detach()
                p = p.index_copy(0, drawn, p[drawn].sum() * self._pair(address)[drawn])
            weights[address] = p
        return self.table.expected(weights)

    def after_step(self) -> None:
        """Let the drawn two keep their joint probability, and all other alphas be as they were."""
        with torch.no_grad():
            for address, alpha in self.alphas.items():
                if self.supernet.decisions[address].several:
                    continue
                drawn = torch.tensor(self._drawn[address], device=alpha.device)
                moved, before = alpha[drawn], self._before[address]
                gained = moved.logsumexp(0) - before[drawn].logsumexp(0)
                alpha.copy_(before.index_copy(0, drawn, moved - gained))

    def state_dict(self) -> dict[str, Any]:
        """Alpha and the costs."""
        table = None if self.table is None else self.table.state_dict()
        return {"alpha": super().state_dict(), "table": table, "reference": self.reference}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take over alpha and the costs."""
        super().load_state_dict(state["alpha"])
        self.table = None if state["table"] is None else CostTable.from_state_dict(state["table"])
        self.reference = state["reference"]

    def _chances(self, address: str) -> Tensor:
        """The probabilities of a decision's values, on the CPU; none that is allowed is quite 0."""
        weights = self.weights(address).detach().cpu()
        chances = torch.zeros_like(weights)
        allowed = list(self.allowed(address))
        chances[allowed] = weights[allowed].clamp(min=_LEAST)
        return chances

    def _pair(self, address: str) -> Tensor:
        """The softmax over the drawn values alone, 0 elsewhere. Shape (values,)."""
        alpha = self.alphas[address]
        drawn = torch.tensor(self._drawn[address], device=alpha.device)
        return torch.zeros_like(alpha).index_copy(0, drawn, alpha[drawn].softmax(0))

    def _items(self, address: str, alpha: Tensor) -> tuple[int, ...]:
        """A draw of the items of a subset, each by its sigmoid, as many as it may have."""
        limits = self.supernet.decisions[address].relaxed()
        strengths = perturbed(alpha.detach().cpu(), self.generator)
        return bounded_items(strengths.tolist(), (limits.fewest, limits.most))


def proxyless(
    *,
    epochs: int = 160,
    frozen_epochs: int | None = None,
    weight_steps_per_architecture_step: int = 5,
    weight_share: float = 0.9,
    weight_decay: float = 4e-5,
    architecture_learning_rate: float = 1e-3,
    architecture_betas: tuple[float, float] = (0.0, 0.999),
    architecture_weight_decay: float = 0.0,
    latency: str | None = None,
    latency_term: str = "multiply",
    latency_weight: float = 0.1,
    reference: float | None = None,
    **options: Any,
) -> Bilevel:
    """ProxylessNAS. The defaults are the paper's, but for the weights' batch size and learning rate: see `Bilevel`.

    Args:
        epochs: Epochs of the search, with the warm-up.
        frozen_epochs: Epochs of the warm-up, in which the weights are trained along random paths; None means the
            paper's share, 40 of 160.
        weight_steps_per_architecture_step: Steps of the weights to one of alpha.
        weight_share: Share of the training data that trains the weights.
        weight_decay: Of the weights.
        architecture_learning_rate: Of alpha's Adam.
        architecture_betas: Of alpha's Adam; the first is 0, so that no step moves alpha by what was drawn before.
        architecture_weight_decay: Of alpha.
        latency: "flops", "measured", the file of a lookup table, or None: what a network costs besides its loss.
        latency_term: "multiply" or "add": how it enters.
        latency_weight: Of the term that is added.
        reference: The cost to aim at; None means that expected when all values are equally likely.
        options: Of `Bilevel`.
    """
    policy = BinaryGates(
        latency=latency, latency_term=latency_term, latency_weight=latency_weight, reference=reference
    )
    return Bilevel(
        policy,
        epochs=epochs,
        frozen_epochs=round(_WARM_UP * epochs) if frozen_epochs is None else frozen_epochs,
        weight_steps_per_architecture_step=weight_steps_per_architecture_step,
        weight_share=weight_share,
        weight_decay=weight_decay,
        architecture_learning_rate=architecture_learning_rate,
        architecture_betas=architecture_betas,
        architecture_weight_decay=architecture_weight_decay,
        **options,
    )
