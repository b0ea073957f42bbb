"""What a network costs on average while its decisions are still probabilities.

ProxylessNAS (Cai et al. 2019, arXiv:1812.00332, section 3.3) looks the latency of each operation up in a table, so
that the expected latency of the whole can be differentiated.
"""

from __future__ import annotations

import itertools
import math
import statistics
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from archwright.errors import UsageError
from archwright.evaluating import evaluating
from archwright.hardware.files import load_latency_model
from archwright.objectives import count_flops
from archwright.spaces.build import first_of
from archwright.supernets.elastic import Elastic
from archwright.supernets.gates import Gate, Mixture, OnePath, Selector
from archwright.supernets.mixed import GatedEdge, MixedOp
from archwright.supernets.supernet import Supernet
from archwright.tasks.batches import fitting

__all__ = ["METERS", "CostTable", "costs_of", "measure_costs"]

_MOST = 256
_WARM_UPS, _RUNS = 2, 9

Literal = tuple[str, int]
"""An address, and the position of a value; for a subset the item that is in it."""
Run = Callable[[], Any]


class CostTable:
    """The expected cost E = sum over terms of cost * product of the probabilities of what the term is conditional on.

    What always runs is a term without conditions; an option of a choice has one condition, an option inside an option
    two. What a decision selects in several places is one term, the sum of these.

    Args:
        terms: From the conditions, each an (address, position), to a cost.
    """

    def __init__(self, terms: Mapping[tuple[Literal, ...], float]) -> None:
        self.terms = dict(terms)
        groups: dict[tuple[str, ...], list[tuple[list[int], float]]] = {}
        for literals, cost in self.terms.items():
            addresses = tuple(address for address, _ in literals)
            groups.setdefault(addresses, []).append(([position for _, position in literals], cost))
        self._groups = {
            addresses: (torch.tensor([p for p, _ in rows]).reshape(len(rows), -1), [c for _, c in rows])
            for addresses, rows in groups.items()
        }

    def expected(self, weights: Mapping[str, Tensor]) -> Tensor:
        """The expected cost, a scalar with the gradient of the weights.

        Args:
            weights: Address to the probability of each value (of each item, for a subset). A decision that is not
                there, such as for the edges of a cell that all run in the search, is taken as it costs most: all in.
        """
        total: Any = 0.0
        for addresses, (positions, costs) in self._groups.items():
            known = [(column, weights[a]) for column, a in enumerate(addresses) if a in weights]
            if not known:
                total = total + sum(costs)
                continue
            product: Any = torch.tensor(costs, dtype=known[0][1].dtype, device=known[0][1].device)
            for column, weight in known:
                product = product * weight[positions[:, column].to(weight.device)]
            total = total + product.sum()
        return total if isinstance(total, Tensor) else torch.tensor(total)

    def state_dict(self) -> dict[str, Any]:
        """The terms, since a clock would not give them again."""
        return {"terms": [[[list(literal) for literal in key], cost] for key, cost in self.terms.items()]}

    @classmethod
    def from_state_dict(cls, state: Mapping[str, Any]) -> CostTable:
        """The inverse of `state_dict`."""
        return cls({tuple((a, i) for a, i in key): cost for key, cost in state["terms"]})


def _flops(run: Run) -> float:
    return float(count_flops(_Running(run), torch.zeros(1)))


def _milliseconds(run: Run) -> float:
    for _ in range(_WARM_UPS):
        run()
    seconds = []
    for _ in range(_RUNS):
        _settle()
        begin = time.perf_counter()
        run()
        _settle()
        seconds.append(time.perf_counter() - begin)
    return 1e3 * statistics.median(seconds)


def _settle() -> None:
    """Wait for an accelerator: a call returns before it has computed."""
    if torch.accelerator.is_available():
        torch.accelerator.synchronize()


METERS: dict[str, Callable[[Run], float]] = {"flops": _flops, "measured": _milliseconds}
"""What a cost can be: floating-point operations, or milliseconds on this machine, both for one example."""


def costs_of(supernet: Supernet, example: Any, latency: str) -> CostTable:
    """The cost of everything that a decision selects: see `measure_costs`.

    Args:
        supernet: As there.
        example: As there.
        latency: A name of `METERS`, or a file of a lookup table, by whose milliseconds it is.

    Raises:
        UsageError: When the file cannot be read, or it lacks a block.
    """
    if latency in METERS:
        return measure_costs(supernet, example, METERS[latency])
    model = load_latency_model(latency)
    with model.adding(supernet) as parts:
        return measure_costs(supernet, example, lambda run: model.provenance.calibration.sum(parts(run)))


def measure_costs(supernet: Supernet, example: Any, meter: Callable[[Run], float]) -> CostTable:
    """The cost of everything that a decision selects, in the place where it stands.

    Runs the supernet on one example. Each option of a choice, each form of an elastic call and each optional edge is
    run alone on the input it gets there, and what its own parts cost that depend on further decisions is taken off
    and stands in terms of its own. So E is exact where what a part costs does not depend on choices elsewhere, as
    where all options give one shape.

    Args:
        supernet: Its weights, gates, statistics and mode are as before afterwards.
        example: Inputs of shape (N, ...), N >= 1, or a pair (args, kwargs); the first is used.
        meter: From a run to its cost.

    Raises:
        UsageError: When a part depends on more than 256 combinations of values.
    """
    args, kwargs = fitting(first_of(example), supernet)
    survey = _Survey(supernet, meter)
    with evaluating(supernet), supernet.on(supernet.gates.get()), survey.listening():
        survey.visit(lambda: supernet(*args, **kwargs), 0, (), {})
    return CostTable(survey.terms)


class _Survey:
    """A walk through a supernet from what runs always to what runs on more and more conditions."""

    def __init__(self, supernet: Supernet, meter: Callable[[Run], float]) -> None:
        self.supernet, self.meter = supernet, meter
        self.terms: dict[tuple[Literal, ...], float] = {}
        self.places = [module for module in supernet.modules() if _reads(module)]
        self._base = self._all_edges()
        self._level, self._wanted = 0, 0
        self._heard: list[tuple[nn.Module, Run]] | None = None

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Hear the calls of all places."""
        handles = []
        for place in self.places:
            handles.append(place.register_forward_pre_hook(self._enter, with_kwargs=True))
            handles.append(place.register_forward_hook(self._leave, always_call=True))
        try:
            yield
        finally:
            for handle in handles:
                handle.remove()

    def visit(self, run: Run, level: int, literals: tuple[Literal, ...], fixed: Mapping[str, Any]) -> None:
        """Add what a run costs by itself, then what each place costs that is called in it.

        Args:
            run: The run.
            level: 1 where it is the call of a place itself, else 0.
            literals: What it is conditional on.
            fixed: The values that these say.
        """
        self._set(fixed)
        self._heard, self._level, self._wanted = [], 0, level
        run()
        calls, self._heard = self._heard, None
        own = self.meter(run) - sum(self.meter(call) for _, call in calls)
        self._add(literals, max(0.0, own))
        for place, call in calls:
            for further, values in self._cases(place, fixed):
                news = tuple(literal for literal in further if literal not in literals)
                self.visit(call, 1, (*literals, *news), {**fixed, **values})

    def _cases(
        self, place: nn.Module, fixed: Mapping[str, Any]
    ) -> Iterator[tuple[tuple[Literal, ...], dict[str, Any]]]:
        """The cases in which a place runs: what is to be so, and the values that say it."""
        selector = place.selector if isinstance(place, GatedEdge) else None
        if isinstance(selector, Selector) and selector.item is not None:
            yield ((selector.reads[0], selector.item),), {}
            return
        reads = [address for address in _reads(place) if address not in fixed]
        listed = {address: self._values(address) for address in reads}
        if (count := math.prod(map(len, listed.values()))) > _MOST:
            raise UsageError(
                f"{getattr(place, 'place', 'a part')}: expected at most {_MOST} combinations of the values of "
                f"{', '.join(reads)} to measure the cost of each, got {count}; search without latency"
            )
        for chosen in itertools.product(*listed.values()):
            values = {address: value for address, (_, value) in zip(listed, chosen, strict=True)}
            if isinstance(selector, Selector) and not selector.value({**fixed, **values}):
                continue
            yield tuple((a, position) for a, (position, _) in zip(listed, chosen, strict=True)), values

    def _values(self, address: str) -> list[tuple[int, Any]]:
        """The values of a decision with which the supernet was built, each with its position."""
        decision = self.supernet.space.decisions[address]
        if decision.size == math.inf:
            return [(0, decision.default())]
        values = list(itertools.islice(decision.values(), _MOST + 1))
        allowed = self.supernet.allowed.get(address, values)
        return [(position, value) for position, value in enumerate(values) if value in allowed]

    def _set(self, fixed: Mapping[str, Any]) -> None:
        given = {address: OnePath(value) for address, value in fixed.items()}
        self.supernet.gates.set({**self._base, **given})

    def _all_edges(self) -> dict[str, Gate]:
        """Gates under which every optional edge is there."""
        gates: dict[str, Gate] = {}
        for address, decision in self.supernet.space.decisions.items():
            allowed = self.supernet.allowed.get(address) or [decision.default()]
            gates[address] = OnePath(allowed[0])
        for place in self.places:
            if isinstance(place, GatedEdge):
                for address in place.selector.reads:
                    labels = self.supernet.space.decisions[address].relaxed().labels
                    gates[address] = Mixture(None, tuple(range(len(labels))))
        return gates

    def _add(self, literals: tuple[Literal, ...], cost: float) -> None:
        key = tuple(sorted(literals))
        self.terms[key] = self.terms.get(key, 0.0) + cost

    def _enter(self, place: nn.Module, args: tuple[Any, ...], named: dict[str, Any]) -> None:
        if self._heard is not None and self._level == self._wanted:
            self._heard.append((place, lambda: place(*args, **named)))
        self._level += 1

    def _leave(self, *_: Any) -> None:
        self._level -= 1


class _Running(nn.Module):
    """A run in the form that the counter takes."""

    def __init__(self, run: Run) -> None:
        super().__init__()
        self.run = run

    def forward(self, _: Tensor) -> Any:
        """Run."""
        return self.run()


def _reads(module: nn.Module) -> tuple[str, ...]:
    """The decisions that a part of a supernet looks at itself."""
    if isinstance(module, MixedOp | GatedEdge):
        return module.selector.reads
    return module.reads if isinstance(module, Elastic) else ()
