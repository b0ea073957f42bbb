"""Comparing what two forms of one network give for the same inputs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_map

from archwright.errors import ExportError
from archwright.spaces.build import arguments_of
from archwright.spaces.zoo.blocks.quantised import Quantised
from archwright.tasks.batches import moved, tensors_in

__all__ = ["Arguments", "check_runtime", "difference", "has_rows", "outputs_of", "random_batches", "reason"]

Arguments = tuple[tuple[Any, ...], dict[str, Any]]

_SEED = 0
_TOLERANCE, _ROUNDED_TOLERANCE = 1e-4, 1e-2


def has_rows(example: Any) -> bool:
    """True if a network is called with tensors of one length alone: an example is a row of each."""
    args, kwargs = arguments_of(example)
    tensors = list(tensors_in((args, kwargs)))
    return bool(tensors) and all(tensor.ndim for tensor in tensors) and len({len(t) for t in tensors}) == 1


def random_batches(example: Any, sizes: tuple[int, ...]) -> Iterator[Any]:
    """Random batches like an example.

    Args:
        example: A batch, shape (N, ...), N at least 1, or a pair (args, kwargs) of what a network is called with.
        sizes: How many inputs each batch has.

    Yields:
        Inputs of the example with normal noise of the same standard deviation added; whole numbers, which may be
        indices, are only exchanged between the inputs. Where the arguments are not tensors of one length, such as a
        graph's, they keep their length.
    """
    generator = torch.Generator().manual_seed(_SEED)
    length = len(next(tensors_in(arguments_of(example)))) if has_rows(example) else None
    for size in sizes:
        rows = None if length is None else torch.randint(length, (size,), generator=generator)
        yield tree_map(lambda value, rows=rows: _changed(value, rows, generator), example)


def _changed(value: Any, rows: Tensor | None, generator: torch.Generator) -> Any:
    if not isinstance(value, Tensor):
        return value
    whole = value.detach().cpu()
    batch = whole if rows is None else whole[rows]
    if whole.is_floating_point():
        spread = float(whole.double().std(correction=0)) or 1.0
        batch = batch + spread * torch.randn(batch.shape, generator=generator).to(whole.dtype)
    return batch


def outputs_of(network: Callable[..., Any], batch: Any) -> list[Tensor]:
    """All tensors that a network gives for a batch, on the CPU; random numbers are the same in each call.

    Args:
        network: What is called.
        batch: Its one argument, or a pair (args, kwargs).
    """
    args, kwargs = arguments_of(batch)
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(_SEED)
        return [tensor.detach().cpu() for tensor in tensors_in(network(*args, **kwargs))]


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


def check_runtime(
    network: nn.Module,
    example: Any,
    run: Callable[[list[Arguments]], Iterator[list[Tensor]]],
    runtime: str,
    largest: int = 8,
) -> None:
    """Compare what a runtime gives for an exported network with what torch gives for the network.

    Args:
        network: In evaluation mode.
        example: A batch of inputs, shape (N, ...), or a pair (args, kwargs) of what the network is called with.
        run: From batches to the outputs of each, one after the other.
        runtime: Its name, for errors.
        largest: The largest batch that is tried.

    Raises:
        ExportError: When it does not run, or an output differs by more than 1e-4, by 1e-2 where layers round their
            inputs to 8 bits (as a share of the largest output, where that is over 1), on a batch of 1, 2, 3 or
            `largest` random inputs.
    """
    device = next((p.device for p in network.parameters()), torch.device("cpu"))
    # What differs in the last bit before an input is rounded may differ by a step behind it.
    rounds = any(isinstance(module, Quantised) and module.bits == 8 for module in network.modules())
    allowed = _ROUNDED_TOLERANCE if rounds else _TOLERANCE
    sizes = (1, 2, 3, largest)
    batches = [arguments_of(batch) for batch in random_batches(example, sizes)]
    answers = run(batches)
    for size, batch in zip(sizes, batches, strict=True):
        expected = outputs_of(network, moved(batch, device))
        try:
            given = next(answers)
        except ExportError:
            raise
        except Exception as error:
            raise ExportError(
                f"the exported network does not run on a batch of {size} in {runtime}: {reason(error)}; a "
                "layer may have taken the size of the batch for a fixed number"
            ) from error
        if (found := difference(expected, given)) > allowed:
            raise ExportError(
                f"the exported network differs from torch on a batch of {size} in {runtime}: largest difference "
                f"{found:.3g}, allowed {allowed:g}; a layer may have taken the size of the batch for a fixed "
                "number, or branch on its values"
            )


def reason(error: BaseException) -> str:
    """The innermost cause, in one line: torch wraps it in pages of advice."""
    while (cause := error.__cause__) is not None:
        error = cause
    text = next((line.strip() for line in str(error).splitlines() if line.strip()), "")
    return f"{type(error).__name__}: {text}"
