"""The kernels that a device really runs: operations, or several that its runtime fuses, cut out of a network."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from operator import getitem
from typing import Any

import torch
from torch import Tensor, nn
from torch.fx import Graph, GraphModule, Node
from torch.utils._pytree import tree_leaves, tree_map

from archwright.hardware.recording import Operation, Value

__all__ = ["Kernel", "kernels_in", "pairs_in", "replay_of"]

_DIMENSIONS, _NUMBERS = 4, 16
_STEP = 16
"""Channels in a register of most processors."""


@dataclass(frozen=True, slots=True, eq=False)
class Kernel:
    """Operations that run as one.

    Args:
        operations: In their order; each reads what the one before it makes.
        weights: Memory of the tensors among their arguments that are weights.
    """

    operations: tuple[Operation, ...]
    weights: Collection[int] = ()

    @property
    def kind(self) -> str:
        """The names of the operations, such as "convolution + relu"; see `kind_of`."""
        return " + ".join(map(kind_of, self.operations))

    @property
    def features(self) -> tuple[float, ...]:
        """Numbers by which kernels of one kind differ.

        Shapes of the first operation's first two tensors, which for a convolution hold H, W, the channels before and
        after and the kernel's size; the shape of the last one's result; the whole numbers among the arguments, such as
        stride, padding and groups; by how much channels are over a multiple of 16; the multiply-accumulates and the
        bytes that are read and made, which stand last.
        """
        first, last = self.operations[0], self.operations[-1]
        reads = [value.shape for value in first.reads[:2]] + [()] * 2
        makes = [value.shape for value in last.makes[:1]] + [()]
        numbers = [
            float(leaf)
            for one in self.operations
            for leaf in tree_leaves((one.args, one.kwargs))
            if isinstance(leaf, int | float) and math.isfinite(leaf)
        ]
        shapes = [_padded(shape, _DIMENSIONS) for shape in (*reads[:2], makes[0])]
        moved = sum(_bytes(value) for one in self.operations for value in (*one.reads, *one.makes))
        work = sum(map(_products, self.operations))
        steps = [float(shape[-3] % _STEP) if len(shape) > 2 else 0.0 for shape in (reads[0], makes[0])]
        return (*sum(shapes, ()), *_padded(numbers, _NUMBERS), *steps, float(work), float(moved))


def kind_of(operation: Operation) -> str:
    """The name of an operation's kind: "depthwise" or "grouped" for a convolution in groups, else its own."""
    if operation.name == "convolution":
        groups, channels = operation.args[8], operation.reads[0].shape[1]
        if groups > 1:
            return "depthwise" if groups == channels else "grouped"
    return operation.name


def kernels_in(
    operations: Sequence[Operation], fused: Collection[tuple[str, str]], weights: Collection[int] = ()
) -> list[Kernel]:
    """Operations joined where a runtime fuses them: two that follow each other, with nothing else reading between them.

    Args:
        operations: In their order.
        fused: Pairs of kinds that the runtime fuses.
        weights: Memory of the weights.
    """
    joined: list[list[Operation]] = []
    for operation, before, is_only in _links(operations):
        if before and is_only and (kind_of(before), kind_of(operation)) in fused:
            joined[-1].append(operation)
        else:
            joined.append([operation])
    return [Kernel(tuple(one), weights) for one in joined]


def pairs_in(operations: Sequence[Operation], weights: Collection[int] = ()) -> Iterator[Kernel]:
    """Each two operations that a runtime might fuse."""
    for operation, before, is_only in _links(operations):
        if before and is_only:
            yield Kernel((before, operation), weights)


def _links(operations: Sequence[Operation]) -> Iterator[tuple[Operation, Operation | None, bool]]:
    """Each operation, the one before it where it reads what that made, and whether nothing else reads that."""
    readers = Counter(
        v.storage for one in operations for v in {value.storage: value for value in one.reads}.values()
    )
    before: Operation | None = None
    for operation in operations:
        made = {value.storage for value in before.makes} if before else set()
        read = {value.storage for value in operation.reads}
        yield (
            operation,
            before if made & read else None,
            all(readers[storage] <= 1 for storage in made & read),
        )
        before = operation


def replay_of(kernel: Kernel) -> tuple[GraphModule, tuple[tuple[Tensor, ...], dict[str, Any]]]:
    """A module that runs a kernel's operations and nothing else, and random inputs of its shapes.

    Its weights are buffers with random numbers, so that a runtime may prepare them as it does a network's.
    """
    graph, root = Graph(), nn.Module()
    known: dict[int, Node] = {}
    inputs: list[Tensor] = []
    made = {value.storage for one in kernel.operations for value in one.makes}
    for value in (value for one in kernel.operations for value in one.reads):
        if value.storage in known or (
            value.storage in made and value.storage not in kernel.weights and known
        ):
            continue
        if value.storage in kernel.weights:
            name = f"weight_{len(known)}"
            root.register_buffer(name, _tensor(value))
            known[value.storage] = graph.get_attr(name)
        else:
            known[value.storage] = graph.placeholder(f"input_{len(inputs)}")
            inputs.append(_tensor(value))
    last: Node | None = None
    for operation in kernel.operations:
        put = partial(_put, known)
        args, kwargs = tree_map(put, (operation.args, operation.kwargs))
        last = graph.call_function(operation.target, tuple(args), kwargs)
        outputs = operation.outputs if isinstance(operation.outputs, tuple | list) else None
        if isinstance(operation.outputs, Value):
            known[operation.outputs.storage] = last
        for i, value in enumerate(outputs or ()):
            if isinstance(value, Value) and value.nbytes:
                known[value.storage] = graph.call_function(getitem, (last, i))
    graph.output(last)
    graph.eliminate_dead_code(
        is_impure_node=lambda node: node.op in ("placeholder", "output") or node is last
    )
    return GraphModule(root, graph), (tuple(inputs), {})


def _put(known: Mapping[int, Node], leaf: Any) -> Any:
    return known[leaf.storage] if isinstance(leaf, Value) else leaf


def _tensor(value: Value) -> Tensor:
    made = torch.empty_strided(value.shape, value.strides, dtype=value.dtype)
    return made.normal_() if value.dtype.is_floating_point else made.zero_()


def _padded(numbers: Sequence[float], length: int) -> tuple[float, ...]:
    """The last numbers, with zeros before them, so that places mean the same in shapes of any length."""
    kept = [float(one) for one in numbers[-length:]]
    return (*[0.0] * (length - len(kept)), *kept)


def _bytes(value: Value) -> int:
    return math.prod(value.shape) * value.dtype.itemsize


def _products(operation: Operation) -> int:
    """Multiply-accumulates of a convolution or matrix product; 0 of others."""
    makes = operation.makes
    if operation.name == "convolution":
        return math.prod(makes[0].shape) * math.prod(operation.reads[1].shape[1:])
    if operation.name in ("mm", "addmm", "bmm", "baddbmm"):
        return math.prod(makes[0].shape) * operation.reads[-1].shape[-2]
    return 0
