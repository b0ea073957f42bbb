"""Checks and sizes that the zoo's spaces have in common."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence

from archwright.errors import SpaceError, did_you_mean

__all__ = [
    "AXES",
    "check_kernels",
    "check_labels",
    "check_numbers",
    "check_shape",
    "check_widths",
    "fitting_strides",
    "halvings",
    "rounded_channels",
    "stem_stride",
]

_SMALLEST = 4

AXES = {1: "(features,)", 2: "(channels, length)", 3: "(channels, height, width)"}
"""Number of axes of an input to their names."""


def check_shape(
    space: str, input_shape: Sequence[int], outputs: int, ranks: Iterable[int]
) -> tuple[int, ...]:
    """The input shape as a tuple.

    Args:
        space: Name of the space, for the error's text.
        input_shape: Shape of one input, without the batch.
        outputs: Number of numbers the network gives for one input.
        ranks: Numbers of axes that the space takes.

    Raises:
        SpaceError: When the shape has another number of axes, or a size or `outputs` is no whole number >= 1.
    """
    shape = tuple(input_shape)
    if len(shape) not in set(ranks):
        wanted = " or ".join(AXES[rank] for rank in sorted(ranks))
        raise SpaceError(
            f"the space {space!r} takes inputs of shape {wanted}, got {shape}, which has {len(shape)} "
            f"{'axis' if len(shape) == 1 else 'axes'}; reshape the data or take another space"
        )
    for size in (*shape, outputs):
        if not isinstance(size, int) or isinstance(size, bool) or size < 1:
            raise SpaceError(
                f"the space {space!r}: expected sizes that are whole numbers >= 1, got the input shape {shape} and "
                f"{outputs!r} outputs"
            )
    return shape


def check_labels(space: str, what: str, labels: Sequence[str], known: Iterable[str]) -> tuple[str, ...]:
    """The labels as a tuple.

    Args:
        space: Name of the space, for the error's text.
        what: What the labels name, such as "operation".
        labels: Those asked for.
        known: Those that exist.

    Raises:
        SpaceError: When there are none, or one is unknown.
    """
    if isinstance(labels, str):
        parts = json.dumps([part.strip() for part in labels.split(",")])
        raise SpaceError(
            f"the space {space!r}: expected a list of {what}s, got the text {labels!r}; write {parts}"
        )
    known = tuple(known)
    for label in labels:
        if label not in known:
            raise SpaceError(f"the space {space!r} has no {what} {label!r}.{did_you_mean(str(label), known)}")
    if not labels:
        raise SpaceError(
            f"the space {space!r}: expected at least one {what}, got none. Known: {', '.join(known)}."
        )
    return tuple(labels)


def check_numbers(space: str, what: str, given: Sequence[int], parts: Sequence[str]) -> tuple[int, ...]:
    """Several whole numbers >= 1 as a tuple.

    Args:
        space: Name of the space, for the error's text.
        what: What the numbers are, such as "depth".
        given: The numbers.
        parts: What each is, such as ("fewest", "most"); with "..." among them, any number but none will do.

    Raises:
        SpaceError: When there are more or fewer, or one is no whole number >= 1.
    """
    wanted = "a whole number >= 1" if len(parts) == 1 else f"({', '.join(parts)}), whole numbers >= 1"
    numbers = tuple(given) if isinstance(given, Sequence) else ()
    fits = bool(numbers) if "..." in parts else len(numbers) == len(parts)
    if not fits or not all(isinstance(n, int) and not isinstance(n, bool) and n >= 1 for n in numbers):
        got = numbers[0] if len(parts) == len(numbers) == 1 else given
        raise SpaceError(f"the space {space!r}: expected {what} to be {wanted}, got {got!r}")
    return numbers


def check_kernels(space: str, sizes: Sequence[int]) -> tuple[int, ...]:
    """The sides of kernels as a tuple.

    Raises:
        SpaceError: When there are none, or one is no odd whole number.
    """
    sizes = check_numbers(space, "kernel_sizes", sizes, ["size", "..."])
    if even := [size for size in sizes if size % 2 == 0]:
        raise SpaceError(f"the space {space!r}: expected kernel_sizes that are odd, got {even[0]}")
    return sizes


def check_widths(space: str, channels: object, what: str, dropped: object) -> None:
    """Refuse fewer than 2 channels, where they are a number, and a probability outside [0, 1).

    Args:
        space: Name of the space, for the error's text.
        channels: A number, or an expression, which is not looked into.
        what: What the probability is, such as "a dropout".
        dropped: The probability.

    Raises:
        SpaceError: When one is out of range.
    """
    if isinstance(channels, int) and channels < 2:
        raise SpaceError(f"the space {space!r}: expected at least 2 channels, got {channels}")
    if not isinstance(dropped, int | float) or not 0 <= dropped < 1:
        raise SpaceError(f"the space {space!r}: expected {what} in [0, 1), got {dropped!r}")


def stem_stride(side: int, most: int) -> int:
    """The smallest power of two that brings a side to at most `most`."""
    stride = 1
    while -(-side // stride) > most:
        stride *= 2
    return stride


def halvings(side: int, smallest: int) -> int:
    """How often a side can be halved, rounding down, and still be at least `smallest`."""
    times = 0
    while side // 2 >= smallest:
        side //= 2
        times += 1
    return times


def fitting_strides(strides: Sequence[int], side: int) -> tuple[int, ...]:
    """Strides of 1 and 2, of which small images leave out the first, so that a side of 4 pixels stays."""
    left = halvings(side, _SMALLEST)
    fitting = []
    for stride in reversed(strides):
        fitting.append(stride if stride == 1 or left > 0 else 1)
        left -= stride > 1
    return tuple(reversed(fitting))


def rounded_channels(space: str, channels: Iterable[int], width: float) -> list[int]:
    """Each times the width: the nearest multiple of 8, the next one where that would lose a tenth, as in MobileNets.

    Args:
        space: Name of the space, for the error's text.
        channels: Numbers of channels.
        width: A number > 0.

    Raises:
        SpaceError: When the width is no such number.
    """
    if not isinstance(width, int | float) or isinstance(width, bool) or not 0 < width < float("inf"):
        raise SpaceError(f"the space {space!r}: expected a width > 0, got {width!r}")
    found = []
    for wanted in (base * width for base in channels):
        nearest = max(8, int(wanted + 4) // 8 * 8)
        found.append(nearest if nearest >= 0.9 * wanted else nearest + 8)
    return found
