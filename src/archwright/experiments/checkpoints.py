"""Weights on disk, in the safetensors format."""

from __future__ import annotations

import shutil
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn.parameter import UninitializedBuffer, UninitializedParameter

from archwright.atomic_writing import replacing
from archwright.errors import ExportError, RunError
from archwright.learning.torch_state import TorchSettings
from archwright.spaces import Space
from archwright.tasks.task import Task
from archwright.trials import Trial

__all__ = ["load_weights", "rebuilt", "save_weights"]


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
            does not know; when the file cannot be written, as on a full disk.
    """
    path = Path(path)
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
    try:
        with replacing(path) as part:
            part.touch()
            mode = part.stat().st_mode
            save_file(tensors, part, metadata=same or None)
            part.chmod(mode)  # safetensors makes a file that only its owner can read
    except (KeyError, TypeError, ValueError, OSError, SafetensorError) as error:
        if isinstance(error, OSError) or "os error" in str(
            error
        ):  # safetensors tells of the system's by text
            size = sum(tensor.nbytes for tensor in tensors.values())
            raise ExportError(
                f"{path} of {size:,} bytes cannot be written: {error}; make room on its disk, where "
                f"{shutil.disk_usage(path.parent).free:,} bytes are free, or allow writing there, and try again"
            ) from error
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


def rebuilt(space: Space, task: Task, trial: Trial, folder: Path) -> nn.Module:
    """The network of a retrained trial with its weights, on the CPU, whatever torch's defaults are in this process.

    Args:
        space: Its space.
        task: Its task.
        trial: A trial that was retrained.
        folder: The run's folder.

    Raises:
        RunError: When the trial has no weights, or they cannot be read.
    """
    if trial.measurement is None:
        raise RunError(f"trial {trial.number} of {folder} has no weights; retrain it")
    with TorchSettings.of_this_process().held():
        network: nn.Module = space.build(trial.architecture, task.example_arguments())
        load_weights(network, folder / trial.measurement.artifacts["weights"])
    return network


def load_weights(network: nn.Module, path: str | Path) -> None:
    """Read the weights that `save_weights` wrote into a network of the same architecture.

    Raises:
        RunError: When the file is missing, corrupt, or of another network.
    """
    try:
        with safe_open(path, "pt") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - it is no mapping
            same = file.metadata() or {}
        tensors |= {name: tensors[stored] for name, stored in same.items() if stored in tensors}
        for name, tensor in [*network.named_parameters(), *network.named_buffers()]:
            if name in tensors:
                # In memory of its own: a slice of a larger tensor or an expanded mask may share it with others.
                tensor.data = tensor.data.to(tensors[name].dtype, copy=True)
        network.load_state_dict(tensors)
    except (OSError, SafetensorError, RuntimeError) as error:
        reason = " ".join(str(error).split())[:300]
        raise RunError(f"the weights {path} cannot be read: {reason}; retrain the trial") from error
