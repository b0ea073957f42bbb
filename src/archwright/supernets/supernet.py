"""The supernet: one network that contains every architecture of a space."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from random import Random
from typing import Any, cast

import torch
from torch import nn
from torch.nn.parameter import is_lazy

from archwright.errors import BuildError
from archwright.spaces import Architecture, Decision, Space, resolve, walk_calls
from archwright.spaces.build import arguments_of, construct, dry_run, own_memory, shapes_of
from archwright.spaces.calls import ResolvedCall
from archwright.supernets.dropout import dropouts_in
from archwright.supernets.elastic import Elastic
from archwright.supernets.gates import Gate, Gates, OnePath
from archwright.supernets.interpreter import Interpreter

__all__ = ["Supernet", "covering_architectures"]

_RANDOM = 32


class Supernet(nn.Module):
    """All architectures of a space in one module, with shared weights.

    What it computes is set by its gates, one for each decision: one value (one path), or a mixture of weighed values.
    Calls whose own arguments depend on decisions are `Elastic`, switches between modules are `MixedOp`, optional
    modules are `GatedEdge`.

    Args:
        space: The space; decisions of the training are not part of it.
        example: A batch of inputs, shape (N, ...), N >= 2, or a pair (args, kwargs), with which lazily sized modules
            take their size.
        allowed: Address to the values that are built, where not all are (P-DARTS, Chen et al. 2019,
            arXiv:1904.12760).
        scale: Of the network, where it is not the space's own, such as `{"cells": 11}`; see `Space.scale`.

    Attributes:
        network: What the space's outermost call made.
        gates: The present gates; at first those of the first architecture.
        edges: For each subset whose items are edges of mixed operations: for each item the addresses of the decisions
            that select its operation.
        example: The batch of inputs that it was made with, if any.

    Raises:
        BuildError: When a part cannot be built, or cannot run on the example.

    Example:
        >>> supernet = Supernet(space, example=task.example_arguments())
        >>> with supernet.on(space.sample(0)):
        ...     outputs = supernet(inputs)
    """

    def __init__(
        self,
        space: Space,
        example: Any = None,
        *,
        allowed: Mapping[str, Sequence[Any]] | None = None,
        scale: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__()
        self.scale = dict(scale or {})
        self.space = space = space.scale(**self.scale) if scale else space
        self.allowed = {address: tuple(values) for address, values in (allowed or {}).items()}
        self.gates = Gates(space)
        interpreter = Interpreter(space, self.gates, self.allowed)
        self.network = interpreter.network()
        self.edges = {
            subset: {item: tuple(addresses) for item, addresses in items.items()}
            for subset, items in interpreter.edges.items()
        }
        self.decisions = {
            address: decision
            for address, decision in space.decisions.items()
            if decision.size > 1 and not address.startswith("training.")
        }
        """The network's decisions that have more than one value, by address."""
        self.learns_kernels = False
        """Whether smaller kernels are learned transforms of larger ones."""
        self._made = interpreter.made
        self.example = example
        self.set_gates(next(covering_architectures(space, self.allowed)))
        self._size()
        own_memory(self.network)

    def forward(self, *inputs: Any, **named: Any) -> Any:
        """From the network's inputs to its output, as the gates say."""
        return self.network(*inputs, **named)

    def set_gates(self, gates: Mapping[str, Gate] | Architecture) -> None:
        """Set the gates, those of an architecture to one path.

        Raises:
            SpaceError: When no decision has such an address.
        """
        if isinstance(gates, Architecture):
            gates = {address: OnePath(value) for address, value in gates.items()}
        self.gates.set(gates)

    @contextmanager
    def on(self, gates: Mapping[str, Gate] | Architecture) -> Iterator[Supernet]:
        """Set the gates while a block runs; afterwards they are as they were."""
        before = self.gates.get()
        self.set_gates(gates)
        try:
            yield self
        finally:
            self.gates.set(before)

    @contextmanager
    def without_dropout(self) -> Iterator[None]:
        """While a block trains the supernet, nothing in it is dropped at random."""
        self.gates.drops = False
        modules = [module for module in dropouts_in(self) if module.training]
        for module in modules:
            module.training = False
        try:
            yield
        finally:
            self.gates.drops = True
            for module in modules:
                module.training = True

    def extract(self, architecture: Architecture | Mapping[str, Any]) -> nn.Module:
        """The plain network of an architecture with a copy of its weights: nothing of the supernet is in it.

        Its output equals the supernet's under the same gates and in the same mode. Random numbers are not touched.

        Args:
            architecture: One of the space.

        Raises:
            SpaceError: When the architecture is none of the space.
            BuildError: When it cannot be built.
        """
        root = resolve(self.space, architecture)
        with torch.random.fork_rng(devices=[]):
            network, made = construct(root)
        if self.example is not None and any(map(is_lazy, [*network.parameters(), *network.buffers()])):
            dry_run(network, self.example, made)
        device = next((tensor.device for tensor in self.parameters()), torch.device("cpu"))
        for call, module in made.items():
            if isinstance(module, nn.Module):
                calls_inside = walk_calls([*call.args, *call.kwargs.values()])
                inner = [made[inside] for inside in calls_inside]
                self._inherit(self._made[call.structural_key], module, _modules_of(inner), call)
        return cast("nn.Module", network.to(device).train(self.training))

    @property
    def picks(self) -> bool:
        """Whether some of its forms have other parts of their weights than the leading ones."""
        return any(module.picks for module in self.modules() if isinstance(module, Elastic))

    def learn_kernels(self) -> None:
        """Let smaller kernels be learned transforms of larger ones. See `SharedWeights.learn_kernels`."""
        for module in self.modules():
            if isinstance(module, Elastic):
                module.shared.learn_kernels()
        self.learns_kernels = True

    def _inherit(self, source: nn.Module, module: nn.Module, inner: set[int], call: ResolvedCall) -> None:
        if isinstance(source, Elastic):
            source.inherit(module, inner, call.args, call.kwargs)
            return
        with torch.no_grad():
            for path, owner in module.named_modules():
                if id(owner) not in inner:
                    holder = source.get_submodule(path)
                    for name, tensor in [*owner._parameters.items(), *owner._buffers.items()]:
                        if tensor is not None:
                            tensor.copy_(getattr(holder, name))

    def _size(self) -> None:
        """Let lazily sized modules take their size: run many paths, the largest and the smallest among them."""
        lazy = [module for module in self.modules() if isinstance(module, Elastic) and module.is_lazy]
        if not lazy:
            return
        if self.example is None:
            raise BuildError(
                f"{lazy[0].place}: a lazily sized module takes its size from an example; give one"
            )
        before = self.gates.get()
        args, kwargs = arguments_of(self.example)
        for architecture in _of_all_sizes(self.space, self.allowed):
            self.set_gates(architecture)
            try:
                with torch.no_grad():
                    self.eval()(*args, **kwargs)
            except (Exception, SystemExit) as error:
                raise BuildError(
                    f"the supernet does not run on {shapes_of(self.example)} as "
                    f"{architecture!r}: {type(error).__name__}: {error}"
                ) from error
        for module in lazy:
            module.sizing = False
        self.gates.set(before)
        self.train()


def _of_all_sizes(space: Space, allowed: Mapping[str, Sequence[Any]]) -> Iterator[Architecture]:
    yield from covering_architectures(space, allowed)
    for place in (0.0, 1.0):
        yield space.complete(lambda _, decision, place=place: decision.decode([place] * decision.columns))  # type: ignore[misc]
    random = Random(0)
    for _ in range(_RANDOM):
        yield space.complete(lambda _, decision: decision.uniform(random))


def covering_architectures(
    space: Space, allowed: Mapping[str, Sequence[Any]] | None = None
) -> Iterator[Architecture]:
    """Architectures in which, between them, every value of every decision is active, as far as each can be.

    Each takes the values that were taken least so far; of a subset as many items as it can hold. Of a decision with
    more than 64 numbers the two ends and the middle count, of derivations some that hold every rule.

    Args:
        space: The space; its constraints are not asked.
        allowed: Address to the values that count, where not all do.
    """
    taken: Counter[tuple[str, Any]] = Counter()
    widest = 0

    def decide(address: str, decision: Decision) -> Any:
        relaxed = decision.covering()
        labels = (allowed or {}).get(address) or relaxed.labels
        nonlocal widest
        widest = max(widest, len(labels))
        chosen = sorted(labels, key=lambda label: taken[address, label])[: relaxed.most]
        taken.update((address, label) for label in chosen)
        return relaxed.value(chosen)

    turns = without_news = 0
    while without_news < 2 + max(turns // 2, widest):  # what is deep inside becomes active late
        before = len(taken)
        architecture = space.complete(decide)
        without_news = 0 if sum(count > 0 for count in taken.values()) > before else without_news + 1
        turns += 1
        if not without_news or turns == 1:
            yield architecture


def _modules_of(made: list[Any]) -> set[int]:
    return {id(part) for module in made if isinstance(module, nn.Module) for part in module.modules()}
