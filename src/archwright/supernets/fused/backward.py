"""The backward pass of a cell: from the last state to the first, each when all that read it are done."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from archwright.supernets.fused.blocked import Floats, blocks_of, filled_up, from_blocked, to_blocked
from archwright.supernets.fused.family import Upstream
from archwright.supernets.fused.forward import FamilyRun, OtherRun, PoolRun, Record, Step, Term
from archwright.supernets.fused.lanes import LANES
from archwright.supernets.fused.plan import Plan
from archwright.supernets.fused.statistics import Norm
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
        self.upstream: dict[int, dict[int, Upstream]] = {}
        for state in reversed(range(len(record.states))):
            self.arrived[state] = self._state(state)
            if state >= plan.inputs:
                self._node(state)

    def gradients(self, inputs: int) -> list[Tensor | None]:
        """Those of the states, the mixtures' weights and the parameters."""
        states = [from_blocked(self.arrived[i], self.record.channels[i]) for i in range(inputs)]
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
        ones = torch.ones(blocks_of(channels) * LANES)
        for run in record.families[state]:
            self._family(run, source, Norm.none(channels), ones, total, accumulate=True)
        return total

    def _node(self, state: int) -> None:
        """What arrives at the operations of a node, once its gradient is known."""
        gradient = self.arrived[state]
        terms = self.record.terms[state - self.plan.inputs]
        channels = self.record.channels[state]
        tensors = [self.kept[term.tensor] for term in terms]
        total, products = inner_products(gradient, tensors, channels)
        for term, product in zip(terms, products, strict=True):
            norm = term.norm
            correlation = norm.correlation(total, product - norm.mean * total)
            weight = float(self.mixtures[term.edge][term.index])
            inner = float((norm.weight * correlation + norm.bias * total).sum())
            self.mixture_gradients[term.edge][term.index] = inner
            coefficients = norm.upstream(total, correlation, weight)
            if isinstance(term.how, list):
                self._norm_gradients(term.how[-1].half.norm, weight * correlation, weight * total)
                self._chain(term.how, Upstream(gradient, coefficients))
            elif isinstance(term.how, PoolRun):
                self._pool(term, coefficients, gradient, weight * correlation, weight * total)
            elif isinstance(term.how, OtherRun):
                self._other(term.how, weight * gradient, term.source)
            else:
                self.direct[term.source].append((gradient, weight))

    def _pool(self, term: Term, coefficients: Floats, gradient: Tensor, scale: Floats, shift: Floats) -> None:
        operation = self.plan.operations[term.edge][term.index]
        self._norm_gradients(getattr(operation, "norm", None), scale, shift)
        self.pooled.setdefault(id(term.how), []).append((gradient, coefficients))

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

    def _chain(self, steps: Sequence[Step], upstream: Upstream) -> None:
        """Down a chain to its first half, which waits for the others of its family."""
        for step, before in zip(reversed(steps[1:]), reversed(steps[:-1]), strict=True):
            source = self.kept[before.run.outputs[before.index]]
            self.upstream[id(step.run)] = {0: upstream}
            target = torch.empty_like(source)
            centre = filled_up(before.norm.mean, before.half.out_channels)
            total, product = self._family(step.run, source, before.norm, centre, target, accumulate=False)
            correlation = before.norm.correlation(total, product)
            self._norm_gradients(before.half.norm, correlation, total)
            upstream = Upstream(target, before.norm.upstream(total, correlation))
        self.upstream.setdefault(id(steps[0].run), {})[steps[0].index] = upstream

    def _family(
        self, run: FamilyRun, source: Tensor, norm: Norm, centre: Tensor, target: Tensor, *, accumulate: bool
    ) -> Floats:
        upstream = self.upstream.pop(id(run))
        halves = run.family.halves
        parameters = [half.weights() for half in halves]
        sums, gradients = run.family.backward(
            run.packed,
            source,
            filled_up(norm.scale, run.family.channels),
            filled_up(norm.shift, run.family.channels),
            centre,
            [self.kept[number] for number in run.outputs],
            [upstream[i] for i in range(len(halves))],
            target,
            accumulate=accumulate,
            weights=any(self._wants(p) for each in parameters for p in each),
        )
        for each, values in zip(parameters, gradients, strict=False):
            for parameter, value in zip(each, values, strict=True):
                self._add(parameter, value)
        return sums

    def _norm_gradients(self, norm: nn.BatchNorm2d | None, weight: Floats, bias: Floats) -> None:
        if norm is not None:
            for parameter, values in ((norm.weight, weight), (norm.bias, bias)):
                if parameter is not None and self._wants(parameter):
                    self._add(parameter, torch.from_numpy(values).float())

    def _wants(self, parameter: nn.Parameter) -> bool:
        return self.wanted_parameters[self.plan.places[id(parameter)]]

    def _add(self, parameter: nn.Parameter, value: Tensor) -> None:
        if self._wants(parameter):
            place = self.plan.places[id(parameter)]
            before = self.parameter_gradients[place]
            self.parameter_gradients[place] = value if before is None else before + value
