"""The operations that a network runs, in their order, with the memory that each reads and makes."""

from __future__ import annotations

import weakref
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map

from archwright.evaluating import evaluating
from archwright.hardware.setting import Setting, repeated

__all__ = ["LiveBytes", "Operation", "Recorder", "Recording", "Value", "live_bytes", "record"]


@dataclass(frozen=True, slots=True)
class Value:
    """A tensor that an operation reads or makes.

    Args:
        storage: Which memory it is in; views share one.
        shape: Its shape.
        strides: Its strides, in elements.
        dtype: Type of its elements.
        nbytes: Bytes of all of that memory.
    """

    storage: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]
    dtype: torch.dtype
    nbytes: int


@dataclass(frozen=True, slots=True)
class Operation:
    """One call of a kernel of torch's.

    Args:
        target: The operator, such as `aten.convolution.default`.
        args: Its arguments, with a `Value` for each tensor.
        kwargs: Those by keyword.
        outputs: What it returned, with a `Value` for each tensor.
    """

    target: Any
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    outputs: Any

    @property
    def name(self) -> str:
        """The operator without namespace and overload, such as "convolution"."""
        return str(self.target.overloadpacket.__name__)

    @property
    def reads(self) -> list[Value]:
        """The tensors among the arguments."""
        return _values((self.args, self.kwargs))

    @property
    def makes(self) -> list[Value]:
        """The tensors among what it returned."""
        return _values(self.outputs)


@dataclass(frozen=True, slots=True)
class Recording:
    """What ran in one call of a network.

    Args:
        operations: In their order.
        inputs: What the network was called with.
        outputs: What it returned.
        weights: Name to parameter or buffer.
    """

    operations: tuple[Operation, ...]
    inputs: tuple[Value, ...]
    outputs: tuple[Value, ...]
    weights: dict[str, Value]

    def peak_bytes(self) -> int:
        """The most bytes of activations that must be alive at once.

        The maximum over the operations, in their order, of the bytes of all tensors that are alive: an input or a
        result lives from the operation that made it until the last that reads it, what the network returns until the
        end, and an operation's results live beside what it reads. Views take no memory of their own, an operation in
        place none for its result. Weights and buffers are not counted, nor is what a kernel needs for itself while it
        runs.
        """
        fixed = {value.storage for value in self.weights.values()}
        size: dict[int, int] = {}
        born: dict[int, int] = {}
        last: dict[int, int] = {}

        def seen(value: Value, time: int) -> None:
            if value.storage not in fixed:
                born.setdefault(value.storage, time)
                size[value.storage], last[value.storage] = value.nbytes, time

        for value in self.inputs:
            seen(value, 0)
        for time, operation in enumerate(self.operations):
            for value in (*operation.reads, *operation.makes):
                seen(value, time)
        for value in self.outputs:
            seen(value, len(self.operations) - 1)
        change = [0] * (len(self.operations) + 2)
        for storage, time in born.items():
            change[time] += size[storage]
            change[max(last[storage], time) + 1] -= size[storage]
        now = most = 0
        for step in change:
            now += step
            most = max(most, now)
        return most


def record(network: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Recording:
    """Record one call of a network, in evaluation mode without gradients.

    Args:
        network: Left as it was.
        args: What it is called with.
        kwargs: The arguments by keyword.
    """
    recorder = Recorder()
    weights = {name: recorder.value(t) for name, t in (*network.named_parameters(), *network.named_buffers())}
    inputs = tuple(map(recorder.value, _tensors((args, kwargs))))
    with evaluating(network), recorder:
        returned = network(*args, **kwargs)
    outputs = tuple(map(recorder.value, _tensors(returned)))
    return Recording(tuple(recorder.operations), inputs, outputs, weights)


class Recorder(TorchDispatchMode):  # type: ignore[no-untyped-call]  # torch's is not typed
    """Keeps the operations that run while it is entered.

    Attributes:
        operations: In their order.
    """

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.operations: list[Operation] = []
        self._kept: list[Any] = []  # else a later tensor could have the address of one that is gone

    def value(self, tensor: Tensor) -> Value:
        """What is told of a tensor."""
        storage = tensor.untyped_storage()
        self._kept.append(storage)
        return Value(storage._cdata, tuple(tensor.shape), tensor.stride(), tensor.dtype, storage.nbytes())

    def __torch_dispatch__(
        self, operation: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        made = operation(*args, **(kwargs or {}))
        told = tree_map(self._told, (args, kwargs or {}, made))
        self.operations.append(Operation(operation, *told))
        return made

    def _told(self, leaf: Any) -> Any:
        return self.value(leaf) if isinstance(leaf, Tensor) and leaf.layout is torch.strided else leaf


class LiveBytes(TorchDispatchMode):  # type: ignore[no-untyped-call]  # torch's is not typed
    """Counts the bytes of the tensors that operations make while it is entered, until they are freed.

    Attributes:
        now: Bytes alive.
        most: The most that were alive at once.
    """

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.now = self.most = 0
        self._known: set[int] = set()

    def __torch_dispatch__(
        self, operation: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        before = {tensor.untyped_storage()._cdata for tensor in _tensors((args, kwargs))}
        made = operation(*args, **(kwargs or {}))
        for tensor in _tensors(made):
            storage = tensor.untyped_storage()
            key, size = storage._cdata, storage.nbytes()
            if key not in before and key not in self._known:
                self._known.add(key)
                self.now += size
                self.most = max(self.most, self.now)
                weakref.finalize(storage, self._freed, key, size)
        return made

    def _freed(self, key: int, size: int) -> None:
        self._known.discard(key)
        self.now -= size


def live_bytes(setting: Setting, network: nn.Module, example: Any) -> int:
    """The most bytes that a call really holds beyond the weights, inputs included.

    Args:
        setting: Where and on how many examples.
        network: Left as it is.
        example: A batch of inputs, shape (N, ...), or a pair (args, kwargs).
    """
    with setting.prepare(network, example) as run:
        inputs = sum(
            tensor.untyped_storage().nbytes() for tensor in _tensors(repeated(example, setting.batch))
        )
        if setting.place.type == "cuda":
            run()  # libraries take their workspaces in the first call
            before = torch.cuda.memory_allocated(setting.place)
            torch.cuda.reset_peak_memory_stats(setting.place)
            run()
            return torch.cuda.max_memory_allocated(setting.place) - before + inputs
        living = LiveBytes()
        with living:
            run()
        return living.most + inputs


def _tensors(value: Any) -> Iterator[Tensor]:
    """The tensors in a structure that have memory of their own."""
    return (leaf for leaf in tree_leaves(value) if isinstance(leaf, Tensor) and leaf.layout is torch.strided)


def _values(value: Any) -> list[Value]:
    return [leaf for leaf in tree_leaves(value) if isinstance(leaf, Value)]
