"""The backward pass of a cell: from the last state to the first, each when all that read it are done."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from archwright.supernets.fused.blocked import Floats, from_blocked, to_blocked
from archwright.supernets.fused.family import Family, Upstream, family_key
from archwright.supernets.fused.forward import OtherRun, PoolRun, Record, Step
from archwright.supernets.fused.plan import Plan
from archwright.supernets.fused.statistics import Norms
from archwright.supernets.fused.sums import add_up, inner_products

__all__ = ["Backward"]


class Backward:
    """One backward pass.

    Args:
        plan: The cell.
        record: What ran forward.
        kept: The tensors it names.
        weights: Those of each edge.
        wanted: Whether each of the states, weights and parameters wants a gradient.
        gradient: That of the output.
    """

    def __init__(
        self,
        plan: Plan,
        record: Record,
        kept: Sequence[Tensor],
        weights: Sequence[Tensor],
        wanted: Sequence[bool],
        gradient: Tensor,
    ) -> None:
        self.plan, self.record, self.kept = plan, record, kept
        self.mixtures = [weight.detach().double().numpy() for weight in weights]
        self.mixture_gradients = [np.zeros(len(weight)) for weight in weights]
        self.wanted_parameters = wanted[plan.inputs + len(plan.edges) :]
        self.parameter_gradients: list[Tensor | None] = [None] * len(plan.parameters)
        self.outer = gradient
        self.arrived: dict[int, Tensor] = {}
        self.direct: list[list[tuple[Tensor, float]]] = [[] for _ in record.states]
        self.pooled: dict[int, list[tuple[Tensor, Floats]]] = {}
        self.upstream: dict[int, Upstream] = {}
        for state in reversed(range(len(record.states))):
            self.arrived[state] = self._state(state)
            if state >= plan.inputs:
                self._node(state)

    def gradients(self) -> list[Tensor | None]:
        """Those of the states, the mixtures' weights and the parameters."""
        channels = self.record.channels
        states = [from_blocked(self.arrived[i], channels[i]) for i in range(self.plan.inputs)]
        mixtures = [torch.from_numpy(values).float() for values in self.mixture_gradients]
        return [*states, *mixtures, *self.parameter_gradients]

    def _state(self, state: int) -> Tensor:
        """The gradient of a state, from all that read it."""
        record, source = self.record, self.kept[self.record.states[state]]
        channels = record.channels[state]
        terms = self.direct[state]
        if state >= self.plan.inputs:
            begin = sum(record.channels[self.plan.inputs : state])
            terms = [(to_blocked(self.outer[:, begin : begin + channels]), 1.0), *terms]
        if terms:
            scales = np.array([factor for _, factor in terms])[:, None] * np.ones(channels)
            total = add_up([tensor for tensor, _ in terms], scales, np.zeros(channels))
        else:
            total = torch.zeros_like(source)
        for pool in record.poolings[state]:
            arrived = self.pooled[id(pool)]
            pooled = self.kept[pool.output]
            summed = np.sum([coefficients for _, coefficients in arrived], axis=0)
            scales = np.stack([*(coefficients[0] for _, coefficients in arrived), summed[1]])
            tensors = [*(tensor for tensor, _ in arrived), pooled]
            pool.pooling.backward(source, pooled, tensors, scales, summed[2], total)
        for steps in record.families[state]:
            self._family(steps, [source], Norms.none(channels), [total], accumulate=True)
        return total

    def _node(self, state: int) -> None:
        """What arrives at the operations of a node, once its gradient is known."""
        gradient, node = self.arrived[state], state - self.plan.inputs
        terms, norms = self.record.terms[node], self.record.norms[node]
        tensors = [self.kept[term.tensor] for term in terms]
        total, products = inner_products(gradient, tensors, self.record.channels[state])
        correlations = norms.rate * (products - norms.mean * total)
        mixed = np.array([self.mixtures[term.edge][term.index] for term in terms])[:, None]
        inner = (norms.weight * correlations + norms.bias * total).sum(1)
        coefficients = norms.upstream(total, correlations, mixed)
        chains: list[list[Step]] = []
        for i, term in enumerate(terms):
            self.mixture_gradients[term.edge][term.index] = inner[i]
            edge, weight = self.plan.edges[term.edge], float(mixed[i, 0])
            if isinstance(term.how, list):
                self._norm_gradients(term.how[-1].half.norm, weight * correlations[i], weight * total)
                self.upstream[id(term.how[-1])] = Upstream(gradient, coefficients[i])
                chains.append(term.how)
            elif isinstance(term.how, PoolRun):
                norm = getattr(edge.operations[term.index], "norm", None)
                self._norm_gradients(norm, weight * correlations[i], weight * total)
                self.pooled.setdefault(id(term.how), []).append((gradient, coefficients[i]))
            elif isinstance(term.how, OtherRun):
                self._other(term.how, weight * gradient, edge.source)
            else:
                self.direct[edge.source].append((gradient, weight))
        self._chains(chains)

    def _other(self, run: OtherRun, gradient: Tensor, source: int) -> None:
        parameters = [p for p in run.operation.module.parameters() if p.requires_grad]
        if not run.output.requires_grad:
            return
        channels = run.output.shape[1]
        found = torch.autograd.grad(
            run.output,
            [run.source, *parameters],
            from_blocked(gradient, channels),
            retain_graph=True,
            allow_unused=True,
        )
        if found[0] is not None:
            self.direct[source].append((to_blocked(found[0]), 1.0))
        for parameter, value in zip(parameters, found[1:], strict=True):
            if value is not None:
                self._add(parameter, value)

    def _chains(self, chains: Sequence[list[Step]]) -> None:
        """Down the chains to their first halves, which wait for the others of their families."""
        for level in range(max(map(len, chains), default=1) - 1, 0, -1):
            groups: dict[tuple[object, ...], list[tuple[Step, Step]]] = {}
            for chain in chains:
                if level < len(chain):
                    height, width = self.kept[chain[level - 1].output].shape[2:4]
                    key = (height, width, *family_key(chain[level].half, height, width))
                    groups.setdefault(key, []).append((chain[level - 1], chain[level]))
            for group in groups.values():
                self._level([before for before, _ in group], [step for _, step in group])

    def _level(self, before: Sequence[Step], steps: Sequence[Step]) -> None:
        sources = [self.kept[step.output] for step in before]
        norms = Norms.joined([step.norms for step in before])
        targets = [torch.empty_like(source) for source in sources]
        sums = self._family(steps, sources, norms, targets, accumulate=False)
        total, correlations = sums[:, 0], norms.rate * sums[:, 1]
        coefficients = norms.upstream(total, correlations, np.ones((len(before), 1)))
        for i, step in enumerate(before):
            self._norm_gradients(step.half.norm, correlations[i], total[i])
            self.upstream[id(step)] = Upstream(targets[i], coefficients[i])

    def _family(
        self,
        steps: Sequence[Step],
        sources: Sequence[Tensor],
        norms: Norms,
        targets: Sequence[Tensor],
        *,
        accumulate: bool,
    ) -> Floats:
        halves = [step.half for step in steps]
        parameters = [half.weights() for half in halves]
        sums, gradients = Family(halves, *sources[0].shape[2:4]).backward(
            sources,
            norms,
            [self.kept[step.output] for step in steps],
            [self.upstream.pop(id(step)) for step in steps],
            targets,
            accumulate=accumulate,
            weights=any(self._wants(p) for each in parameters for p in each),
        )
        for each, values in zip(
            parameters, gradients, strict=False
        ):  # there are none when they are not wanted
            for parameter, value in zip(each, values, strict=True):
                self._add(parameter, value)
        return sums

    def _norm_gradients(self, norm: nn.BatchNorm2d | None, weight: Floats, bias: Floats) -> None:
        if norm is not None:
            for parameter, values in ((norm.weight, weight), (norm.bias, bias)):
                if parameter is not None and self._wants(parameter):
                    self._add(parameter, torch.from_numpy(values).float())

    def _wants(self, parameter: Tensor) -> bool:
        return self.wanted_parameters[self.plan.places[id(parameter)]]

    def _add(self, parameter: Tensor, value: Tensor) -> None:
        if self._wants(parameter):
            place = self.plan.places[id(parameter)]
            before = self.parameter_gradients[place]
            self.parameter_gradients[place] = value if before is None else before + value
