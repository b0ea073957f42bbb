"""What a search would cost, told before it: sizes, limits, seconds, memory, and what a budget buys."""

from __future__ import annotations

import math
import os
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from archwright.errors import UsageError
from archwright.experiments import Budget, DeviceConfig
from archwright.experiments.time_plan import Trainings
from archwright.objectives import Objective, keeps_limits
from archwright.session.approach import Subject, subject_of
from archwright.session.contestants import contestant_spaces, with_original
from archwright.session.fidelities import single_fidelity
from archwright.session.parts import check_measured, device_for
from archwright.session.planning import Planned, plan_run
from archwright.session.recipes import chosen_recipe
from archwright.session.sampling import (
    LimitShare,
    MeasuredSample,
    Row,
    Spread,
    draw,
    limit_shares,
    reason_of,
)
from archwright.spaces import Space
from archwright.tasks import Task
from archwright.trials import FULL, Candidate, Fidelity, FidelityRange, forecast
from archwright.trials.forecast import Forecast, Range

if TYPE_CHECKING:
    from archwright.estimators.cost import TrainingCost
    from archwright.learning import Recipe
    from archwright.pretrained import Buildable

__all__ = ["LimitShare", "Profile", "Purchase", "Spread", "profile"]

_MACHINE = 0.1
"""How far the speed of a machine is off from one hour to another, as a standard deviation of its log."""
_MINUTES = 60.0


@dataclass(frozen=True, slots=True)
class Purchase:
    """What a budget buys.

    Args:
        trials: The bound on trials, None where there is none.
        minutes: The bound on minutes, None where there is none.
        workers: Trials at once.
        forecast: Seconds until the search ends, and trials until then.
        epochs: Of a trial.
        search: Seconds of the minutes that the search has for trials; None without a bound on minutes.
        notes: How `search` would divide the minutes, as its log would say it.
    """

    trials: int | None
    minutes: float | None
    workers: int
    forecast: Forecast
    epochs: int
    search: float | None = None
    notes: tuple[str, ...] = ()


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
    network: Buildable | str | None = None,
    network_options: Mapping[str, Any] | None = None,
    objectives: Sequence[Objective | str] = (),
    budget: Budget | None = None,
    sample: int = 30,
    timed: int = 5,
    fix: Mapping[str, Any] | None = None,
    recipe: Recipe | Mapping[str, Any] | None = None,
    fidelity: FidelityRange | Fidelity | str = FULL,
    retrain: int = 3,
    workers: int | None = None,
    seed: int = 0,
    accelerator: str = "auto",
    devices: int | Sequence[int] = 1,
    precision: str = "32-true",
    task_options: Mapping[str, Any] | None = None,
    space_options: Mapping[str, Any] | None = None,
) -> Profile:
    """Tell what a search would cost, from a sample of its space and a few steps of training.

    Networks are drawn as random search draws them. Every meter measures them, without training; some of them, from the
    smallest to the largest, are trained for a few steps, which says what a step takes, and so what a trial would. What
    others take lies on the line between those. A strategy that comes to prefer large networks, or small ones, takes
    more time, or less.

    Minutes are divided as `search` divides them (`plan_run`): what follows the search, beside a hand-made network, has
    its share first, and without a given recipe networks are trained for as many epochs as fit. The trials that minutes
    buy are trainings for all of these epochs; a strategy that begins with short ones looks at more networks.

    Args:
        space: As in `search`.
        task: As in `search`.
        network: As in `search`.
        network_options: As in `search`.
        objectives: As in `search`; their limits are looked at, and their meters asked.
        budget: What it buys is told; None tells of 50 trials and of an hour.
        sample: How many architectures are drawn; a space of fewer is measured whole.
        timed: How many of them are trained for some steps.
        fix: Address to value of decisions that are held.
        recipe: How networks are trained; None means the defaults with this seed.
        fidelity: Effort of the trials, such as "epochs=5,resolution=16". No range. Sizes and limits are of the network
            as it is.
        retrain: As in `search`; 0 leaves all minutes to the search.
        workers: Trials at once, as in `search`: None means 1, and with minutes as many as use the machine.
        seed: Of the sample.
        accelerator: As in `search`.
        devices: As in `search`.
        precision: As in `search`.
        space_options: Options of a built-in space, see `SPACES.options(name)`.
        task_options: Options of a task given by name or path.

    Raises:
        UsageError: When an argument does not fit.
        SpaceError: When the space has no architecture that can be drawn, or no network could be built.
    """
    from torch import get_num_threads

    from archwright.estimators.training import Training

    for name, number in {
        "sample": sample,
        "timed": timed,
        "workers": 1 if workers is None else workers,
    }.items():
        if number < 1:
            raise UsageError(f"profile: expected {name} >= 1, got {number}; raise it")
    device = device_for(accelerator, devices, precision, workers)
    subject = subject_of(
        space,
        task,
        network=network,
        network_options=network_options,
        objectives=objectives,
        fix=fix,
        task_options=task_options,
        space_options=space_options,
    )
    fixed, made_task, chosen = subject.fixed, subject.task, subject.objectives
    effort = single_fidelity(fidelity, fixed, made_task, "profile tells of trials of one fidelity")
    check_measured(chosen, fixed, made_task)
    drawn, is_whole = draw(fixed, sample, seed)
    measured = MeasuredSample(fixed, made_task, chosen, drawn)
    kept = [row for row in measured.rows if keeps_limits(chosen, row[1])] or measured.rows
    asked = [Budget(trials=50), Budget(minutes=_MINUTES)] if budget is None else [budget]
    planned = [_plan(subject, recipe, one.minutes, retrain, workers, device, seed) for one in asked]
    training = Training(
        fixed,
        made_task,
        chosen_recipe(fixed, recipe, seed).recipe,
        accelerator=device.accelerator,
        devices=device.devices,
        precision=device.precision,
        threads=planned[0].threads or _share(planned[0].workers),
    )
    costs, failures = _timed(training, kept, effort, timed)
    measured.failures.update(failures)
    trial, seconds, error = _trial(costs, kept)
    purchases = [
        _purchase(one, plan, seconds, error, training.recipe.epochs, effort, retrain)
        for one, plan in zip(asked, planned, strict=True)
        if costs and (one.trials, one.minutes) != (None, None)
    ]
    return Profile(
        task=made_task.name,
        space=subject.reference or subject.space.describe().get("name"),
        size=fixed.size_bound,
        networks=len(drawn),
        is_whole=is_whole,
        failures=dict(measured.failures),
        meters=measured.spreads(),
        unmeasured=measured.unmeasured,
        limits=limit_shares(measured.rows, chosen, is_whole),
        fidelity=effort,
        device=str(training.device),
        threads=training.threads or get_num_threads(),
        timed=tuple(costs),
        trial=trial,
        memory=Spread.of([cost.memory for cost in costs]) if costs else None,
        purchases=tuple(purchases),
    )


def _timed(
    training: Any, rows: Sequence[Row], fidelity: Fidelity, count: int
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
            failures[reason_of(error)] += 1
    return costs, failures


def _share(workers: int) -> int | None:
    """Threads of each of several workers, where nothing was measured; None leaves those of one."""
    return None if workers == 1 else max(1, (os.cpu_count() or 1) // workers)


def _rivals(subject: Subject, is_retrained: bool) -> list[Space]:
    """The networks that a search compares with."""
    names = with_original((), subject.space, is_retrained)
    rivals = contestant_spaces(subject.task, names, {}, is_retrained, space=subject.space)[0]
    return [space for _, space in rivals.values()]


def _plan(
    subject: Subject,
    recipe: Recipe | Mapping[str, Any] | None,
    minutes: float | None,
    retrain: int,
    workers: int | None,
    device: DeviceConfig,
    seed: int,
) -> Planned:
    """What `search` would decide on before it."""
    return plan_run(
        subject.fixed,
        subject.task,
        chosen_recipe(subject.fixed, recipe, seed).recipe,
        _rivals(subject, retrain > 0),
        began=time.time(),
        minutes=minutes,
        trainings=Trainings(retrain=retrain),
        workers=workers,
        device=device,
        formats=None,
        may_fit=recipe is None,
        objectives=subject.objectives,
    )


def _trial(costs: Sequence[TrainingCost], rows: Sequence[Row]) -> tuple[Range | None, list[float], float]:
    """Seconds of a trial as a range, those of each network, and the standard deviation of the error of their logs."""
    from archwright.estimators.cost import interpolated_seconds

    if not costs:
        return None, [], 0.0
    seconds, error = interpolated_seconds(costs, [row["flops"] for _, row in rows if "flops" in row])
    error = math.hypot(error, _MACHINE)
    draws = np.random.default_rng(0)
    return (
        Range.of(draws.choice(seconds, 2_000) * np.exp(draws.normal(0.0, error, 2_000))),
        list(seconds),
        error,
    )


def _purchase(
    budget: Budget,
    planned: Planned,
    seconds: Sequence[float],
    error: float,
    epochs: int,
    fidelity: Fidelity,
    retrain: int,
) -> Purchase:
    """What a budget buys.

    Args:
        budget: The budget.
        planned: What `search` would decide on before it.
        seconds: Of a trial of each network.
        error: Of their logs.
        epochs: Of the recipe that the seconds are of.
        fidelity: Of the trials.
        retrain: How many of the best are retrained.
    """
    factor = planned.recipe.epochs / epochs if fidelity.epochs is None else 1.0
    ends = None if budget.minutes is None else budget.minutes * 60
    if ends is not None and budget.minutes is not None and planned.plan is not None:
        shares = planned.plan.shares(budget.minutes, Trainings(retrain=retrain), planned.workers)
        ends = max(0.0, shares.search - planned.plan.spent)
    return Purchase(
        trials=budget.trials,
        minutes=budget.minutes,
        workers=planned.workers,
        forecast=forecast(
            [factor * one for one in seconds],
            workers=planned.workers,
            trials=budget.trials,
            seconds=ends,
            scale_error=error,
        ),
        epochs=planned.recipe.epochs if fidelity.epochs is None else fidelity.epochs,
        search=ends,
        notes=planned.notes,
    )
