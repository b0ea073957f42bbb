"""Before a search: how many threads pay, how many workers, and how its minutes are divided."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence, Sized
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice
from random import Random
from typing import TYPE_CHECKING

from archwright.durations import count_of, duration
from archwright.experiments import DeviceConfig
from archwright.experiments.memory import free_memory
from archwright.experiments.time_plan import Costs, TimePlan, Trainings
from archwright.objectives import Objective, keeps_limits
from archwright.session.sampling import cheaply_measured, tried
from archwright.spaces import Architecture, Space
from archwright.tasks import Task
from archwright.trials import Candidate

if TYPE_CHECKING:
    from archwright.estimators.cost import TrainingCost
    from archwright.estimators.training import Training
    from archwright.learning import Recipe

__all__ = ["Planned", "plan_run"]

_PAYS = 1.3
"""By how much faster all cores must be than one, to be taken."""
_DRAWN, _MOST_DRAWN, _TIMED = 16, 64, 3
_LARGE = 0.75
"""The quantile of the costs of networks that is planned with: what wins is rather large."""
_SHARE, _LONGEST = 0.01, 0.1
"""Of the minutes: in which one network's steps are timed, and after which no further network is."""
_CLOSING, _CLOSING_FORMATS = 3.0, 7.0
"""Seconds for test, export and report on a machine that is not busy."""
_BUSIEST = 4.0
"""So many times as long they are taken to last at most, where processor time comes that much slower than wall time."""
_WORTH = 60.0
"""Seconds of search from which on worker processes pay, each of which takes seconds to start."""
_MEMORY = 2**30
_MOST_WORKERS = 8


@dataclass(frozen=True, kw_only=True)
class Planned:
    """What was decided before a search.

    Args:
        recipe: As given; without a given one for as many epochs as fit.
        threads: Of torch on the CPU; None leaves them.
        workers: Trials at once.
        plan: How the minutes are divided; None without any, or where no network could be timed.
        notes: What the log says of it.
    """

    recipe: Recipe
    threads: int | None = None
    workers: int = 1
    plan: TimePlan | None = None
    notes: tuple[str, ...] = ()


def plan_run(
    space: Space,
    task: Task,
    recipe: Recipe,
    contestants: Sequence[Space],
    *,
    began: float,
    minutes: float | None,
    trainings: Trainings,
    workers: int | None,
    device: DeviceConfig,
    formats: Sequence[str] | None,
    may_fit: bool,
    objectives: Sequence[Objective] = (),
) -> Planned:
    """Measure what training costs here, and decide on threads, workers, epochs and shares of the time.

    Args:
        space: What is searched.
        task: What is learned.
        recipe: How networks are trained.
        contestants: The networks to compare with.
        began: Unix time at which the run began.
        minutes: Of the whole run; None for no bound.
        trainings: What is trained after the search.
        workers: As asked; None leaves them to what was measured.
        device: What networks are trained on.
        formats: Those that the network is exported to; None means ONNX where it is installed.
        may_fit: Whether the recipe may have fewer epochs, where full trainings do not fit, or more, where many would.
        objectives: What is measured are networks that keep the limits on parameters and FLOPs among these, where some
            do.
    """
    from archwright.estimators.training import Training

    training = Training(
        space,
        task,
        recipe,
        accelerator=device.accelerator,
        devices=device.devices,
        precision=device.precision,
    )
    threads = training.threads = fitting_threads(training, space, recipe.seed)
    if workers is None:
        workers = 1 if minutes is None or device.count > 1 else fitting_workers(training, minutes)
    if minutes is None or trainings.retrain < 1:
        return Planned(recipe=recipe, threads=threads, workers=workers)
    plan = measured_plan(training, task, contestants, minutes, began, formats=formats, objectives=objectives)
    if plan is None:
        return Planned(recipe=recipe, threads=threads, workers=workers)
    asked = epochs = recipe.epochs
    if may_fit:
        epochs = plan.planned_epochs(minutes, asked, trainings, workers)
        if trainings.ensemble == 1 and not trainings.refit:
            plan = plan.prolonged(asked, epochs, _steps(task, recipe))
            epochs = plan.planned_epochs(minutes, asked, trainings, workers)
        recipe = recipe.replace(early_stopping=epochs) if epochs > asked else recipe  # small data overfit
        plan, recipe = plan.scaled(epochs / asked), recipe.replace(epochs=epochs)
    notes = told_plan(plan, minutes, epochs, asked, trainings, workers)
    if workers > 1:
        notes.append(f"workers: {workers}, each with one thread")
    return Planned(recipe=recipe, threads=threads, workers=workers, plan=plan, notes=tuple(notes))


def fitting_threads(training: Training, space: Space, seed: int) -> int | None:
    """How many threads of torch pay for a network of the space: one, or as many as torch would take.

    Both are timed on the space's first network, here and now, so that a machine that is busy is given one.

    Returns:
        The number; None where nothing is to be chosen: on another device than the CPU, with one core, or where the
        environment says how many.
    """
    import torch

    most = torch.get_num_threads() // training.ranks
    if training.device.type != "cpu" or most <= 1 or "OMP_NUM_THREADS" in os.environ:
        return None
    candidate = Candidate(space.sample(seed))
    took = {}
    for threads in (1, most):
        training.threads = threads
        cost = tried(partial(_cost, training, candidate, 0.2))
        if cost is None:
            return 1
        took[threads] = cost
    return most if took[1] > _PAYS * took[most] else 1


def fitting_workers(training: Training, minutes: float) -> int:
    """How many workers use the machine: one a core where torch takes one thread, the memory suffices and it pays."""
    if training.device.type != "cpu" or (training.threads or 1) > 1 or minutes * 60 < _WORTH:
        return 1
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(cores, _MOST_WORKERS, int(free_memory() / _MEMORY)))


def measured_plan(
    training: Training,
    task: Task,
    contestants: Sequence[Space],
    minutes: float,
    began: float,
    *,
    formats: Sequence[str] | None,
    objectives: Sequence[Objective] = (),
) -> TimePlan | None:
    """Time some networks of the space and the hand-made one.

    Args:
        training: How networks of the space are trained.
        task: What is learned.
        contestants: The networks to compare with.
        minutes: Of the whole run.
        began: Unix time at which it began.
        formats: Those that the network is exported to; None means ONNX where it is installed.
        objectives: Their limits are kept by the networks that are timed, where some do.

    Returns:
        The plan; None where no network could be timed.
    """
    from archwright.estimators.cost import interpolated_seconds, time_training
    from archwright.estimators.training import Training
    from archwright.pretrained import original_network

    each = min(1.0, _SHARE * minutes * 60)
    wall, processor = time.perf_counter(), time.process_time()
    until = time.time() + _LONGEST * minutes * 60
    drawn = _drawn(training, task, until, objectives)
    places = {round(i * (len(drawn) - 1) / (_TIMED - 1)) for i in range(_TIMED)} if drawn else set()
    costs: list[TrainingCost] = []
    for place in sorted(places, reverse=True):
        if costs and time.time() > until:
            break
        candidate = Candidate(drawn[place][1])
        cost = tried(partial(time_training, training, candidate, seconds=each))
        costs += [] if cost is None else [cost]
    if not costs:
        return None
    seconds = sorted(interpolated_seconds(costs, [flops for flops, _ in drawn])[0])

    def hand_made(space: Space) -> float:
        other = Training(
            space,
            task,
            training.recipe if original_network(space) is not None else training.recipe.from_scratch,
            accelerator=training.accelerator,
            devices=training.devices,
            precision=training.precision,
            threads=training.threads,
        )
        return _cost(other, Candidate(space.sample(0)), each)

    compared = [tried(partial(hand_made, space)) for space in contestants]
    busy = (time.perf_counter() - wall) / max(time.process_time() - processor, 1e-3)
    closing = (_CLOSING if formats == () else _CLOSING_FORMATS) * min(max(1.0, busy), _BUSIEST)
    return TimePlan(
        costs=Costs(
            training=seconds[int(_LARGE * (len(seconds) - 1))],
            baseline=max((one for one in compared if one is not None), default=0.0),
            closing=closing,
            growth=_growth(task),
        ),
        contestants=len(contestants),
        spent=time.time() - began,
    )


def told_plan(
    plan: TimePlan, minutes: float, epochs: int, asked: int, trainings: Trainings, workers: int
) -> list[str]:
    """What the log says of a plan before anything is trained.

    Args:
        plan: The plan, for `epochs`.
        minutes: Of the whole run.
        epochs: Of a full training.
        asked: Those that the recipe had before they were made to fit.
        trainings: What is trained after the search.
        workers: Trainings at once.
    """
    shares = plan.shares(minutes, trainings, workers)
    training, base = plan.costs.training, plan.costs.baseline
    told = []
    if epochs > asked:
        told.append(
            f"time: {duration(minutes * 60)} suffice for many full trainings of {count_of(asked, 'epoch')}, so they "
            f"have {epochs}, of which the best counts; --epochs changes that"
        )
    if epochs < asked:
        told.append(
            f"time: {duration(minutes * 60)} do not suffice for full trainings of {count_of(asked, 'epoch')}, so they "
            f"have {epochs}; more minutes, or --epochs, change that"
        )
    would_fit = replace(plan, spent=0.0).shares(minutes, trainings, workers).fits
    if would_fit and plan.spent + plan.round(1, workers) > minutes * 60:
        return [
            *told,
            f"time: to begin and to measure what training costs took {duration(plan.spent)} of "
            f"{duration(minutes * 60)} already, so this will take longer: a full training takes about "
            f"{duration(training)}, and the best of a short search is trained beside what it is compared with; more "
            "minutes change that, or a machine that has less to do",
        ]
    if not shares.fits:
        fitting = plan.fitting_epochs(minutes, epochs, trainings, workers)
        told.append(
            f"time: not one full training beside the hand-made network fits into {duration(minutes * 60)}: it takes "
            f"about {duration(training)}{f', and that network {duration(base)}' if base else ''}, so this will take "
            f"longer; {count_of(fitting, 'epoch')} would fit (--epochs {fitting})"
        )
    told.append(
        f"time: a full training takes about {duration(training)}; search until {duration(shares.search)}, "
        f"finalists ({shares.retrain} found{f', {plan.contestants} to compare with' if base else ''}) until "
        f"{duration(shares.finals)}, then {_told_rest(plan, minutes, shares.retrain, trainings, workers)}"
    )
    return told


def _told_rest(plan: TimePlan, minutes: float, retrain: int, trainings: Trainings, workers: int) -> str:
    """What comes after the finalists."""
    parts = ["test, export and report"]
    if trainings.refit:
        parts.insert(
            0, f"about {duration(plan.refit(trainings, workers))} of training on validation data, too"
        )
    if more := plan.members(retrain, trainings, workers):
        parts.insert(0, f"about {duration(more)} of further trainings for the ensemble")
    if plan.longer(minutes) >= 1.0:
        parts.insert(
            0, f"about {duration(plan.longer(minutes))} of a longer training of the one that is chosen"
        )
    return ", then ".join(parts)


def _examples(task: Task, part: str) -> int:
    """How many examples a part of the data has; 0 where that is not known."""
    data = getattr(task, part, None)
    return len(data) if isinstance(data, Sized) else 0


def _steps(task: Task, recipe: Recipe) -> int:
    """Steps of an epoch; where the number of examples is not known, as many as data that are not few have."""
    return max(1, (_examples(task, "train") or 10**6) // recipe.batch_size)


def _growth(task: Task) -> float:
    """How many times the training data training and validation data are together; 1 where that is not known."""
    train, validation = _examples(task, "train"), _examples(task, "validation")
    return (train + validation) / train if train else 1.0


def _drawn(
    training: Training, task: Task, until: float, objectives: Sequence[Objective]
) -> list[tuple[float, Architecture]]:
    """Architectures with the FLOPs of their networks, the fewest first; fewer where the time is over.

    Those that keep the limits, where there are any.
    """
    kept: list[tuple[float, Architecture]] = []
    others: list[tuple[float, Architecture]] = []
    draws = cheaply_measured(training.space, task, Random(training.recipe.seed))
    for architecture, found in islice(draws, _MOST_DRAWN):
        if found is not None:
            keeps = keeps_limits(objectives, found)
            (kept if keeps else others).append((found["flops"], architecture))
        if len(kept) >= _DRAWN or ((kept or others) and time.time() > until):
            break
    return sorted(kept or others, key=lambda pair: pair[0])


def _cost(training: Training, candidate: Candidate, seconds: float) -> float:
    from archwright.estimators.cost import time_training

    return time_training(training, candidate, seconds=seconds).seconds
