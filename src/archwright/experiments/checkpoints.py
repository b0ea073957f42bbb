"""Weights on disk, in the safetensors format."""

from __future__ import annotations

import os
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_model, save_file
from torch import Tensor, nn
from torch.nn.parameter import UninitializedBuffer, UninitializedParameter

from archwright.errors import ExportError, RunError

__all__ = ["load_weights", "save_weights"]


def save_weights(network: nn.Module, path: str | Path) -> None:
    """Write a network's parameters and buffers as a safetensors file.

    A tensor that stands under several names (tied weights) is written once; the file's metadata maps each other
    name to the one it is stored under. `load` of a printed module reads that, and so does
    `safetensors.torch.load_model`.

    The file appears all at once, or not at all.

    Args:
        network: The network, on any device.
        path: The file; its folder is made.

    Raises:
        ExportError: When something in the state is no tensor, has no size yet, or is of a type that safetensors
            does not know.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.part")
    tensors: dict[str, Tensor] = {}
    same: dict[str, str] = {}
    stored: dict[tuple[object, ...], str] = {}
    for name, value in network.state_dict().items():
        if not isinstance(value, Tensor):
            raise ExportError(
                f"expected parameters and buffers only, but {name} is a {type(value).__name__} from get_extra_state; "
                "keep it in a buffer, as a tensor"
            )
        if isinstance(value, UninitializedParameter | UninitializedBuffer) or value.is_meta:
            raise ExportError(
                f"{name} has no values yet; run the network once on an input before exporting it"
            )
        identity = _identity(value)
        if value.numel() and identity in stored:
            same[name] = stored[identity]
            continue
        stored[identity] = name
        tensors[name] = _alone(value)
    path = Path(path)
    path.touch()
    mode = path.stat().st_mode
    try:
        save_file(tensors, part, metadata=same or None)
        os.replace(part, path)
        path.chmod(mode)  # safetensors makes a file that only its owner can read
    except (KeyError, TypeError, ValueError, SafetensorError) as error:
        kinds = sorted({str(tensor.dtype) for tensor in tensors.values()})
        raise ExportError(
            f"safetensors cannot store these weights, of the types {', '.join(kinds)}: {error}; convert them to a "
            "floating point or integer type"
        ) from error


def _identity(tensor: Tensor) -> tuple[object, ...]:
    """Equal for tensors that are the same numbers in memory."""
    return (tensor.device, tensor.data_ptr(), tensor.dtype, tuple(tensor.shape), tensor.stride())


def _alone(tensor: Tensor) -> Tensor:
    """The tensor on the CPU, in memory that no other shares."""
    tensor = tensor.detach().to("cpu", memory_format=torch.contiguous_format).contiguous()
    return tensor if tensor.untyped_storage().nbytes() == tensor.nbytes else tensor.clone()


def load_weights(network: nn.Module, path: str | Path) -> None:
    """Read the weights that `save_weights` wrote into a network of the same architecture.

    Raises:
        RunError: When the file is missing, corrupt, or of another network.
    """
    try:
        load_model(network, str(path))
    except (OSError, SafetensorError, RuntimeError) as error:
        reason = str(error).strip().splitlines()[0]
        raise RunError(f"the weights {path} cannot be read: {reason}; retrain the trial") from error
