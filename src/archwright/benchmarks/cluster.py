"""A simulated cluster: what goes wrong and what takes time on it, and how its workers' time was spent."""

from __future__ import annotations

import math
from dataclasses import dataclass
from random import Random
from typing import Literal

from archwright.errors import UsageError

__all__ = ["Cluster", "WorkerTime"]


@dataclass(frozen=True, kw_only=True)
class Cluster:
    """Workers, and what happens to them. Whatever is drawn depends on the seed and the trial or the worker alone.

    Args:
        workers: How many trials run at once.
        start_up: Seconds that a worker takes before its first trial; one that comes for a lost one, too.
        straggler_share: The share of the trials that take longer.
        straggler_factor: How many times as long these take.
        failures: The share of the trials that fail, each at a uniformly drawn moment of its run.
        preemptions: How often an hour each worker is lost, at moments of a Poisson process. Another one comes at once,
            and the lost trial is begun again before new ones are.
        checkpoints: Whether a trial that was lost goes on from its last report; else from its beginning.
        asking: What an ask and a tell of the strategy take: so many seconds, the two together, or "measured", the
            processor time that they take here, which makes a simulation differ from machine to machine. Meanwhile
            nobody else is answered: reports and free workers wait.
        synchronous: Whether new trials begin only when all have ended, in batches as large as there are workers.
        seed: Of all that is drawn.

    Raises:
        UsageError: When a number is out of range.
    """

    workers: int = 1
    start_up: float = 0.0
    straggler_share: float = 0.0
    straggler_factor: float = 1.0
    failures: float = 0.0
    preemptions: float = 0.0
    checkpoints: bool = True
    asking: float | Literal["measured"] = 0.0
    synchronous: bool = False
    seed: int = 0

    def __post_init__(self) -> None:
        if self.workers < 1:
            raise UsageError(f"simulated time: expected workers >= 1, got {self.workers}")
        for name in ("straggler_share", "failures"):
            if not 0.0 <= getattr(self, name) <= 1.0:
                raise UsageError(
                    f"simulated time: expected a share from 0 to 1, got {name}={getattr(self, name)}"
                )
        numbers = ["start_up", "straggler_factor", "preemptions"]
        for name in [*numbers, *(["asking"] if self.asking != "measured" else [])]:
            if not 0.0 <= getattr(self, name) < math.inf:
                raise UsageError(f"simulated time: expected {name} >= 0, got {getattr(self, name)}")

    def _random(self, what: str, number: int, again: int = 0) -> Random:
        return Random(f"{what}/{self.seed}/{number}/{again}")

    def slowness(self, trial: int) -> float:
        """How many times as long as it would a trial takes."""
        if self.straggler_share and self._random("straggler", trial).random() < self.straggler_share:
            return self.straggler_factor
        return 1.0

    def failure(self, trial: int) -> float | None:
        """The share of its run after which a trial fails; None where it does not."""
        random = self._random("failure", trial)
        return random.random() if self.failures and random.random() < self.failures else None

    def lifetime(self, worker: int, generation: int) -> float:
        """Seconds from the beginning of a worker to its loss.

        Args:
            worker: Its place.
            generation: How many were lost there before.
        """
        if not self.preemptions:
            return math.inf
        return self._random("preemption", worker, generation).expovariate(self.preemptions / 3600.0)


@dataclass(slots=True)
class WorkerTime:
    """What the seconds of all workers together were spent on.

    Args:
        total: All of them: workers times the seconds from the beginning to the end.
        useful: On trials, or parts of them, whose results were told or are still to come.
        failed: On trials that failed.
        lost: On what was trained when a worker was lost, and had to be trained again.
        starting: Until workers were ready.
    """

    total: float = 0.0
    useful: float = 0.0
    failed: float = 0.0
    lost: float = 0.0
    starting: float = 0.0

    @property
    def busy(self) -> float:
        """Seconds in which trials ran."""
        return self.useful + self.failed + self.lost

    @property
    def idle(self) -> float:
        """Seconds in which workers waited: for a candidate, for an answer of a busy strategy, or at the end."""
        return max(0.0, self.total - self.busy - self.starting)

    @property
    def efficiency(self) -> float:
        """The share of the workers' time that was useful."""
        return self.useful / self.total if self.total else 0.0
