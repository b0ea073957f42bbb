"""What a run takes of the machine: processor time and energy."""

from __future__ import annotations

import math
import os
import time
from dataclasses import dataclass
from pathlib import Path

from archwright.errors import UsageError
from archwright.experiments.memory import PROCESSES, with_descendants

__all__ = ["WATTS", "Expense", "ExpenseWatch", "cpu_seconds_in_use", "priced"]

WATTS = 12.0
"""Of a busy core with its share of the machine, where energy cannot be measured: by their makers' figures (thermal
design power) processors of 6 to 64 cores take 5 to 20 watts a core at full load."""
_COUNTERS = Path("/sys/class/powercap")


@dataclass(frozen=True, kw_only=True)
class Expense:
    """What the sessions of a run took so far.

    Args:
        cpu_seconds: Of all its processes together.
        joules: Of energy.
        is_measured: True if the processor's own counters told the energy, which is the whole machine's; else it is
            estimated from processor time. That of a GPU is in neither.
    """

    cpu_seconds: float = 0.0
    joules: float = 0.0
    is_measured: bool = False

    @property
    def cpu_hours(self) -> float:
        """Processor time in hours."""
        return self.cpu_seconds / 3600

    @property
    def kilowatt_hours(self) -> float:
        """Energy in kWh."""
        return self.joules / 3.6e6


class ExpenseWatch:
    """Adds up what is taken from now on.

    Args:
        known: What earlier sessions took.
        seconds: So many lie between two looks.
        counters: The folder with the processor's energy counters (Linux, Intel and AMD: running average power limit).
    """

    def __init__(
        self, known: Expense | None = None, seconds: float = 5.0, counters: Path = _COUNTERS
    ) -> None:
        self.known, self.seconds, self.counters = known or Expense(), seconds, counters
        self._cpu, self._energy = cpu_seconds_in_use(), self._read()
        self._looked = time.monotonic()

    def look(self, *, now: bool = False) -> Expense | None:
        """Look, if it is time to or `now` says so; what was taken so far, else None."""
        if not now and time.monotonic() - self._looked < self.seconds:
            return None
        self._looked = time.monotonic()
        cpu, energy = cpu_seconds_in_use(), self._read()
        spent = max(0.0, cpu - self._cpu)
        joules, is_measured = WATTS * spent, False
        if energy and energy.keys() == self._energy.keys():
            joules, is_measured = sum(self._grown(name, energy[name]) for name in energy) / 1e6, True
        before = self.known
        self.known = Expense(
            cpu_seconds=before.cpu_seconds + spent,
            joules=before.joules + joules,
            is_measured=is_measured and (before.is_measured or not before.joules),
        )
        self._cpu, self._energy = max(cpu, self._cpu), energy
        return self.known

    def _read(self) -> dict[str, int]:
        """Microjoules by the counter of each processor; empty where they cannot be read."""
        try:
            packages = sorted(self.counters.glob("intel-rapl:[0-9]*"))
            return {p.name: int((p / "energy_uj").read_text()) for p in packages if p.name.count(":") == 1}
        except (OSError, ValueError):
            return {}

    def _grown(self, name: str, value: int) -> int:
        """Since the last look; a counter begins again at 0 after its largest value."""
        before = self._energy[name]
        if value >= before:
            return value - before
        try:
            return value - before + int((self.counters / name / "max_energy_range_uj").read_text())
        except (OSError, ValueError):
            return value


def cpu_seconds_in_use() -> float:
    """Seconds of processor time that this process, its descendants, and those of them that ended, have taken."""
    if not (PROCESSES / "self" / "stat").exists():
        times = os.times()
        return math.fsum(times[:4])
    ticks = 0
    for process in with_descendants(PROCESSES / "self"):
        try:  # the name before the last bracket may hold anything
            fields = (process / "stat").read_text().rpartition(")")[2].split()
            ticks += sum(map(int, fields[11:15]))
        except (OSError, ValueError, IndexError):  # it has just ended
            continue
    return ticks / os.sysconf("SC_CLK_TCK")


def priced(price: str, seconds: float) -> str:
    """What so many seconds cost.

    Args:
        price: Of an hour: a number, and a currency or not, as "0.85 EUR".
        seconds: Of wall time.

    Raises:
        UsageError: When the price is none.
    """
    number, _, currency = price.strip().partition(" ")
    try:
        amount = float(number)
    except ValueError:
        amount = math.nan
    if not 0 <= amount < math.inf:
        raise UsageError(f"price: expected a number and a currency, as '0.85 EUR', got {price!r}")
    return f"{amount * seconds / 3600:.4g} {currency}".strip()
