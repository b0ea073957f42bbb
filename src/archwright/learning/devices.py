"""Where training runs: device and precision."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch

from archwright.errors import UsageError, did_you_mean

if TYPE_CHECKING:
    from lightning_fabric import Fabric

__all__ = ["PRECISIONS", "devices_of", "is_out_of_memory", "make_fabric"]

PRECISIONS = ("32-true", "16-mixed", "bf16-mixed", "16-true", "bf16-true", "64-true")

_OUT_OF_MEMORY = ("out of memory", "can't allocate memory", "not enough memory", "cannot allocate memory")


def devices_of(devices: int | Sequence[int], accelerator: str) -> list[int | list[int]]:
    """What `make_fabric` is given on each rank.

    Args:
        devices: How many devices, or their indices.
        accelerator: Lightning Fabric's name.

    Raises:
        UsageError: When it is neither a number of devices nor a list of indices.
    """
    if devices == 1:
        return [1]
    if isinstance(devices, int) and not isinstance(devices, bool) and devices > 1:
        devices = list(range(devices))
    if (
        not isinstance(devices, list | tuple)
        or not devices
        or not all(isinstance(index, int) for index in devices)
    ):
        raise UsageError(
            f"expected devices to be a number of devices, or a list of indices such as [0, 1], got {devices!r}"
        )
    # CPUs are not told apart, however many ranks there are.
    is_cpu = accelerator == "cpu" or (accelerator == "auto" and not torch.accelerator.is_available())
    if len(set(devices)) < len(devices):
        raise UsageError(f"expected each device once, got devices={list(devices)}")
    return [1 if is_cpu else [index] for index in devices]


def make_fabric(accelerator: str, devices: int | list[int], precision: str) -> Fabric:
    """The Lightning Fabric of one process, which has one device.

    Args:
        accelerator: "auto", "cpu", "cuda", "mps" and whatever else Fabric knows.
        devices: 1, or a list with the index of the one device to use.
        precision: One of `PRECISIONS`.

    Raises:
        UsageError: When a name is unknown, or the device is not there.
    """
    if precision not in PRECISIONS:
        raise UsageError(f"unknown precision {precision!r}.{did_you_mean(str(precision), PRECISIONS)}")
    from lightning_fabric import Fabric
    from lightning_fabric.accelerators import ACCELERATOR_REGISTRY
    from lightning_fabric.utilities.exceptions import MisconfigurationException

    known = {"auto", "gpu", *ACCELERATOR_REGISTRY}
    if accelerator not in known:
        raise UsageError(f"unknown accelerator {accelerator!r}.{did_you_mean(str(accelerator), known)}")
    # It reports on standard error what it has chosen.
    logging.getLogger("lightning_fabric").setLevel(logging.WARNING)
    asked = f"accelerator={accelerator!r}, devices={devices!r}, precision={precision!r}"
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("error", message=".*is not supported on CPU.*")
            return Fabric(accelerator=accelerator, devices=devices, precision=precision)  # type: ignore[arg-type]
    except (
        ImportError,
        RuntimeError,
        TypeError,
        ValueError,
        UserWarning,
        MisconfigurationException,
    ) as error:
        raise UsageError(f"cannot train with {asked}: {error}") from error


def is_out_of_memory(error: BaseException | None) -> bool:
    """Whether an error says that memory did not suffice, on the CPU or on a device."""
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    return isinstance(error, RuntimeError) and any(words in str(error).lower() for words in _OUT_OF_MEMORY)
