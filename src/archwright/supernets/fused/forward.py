"""The forward pass of a cell, and the record of it that the backward pass reads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from archwright.errors import BuildError
from archwright.supernets.fused.blocked import from_blocked, to_blocked
from archwright.supernets.fused.family import Family, family_key
from archwright.supernets.fused.halves import Half
from archwright.supernets.fused.operations import Chain, Identity, Other, Pool
from archwright.supernets.fused.plan import Plan
from archwright.supernets.fused.pooling import Pooling, Window, pooling_of
from archwright.supernets.fused.statistics import Norms, normalise
from archwright.supernets.fused.sums import add_up

__all__ = ["Forward", "OtherRun", "PoolRun", "Record", "Step", "Term"]


@dataclass(eq=False)
class Step:
    """A half that ran.

    Args:
        half: The half.
        output: Number of the kept output.
        norms: The half's norm.
    """

    half: Half
    output: int
    norms: Norms


@dataclass(eq=False)
class PoolRun:
    """A pooling of a state.

    Args:
        pooling: Which.
        output: Number of the kept result.
    """

    pooling: Pooling
    output: int


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
        norms: The norm.
        how: The steps of a chain, the pooling, the module, or nothing for the state itself.
    """

    edge: int
    index: int
    tensor: int
    norms: Norms
    how: list[Step] | PoolRun | OtherRun | None


@dataclass(eq=False)
class Record:
    """What ran.

    Args:
        states: Numbers of the kept states.
        channels: Of each state.
        terms: Those of each node.
        norms: Those of each node's terms.
        families: The first steps of each state's chains, by family.
        poolings: Those of each state.
    """

    states: list[int] = field(default_factory=list)
    channels: list[int] = field(default_factory=list)
    terms: list[list[Term]] = field(default_factory=list)
    norms: list[Norms] = field(default_factory=list)
    families: list[list[list[Step]]] = field(default_factory=list)
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

    Raises:
        BuildError: When the operations into a node give different shapes, or cannot take what they are given.
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
        """The nodes' states, concatenated, contiguous: see `from_blocked`."""
        record = self.record
        nodes = list(zip(record.states, record.channels, strict=True))[self.plan.inputs :]
        batch, _, height, width, _ = self.kept[nodes[0][0]].shape
        joined = torch.empty(batch, sum(channels for _, channels in nodes), height, width)
        begin = 0
        for number, channels in nodes:
            from_blocked(self.kept[number], channels, joined[:, begin : begin + channels])
            begin += channels
        return joined

    def _keep(self, tensor: Tensor) -> int:
        self.kept.append(tensor)
        return len(self.kept) - 1

    def _node(self, node: int) -> None:
        terms = self.record.terms[node]
        tensors = [self.kept[term.tensor] for term in terms]
        if (
            len(
                shapes := {
                    (*tensor.shape, term.norms.mean.shape)
                    for tensor, term in zip(tensors, terms, strict=True)
                }
            )
            > 1
        ):
            raise BuildError(
                f"operations into node {node} of a cell must give one shape, got "
                f"{sorted((s[0], s[-1][1], *s[2:4]) for s in shapes)}"
            )
        norms = Norms.joined([term.norms for term in terms])
        self.record.norms.append(norms)
        mixed = np.array([self.mixtures[term.edge][term.index] for term in terms])[:, None]
        self._state(add_up(tensors, mixed * norms.scale, (mixed * norms.shift).sum(0)), norms.mean.shape[1])

    def _state(self, blocked: Tensor, channels: int) -> None:
        """Runs everything that reads a state."""
        number = len(self.record.states)
        self.record.states.append(self._keep(blocked))
        self.record.channels.append(channels)
        chains: list[tuple[int, int, Chain]] = []
        pools: dict[Window, list[tuple[int, int, Pool]]] = {}
        for e, edge in enumerate(self.plan.edges):
            for k, operation in enumerate(edge.operations if edge.source == number else ()):
                if isinstance(operation, Chain):
                    chains.append((e, k, operation))
                elif isinstance(operation, Pool):
                    pools.setdefault(operation.window, []).append((e, k, operation))
                elif isinstance(operation, Identity):
                    self._add(Term(e, k, self.record.states[number], Norms.none(channels), None))
                elif isinstance(operation, Other):
                    self._other(e, k, operation, number)
        self.record.poolings.append([self._pool(window, using, number) for window, using in pools.items()])
        self._chains(chains, number)

    def _add(self, term: Term) -> None:
        self.record.terms[self.plan.edges[term.edge].node].append(term)

    def _pool(self, window: Window, using: Sequence[tuple[int, int, Pool]], number: int) -> PoolRun:
        source, channels = self.kept[self.record.states[number]], self.record.channels[number]
        pooling = pooling_of(window, *source.shape[2:4])
        pooled, moments = pooling.forward(source, channels)
        run = PoolRun(pooling, self._keep(pooled))
        normed = [norm for _, _, operation in using if (norm := operation.norm) is not None]
        for norm in normed:
            _check_channels(channels, norm.num_features)
        norms = normalise(normed, moments.repeated(len(normed))) if normed else Norms.none(channels)
        rows = iter(range(len(normed)))
        for e, k, operation in using:
            own = Norms.none(channels) if operation.norm is None else norms.row(next(rows))
            self._add(Term(e, k, run.output, own, run))
        return run

    def _other(self, e: int, k: int, operation: Other, number: int) -> None:
        state = from_blocked(self.kept[self.record.states[number]], self.record.channels[number])
        source = state.detach().requires_grad_()
        with torch.enable_grad():
            output = operation.module(source)
        kept = self._keep(to_blocked(output.detach()))
        self._add(Term(e, k, kept, Norms.none(output.shape[1]), OtherRun(operation, source, output)))

    def _chains(self, chains: Sequence[tuple[int, int, Chain]], number: int) -> None:
        """The first halves of all, then the second halves, and so on."""
        source, channels = self.kept[self.record.states[number]], self.record.channels[number]
        for _, _, chain in chains:
            _check_channels(channels, chain.halves[0].in_channels)
        steps: list[list[Step]] = [[] for _ in chains]
        self.record.families.append([])
        for level in range(max((len(chain.halves) for _, _, chain in chains), default=0)):
            groups: dict[tuple[object, ...], list[int]] = {}
            for i, (_, _, chain) in enumerate(chains):
                if level < len(chain.halves):
                    given = self.kept[steps[i][-1].output] if level else source
                    height, width = given.shape[2:4]
                    key = (height, width, *family_key(chain.halves[level], height, width))
                    groups.setdefault(key, []).append(i)
            for group in groups.values():
                halves = [chains[i][2].halves[level] for i in group]
                if level:
                    before = [steps[i][-1] for i in group]
                    sources = [self.kept[step.output] for step in before]
                    made = self._family(halves, sources, Norms.joined([step.norms for step in before]))
                else:
                    made = self._family(halves, [source], Norms.none(channels))
                    self.record.families[number].append(made)
                for i, step in zip(group, made, strict=True):
                    steps[i].append(step)
        for (e, k, _), ran in zip(chains, steps, strict=True):
            self._add(Term(e, k, ran[-1].output, ran[-1].norms, ran))

    def _family(self, halves: Sequence[Half], sources: Sequence[Tensor], before: Norms) -> list[Step]:
        outputs, moments = Family(halves, *sources[0].shape[2:4]).forward(sources, before)
        norms = normalise([half.norm for half in halves], moments)
        return [
            Step(half, self._keep(output), norms.row(i))
            for i, (half, output) in enumerate(zip(halves, outputs, strict=True))
        ]


def _check_channels(given: int, expected: int | None) -> None:
    """The kernels read memory by address, so nothing else would notice."""
    if expected is not None and given != expected:
        raise BuildError(f"an operation of a cell expected {expected} channels, got {given}")
