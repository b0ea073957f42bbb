"""The forward pass of a cell, and the record of it that the backward pass reads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from archwright.supernets.fused.blocked import blocks_of, filled_up, from_blocked, to_blocked
from archwright.supernets.fused.family import Family
from archwright.supernets.fused.halves import Half, Packed
from archwright.supernets.fused.lanes import LANES
from archwright.supernets.fused.operations import Chain, Identity, Nothing, Other, Pool
from archwright.supernets.fused.plan import Plan
from archwright.supernets.fused.pooling import Pooling
from archwright.supernets.fused.statistics import Moments, Norm, normalise
from archwright.supernets.fused.sums import add_up

__all__ = ["FamilyRun", "Forward", "OtherRun", "PoolRun", "Record", "Step", "Term"]


@dataclass(eq=False)
class FamilyRun:
    """A family that ran.

    Args:
        family: Which.
        packed: Its weights.
        outputs: Numbers of the kept outputs.
    """

    family: Family
    packed: Packed
    outputs: list[int]


@dataclass(eq=False)
class Step:
    """One half of a chain that ran.

    Args:
        run: The family in which it ran.
        index: Its number there.
        norm: Its norm.
    """

    run: FamilyRun
    index: int
    norm: Norm

    @property
    def half(self) -> Half:
        """The half."""
        return self.run.family.halves[self.index]


@dataclass(eq=False)
class PoolRun:
    """A pooling of a state.

    Args:
        pooling: Which.
        output: Number of the kept result.
        moments: Its moments.
    """

    pooling: Pooling
    output: int
    moments: Moments


@dataclass(eq=False)
class OtherRun:
    """A module that ran under torch's own differentiation.

    Args:
        operation: Which.
        source: What it was given, a leaf.
        output: What it gave.
    """

    operation: Other
    source: Tensor
    output: Tensor


@dataclass(eq=False)
class Term:
    """What an operation adds to a node: weight * norm(tensor).

    Args:
        edge: Number of the edge.
        index: Number of the operation on it.
        tensor: Number of the kept tensor.
        norm: The norm.
        how: The steps of a chain, the pooling, the module, or nothing for the state itself.
        source: Number of the state.
    """

    edge: int
    index: int
    tensor: int
    norm: Norm
    how: list[Step] | PoolRun | OtherRun | None
    source: int


@dataclass(eq=False)
class Record:
    """What ran.

    Args:
        states: Numbers of the kept states.
        channels: Of each state.
        terms: Those of each node.
        families: Those of each state.
        poolings: Those of each state.
    """

    states: list[int] = field(default_factory=list)
    channels: list[int] = field(default_factory=list)
    terms: list[list[Term]] = field(default_factory=list)
    families: list[list[FamilyRun]] = field(default_factory=list)
    poolings: list[list[PoolRun]] = field(default_factory=list)


class Forward:
    """One forward pass.

    Args:
        plan: The cell.
        states: The prepared inputs.
        weights: Those of each edge.

    Attributes:
        kept: The tensors that the backward pass needs.
        record: What they are.
    """

    def __init__(self, plan: Plan, states: Sequence[Tensor], weights: Sequence[Tensor]) -> None:
        self.plan = plan
        self.mixtures = [weight.detach().double().numpy() for weight in weights]
        self.kept: list[Tensor] = []
        self.record = Record(terms=[[] for _ in range(plan.nodes)])
        for state in states:
            self._state(to_blocked(state.detach()), state.shape[1])
        for node in range(plan.nodes):
            self._node(node)

    def output(self) -> Tensor:
        """The nodes' states, concatenated, in torch's form."""
        record = self.record
        nodes = list(zip(record.states, record.channels, strict=True))[self.plan.inputs :]
        batch, _, height, width, _ = self.kept[nodes[0][0]].shape
        joined = torch.empty(batch, height, width, sum(channels for _, channels in nodes))
        begin = 0
        for number, channels in nodes:
            image = from_blocked(self.kept[number], channels)
            joined[..., begin : begin + channels] = image.permute(0, 2, 3, 1)
            begin += channels
        return joined.permute(0, 3, 1, 2)

    def _keep(self, tensor: Tensor) -> int:
        self.kept.append(tensor)
        return len(self.kept) - 1

    def _node(self, node: int) -> None:
        terms = self.record.terms[node]
        channels = len(terms[0].norm.mean)
        mixed = np.array([self.mixtures[term.edge][term.index] for term in terms])[:, None]
        scales = mixed * np.stack([term.norm.scale for term in terms])
        shift = (mixed * np.stack([term.norm.shift for term in terms])).sum(0)
        self._state(add_up([self.kept[term.tensor] for term in terms], scales, shift), channels)

    def _state(self, blocked: Tensor, channels: int) -> None:
        """Runs everything that reads a state."""
        number = len(self.record.states)
        self.record.states.append(self._keep(blocked))
        self.record.channels.append(channels)
        self.record.families.append([])
        self.record.poolings.append([])
        chains: list[tuple[int, int, Chain]] = []
        for e, edge in enumerate(self.plan.edges):
            if edge.source != number:
                continue
            for k, operation in enumerate(self.plan.operations[e]):
                if isinstance(operation, Chain):
                    chains.append((e, k, operation))
                elif isinstance(operation, Pool):
                    self._pool(e, k, operation, number)
                elif isinstance(operation, Identity):
                    self._term(Term(e, k, self.record.states[number], Norm.none(channels), None, number))
                elif isinstance(operation, Other):
                    self._other(e, k, operation, number)
                else:
                    assert isinstance(operation, Nothing)
        self._chains(chains, number)

    def _term(self, term: Term) -> None:
        self.record.terms[self.plan.edges[term.edge].node].append(term)

    def _pool(self, e: int, k: int, operation: Pool, number: int) -> None:
        source, channels = self.kept[self.record.states[number]], self.record.channels[number]
        pooling = self.plan.pooling(operation.window, *source.shape[2:4])
        runs = self.record.poolings[number]
        run = next((run for run in runs if run.pooling is pooling), None)
        if run is None:
            pooled, moments = pooling.forward(source, channels)
            run = PoolRun(pooling, self._keep(pooled), moments)
            runs.append(run)
        norm = Norm.none(channels) if operation.norm is None else normalise(operation.norm, run.moments)
        self._term(Term(e, k, run.output, norm, run, number))

    def _other(self, e: int, k: int, operation: Other, number: int) -> None:
        source = from_blocked(
            self.kept[self.record.states[number]], self.record.channels[number]
        ).requires_grad_()
        with torch.enable_grad():
            output = operation.module(source)
        run = OtherRun(operation, source, output)
        kept = self._keep(to_blocked(output.detach()))
        self._term(Term(e, k, kept, Norm.none(output.shape[1]), run, number))

    def _chains(self, chains: list[tuple[int, int, Chain]], number: int) -> None:
        source = self.kept[self.record.states[number]]
        height, width = source.shape[2:4]
        groups: dict[tuple[object, ...], list[tuple[int, int, Chain]]] = {}
        for entry in chains:
            half = entry[2].halves[0]
            key = (half.stride, half.copies, half.out_channels, half.out_size(height, width))
            groups.setdefault(key, []).append(entry)
        ones = torch.ones(blocks_of(self.record.channels[number]) * LANES)
        for group in groups.values():
            run, norms = self._family([chain.halves[0] for _, _, chain in group], source, ones, 0 * ones)
            self.record.families[number].append(run)
            for i, (e, k, chain) in enumerate(group):
                steps = [Step(run, i, norms[i])]
                for half in chain.halves[1:]:
                    steps.append(self._next(steps[-1], half))
                last = steps[-1]
                self._term(Term(e, k, last.run.outputs[last.index], last.norm, steps, number))

    def _next(self, step: Step, half: Half) -> Step:
        scale = filled_up(step.norm.scale, half.in_channels)
        shift = filled_up(step.norm.shift, half.in_channels)
        run, norms = self._family([half], self.kept[step.run.outputs[step.index]], scale, shift)
        return Step(run, 0, norms[0])

    def _family(
        self, halves: list[Half], source: Tensor, scale: Tensor, shift: Tensor
    ) -> tuple[FamilyRun, list[Norm]]:
        family = self.plan.family(halves, *source.shape[2:4])
        packed = family.pack()
        outputs, moments = family.forward(packed, source, scale, shift)
        norms = [normalise(half.norm, moments[i]) for i, half in enumerate(halves)]
        return FamilyRun(family, packed, [self._keep(output) for output in outputs]), norms
