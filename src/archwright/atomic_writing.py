"""Files that appear all at once, or not at all."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from archwright.errors import RunError

__all__ = ["load_state", "replacing", "save_state"]


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A path beside another to write to; at the end the file there takes the other's place, and survives a crash.

    Args:
        path: The file to replace or make; folders above it are made.

    Raises:
        OSError: When the file cannot be written. Nothing is left of it then, and `path` is as it was.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        yield part
        with part.open("rb+") as file:
            os.fsync(file.fileno())
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


def save_state(state: Mapping[str, Any], path: Path) -> None:
    """Write a state: tensors, numbers, texts, and lists and dicts of these.

    Raises:
        OSError: When the disk is full, say.
    """
    import torch

    with replacing(path) as part:
        torch.save(dict(state), part)


def load_state(path: Path, what: str, cure: str = "") -> dict[str, Any]:
    """Read what `save_state` wrote, with its tensors on the CPU. No code that the file may hold is run.

    Args:
        path: The file.
        what: What it is, for the message.
        cure: What to do where it cannot be read.

    Raises:
        RunError: When the file is missing, corrupt, or holds what is no tensor, number or text.
    """
    import torch

    try:
        found: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch and pickle raise many kinds for a broken file
        reason = str(error).strip().partition("\n")[0] or type(error).__name__
        raise RunError(f"the {what} {path} cannot be read: {reason}{cure}") from error
    return found
