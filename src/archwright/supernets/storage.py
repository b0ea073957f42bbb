"""A trained supernet on disk."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from archwright.atomic_writing import load_state, save_state
from archwright.errors import RunError
from archwright.spaces import Space
from archwright.supernets.partial import PartialChannels, divisor_of
from archwright.supernets.supernet import Supernet

__all__ = ["load_supernet", "save_supernet"]


def save_supernet(supernet: Supernet, path: Path) -> None:
    """Write a supernet's weights, and what it was built with besides its space."""
    weights = {name: tensor.detach().cpu() for name, tensor in supernet.state_dict().items()}
    allowed = {address: list(values) for address, values in supernet.allowed.items()}
    made = {"allowed": allowed, "scale": dict(supernet.scale), "channel_divisor": divisor_of(supernet)}
    made["learns_kernels"], made["picks"] = supernet.learns_kernels, supernet.picks
    save_state({**made, "weights": weights}, path)


def load_supernet(space: Space, example: Any, path: Path) -> Supernet:
    """The supernet that was written, on the CPU.

    Args:
        space: The one it was made for.
        example: A batch of inputs, shape (N, ...).
        path: The file.

    Raises:
        RunError: When the file is missing, corrupt or of another space, or of a trained network and of a version whose
            smaller networks had other channels.
    """
    state = load_state(path, "supernet", "; search anew with another --out")
    try:
        with torch.random.fork_rng(devices=[]):
            supernet = Supernet(space, example, allowed=state["allowed"], scale=state["scale"])
        if state["channel_divisor"] is not None:
            PartialChannels(state["channel_divisor"]).install(supernet)
        if state.get("learns_kernels"):
            supernet.learn_kernels()
        supernet.load_state_dict(state["weights"])
    except (KeyError, RuntimeError) as error:
        reason = str(error).strip().partition("\n")[0]
        raise RunError(f"the supernet {path} is of another space: {reason}") from error
    if supernet.picks and not state.get("picks"):
        raise RunError(
            f"the supernet {path} was trained by an earlier version, in which smaller networks had other channels of "
            "your network; search anew with another --out"
        )
    return supernet
