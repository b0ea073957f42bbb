"""What a network is called with, as text of a printed module."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from archwright.export.comparing import has_rows
from archwright.spaces.build import arguments_of

__all__ = ["input_shape", "input_text", "usage"]


def input_shape(example: Any) -> tuple[int, ...] | None:
    """Shape of one input, without the batch, where a network takes one tensor; None otherwise."""
    args, kwargs = ((), {}) if example is None else arguments_of(example)
    return tuple(args[0].shape[1:]) if len(args) == 1 and not kwargs and isinstance(args[0], Tensor) else None


def input_text(example: Any, *, is_random: bool) -> str | None:
    """The arguments of a call on one example; None where they cannot be written, such as an object of a user's class.

    Args:
        example: A batch of inputs, or a pair (args, kwargs).
        is_random: Random numbers for floating point, else zeros. Whole numbers are 0, which a table of any size has,
            and what is true or false is true, which masks nothing.
    """
    args, kwargs = arguments_of(example)
    known, rows = input_shape(example) is not None, has_rows(example)
    try:
        texts = [_text(value, rows, known, is_random) for value in args]
        return ", ".join(
            texts + [f"{name}={_text(value, rows, known, is_random)}" for name, value in kwargs.items()]
        )
    except TypeError:
        return None


def usage(example: Any) -> str:
    """How the network is called, with a comment on the shapes."""
    shape = input_shape(example)
    if example is None or shape is not None:
        batch = f"shape (N, {', '.join(map(str, shape))})" if shape else "a batch"
        return f"outputs = network(inputs)  # inputs: {batch}"
    args, kwargs = arguments_of(example)
    first = "N" if has_rows(example) else None
    named = [(f"input_{number}", value) for number, value in enumerate(args)]
    told = [f"{name}: {_told(value, first)}" for name, value in (*named, *kwargs.items())]
    call = ", ".join([name for name, _ in named] + [f"{name}={name}" for name in kwargs])
    return f"outputs = network({call})  # {', '.join(told)}"


def _text(value: Any, rows: bool, known: bool, is_random: bool) -> str:
    if isinstance(value, Tensor):
        sizes = [1, *value.shape[1:]] if rows and value.ndim else list(value.shape)
        shape = "1, *INPUT_SHAPE" if known else ", ".join(map(str, sizes)) or "()"
        if value.dtype == torch.bool:
            return f"torch.ones({shape}, dtype=torch.bool)"
        floating = value.is_floating_point()
        function = "randn" if is_random and floating else "zeros"
        is_default = value.dtype == torch.float32 or (floating and not is_random)
        return (
            f"torch.{function}({shape})" if is_default else f"torch.{function}({shape}, dtype={value.dtype})"
        )
    if isinstance(value, dict):
        items = [f"{name!r}: {_text(item, rows, known, is_random)}" for name, item in value.items()]
        return f"{{{', '.join(items)}}}"
    if type(value) in (list, tuple):
        items = [_text(item, rows, known, is_random) for item in value]
        return f"[{', '.join(items)}]" if isinstance(value, list) else f"({', '.join(items)},)"
    if value is None or isinstance(value, bool | int | float | str):
        return repr(value)
    raise TypeError(f"{type(value).__name__} has no text")


def _told(value: Any, first: str | None) -> str:
    if not isinstance(value, Tensor):
        return type(value).__name__
    sizes = [first or str(value.shape[0]), *map(str, value.shape[1:])] if value.ndim else []
    return f"({', '.join(sizes)})"
