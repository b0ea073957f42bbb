"""Counters of energy, and what a call takes by one."""

from __future__ import annotations

import importlib.util
import time
from abc import ABC, abstractmethod
from pathlib import Path
from typing import final

import torch

from archwright.hardware.setting import Run

__all__ = ["NVML", "RAPL", "EnergyCounter", "energy_counter", "joules"]

_RAPL = Path("/sys/class/powercap")
_IDLE = 0.3


class EnergyCounter(ABC):
    """Says how much energy a device has taken."""

    @abstractmethod
    def read(self) -> float:
        """Joules since some moment; never less than before."""


@final
class RAPL(EnergyCounter):
    """Energy of the processor packages and their memory, by Linux's powercap.

    Domains are nested (psys holds package, package holds core and uncore), so only packages and, where it is told
    apart, DRAM are added. The counters wrap at `max_energy_range_uj`, which `read` evens out as long as it is called
    more often than they wrap, every few minutes at least.

    Args:
        root: The folder of powercap.

    Raises:
        OSError: When there is no domain that may be read; most systems let root alone.
    """

    def __init__(self, root: Path = _RAPL) -> None:
        self.domains = [
            folder
            for folder in sorted(root.glob("intel-rapl:*"))
            if (folder / "name").read_text().strip().partition("-")[0] in ("package", "dram")
        ]
        if not self.domains:
            raise OSError(f"{root} has no RAPL domain of a package")
        self._last = [self._raw(folder) for folder in self.domains]
        self._ranges = [int((folder / "max_energy_range_uj").read_text()) for folder in self.domains]
        self._total = 0

    def read(self) -> float:
        """Joules since the counter was made."""
        now = [self._raw(folder) for folder in self.domains]
        for new, old, most in zip(now, self._last, self._ranges, strict=True):
            self._total += new - old if new >= old else new - old + most
        self._last = now
        return self._total / 1e6

    @staticmethod
    def _raw(folder: Path) -> int:
        return int((folder / "energy_uj").read_text())


@final
class NVML(EnergyCounter):
    """Energy of an NVIDIA device since its driver was loaded, by the package nvidia-ml-py.

    Args:
        index: Its number among the devices that torch sees.
    """

    def __init__(self, index: int) -> None:
        import pynvml

        self._nvml = pynvml
        pynvml.nvmlInit()
        # By its UUID: torch counts the devices that CUDA_VISIBLE_DEVICES leaves, NVML all.
        uuid = f"GPU-{torch.cuda.get_device_properties(index).uuid}"
        self._handle = pynvml.nvmlDeviceGetHandleByUUID(uuid.encode())

    def read(self) -> float:
        """Joules."""
        return float(self._nvml.nvmlDeviceGetTotalEnergyConsumption(self._handle)) / 1e3


def energy_counter(place: torch.device) -> EnergyCounter | None:
    """The counter of a device; None where it has none that can be read."""
    try:
        if place.type == "cpu":
            return RAPL()
        if place.type == "cuda" and importlib.util.find_spec("pynvml") is not None:
            return NVML(place.index or 0)
    except (
        Exception
    ):  # no such counter, or no right to read it: both mean an estimate, which is marked as one
        return None
    return None


def joules(run: Run, counter: EnergyCounter, seconds: float) -> float:
    """Joules of one call beyond what the idle machine takes.

    Args:
        run: The call.
        counter: Counts.
        seconds: How long it is called again and again; the idle machine is watched for .3 of that before.
    """
    run()
    before, begin = counter.read(), time.perf_counter()
    time.sleep(_IDLE * seconds)
    idle = (counter.read() - before) / (time.perf_counter() - begin)
    before, begin, calls = counter.read(), time.perf_counter(), 0
    while time.perf_counter() - begin < seconds:
        run()
        calls += 1
    taken = time.perf_counter() - begin
    return max(0.0, counter.read() - before - idle * taken) / calls
