"""The inputs with which a network is traced and proven."""

from __future__ import annotations

from typing import Any, TypeAlias

import torch
from torch import Tensor, nn
from torch.utils import _pytree

from archwright.errors import SpaceError
from archwright.evaluating import evaluating
from archwright.spaces.build import arguments_of

__all__ = ["Inputs", "check_runs", "inputs_of", "sized", "told"]

Inputs: TypeAlias = tuple[tuple[Any, ...], dict[str, Any]]
"""What a network is called with: positional and keyword arguments, whose tensors have the batch first."""


def inputs_of(example: Any) -> Inputs:
    """How a network is called on an example: its input, a tuple of its inputs, or a pair (args, kwargs)."""
    args, kwargs = arguments_of(example)
    return (example, {}) if isinstance(example, tuple) and args == (example,) else (args, kwargs)


def sized(inputs: Inputs, batch: int) -> Inputs:
    """The inputs with the rows of each tensor repeated up to this batch size."""
    found: Inputs = _pytree.tree_map(
        lambda one: one[torch.arange(batch) % len(one)] if isinstance(one, Tensor) and one.ndim else one,
        inputs,
    )
    return found


def told(error: BaseException) -> str:
    """The first line of an error, for a reason."""
    lines = str(error).strip().splitlines()
    return lines[0][:200] if lines else type(error).__name__


def check_runs(network: nn.Module, inputs: Inputs) -> None:
    """Refuse a network that does not take its inputs.

    Raises:
        SpaceError: Names the shapes and what was raised.
    """
    args, kwargs = inputs
    try:
        with evaluating(network), torch.no_grad():
            network(*args, **kwargs)
    except BaseException as error:
        shapes = [tuple(one.shape) for one in _pytree.tree_leaves(inputs) if isinstance(one, Tensor)]
        raise SpaceError(
            f"{type(network).__name__} does not take inputs of shape {', '.join(map(str, shapes))}: "
            f"{type(error).__name__}: {told(error)}"
        ) from error
