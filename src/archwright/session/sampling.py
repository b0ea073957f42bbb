"""Networks drawn from a space, and what meters say of them."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from random import Random
from typing import Any, TypeVar

import numpy as np
from scipy.stats import beta

from archwright.errors import SpaceError, UsageError
from archwright.evaluating import evaluating
from archwright.experiments.executors import Interrupted, interrupts_marked
from archwright.objectives import METERS, Meter, Objective, keeps_limits, measure_by
from archwright.spaces import Architecture, Space
from archwright.tasks import Task
from archwright.trials.forecast import LEVEL

__all__ = [
    "LimitShare",
    "MeasuredSample",
    "Row",
    "Spread",
    "cheaply_measured",
    "draw",
    "limit_shares",
    "reason_of",
    "tried",
]

T = TypeVar("T")

_MEASURED_SECONDS = 20.0
"""How long a slow meter may measure; then it is given fewer networks."""


@dataclass(frozen=True, slots=True)
class Spread:
    """A number of each of several networks.

    Args:
        least: The smallest.
        median: The middle one.
        largest: The largest.
        networks: How many were measured.
    """

    least: float
    median: float
    largest: float
    networks: int

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        """That of at least one value."""
        return cls(min(values), float(np.median(values)), max(values), len(values))


@dataclass(frozen=True, slots=True)
class LimitShare:
    """How many networks keep a limit.

    Args:
        limit: The limit, as in `params<=50000`; "all limits" for those that can be told, together.
        kept: How many of the networks keep it.
        networks: How many were measured; 0 where only training tells.
        low: Lower end of the 90 % interval of the share of the space (Clopper & Pearson 1934).
        high: Its upper end.
    """

    limit: str
    kept: int
    networks: int
    low: float
    high: float


Row = tuple[Architecture, dict[str, float]]


class MeasuredSample:
    """What meters say of networks.

    Args:
        space: Builds them.
        task: Says what they are called with.
        objectives: Their meters are asked too.
        drawn: The architectures.

    Attributes:
        rows: Each architecture that was built, and the numbers of its network.
        failures: Why others were not, to how many.
        unmeasured: Name of a meter that failed to why it did.

    Raises:
        SpaceError: When none could be built.
    """

    def __init__(
        self, space: Space, task: Task, objectives: Sequence[Objective], drawn: Sequence[Architecture]
    ) -> None:
        from archwright.learning.randomness import seeded

        self.rows: list[Row] = []
        self.failures: Counter[str] = Counter()
        self.unmeasured: dict[str, str] = {}
        self.meters = self._meters(objectives)
        example = task.example()
        for architecture in drawn:
            with seeded(0), warnings.catch_warnings():
                warnings.simplefilter("ignore")
                try:
                    network = space.build(architecture, task.arguments(example))
                    with evaluating(network):
                        task.check(task.forward(network, example), example)
                except Exception as error:
                    self.failures[reason_of(error)] += 1
                    continue
                self.rows.append((architecture, self._numbers(network, task.arguments(example))))
        if not self.rows:
            told = "; ".join(f"{reason} ({count})" for reason, count in self.failures.items())
            raise SpaceError(
                f"none of {len(drawn)} networks could be built: {told}; mend the space, or draw more by a larger sample"
            )

    def spreads(self) -> dict[str, Spread]:
        """Least, median and largest of each meter that said anything."""
        columns = {name: [row[name] for _, row in self.rows if name in row] for name in self.meters}
        return {name: Spread.of(values) for name, values in columns.items() if values}

    def _numbers(self, network: Any, example: Any) -> dict[str, float]:
        found: dict[str, float] = {}
        for name, meter in self.meters.items():
            if len(self.rows) * meter.seconds > _MEASURED_SECONDS and len(self.rows) >= 3:
                continue
            try:
                found |= measure_by({name: meter}, network, example)
            except Exception as error:
                self.unmeasured.setdefault(name, reason_of(error))
        return found

    def _meters(self, objectives: Sequence[Objective]) -> dict[str, Meter]:
        found: dict[str, Meter] = {}
        for name in METERS:
            try:
                meter = METERS.make(name)
            except UsageError as error:  # it needs an option, or another package's cannot be loaded
                self.unmeasured[name] = str(error)
                continue
            if not meter.exclusive:
                found[name] = meter
        given = {objective.name: objective.load_meter() for objective in objectives}
        return found | {name: meter for name, meter in given.items() if meter is not None}


def reason_of(error: Exception) -> str:
    """An error in one line."""
    return str(error).strip().partition("\n")[0] or type(error).__name__


def draw(space: Space, sample: int, seed: int) -> tuple[list[Architecture], bool]:
    """Architectures, and whether they are all that there are."""
    if space.size_bound <= sample:
        return list(space), True
    random = Random(seed)
    return [space.sample(random) for _ in range(sample)], False


def tried(work: Callable[[], T]) -> T | None:
    """What the work gives; None whatever a user's code raises in it, which the trials tell of."""
    try:
        with interrupts_marked():
            return work()
    except Interrupted:
        raise
    except (Exception, SystemExit, KeyboardInterrupt):
        return None


def cheaply_measured(
    space: Space, task: Task, random: Random
) -> Iterator[tuple[Architecture, dict[str, float] | None]]:
    """Random architectures without end.

    Yields:
        An architecture, and what the cheap meters say of its network; None where that fails.
    """
    from archwright.learning.randomness import seeded
    from archwright.objectives import measure_cheap

    example = task.example_arguments()

    def measured(architecture: Architecture) -> dict[str, float]:
        with seeded(0):
            return measure_cheap(space.build(architecture, example), example)

    while True:
        architecture = space.sample(random)
        yield architecture, tried(partial(measured, architecture))


def limit_shares(
    rows: Sequence[Row], objectives: Sequence[Objective], is_whole: bool
) -> tuple[LimitShare, ...]:
    """How many networks keep each limit; where several can be told, all of them together at the end."""
    limited = [objective for objective in objectives if objective.limit is not None]
    found = []
    for objective in limited:
        numbers = [row[objective.name] for _, row in rows if objective.name in row]
        kept = sum(not objective.violation(number) for number in numbers)
        found.append(_share(objective.limit_text, kept, len(numbers), is_whole))
    if sum(share.networks > 0 for share in found) > 1:
        known = [row for row in rows if any(o.name in row[1] for o in limited)]
        kept = sum(keeps_limits(limited, row[1]) for row in known)
        found.append(_share("all limits", kept, len(known), is_whole))
    return tuple(found)


def _share(limit: str, kept: int, networks: int, is_whole: bool) -> LimitShare:
    if is_whole and networks:
        return LimitShare(limit, kept, networks, kept / networks, kept / networks)
    edge, missed = (1 - LEVEL) / 2, networks - kept
    low = float(beta.ppf(edge, kept, missed + 1)) if kept else 0.0
    high = float(beta.ppf(1 - edge, kept + 1, missed)) if missed else 1.0
    return LimitShare(limit, kept, networks, low, high)
