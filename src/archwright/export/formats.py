"""The formats in which a network can be written besides its source and weights, by their names."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from archwright.errors import UsageError, did_you_mean
from archwright.export.packages import EXECUTORCH_PACKAGES, ONNX_PACKAGES, check_packages

if TYPE_CHECKING:
    from torch import nn

__all__ = ["FORMATS", "LARGEST_BATCH", "Format", "chosen_formats"]

LARGEST_BATCH = 64
"""Of a file for ExecuTorch, which plans the memory of activations ahead."""


@dataclass(frozen=True, slots=True)
class Format:
    """A format for other runtimes.

    Args:
        file: The name of its file.
        writer: `module:function` of what `save` calls, so that a format is known without torch.
        about: What the file is, for the model card.
        extra: The extra with its packages.
        packages: What has to be importable.
    """

    file: str
    writer: str
    about: str
    extra: str = ""
    packages: tuple[str, ...] = ()

    def save(self, network: nn.Module, example: Any, path: Path) -> None:
        """Write a network, with an example of its inputs, and check the file against torch."""
        module, _, function = self.writer.partition(":")
        getattr(importlib.import_module(module), function)(network, example, path)

    @property
    def is_installed(self) -> bool:
        """Whether the packages that it needs are there."""
        return all(importlib.util.find_spec(package) is not None for package in self.packages)

    def check_installed(self) -> None:
        """Refuse what cannot be written here.

        Raises:
            MissingExtraError: When a package is not installed.
        """
        check_packages(self.packages, self.extra, f"writing {self.file}")


FORMATS = {
    "onnx": Format(
        "model.onnx",
        "archwright.export.onnx:save_onnx",
        "the same network in ONNX, for batches of any size; checked against PyTorch within 1e-4",
        "onnx",
        ONNX_PACKAGES,
    ),
    "pt2": Format(
        "model.pt2",
        "archwright.export.programs:save_pt2",
        "the same network by torch.export, for batches of any size: `torch.export.load(path).module()`; checked "
        "within 1e-4",
    ),
    "executorch": Format(
        "model.pte",
        "archwright.export.programs:save_executorch",
        f"the same network for ExecuTorch (XNNPACK), for batches of up to {LARGEST_BATCH}; checked within 1e-4",
        "executorch",
        EXECUTORCH_PACKAGES,
    ),
}


def chosen_formats(formats: Sequence[str] | str | None, onnx: bool | None = None) -> tuple[str, ...] | None:
    """The formats that were asked for, in the order of `FORMATS`; None where nothing was said.

    Args:
        formats: Their names; () or "none" means none.
        onnx: The older spelling: True adds ONNX, False leaves it out.

    Raises:
        UsageError: When a name is unknown.
        MissingExtraError: When one of them needs a package that is not installed.
    """
    if formats is None and onnx is None:
        return None
    names = {formats} if isinstance(formats, str) else set(formats or ())
    names = names - {"none"} if onnx is not True else names - {"none"} | {"onnx"}
    for name in names:
        if name not in FORMATS:
            raise UsageError(f"unknown format {name!r}.{did_you_mean(name, [*FORMATS, 'none'])}")
    if onnx is False and "onnx" in names:
        raise UsageError("onnx is asked for and refused: leave out one of the two")
    for name in names:
        FORMATS[name].check_installed()
    return tuple(name for name in FORMATS if name in names)
