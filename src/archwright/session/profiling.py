"""What a search would cost, told before it: sizes, limits, seconds, memory, and what a budget buys."""

from __future__ import annotations

import math
import os
import warnings
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.stats import beta

from archwright.errors import SpaceError, UsageError
from archwright.evaluating import evaluating
from archwright.experiments import Budget, resolve_task
from archwright.objectives import METERS, Meter, Objective, measure_by
from archwright.session.defaults import objectives_for, space_for
from archwright.session.fidelities import single_fidelity
from archwright.session.parts import check_measured
from archwright.session.starting import held_values
from archwright.spaces import Architecture, Space
from archwright.tasks import Task
from archwright.trials import FULL, Candidate, Fidelity, FidelityRange, forecast
from archwright.trials.forecast import LEVEL, Forecast, Range

if TYPE_CHECKING:
    from archwright.estimators.cost import TrainingCost
    from archwright.learning import Recipe

__all__ = ["LimitShare", "Profile", "Purchase", "Spread", "profile"]

_MEASURED_SECONDS = 20.0
"""How long a slow meter may measure; then it is given fewer networks."""
_MACHINE = 0.1
"""How far the speed of a machine is off from one hour to another, as a standard deviation of its log."""
_MINUTES = 60.0


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


@dataclass(frozen=True, slots=True)
class Purchase:
    """What a budget buys.

    Args:
        trials: The bound on trials, None where there is none.
        minutes: The bound on minutes, None where there is none.
        workers: Trials at once.
        forecast: Seconds until the search ends, and trials until then.
    """

    trials: int | None
    minutes: float | None
    workers: int
    forecast: Forecast


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """What is known of a search before it.

    Args:
        task: Name of the task.
        space: Name of the space, None where it has none.
        size: Number of its architectures, at most.
        networks: How many were drawn.
        is_whole: True if they are all that the space has, each once.
        failures: Why networks could not be built, to how many.
        meters: Name of each meter to what it says.
        unmeasured: Name of each meter that failed for some network to why it did.
        limits: How many of the networks keep each limit; where there are several, all of them together at the end.
        fidelity: Effort of a trial.
        device: Where training was timed.
        threads: Threads of torch on the CPU meanwhile.
        timed: What training costs, of networks from the smallest to the largest.
        trial: Seconds of a trial: of the networks, not of their mean. None where no network could be trained.
        memory: Bytes of a step's tensors, of the timed networks.
        purchases: What budgets buy.
    """

    task: str
    space: str | None
    size: float
    networks: int
    is_whole: bool
    failures: Mapping[str, int]
    meters: Mapping[str, Spread]
    unmeasured: Mapping[str, str]
    limits: tuple[LimitShare, ...]
    fidelity: Fidelity
    device: str
    threads: int
    timed: tuple[TrainingCost, ...]
    trial: Range | None
    memory: Spread | None
    purchases: tuple[Purchase, ...]


def profile(
    space: Space | str | None,
    task: Task | str,
    *,
    objectives: Sequence[Objective | str] = (),
    budget: Budget | None = None,
    sample: int = 30,
    timed: int = 5,
    fix: Mapping[str, Any] | None = None,
    recipe: Recipe | None = None,
    fidelity: FidelityRange | Fidelity | str = FULL,
    workers: int = 1,
    seed: int = 0,
    accelerator: str = "auto",
    precision: str = "32-true",
    task_options: Mapping[str, Any] | None = None,
) -> Profile:
    """Tell what a search would cost, from a sample of its space and a few steps of training.

    Networks are drawn as random search draws them. Every meter measures them, without training; some of them, from the
    smallest to the largest, are trained for a few steps, which says what a step takes, and so what a trial would. What
    others take lies on the line between those. A strategy that comes to prefer large networks, or small ones, takes
    more time, or less.

    Args:
        space: As in `search`.
        task: As in `search`.
        objectives: As in `search`; their limits are looked at, and their meters asked.
        budget: What it buys is told; None tells of 50 trials and of an hour.
        sample: How many architectures are drawn; a space of fewer is measured whole.
        timed: How many of them are trained for some steps.
        fix: Address to value of decisions that are held.
        recipe: How networks are trained; None means the defaults with this seed.
        fidelity: Effort of the trials, such as "epochs=5,resolution=16". No range. Sizes and limits are of the network
            as it is.
        workers: Trials at once; each then has its share of the CPU's cores.
        seed: Of the sample.
        accelerator: As in `search`.
        precision: As in `search`.
        task_options: Options of a task given by name or path.

    Raises:
        UsageError: When an argument does not fit.
        SpaceError: When the space has no architecture that can be drawn, or no network could be built.
    """
    from torch import get_num_threads

    from archwright.estimators.training import Training
    from archwright.learning import Recipe

    if sample < 1 or timed < 1 or workers < 1:
        raise UsageError(
            f"expected sample, timed and workers >= 1, got {sample}, {timed} and {workers}; raise them"
        )
    made_task = resolve_task(task, **dict(task_options or {})) if isinstance(task, str) else task
    made_space, reference = space_for(space, made_task)
    fixed = made_space.fix(held_values(made_space, fix or {}))
    effort = single_fidelity(fidelity, fixed, made_task, "profile tells of trials of one fidelity")
    chosen = objectives_for(objectives, made_task)
    check_measured(chosen, fixed, made_task)
    training = Training(
        fixed,
        made_task,
        recipe or Recipe(seed=seed),
        accelerator=accelerator,
        precision=precision,
        threads=None if workers == 1 else max(1, (os.cpu_count() or 1) // workers),
    )
    drawn, is_whole = _drawn(fixed, sample, seed)
    measured = _Measured(fixed, made_task, chosen, drawn)
    kept = [row for row in measured.rows if _keeps(row, chosen)] or measured.rows
    costs, failures = _timed(training, kept, effort, timed)
    measured.failures.update(failures)
    purchases, trial = _purchases(costs, kept, budget, workers)
    return Profile(
        task=made_task.name,
        space=reference or made_space.describe().get("name"),
        size=fixed.size_bound,
        networks=len(drawn),
        is_whole=is_whole,
        failures=dict(measured.failures),
        meters=measured.spreads(),
        unmeasured=measured.unmeasured,
        limits=_limits(measured.rows, chosen, is_whole),
        fidelity=effort,
        device=str(training.device),
        threads=training.threads or get_num_threads(),
        timed=tuple(costs),
        trial=trial,
        memory=Spread.of([cost.memory for cost in costs]) if costs else None,
        purchases=purchases,
    )


_Row = tuple[Architecture, dict[str, float]]


class _Measured:
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

        self.rows: list[_Row] = []
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
                    self.failures[_reason(error)] += 1
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
                self.unmeasured.setdefault(name, _reason(error))
        return found

    def _meters(self, objectives: Sequence[Objective]) -> dict[str, Meter]:
        found: dict[str, Meter] = {}
        for name in METERS:
            try:
                found[name] = METERS.make(name)
            except UsageError as error:  # it needs an option, or another package's cannot be loaded
                self.unmeasured[name] = str(error)
        given = {objective.name: objective.load_meter() for objective in objectives}
        return found | {name: meter for name, meter in given.items() if meter is not None}


def _reason(error: Exception) -> str:
    """An error in one line."""
    return str(error).strip().partition("\n")[0] or type(error).__name__


def _drawn(space: Space, sample: int, seed: int) -> tuple[list[Architecture], bool]:
    """Architectures, and whether they are all that there are."""
    if space.size_bound <= sample:
        return list(space), True
    random = Random(seed)
    return [space.sample(random) for _ in range(sample)], False


def _keeps(row: _Row, objectives: Sequence[Objective]) -> bool:
    """True if a network is over none of the limits that are known of it."""
    numbers = row[1]
    return not any(o.name in numbers and o.violation(numbers[o.name]) for o in objectives)


def _limits(rows: Sequence[_Row], objectives: Sequence[Objective], is_whole: bool) -> tuple[LimitShare, ...]:
    limited = [objective for objective in objectives if objective.limit is not None]
    found = []
    for objective in limited:
        numbers = [row[objective.name] for _, row in rows if objective.name in row]
        kept = sum(not objective.violation(number) for number in numbers)
        found.append(_share(objective.limit_text, kept, len(numbers), is_whole))
    if sum(share.networks > 0 for share in found) > 1:
        known = [row for row in rows if any(o.name in row[1] for o in limited)]
        kept = sum(_keeps(row, limited) for row in known)
        found.append(_share("all limits", kept, len(known), is_whole))
    return tuple(found)


def _share(limit: str, kept: int, networks: int, is_whole: bool) -> LimitShare:
    if is_whole and networks:
        return LimitShare(limit, kept, networks, kept / networks, kept / networks)
    edge, missed = (1 - LEVEL) / 2, networks - kept
    low = float(beta.ppf(edge, kept, missed + 1)) if kept else 0.0
    high = float(beta.ppf(1 - edge, kept + 1, missed)) if missed else 1.0
    return LimitShare(limit, kept, networks, low, high)


def _timed(
    training: Any, rows: Sequence[_Row], fidelity: Fidelity, count: int
) -> tuple[list[TrainingCost], Counter[str]]:
    """What training costs, of networks spread evenly from the fewest operations to the most; and why others failed."""
    from archwright.estimators.cost import time_training

    order = sorted(rows, key=lambda row: row[1].get("flops", row[1].get("params", 0.0)))
    places = np.linspace(0, len(order) - 1, min(count, len(order))).round().astype(int)
    costs: list[TrainingCost] = []
    failures: Counter[str] = Counter()
    for place in dict.fromkeys(places.tolist()):
        try:
            costs.append(time_training(training, Candidate(order[place][0], fidelity)))
        except Exception as error:
            failures[_reason(error)] += 1
    return costs, failures


def _purchases(
    costs: Sequence[TrainingCost], rows: Sequence[_Row], budget: Budget | None, workers: int
) -> tuple[tuple[Purchase, ...], Range | None]:
    """What the budget buys, and seconds of a trial."""
    from archwright.estimators.cost import interpolated_seconds

    if not costs:
        return (), None
    seconds, error = interpolated_seconds(costs, [row["flops"] for _, row in rows if "flops" in row])
    error = math.hypot(error, _MACHINE)
    asked = [(50, None), (None, _MINUTES)] if budget is None else [(budget.trials, budget.minutes)]
    purchases = []
    for trials, minutes in asked:
        if trials is None and minutes is None:
            continue
        ends = None if minutes is None else minutes * 60
        told = forecast(seconds, workers=workers, trials=trials, seconds=ends, scale_error=error)
        purchases.append(Purchase(trials, minutes, workers, told))
    draws = np.random.default_rng(0)
    return tuple(purchases), Range.of(draws.choice(seconds, 2_000) * np.exp(draws.normal(0.0, error, 2_000)))
