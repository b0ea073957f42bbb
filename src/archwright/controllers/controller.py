"""The recurrent controller: writes an architecture decision by decision, and is trained by REINFORCE.

Zoph & Le 2017, arXiv:1611.01578, and with attention over earlier steps Pham et al. 2018, arXiv:1802.03268. It knows a
space and nothing of how an architecture is scored.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, final

import torch
from torch import Tensor, nn
from torch.nn import functional

from archwright.spaces import Architecture, Decision, Relaxed, Space

__all__ = ["Controller", "ControllerSample"]

_MOST = 64
_PLACES = 32
_SPREAD = 0.1


@dataclass(frozen=True, slots=True)
class ControllerSample:
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

    def sample(self, generator: torch.Generator) -> ControllerSample:
        """Draw an architecture.

        Args:
            generator: On the CPU.
        """
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
            if decision.several:
                limits = decision.relaxed()
                known = torch.stack(anchors[: len(limits.labels)])
                u = self._item_logits(known, embedding, hidden)
                p = (2 * u).sigmoid()
                drawn = (torch.rand(len(p), generator=generator) < p.detach()).tolist()
                taken, free = _within(drawn, limits)
                log_probability, entropy, seen = _told_items(u, embedding, known, taken, free)
                value: Any = tuple(item for item, is_in in enumerate(taken) if is_in)
            else:
                log_p = self._log_chances(address, hidden)
                p = log_p.exp()
                position = int(torch.multinomial(p.detach(), 1, generator=generator))
                log_probability, entropy, seen = log_p[position], -(p * log_p).sum(), embedding[position]
                anchors.append(hidden)
                value = self.values[address][position]
            log_probabilities.append(log_probability)
            entropies.append(entropy)
            chances[address] = p.detach()
            return value

        architecture = self.space.complete(decide)
        nothing = torch.zeros(())
        return ControllerSample(
            architecture, sum(log_probabilities, nothing), sum(entropies, nothing), chances
        )

    def evaluate(self, architecture: Mapping[str, Any]) -> ControllerSample:
        """How likely an architecture is: what `sample` gives with it. See `evaluate_all`."""
        return self.evaluate_all([architecture])[0]

    def evaluate_all(self, architectures: Sequence[Mapping[str, Any]]) -> list[ControllerSample]:
        """How likely each architecture is: what `sample` gives with it.

        Args:
            architectures: Address to value each, for all decisions that are active. A number that is none of those that
                the controller chooses among counts as the nearest.
        """
        walks = [_Walk(self, architecture) for architecture in architectures]
        state = (self.start.new_zeros(len(walks), len(self.start)),) * 2
        seen = self.start.expand(len(walks), -1)
        hiddens = self.start[None]  # the anchors: the beginning, then the hidden states of all by step
        parts: list[tuple[Tensor, Tensor, Tensor]] = []
        for step in range(max((len(walk.steps) for walk in walks), default=0)):
            state = self.cell(seen, state)
            groups: dict[tuple[str, int], list[int]] = {}
            for row, walk in enumerate(walks):
                if step < len(walk.steps):
                    groups.setdefault(walk.steps[step], []).append(row)
            following = []
            for (address, known), rows in groups.items():
                some = [walks[row] for row in rows]
                hidden = state[0][torch.tensor(rows)]
                if self._is_subset(address):
                    places = [
                        [1 + at * len(walks) + row if at >= 0 else 0 for at in walk.anchors[:known]]
                        for row, walk in zip(rows, some, strict=True)
                    ]
                    p, log_p, entropy, after = self._taken_items(
                        address, some, hidden, hiddens[torch.tensor(places)]
                    )
                else:
                    p, log_p, entropy, after = self._taken_choice(address, some, hidden)
                parts.append((torch.tensor(rows), log_p, entropy))
                following.append((torch.tensor(rows), after))
                for walk, chances in zip(some, p.detach(), strict=True):
                    walk.chances[address] = chances
            hiddens = torch.cat([hiddens, state[0]])
            # What has ended goes on without being read.
            order = torch.cat([index for index, _ in following])
            seen = torch.zeros_like(state[0]).index_copy(0, order, torch.cat([rows for _, rows in following]))
        sums = self.start.new_zeros(2, len(walks))
        if parts:
            index, *found = (torch.cat(column) for column in zip(*parts, strict=True))
            sums = sums.index_add(1, index, torch.stack(found))
        return [
            ControllerSample(walk.architecture, log_p, entropy, walk.chances)
            for walk, log_p, entropy in zip(walks, *sums, strict=True)
        ]

    def _taken_items(
        self, address: str, walks: list[_Walk], hidden: Tensor, anchors: Tensor
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Of the items that some architectures take: their p, log p, entropy, and what the next step reads."""
        embedding = self.embeddings[self._number[address]]
        u = self._item_logits(anchors, embedding, hidden)
        taken, free = [walk.taken[address] for walk in walks], [walk.free[address] for walk in walks]
        return (2 * u).sigmoid(), *_told_items(u, embedding, anchors, taken, free)

    def _taken_choice(
        self, address: str, walks: list[_Walk], hidden: Tensor
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """The same of the values that some architectures take."""
        all_log_p = self._log_chances(address, hidden)
        p = all_log_p.exp()
        position = torch.tensor([walk.positions[address] for walk in walks])
        log_p = all_log_p.gather(1, position[:, None])[:, 0]
        return p, log_p, -(p * all_log_p).sum(1), self.embeddings[self._number[address]][position]

    def _item_logits(self, anchors: Tensor, embedding: Tensor, hidden: Tensor) -> Tensor:
        """The logit u of each item of a subset.

        Args:
            anchors: Shape (..., anchors, hidden), at most as many as items; a later item has none.
            embedding: e, shape (items, hidden).
            hidden: h, shape (..., hidden).
        """
        missing = len(embedding) - anchors.shape[-2]
        keys = embedding + functional.pad(self.anchor_key(anchors), (0, 0, 0, missing))
        met = (keys + self.query(hidden)[..., None, :]).tanh()
        return self._bounded(self.attention(met).squeeze(-1), self.other_bound)

    def _position(self, address: str, value: Any) -> int:
        """Of a value among those that can be chosen, or of the nearest."""
        values = self.values[address]
        if value in values:
            return values.index(value)
        encode = self.space.decisions[address].encode
        place = encode(value)[0]
        return min(range(len(values)), key=lambda i: abs(encode(values[i])[0] - place))

    def _log_chances(self, address: str, hidden: Tensor) -> Tensor:
        """The logarithm of the probability of each value."""
        bound = self.other_bound if self.space.decisions[address].numeric else self.operation_bound
        return self._bounded(self.heads[self._number[address]](hidden), bound).log_softmax(-1)

    def _bounded(self, logits: Tensor, bound: float) -> Tensor:
        return bound * (logits / self.temperature).tanh()

    def _is_subset(self, address: str) -> bool:
        return self.space.decisions[address].several


class _Walk:
    """What a controller chooses on the way to an architecture, found without it.

    Args:
        controller: Whose choices.
        wanted: The architecture.

    Attributes:
        architecture: What it writes.
        steps: The address of each step; of a subset with how many anchors its items have, else with 0.
        anchors: The steps that are anchors; -1 is the beginning.
        positions: Address to the position that is chosen.
        taken: Address of a subset to which items are taken.
        free: Likewise, whether by choice.
        chances: Address to probabilities, which `evaluate_all` fills in.
    """

    def __init__(self, controller: Controller, wanted: Mapping[str, Any]) -> None:
        self.steps: list[tuple[str, int]] = []
        self.anchors = [-1]
        self.positions: dict[str, int] = {}
        self.taken: dict[str, list[bool]] = {}
        self.free: dict[str, list[bool]] = {}
        self.chances: dict[str, Tensor] = {}

        def decide(address: str, decision: Decision) -> Any:
            if address not in controller.values:
                return decision.default()
            if decision.several:
                limits = decision.relaxed()
                self.steps.append((address, min(len(self.anchors), len(limits.labels))))
                taken, free = _within([item in wanted[address] for item in limits.labels], limits)
                self.taken[address], self.free[address] = taken, free
                return tuple(item for item, is_in in enumerate(taken) if is_in)
            self.anchors.append(len(self.steps))
            self.steps.append((address, 0))
            position = self.positions[address] = controller._position(address, wanted[address])
            return controller.values[address][position]

        self.architecture = controller.space.complete(decide)


def _choosable(decision: Decision) -> list[Any]:
    if decision.ordered and decision.size > _MOST:
        return decision.alternatives(_PLACES)
    return list(decision.relaxed().labels)


def _within(wanted: list[bool], limits: Relaxed) -> tuple[list[bool], list[bool]]:
    """Which items are taken, and which of them by choice: the others are, or are not, since the limits say so."""
    taken: list[bool] = []
    free: list[bool] = []
    count = 0
    for item, is_wanted in enumerate(wanted):
        must = limits.fewest - count >= len(wanted) - item
        may = count < limits.most
        free.append(may and not must)
        taken.append(must or (may and is_wanted))
        count += taken[-1]
    return taken, free


def _told_items(
    u: Tensor, embedding: Tensor, anchors: Tensor, taken: Any, free: Any
) -> tuple[Tensor, Tensor, Tensor]:
    """The log p and the entropy of what is chosen of a subset's items, and what the next step reads.

    Args:
        u: The logits, shape (..., items).
        embedding: e, shape (items, hidden).
        anchors: Shape (..., anchors, hidden).
        taken: Which items are taken, shape (..., items).
        free: Which of them by choice, likewise.
    """
    chosen, choice = torch.tensor(taken, dtype=u.dtype), torch.tensor(free, dtype=u.dtype)
    log_p = (functional.logsigmoid(2 * u * (2 * chosen - 1)) * choice).sum(-1)
    entropy = (_binary_entropy(2 * u) * choice).sum(-1)
    met = embedding + functional.pad(anchors, (0, 0, 0, len(embedding) - anchors.shape[-2]))
    after = (chosen[..., None] * met).sum(-2) / (1 + chosen.sum(-1, keepdim=True))
    return log_p, entropy, after


def _binary_entropy(logit: Tensor) -> Tensor:
    """The entropy of a draw with the probability sigmoid(logit), in nats."""
    p = logit.sigmoid()
    return -(p * functional.logsigmoid(logit) + (1 - p) * functional.logsigmoid(-logit))
