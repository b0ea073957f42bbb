"""Export to ONNX, checked by onnxruntime."""

from __future__ import annotations

import contextlib
import importlib.util
import inspect
import io
import logging
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_map

from archwright.errors import ExportError, MissingExtraError
from archwright.evaluating import evaluating
from archwright.export.comparing import difference, has_rows, outputs_of, random_batches
from archwright.spaces.build import arguments_of
from archwright.tasks.batches import moved, tensors_in

__all__ = ["has_onnx", "save_onnx"]

_PACKAGES = ("onnx", "onnxscript", "onnxruntime")
_TOLERANCE = 1e-4

Arguments = tuple[tuple[Any, ...], dict[str, Any]]
_BATCHES = (1, 2, 3, 8)


def has_onnx() -> bool:
    """Whether the packages of the extra `onnx` are installed."""
    return all(importlib.util.find_spec(package) is not None for package in _PACKAGES)


def save_onnx(network: nn.Module, example: Any, path: str | Path) -> None:
    """Write a network as ONNX, for batches of any size, and check it with onnxruntime.

    The file has one input, `input`, or one for each tensor that the network is called with, named after its
    parameters, and outputs `output` (or `output_0`, `output_1`, ...). Arguments that are not tensors, and tensors that
    are not of one length, such as a graph's, keep the value or the size that they have in the example.

    Args:
        network: The network; exported in evaluation mode.
        example: A batch of inputs, shape (N, ...), or a pair (args, kwargs) of what the network is called with.
        path: The file. Networks of 2 GB and more cannot be one file of ONNX.

    Raises:
        MissingExtraError: When a package of the extra is not installed.
        ExportError: When torch cannot export the network, or an output differs from torch's by more than 1e-4 (as
            a share of the largest output, where that is over 1) on a batch of 1, 2, 3 or 8 random inputs.
    """
    for package in _PACKAGES:
        if importlib.util.find_spec(package) is None:
            raise MissingExtraError(package, "onnx", "export to ONNX")
    device = next((p.device for p in network.parameters()), torch.device("cpu"))
    # torch.export takes a dimension of size 1 to be always 1, so it is shown a batch of two.
    two = next(random_batches(example, (2,)))
    with evaluating(network):
        with _quiet():
            batch = moved(arguments_of(two), device)
            _save(network, batch, len(outputs_of(network, batch)), has_rows(example), Path(path))
        _check(network, example, Path(path), device)


def _save(network: nn.Module, batch: Arguments, outputs: int, has_batch: bool, path: Path) -> None:
    names = ["output"] if outputs == 1 else [f"output_{i}" for i in range(outputs)]
    args, kwargs = batch
    # By name, so that positional and keyword arguments are told apart in what torch is told of them.
    named = inspect.signature(network.forward).bind(*args, **kwargs).arguments
    sizes = {0: torch.export.Dim("batch", min=1)} if has_batch else None
    try:
        program = torch.onnx.export(
            network,
            args,
            kwargs=kwargs or None,
            dynamo=True,
            dynamic_shapes=tree_map(lambda leaf: sizes if isinstance(leaf, Tensor) else None, dict(named)),
            input_names=_input_names(named),
            output_names=names,
            verbose=False,
        )
        assert program is not None
        program.save(str(path), external_data=False)
    except Exception as error:
        raise ExportError(f"torch cannot export this network to ONNX: {_reason(error)}") from error


def _input_names(named: Mapping[str, Any]) -> list[str]:
    """A name for each tensor: "input" for one, else its parameter's, with a number where that holds several."""
    counts = {name: len(list(tensors_in(value))) for name, value in named.items()}
    if sum(counts.values()) == 1:
        return ["input"]
    return [
        name if count == 1 else f"{name}_{number}"
        for name, count in counts.items()
        for number in range(count)
    ]


def _check(network: nn.Module, example: Any, path: Path, device: torch.device) -> None:
    try:
        import onnxruntime

        session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    except Exception as error:
        raise ExportError(f"onnxruntime cannot read the exported network: {_reason(error)}") from error
    names = [entry.name for entry in session.get_inputs()]
    for size, batch in zip(_BATCHES, random_batches(example, _BATCHES), strict=True):
        args, kwargs = arguments_of(batch)
        expected = outputs_of(network, moved((args, kwargs), device))
        named = inspect.signature(network.forward).bind(*args, **kwargs).arguments
        tensors = dict(zip(_input_names(named), tensors_in(list(named.values())), strict=True))
        try:
            outputs = session.run(None, {name: tensors[name].numpy() for name in names})
            given = [torch.from_numpy(output) for output in outputs]
        except Exception as error:
            raise ExportError(
                f"the exported network does not run on a batch of {size} in onnxruntime: {_reason(error)}; a "
                "layer may have taken the size of the batch for a fixed number"
            ) from error
        if (found := difference(expected, given)) > _TOLERANCE:
            raise ExportError(
                f"the exported network differs from torch on a batch of {size}: largest difference "
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
