"""Tensors in JSON's own types, to the last bit."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

__all__ = ["optimizer_from_json", "optimizer_to_json", "tensor_from_json", "tensor_to_json"]


def tensor_to_json(tensor: Tensor) -> dict[str, Any]:
    """A tensor on the CPU: its type, its shape, and its bytes in base64."""
    array = tensor.detach().contiguous().numpy()
    data = base64.b64encode(array.tobytes()).decode("ascii")
    return {"type": array.dtype.str, "shape": list(array.shape), "data": data}


def tensor_from_json(data: Mapping[str, Any]) -> Tensor:
    """The inverse of `tensor_to_json`."""
    array = np.frombuffer(base64.b64decode(data["data"]), np.dtype(data["type"])).reshape(data["shape"])
    return torch.from_numpy(array.copy())


def optimizer_to_json(optimizer: torch.optim.Optimizer) -> dict[str, Any]:
    """What an optimiser keeps of its parameters, by their position; its options are not written."""
    return {
        str(position): {name: tensor_to_json(value) for name, value in kept.items()}
        for position, kept in optimizer.state_dict()["state"].items()
    }


def optimizer_from_json(optimizer: torch.optim.Optimizer, data: Mapping[str, Any]) -> None:
    """Load what `optimizer_to_json` gave into an optimiser of the same options and parameters."""
    state = {
        int(position): {name: tensor_from_json(value) for name, value in kept.items()}
        for position, kept in data.items()
    }
    optimizer.load_state_dict({**optimizer.state_dict(), "state": state})
