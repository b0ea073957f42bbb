"""Export to ONNX, checked by onnxruntime."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from archwright.errors import ExportError
from archwright.evaluating import evaluating
from archwright.export.comparing import Arguments, check_runtime, outputs_of, reason
from archwright.export.packages import ONNX_PACKAGES, check_packages
from archwright.export.programs import batch_like, dynamic_shapes
from archwright.export.stored import stored
from archwright.hardware.onnx_runtime import quietly
from archwright.tasks.batches import tensors_in

__all__ = ["save_onnx"]


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
    check_packages(ONNX_PACKAGES, "onnx", "export to ONNX")
    with evaluating(network):
        with quietly():
            batch = batch_like(network, example)
            shapes = dynamic_shapes(network, example, batch)
            _save(stored(network), batch, len(outputs_of(network, batch)), shapes, Path(path))
        check_runtime(network, example, partial(_run, Path(path), network), "onnxruntime")


def _save(network: nn.Module, batch: Arguments, outputs: int, shapes: dict[str, Any], path: Path) -> None:
    names = ["output"] if outputs == 1 else [f"output_{i}" for i in range(outputs)]
    args, kwargs = batch
    named = inspect.signature(network.forward).bind(*args, **kwargs).arguments
    try:
        program = torch.onnx.export(
            network,
            args,
            kwargs=kwargs or None,
            dynamo=True,
            dynamic_shapes=shapes,
            input_names=_input_names(named),
            output_names=names,
            verbose=False,
        )
        assert program is not None
        program.save(str(path), external_data=False)
    except Exception as error:
        raise ExportError(f"torch cannot export this network to ONNX: {reason(error)}") from error


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


def _run(path: Path, network: nn.Module, batches: list[Arguments]) -> Iterator[list[Tensor]]:
    try:
        import onnxruntime

        session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    except Exception as error:
        raise ExportError(f"onnxruntime cannot read the exported network: {reason(error)}") from error
    names = [entry.name for entry in session.get_inputs()]
    for args, kwargs in batches:
        named = inspect.signature(network.forward).bind(*args, **kwargs).arguments
        tensors = dict(zip(_input_names(named), tensors_in(list(named.values())), strict=True))
        outputs = session.run(None, {name: tensors[name].numpy() for name in names})
        yield [torch.from_numpy(output) for output in outputs]
