"""The recurrent controller: writes an architecture decision by decision, and is trained by REINFORCE.

Zoph & Le 2017, arXiv:1611.01578, and with attention over earlier steps Pham et al. 2018, arXiv:1802.03268. It knows a
space and nothing of how an architecture is scored.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any, final

import torch
from torch import Tensor, nn
from torch.nn import functional

from archwright.spaces import Architecture, Decision, Space, Subset

__all__ = ["Controller", "Emission"]

_MOST = 64
_PLACES = 32
_SPREAD = 0.1


@dataclass(frozen=True, slots=True)
class Emission:
    """An architecture as the controller wrote it.

    Args:
        architecture: What was written.
        log_probability: log pi(architecture), the sum over the active decisions, a scalar with a gradient.
        entropy: The sum of the entropies of the decisions on the way, in nats, a scalar with a gradient.
        chances: Address to the probability of each value (each item of a subset) that it had there.
    """

    architecture: Architecture
    log_probability: Tensor
    entropy: Tensor
    chances: Mapping[str, Tensor]


@final
class Controller(nn.Module):
    """An LSTM that emits every decision of any space in the order in which they become active.

    Each step reads what was chosen before. A choice has logits of its own from the hidden state h,

        pi(value) = softmax(b tanh(W h / T)),

    with b = 2.5 for operations, which have no order, and 1.1 elsewhere. A subset is decided item by item, by attention
    to the step in which what the item stands for was decided,

        u_j = b tanh(v' tanh(e_j + W_1 a_j + W_2 h) / T),    pi(j in subset) = softmax((-u_j, u_j))[1],

    where the anchor a_0 is the beginning, a_j the hidden state of the j-th choice so far, and e_j belongs to the item.
    In ENAS's macro space the anchor of a state is so the choice of the layer that makes it. Where a subset may have a
    limited number of items, an item is taken or left without a choice once the limits say so.

    A number with more than 64 values is chosen among 32, evenly spaced on its scale.

    Args:
        space: Its active decisions are emitted; its constraints are not asked.
        decides: The addresses that it decides; any other takes its default. None means all.
        hidden: Size of the hidden state.
        temperature: T.
        operation_bound: b of decisions whose values have no order.
        other_bound: b of numbers and subsets.
        generator: Draws the first weights, uniformly from -0.1 to 0.1. On the CPU, as the controller is.
    """

    def __init__(
        self,
        space: Space,
        *,
        decides: Collection[str] | None = None,
        hidden: int = 64,
        temperature: float = 5.0,
        operation_bound: float = 2.5,
        other_bound: float = 1.1,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        self.space, self.temperature = space, temperature
        self.operation_bound, self.other_bound = operation_bound, other_bound
        self.values: dict[str, list[Any]] = {}
        """Address to what can be chosen there, in the order of its probabilities; for a subset the items."""
        for address, decision in space.decisions.items():
            if decision.size > 1 and (decides is None or address in decides):
                self.values[address] = _choosable(decision)
        self._number = {address: number for number, address in enumerate(self.values)}
        self.cell = nn.LSTMCell(hidden, hidden)
        self.start = nn.Parameter(torch.empty(hidden))
        self.embeddings = nn.ParameterList(torch.empty(len(v), hidden) for v in self.values.values())
        self.heads = nn.ModuleList(
            nn.Identity() if self._is_subset(address) else nn.Linear(hidden, len(values), bias=False)
            for address, values in self.values.items()
        )
        self.anchor_key = nn.Linear(hidden, hidden, bias=False)
        self.query = nn.Linear(hidden, hidden, bias=False)
        self.attention = nn.Linear(hidden, 1, bias=False)
        with torch.no_grad():
            for parameter in self.parameters():
                parameter.uniform_(-_SPREAD, _SPREAD, generator=generator)

    def emit(self, generator: torch.Generator) -> Emission:
        """Draw an architecture.

        Args:
            generator: On the CPU.
        """

        def one(address: str, p: Tensor) -> int:
            return int(torch.multinomial(p, 1, generator=generator))

        def items(address: str, p: Tensor) -> list[bool]:
            return (torch.rand(len(p), generator=generator) < p).tolist()

        return self._written(one, items)

    def recall(self, architecture: Mapping[str, Any]) -> Emission:
        """How likely an architecture is: what `emit` gives with it.

        Args:
            architecture: Address to value, for all decisions that are active. A number that is none of those that the
                controller chooses among counts as the nearest.
        """

        def one(address: str, p: Tensor) -> int:
            value, values = architecture[address], self.values[address]
            if value in values:
                return values.index(value)
            encode = self.space.decisions[address].encode
            place = encode(value)[0]
            return min(range(len(values)), key=lambda i: abs(encode(values[i])[0] - place))

        def items(address: str, p: Tensor) -> list[bool]:
            return [item in architecture[address] for item in range(len(p))]

        return self._written(one, items)

    def _written(
        self, one: Callable[[str, Tensor], int], items: Callable[[str, Tensor], list[bool]]
    ) -> Emission:
        """One pass; the arguments choose, from the probabilities at an address."""
        state = (torch.zeros_like(self.start)[None], torch.zeros_like(self.start)[None])
        seen: Tensor = self.start
        anchors: list[Tensor] = [self.start]
        log_probabilities, entropies, chances = [], [], {}

        def decide(address: str, decision: Decision) -> Any:
            nonlocal state, seen
            if address not in self._number:
                return decision.default()
            state = self.cell(seen[None], state)
            hidden = state[0][0]
            embedding = self.embeddings[self._number[address]]
            if isinstance(decision, Subset):
                known = torch.stack(anchors[: decision.n])
                missing = decision.n - len(known)
                keys = embedding + functional.pad(self.anchor_key(known), (0, 0, 0, missing))
                u = self._bounded(
                    self.attention((keys + self.query(hidden)).tanh()).squeeze(1), self.other_bound
                )
                p = (2 * u).sigmoid()
                taken, free = _within(items(address, p.detach()), decision)
                chosen = torch.tensor(taken, dtype=u.dtype)
                choice = torch.tensor(free, dtype=u.dtype)
                log_probabilities.append((functional.logsigmoid(2 * u * (2 * chosen - 1)) * choice).sum())
                entropies.append((_binary_entropy(2 * u) * choice).sum())
                met = embedding + functional.pad(known, (0, 0, 0, missing))
                seen = (chosen[:, None] * met).sum(0) / (1 + chosen.sum())
                chances[address] = p.detach()
                return tuple(item for item, is_in in enumerate(taken) if is_in)
            bound = self.other_bound if decision.numeric else self.operation_bound
            log_p = self._bounded(self.heads[self._number[address]](hidden), bound).log_softmax(0)
            p = log_p.exp()
            position = one(address, p.detach())
            log_probabilities.append(log_p[position])
            entropies.append(-(p * log_p).sum())
            seen = embedding[position]
            anchors.append(hidden)
            chances[address] = p.detach()
            return self.values[address][position]

        architecture = self.space.decided(decide)
        nothing = torch.zeros(())
        return Emission(architecture, sum(log_probabilities, nothing), sum(entropies, nothing), chances)

    def _bounded(self, logits: Tensor, bound: float) -> Tensor:
        return bound * (logits / self.temperature).tanh()

    def _is_subset(self, address: str) -> bool:
        return isinstance(self.space.decisions[address], Subset)


def _choosable(decision: Decision) -> list[Any]:
    if isinstance(decision, Subset):
        return list(range(decision.n))
    if decision.size <= _MOST or decision.columns > 1:
        return list(decision.values())
    return list(dict.fromkeys(decision.decode((place / (_PLACES - 1),)) for place in range(_PLACES)))


def _within(wanted: list[bool], subset: Subset) -> tuple[list[bool], list[bool]]:
    """Which items are taken, and which of them by choice: the others are, or are not, since the limits say so."""
    taken: list[bool] = []
    free: list[bool] = []
    count = 0
    for item, is_wanted in enumerate(wanted):
        must = subset.low - count >= subset.n - item
        may = count < subset.high
        free.append(may and not must)
        taken.append(must or (may and is_wanted))
        count += taken[-1]
    return taken, free


def _binary_entropy(logit: Tensor) -> Tensor:
    """The entropy of a draw with the probability sigmoid(logit), in nats."""
    p = logit.sigmoid()
    return -(p * functional.logsigmoid(logit) + (1 - p) * functional.logsigmoid(-logit))
