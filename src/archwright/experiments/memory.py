"""How much memory a run takes: this process and those that it started."""

from __future__ import annotations

import math
import re
import time
from collections.abc import Iterator
from pathlib import Path

__all__ = ["PROCESSES", "MemoryWatch", "free_memory", "memory_in_use", "with_descendants"]

PROCESSES = Path("/proc")
"""Where Linux tells of its processes."""


def memory_in_use() -> tuple[int, int] | None:
    """Bytes of main memory that this process and its descendants hold now, and the most that they held.

    What several of them share counts once; memory of a GPU does not count. The most is the sum of each one's own peak.

    Returns:
        None on another system than Linux.
    """
    now = most = 0
    for process in with_descendants(PROCESSES / "self"):
        try:
            shared = _kilobytes(process / "smaps_rollup")["Pss"]
            known = _kilobytes(process / "status")
            now += shared
            most += shared + known["VmHWM"] - known["VmRSS"]
        except (OSError, LookupError):  # it has just ended
            continue
    return (1024 * now, 1024 * most) if now else None


def free_memory() -> float:
    """Bytes of main memory that can be had, infinitely many where the system does not say."""
    try:
        return 1024.0 * _kilobytes(PROCESSES / "meminfo")["MemAvailable"]
    except (OSError, LookupError):
        return math.inf


class MemoryWatch:
    """The least and the largest amount of memory that was seen.

    Args:
        seen: "least" and "largest" number of bytes so far.
        seconds: So many lie between two looks, which take some milliseconds for each process.
    """

    def __init__(self, seen: dict[str, int] | None = None, seconds: float = 5.0) -> None:
        self.seen, self.seconds = seen, seconds
        self._looked = -math.inf

    def look(self) -> dict[str, int] | None:
        """Look, if it is time to; what was seen so far where that is news of more than a hundredth, else None."""
        now = time.monotonic()
        if now - self._looked < self.seconds:
            return None
        self._looked = now
        found, before = memory_in_use(), self.seen
        if found is None:
            return None
        if before is not None:
            found = min(before["least"], found[0]), max(before["largest"], found[1])
            if found[0] > 0.99 * before["least"] and found[1] < 1.01 * before["largest"]:
                return None
        self.seen = {"least": found[0], "largest": found[1]}
        return self.seen


def with_descendants(process: Path) -> Iterator[Path]:
    """A process and those that it started, and so on, by their folders; itself alone where the system does not say."""
    yield process
    try:
        children = [
            number for list_ in process.glob("task/*/children") for number in list_.read_text().split()
        ]
    except OSError:
        return
    for number in children:
        yield from with_descendants(PROCESSES / number)


def _kilobytes(file: Path) -> dict[str, int]:
    """The lines `Name:   123 kB` of a file."""
    found = re.findall(r"^(\w+):\s+(\d+) kB$", file.read_text(), flags=re.MULTILINE)
    return {name: int(number) for name, number in found}
