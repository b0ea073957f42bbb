"""Export by `torch.export`: `.pt2`, which torch runs without the network's source, and ExecuTorch's `.pte`."""

from __future__ import annotations

import contextlib
import copy
import inspect
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_map

from archwright.errors import ExportError
from archwright.evaluating import evaluating
from archwright.export.comparing import Arguments, check_runtime, has_rows, random_batches, reason
from archwright.export.formats import LARGEST_BATCH
from archwright.export.packages import EXECUTORCH_PACKAGES, check_packages
from archwright.export.stored import stored
from archwright.hardware.onnx_runtime import quietly
from archwright.spaces.build import arguments_of
from archwright.tasks.batches import moved

# fmt: off
__all__ = [
    "LARGEST_BATCH", "batch_like", "dynamic_shapes", "save_executorch", "save_pt2",
]
# fmt: on

_SECONDS = 600
"""After which a process that lowers or runs a program is given up."""

_RUN = """
import sys, torch
from torch.utils._pytree import tree_leaves
program, batches, answers = sys.argv[1:]
{load}
given = []
for args, kwargs in torch.load(batches, weights_only=False):
    try:
        with torch.no_grad():
            given.append([leaf.clone() for leaf in {call} if isinstance(leaf, torch.Tensor)])
    except Exception as error:
        given.append(f"{{type(error).__name__}}: {{error}}")
        break
torch.save(given, answers)
"""
_PT2 = _RUN.format(
    load="network = torch.export.load(program).module()", call="tree_leaves(network(*args, **kwargs))"
)
_PTE = _RUN.format(
    load="from executorch.runtime import Runtime\n"
    "method = Runtime.get().load_program(program).load_method('forward')",
    call="method.execute(tree_leaves((args, kwargs)))",
)
_LOWER = """
import sys, torch
from executorch.backends.xnnpack.partition.xnnpack_partitioner import XnnpackPartitioner
from executorch.exir import to_edge_transform_and_lower
program = torch.export.load(sys.argv[1])
lowered = to_edge_transform_and_lower(program, partitioner=[XnnpackPartitioner()]).to_executorch()
with open(sys.argv[2], "wb") as file:
    lowered.write_to_file(file)
"""


def save_pt2(network: nn.Module, example: Any, path: str | Path) -> None:
    """Write a network by `torch.export`, for batches of any size, and check it in a new process.

    `torch.export.load(path).module()` runs it wherever torch is, without the network's source: any module can be
    written whose forward torch can trace (non-strict).

    Args:
        network: The network; exported in evaluation mode, for the CPU.
        example: A batch of inputs, shape (N, ...), or a pair (args, kwargs) of what the network is called with.
            Arguments that are not tensors, and tensors that are not of one length, such as a graph's, keep the value
            or the size that they have in the example.
        path: The file, which ends in `.pt2`.

    Raises:
        ExportError: When torch cannot export the network, or an output differs from the network's by more than 1e-4
            (as a share of the largest output, where that is over 1) on a batch of 1, 2, 3 or 8 random inputs.
    """
    with _on_cpu(network) as here:
        _export(stored(here), example, Path(path))
        check_runtime(here, example, partial(_run, _PT2, Path(path)), "torch.export")


def save_executorch(network: nn.Module, example: Any, path: str | Path) -> None:
    """Write a network for ExecuTorch's runtime on phones and small devices, and check it in a new process.

    Layers that XNNPACK has are lowered to it, the others to ExecuTorch's portable kernels; in 32 bits. The batch may
    have 1 to 64 inputs, for which memory is planned ahead.

    Args:
        network: The network; exported in evaluation mode.
        example: As for `save_pt2`.
        path: The file, which ends in `.pte`.

    Raises:
        MissingExtraError: When the package of the extra is not installed.
        ExportError: As for `save_pt2`, and when ExecuTorch has no kernel for an operation.
    """
    check_packages(EXECUTORCH_PACKAGES, "executorch", "export to ExecuTorch")
    with _on_cpu(network) as here, tempfile.TemporaryDirectory() as folder:
        program = Path(folder) / "program.pt2"
        # As many rows as may come: with fewer than 16 torch takes a kernel whose bound ExecuTorch keeps.
        _export(here, example, program, LARGEST_BATCH, LARGEST_BATCH)
        try:
            _python(_LOWER, program, path)
        except RuntimeError as error:
            raise ExportError(f"ExecuTorch cannot lower this network: {error}") from None
        check_runtime(here, example, partial(_run, _PTE, Path(path)), "ExecuTorch", LARGEST_BATCH)


def batch_like(network: nn.Module, example: Any, rows: int = 2) -> Arguments:
    """A batch on the network's device, of two: torch.export takes a dimension of size 1 to be always 1."""
    device = next((p.device for p in network.parameters()), torch.device("cpu"))
    batch: Arguments = moved(arguments_of(next(random_batches(example, (rows,)))), device)
    return batch


def dynamic_shapes(
    network: nn.Module, example: Any, batch: Arguments, largest: int | None = None
) -> dict[str, Any]:
    """What torch.export is told of sizes: the first dimension of each tensor is the batch.

    Args:
        network: The network.
        example: Where its tensors are of several lengths, all sizes are fixed.
        batch: What is exported with.
        largest: The largest batch; None sets no bound.
    """
    args, kwargs = batch
    # By name, so that positional and keyword arguments are told apart in what torch is told of them.
    named = inspect.signature(network.forward).bind(*args, **kwargs).arguments
    sizes = {0: torch.export.Dim("batch", min=1, max=largest)} if has_rows(example) else None
    return tree_map(lambda leaf: sizes if isinstance(leaf, Tensor) else None, dict(named))  # type: ignore[no-any-return]


@contextlib.contextmanager
def _on_cpu(network: nn.Module) -> Iterator[nn.Module]:
    """The network on the CPU, in evaluation mode: a program runs on the device for which it was exported."""
    is_there = all(t.device.type == "cpu" for t in (*network.parameters(), *network.buffers()))
    here = network if is_there else copy.deepcopy(network).cpu()
    with evaluating(here):
        yield here


def _export(network: nn.Module, example: Any, path: Path, rows: int = 2, largest: int | None = None) -> None:
    batch = batch_like(network, example, rows)
    shapes = dynamic_shapes(network, example, batch, largest)
    try:
        with quietly(), torch.no_grad():
            program = torch.export.export(network, *batch, dynamic_shapes=shapes, strict=False)
            torch.export.save(program, path)
    except Exception as error:
        raise ExportError(f"torch.export cannot trace this network: {reason(error)}") from error


def _run(code: str, path: Path, batches: list[Arguments]) -> Iterator[list[Tensor]]:
    """What a program gives for batches, in a process that knows neither Archwright nor the network's source."""
    with tempfile.TemporaryDirectory() as folder:
        given, answers = Path(folder) / "batches.pt", Path(folder) / "answers.pt"
        torch.save(batches, given)
        _python(code, path, given, answers)
        for answer in torch.load(answers):
            if isinstance(answer, str):
                raise RuntimeError(answer)
            yield answer


def _python(code: str, *arguments: str | Path) -> None:
    """Run code in a new interpreter: a crash of a runtime costs an export, and what it prints is kept off the screen.

    Raises:
        RuntimeError: With the last line that it printed, when it fails.
    """
    command = [sys.executable, "-c", code, *map(str, arguments)]
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=_SECONDS
        )
    except subprocess.TimeoutExpired:
        raise RuntimeError(f"it takes longer than {_SECONDS} s") from None
    if done.returncode:
        lines = [line for line in done.stderr.splitlines() if line.strip()]
        raise RuntimeError(lines[-1].strip() if lines else f"it ended with {done.returncode}")
