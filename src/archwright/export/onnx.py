"""Export to ONNX, checked by onnxruntime."""

from __future__ import annotations

import contextlib
import importlib.util
import io
import logging
import warnings
from collections.abc import Iterator
from pathlib import Path

import torch
from torch import Tensor, nn

from archwright.errors import ExportError, MissingExtraError
from archwright.export.comparing import difference, evaluating, outputs_of, random_batches

__all__ = ["has_onnx", "save_onnx"]

_PACKAGES = ("onnx", "onnxscript", "onnxruntime")
_TOLERANCE = 1e-4
_BATCHES = (1, 2, 3, 8)


def has_onnx() -> bool:
    """Whether the packages of the extra `onnx` are installed."""
    return all(importlib.util.find_spec(package) is not None for package in _PACKAGES)


def save_onnx(network: nn.Module, example: Tensor, path: str | Path) -> None:
    """Write a network as ONNX, for batches of any size, and check it with onnxruntime.

    The file has one input, `input`, and outputs `output` (or `output_0`, `output_1`, ...).

    Args:
        network: The network; exported in evaluation mode.
        example: A batch of inputs, shape (N, ...).
        path: The file. Networks of 2 GB and more cannot be one file of ONNX.

    Raises:
        MissingExtraError: When a package of the extra is not installed.
        ExportError: When torch cannot export the network, or an output differs from torch's by more than 1e-4 (as
            a share of the largest output, where that is over 1) on a batch of 1, 2, 3 or 8 random inputs.
    """
    for package in _PACKAGES:
        if importlib.util.find_spec(package) is None:
            raise MissingExtraError(package, "onnx", "export to ONNX")
    device = next((p.device for p in network.parameters()), example.device)
    # torch.export takes a dimension of size 1 to be always 1, so it is shown a batch of two.
    batch = example.to(device)[:1].repeat(2, *[1] * (example.dim() - 1))
    with evaluating(network):
        with _quiet():
            outputs = len(outputs_of(network, batch))
            _save(network, batch, outputs, Path(path))
        _check(network, example, Path(path), device)


def _save(network: nn.Module, batch: Tensor, outputs: int, path: Path) -> None:
    names = ["output"] if outputs == 1 else [f"output_{i}" for i in range(outputs)]
    try:
        program = torch.onnx.export(
            network,
            (batch,),
            dynamo=True,
            dynamic_shapes=({0: torch.export.Dim("batch", min=1)},),
            input_names=["input"],
            output_names=names,
            verbose=False,
        )
        assert program is not None
        program.save(str(path), external_data=False)
    except Exception as error:
        raise ExportError(f"torch cannot export this network to ONNX: {_reason(error)}") from error


def _check(network: nn.Module, example: Tensor, path: Path, device: torch.device) -> None:
    import onnxruntime

    try:
        session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    except Exception as error:
        raise ExportError(f"onnxruntime cannot read the exported network: {_reason(error)}") from error
    for batch in random_batches(example, _BATCHES):
        expected = outputs_of(network, batch.to(device))
        try:
            given = [torch.from_numpy(output) for output in session.run(None, {"input": batch.numpy()})]
        except Exception as error:
            raise ExportError(
                f"the exported network does not run on a batch of {len(batch)} in onnxruntime: {_reason(error)}; a "
                "layer may have taken the size of the batch for a fixed number"
            ) from error
        if (found := difference(expected, given)) > _TOLERANCE:
            raise ExportError(
                f"the exported network differs from torch on a batch of {len(batch)}: largest difference "
                f"{found:.3g}, allowed {_TOLERANCE:g}; a layer may have taken the size of the batch for a fixed "
                "number, or branch on its values"
            )


def _reason(error: BaseException) -> str:
    """The innermost cause, in one line: torch wraps it in pages of advice."""
    while (cause := error.__cause__) is not None:
        error = cause
    text = next((line.strip() for line in str(error).splitlines() if line.strip()), "")
    return f"{type(error).__name__}: {text}"


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
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
