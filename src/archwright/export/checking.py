"""Running a printed module, as one would without Archwright, and comparing it with the network it was printed from."""

from __future__ import annotations

import builtins
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from torch import nn

from archwright.errors import ExportError
from archwright.evaluating import evaluating
from archwright.export.comparing import difference, outputs_of, random_batches
from archwright.export.reading import files_named_in, files_read
from archwright.export.source.origins import is_public
from archwright.tasks.batches import moved

__all__ = ["check_printed", "executed", "step"]

_TOLERANCE = 1e-5


def check_printed(path: Path, network: nn.Module, example: Any) -> list[Path]:
    """Execute a printed module, load the weights beside it, and compare its outputs with a network's.

    The module is executed in a namespace of its own, in which it can import public packages only.

    Args:
        path: The module, with `weights.safetensors` beside it.
        network: The network it must equal.
        example: A batch of inputs, shape (N, ...), or a pair (args, kwargs).

    Returns:
        Files outside its folder that it reads, and so needs wherever it runs, in order; the folder, where it names
        one and how it reads there cannot be seen.

    Raises:
        ExportError: When it does not run, does not take the weights, or an output differs by more than 1e-5 (as a
            share of the largest output, where that is over 1).
    """
    device = next((p.device for p in network.parameters()), torch.device("cpu"))
    with files_read() as read, executed(path) as module:
        with step("does not take the weights"):
            printed = module.load(path.with_name("weights.safetensors")).to(device)
        with evaluating(network), evaluating(printed):
            for made in [example, *random_batches(example, (1, 3))]:
                batch = moved(made, device)
                expected = outputs_of(network, batch)
                with step("does not run on an input"):
                    given = outputs_of(printed, batch)
                if (found := difference(expected, given)) > _TOLERANCE:
                    raise ExportError(
                        f"the printed network gives other outputs than the trained one (largest difference "
                        f"{found:.3g}, allowed {_TOLERANCE:g}): a part depends on something besides its arguments "
                        "and weights. Look for variables or files that changed since the network was built, random "
                        "choices in `__init__`, and tensors that are neither parameters nor buffers"
                    )
    named = files_named_in(path.read_text(encoding="utf-8"))
    needed = read | {file for file in named if not any(file in other.parents for other in read | named)}
    return sorted(file for file in needed if path.parent not in file.parents)


@contextmanager
def step(what: str) -> Iterator[None]:
    """Say of an error inside what the printed module does not do."""
    try:
        yield
    except Exception as error:
        raise ExportError(f"the printed module {what}: {type(error).__name__}: {error}") from error


@contextmanager
def executed(path: Path) -> Iterator[Any]:
    """The module of a file, importable under a name of its own as long as the block lasts."""
    module = ModuleType(f"_printed_{id(path)}")
    module.__file__ = str(path)
    module.__dict__["__builtins__"] = {**vars(builtins), "__import__": _import_public}
    sys.modules[module.__name__] = module  # dataclasses and enumerations look their module up
    try:
        with step("does not run"):
            exec(compile(path.read_text(encoding="utf-8"), str(path), "exec"), module.__dict__)
        yield module
    finally:
        del sys.modules[module.__name__]


def _import_public(name: str, *args: Any, **kwargs: Any) -> Any:
    if not is_public(name):
        raise ImportError(f"it imports {name}, which is no public package")
    return __import__(name, *args, **kwargs)
