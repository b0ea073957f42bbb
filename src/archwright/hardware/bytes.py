"""How many bytes a network's weights take, as they are and in INT8."""

from __future__ import annotations

from typing import Any

from torch import nn

from archwright.hardware.recording import Operation, Recording, Value, record
from archwright.spaces.build import first_of
from archwright.spaces.zoo.blocks.quantised import Quantised

__all__ = ["int8_bytes", "weight_bytes"]

_PRODUCTS = ("convolution", "addmm", "mm", "linear", "bmm", "matmul")
_SCALE, _BIAS = 4, 4


def weight_bytes(network: nn.Module) -> int:
    """Bytes of a network's parameters and buffers, each memory once; of a quantised layer those of its few bits."""
    storages = {
        tensor.untyped_storage()._cdata: tensor.untyped_storage().nbytes()
        for tensor in (*network.parameters(), *network.buffers())
    }
    stored = 0
    for module in network.modules():
        if isinstance(module, Quantised):
            stored += module.stored_bytes
            for tensor in (module.weight, *module.buffers(recurse=False)):
                storages.pop(tensor.untyped_storage()._cdata, None)
    return stored + sum(storages.values())


def int8_bytes(network: nn.Module, example: Any) -> int:
    """Bytes of a network's weights after quantisation to INT8 with a scale per output channel.

    A weight of a convolution or of a matrix product takes 1 byte an element, and 4 bytes an output channel for its
    scale (symmetric, so without a zero point); its bias is INT32, 4 bytes. A batch normalisation behind a convolution
    or product that nothing else reads is folded into it, which then has a bias. All else, such as an embedding, a
    layer normalisation or a recurrent layer, stays as it is.

    Args:
        network: Left as it was.
        example: A batch of inputs, shape (N, ...), or a pair (args, kwargs).
    """
    recording = record(network, *first_of(example))
    names: dict[int, list[tuple[str, Value]]] = {}
    for name, value in recording.weights.items():
        names.setdefault(value.storage, []).append((name, value))
    left = {storage: values[0][1].nbytes for storage, values in names.items()}
    total, counted = 0, set()
    for operation in recording.operations:
        if operation.name not in _PRODUCTS:
            continue
        weights = [v for v in operation.reads if v.storage in names]
        matrices = [v for v in weights if len(v.shape) >= 2]
        if not matrices or matrices[0].storage in counted:
            continue
        matrix = matrices[0]
        counted.add(matrix.storage)
        channels = operation.makes[0].shape[1 if operation.name == "convolution" else -1]
        total += left.pop(matrix.storage) // matrix.dtype.itemsize + _SCALE * channels
        biases = [v.storage for v in weights if len(v.shape) == 1]
        norm = _norm_after(recording, operation)
        folded = [] if norm is None else [v.storage for v in norm.reads if v.storage in names]
        for storage in (*biases, *folded):
            left.pop(storage, None)
        total += _BIAS * channels if biases or folded else 0
    folded_counters = [n for n in recording.weights if n.endswith("num_batches_tracked")]
    for name in folded_counters:  # training alone reads it
        left.pop(recording.weights[name].storage, None)
    return total + sum(left.values())


def _norm_after(recording: Recording, operation: Operation) -> Operation | None:
    """The batch normalisation that alone reads an operation's result."""
    made = operation.makes[0].storage
    readers = [one for one in recording.operations if any(v.storage == made for v in one.reads)]
    is_returned = any(value.storage == made for value in recording.outputs)
    return readers[0] if len(readers) == 1 and not is_returned and "batch_norm" in readers[0].name else None
