"""A network in INT8: quantised by onnxruntime after calibration, and run as a module, so that any task can score it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, final

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_flatten, tree_leaves, tree_unflatten

from archwright.errors import UsageError
from archwright.evaluating import evaluating
from archwright.hardware.onnx_runtime import feed_of, int8_model, onnx_model, session_of
from archwright.spaces.build import arguments_of

__all__ = ["Int8Network", "int8_network"]

_MOST = 256


@final
class Int8Network(nn.Module):
    """Runs a network of onnxruntime as a module, one example after the other.

    Args:
        model: The network as ONNX, for one example.
        outputs: What the network returns, with any tensors; its structure is that of what this returns.
        threads: Threads for one operation.

    Attributes:
        nbytes: Bytes of the file.
    """

    def __init__(self, model: bytes, outputs: Any, threads: int = 1) -> None:
        super().__init__()
        self.nbytes = len(model)
        self._session = session_of(model, threads)
        _, self._form = tree_flatten(outputs)

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """What the network returns for a batch, shape (N, ...)."""
        tensors = [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, Tensor)]
        rows = [
            self._session.run(
                None, feed_of(self._session, (tuple(one[i : i + 1].cpu() for one in tensors), {}))
            )
            for i in range(len(tensors[0]))
        ]
        given = [torch.cat([torch.from_numpy(one) for one in column]) for column in zip(*rows, strict=True)]
        return tree_unflatten([one.to(tensors[0].device) for one in given], self._form)


def int8_network(network: nn.Module, batches: Iterable[Any]) -> Int8Network:
    """Quantise a network to INT8, weights by output channel and activations by their range on some examples.

    Args:
        network: On the CPU; left as it was.
        batches: Batches of inputs, shape (N, ...), or pairs (args, kwargs); the first 256 examples calibrate.

    Raises:
        UsageError: When there are none.
        MissingExtraError: When a package of the extra `onnx` is not installed.
        ExportError: When torch cannot export the network, or onnxruntime cannot quantise it.
    """
    examples = list(_examples(batches))
    if not examples:
        raise UsageError("expected batches with at least one example to calibrate on, got none")
    with evaluating(network):
        args, kwargs = examples[0]
        outputs = network(*args, **kwargs)
        model = onnx_model(network, examples[0])
    return Int8Network(int8_model(model, examples), outputs)


def _examples(batches: Iterable[Any]) -> Iterator[Any]:
    left = _MOST
    for batch in batches:
        args, kwargs = arguments_of(batch)
        for i in range(min(left, len(args[0] if args else next(iter(kwargs.values()))))):
            left -= 1
            yield (
                tuple(one[i : i + 1] for one in args),
                {name: one[i : i + 1] for name, one in kwargs.items()},
            )
        if not left:
            return
