"""A network in INT8: quantised by onnxruntime after calibration, and run as a module, so that any task can score it."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, final

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_flatten, tree_leaves, tree_unflatten

from archwright.errors import ExportError, UsageError
from archwright.evaluating import evaluating
from archwright.hardware.onnx_runtime import feed_of, onnx_model, quietly, session_of
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
    try:
        return Int8Network(_quantised(model, examples), outputs)
    except Exception as error:
        raise ExportError(
            f"onnxruntime cannot quantise this network: {type(error).__name__}: {error}"
        ) from error


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


def _quantised(model: bytes, examples: list[Any]) -> bytes:
    from onnxruntime.quantization import CalibrationDataReader, QuantType, quantize_static
    from onnxruntime.quantization.shape_inference import quant_pre_process

    session = session_of(model, 1)

    class Reader(CalibrationDataReader):  # type: ignore[misc]  # onnxruntime is not typed
        def __init__(self) -> None:
            self.feeds = (feed_of(session, example) for example in examples)

        def get_next(self) -> Any:
            return next(self.feeds, None)

    with tempfile.TemporaryDirectory() as folder, quietly():
        given, prepared, made = (Path(folder) / name for name in ("given.onnx", "prepared.onnx", "int8.onnx"))
        given.write_bytes(model)
        quant_pre_process(str(given), str(prepared), skip_symbolic_shape=True)
        quantize_static(str(prepared), str(made), Reader(), per_channel=True, weight_type=QuantType.QInt8)
        return made.read_bytes()
