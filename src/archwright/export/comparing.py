"""Comparing what two forms of one network give for the same inputs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

__all__ = ["difference", "evaluating", "outputs_of", "random_batches"]

_SEED = 0


def random_batches(example: Tensor, sizes: tuple[int, ...]) -> Iterator[Tensor]:
    """Random batches like an example.

    Args:
        example: A batch, shape (N, ...), N at least 1.
        sizes: How many inputs each batch has.

    Yields:
        Inputs of the example with normal noise of the same standard deviation added; whole numbers, which may be
        indices, are only exchanged between the inputs.
    """
    generator = torch.Generator().manual_seed(_SEED)
    rows = example.detach().cpu()
    for size in sizes:
        batch = rows[torch.randint(len(rows), (size,), generator=generator)]
        if rows.is_floating_point():
            spread = float(rows.double().std(correction=0)) or 1.0
            batch = batch + spread * torch.randn(batch.shape, generator=generator).to(rows.dtype)
        yield batch


@contextmanager
def evaluating(network: nn.Module) -> Iterator[None]:
    """Evaluation mode without gradients inside the block; each module is as before after it."""
    modes = [(module, module.training) for module in network.modules()]
    network.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        for module, mode in modes:
            module.training = mode


def outputs_of(network: Callable[..., Any], batch: Tensor) -> list[Tensor]:
    """All tensors that a network gives for a batch, on the CPU; random numbers are the same in each call."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(_SEED)
        return [tensor.detach().cpu() for tensor in _tensors_in(network(batch))]


def _tensors_in(value: Any) -> Iterator[Tensor]:
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, dict):
        yield from _tensors_in(list(value.values()))
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _tensors_in(item)


def difference(expected: list[Tensor], given: list[Tensor]) -> float:
    """The largest difference between outputs, as a share of the largest output where that is over 1.

    Infinite where the outputs have other shapes, or one is not a number where the other is.
    """
    shapes = [[tuple(tensor.shape) for tensor in tensors] for tensors in (expected, given)]
    if shapes[0] != shapes[1]:
        return float("inf")
    largest = 0.0
    for one, other in zip(expected, given, strict=True):
        if one.numel() == 0:
            continue
        a, b = (
            tensor.to(torch.complex128 if tensor.is_complex() else torch.float64) for tensor in (one, other)
        )
        alike = (a == b) | (a.isnan() & b.isnan())
        gap = torch.where(alike, 0.0, (a - b).abs())
        scale = max(1.0, float(a[a.isfinite()].abs().max())) if bool(a.isfinite().any()) else 1.0
        largest = max(largest, float(gap.nan_to_num(nan=float("inf"), posinf=float("inf")).max()) / scale)
    return largest
