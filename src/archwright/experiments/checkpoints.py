"""Weights on disk, in the safetensors format."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from archwright.errors import RunError

if TYPE_CHECKING:
    from torch import nn

__all__ = ["load_weights", "save_weights"]


def save_weights(network: nn.Module, path: Path) -> None:
    """Write a network's parameters and buffers, all or nothing; tied ones once.

    Args:
        network: Any module.
        path: The file; its folder is made.
    """
    from safetensors.torch import save_model

    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    save_model(network, str(part))
    os.replace(part, path)


def load_weights(network: nn.Module, path: Path) -> None:
    """Read the weights that `save_weights` wrote into a network of the same architecture.

    Raises:
        RunError: When the file is missing, corrupt, or of another network.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_model

    try:
        load_model(network, str(path))
    except (OSError, SafetensorError, RuntimeError) as error:
        reason = str(error).strip().splitlines()[0]
        raise RunError(f"the weights {path} cannot be read: {reason}; retrain the trial") from error
