"""Networks in onnxruntime."""

from __future__ import annotations

import contextlib
import importlib.util
import io
import logging
import tempfile
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves

from archwright.errors import ExportError, MissingExtraError

__all__ = ["feed_of", "int8_model", "onnx_model", "onnx_run", "quietly", "session_of"]

Arguments = tuple[tuple[Any, ...], dict[str, Any]]


def onnx_model(network: nn.Module, example: Arguments) -> bytes:
    """A network as ONNX, for inputs of exactly the shapes of the example.

    Args:
        network: In evaluation mode, on the CPU.
        example: What it is called with, as a pair (args, kwargs).

    Raises:
        MissingExtraError: When a package of the extra `onnx` is not installed.
        ExportError: When torch cannot export the network.
    """
    for package in ("onnx", "onnxscript", "onnxruntime"):
        if importlib.util.find_spec(package) is None:
            raise MissingExtraError(package, "onnx", "running a network in onnxruntime")
    args, kwargs = example
    try:
        with quietly():
            program = torch.onnx.export(network, args, kwargs=kwargs or None, dynamo=True, verbose=False)
            assert program is not None
            return bytes(program.model_proto.SerializeToString())
    except Exception as error:
        told = next((line.strip() for line in str(error).splitlines() if line.strip()), "")
        raise ExportError(
            f"torch cannot export this network to ONNX: {type(error).__name__}: {told}; take the runtime eager"
        ) from error


def session_of(model: bytes, threads: int) -> Any:
    """An `onnxruntime.InferenceSession` on the CPU, with a fixed number of threads."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def int8_model(model: bytes, examples: Sequence[Arguments]) -> bytes:
    """A network as ONNX in INT8: weights by output channel in seven bits, activations by their range on some examples.

    Args:
        model: As `onnx_model` gives it.
        examples: What it is calibrated on, each of its shapes.

    Raises:
        ExportError: When onnxruntime cannot quantise it.
    """
    try:
        return _quantised(model, examples)
    except Exception as error:
        raise ExportError(
            f"onnxruntime cannot quantise this network: {type(error).__name__}: {error}"
        ) from error


def _quantised(model: bytes, examples: Sequence[Arguments]) -> bytes:
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
        # Weights of seven bits: CPUs without VNNI add products in 16 bits, which eight overflow.
        quantize_static(
            str(prepared),
            str(made),
            Reader(),
            per_channel=True,
            reduce_range=True,
            weight_type=QuantType.QInt8,
        )
        return made.read_bytes()


def onnx_run(network: nn.Module, example: Arguments, threads: int, *, int8: bool = False) -> Any:
    """A call of a network in onnxruntime on its example.

    Args:
        network: In evaluation mode, on the CPU.
        example: What it is called with, as a pair (args, kwargs).
        threads: Threads for one operation.
        int8: Whether in INT8, calibrated on the example: time does not depend on the ranges.

    Raises:
        MissingExtraError: When a package of the extra `onnx` is not installed.
        ExportError: When torch cannot export the network, or onnxruntime cannot quantise it.
    """
    model = onnx_model(network, example)
    session = session_of(int8_model(model, [example]) if int8 else model, threads)
    feed = feed_of(session, example)
    return lambda: session.run(None, feed)


def feed_of(session: Any, example: Arguments) -> dict[str, Any]:
    """The inputs of a session by name, from what a network is called with."""
    tensors = [leaf for leaf in tree_leaves(example) if isinstance(leaf, Tensor)]
    names = [entry.name for entry in session.get_inputs()]
    return {name: tensor.numpy() for name, tensor in zip(names, tensors, strict=True)}


@contextlib.contextmanager
def quietly() -> Iterator[None]:
    """Without torch's notes on packages it lacks, its own deprecations, and the graphs it prints when it fails."""
    logger = logging.getLogger("torch")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stderr(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)
