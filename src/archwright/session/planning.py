"""Before a search: how many threads pay, how many workers, and how its minutes are divided."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from archwright.durations import count_of, duration
from archwright.experiments import DeviceConfig
from archwright.experiments.memory import free_memory
from archwright.experiments.time_plan import TimePlan, Trainings
from archwright.objectives import Objective
from archwright.programs.settings import settings_of
from archwright.session.costs import MEASURING, examples_of, fitting_threads, measured_plan, most_threads
from archwright.spaces import Space
from archwright.tasks import Task

if TYPE_CHECKING:
    from archwright.estimators.training import Training
    from archwright.learning import Recipe

__all__ = ["Planned", "plan_run"]

_THREADS = 0.04
"""Share of the minutes in which one thread is compared with several."""
_WORTH = 60.0
"""Seconds of search from which on worker processes pay, each of which takes seconds to start."""
_MEMORY = 2**30
_MOST_WORKERS = 8


_UNPLANNED = (
    "time: no network of the space could be trained for a few steps here, so the minutes are not divided: all are the "
    "search's, and what follows it takes longer; its trials say what went wrong"
)


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
    preparing: Callable[[str], None] = lambda text: None,
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
        preparing: Is told what is measured, and why, before it is.
    """
    from archwright.estimators.training import Training
    from archwright.pretrained import original_network

    training = Training(
        space,
        task,
        recipe,
        accelerator=device.accelerator,
        devices=device.devices,
        precision=device.precision,
    )
    is_planned = minutes is not None and trainings.retrain > 0
    if (most := most_threads(training)) > 1 or is_planned:
        preparing(_told_measuring(most, minutes if is_planned else None))
    until = None if minutes is None else time.time() + MEASURING * minutes * 60
    within = None if minutes is None else _THREADS * minutes * 60
    threads = training.threads = fitting_threads(training, space, recipe.seed, seconds=within)
    if workers is None:
        left = 0.0 if minutes is None else minutes - (time.time() - began) / 60
        workers = 1 if device.count > 1 else fitting_workers(training, left)
    if minutes is None or trainings.retrain < 1:
        return Planned(recipe=recipe, threads=threads, workers=workers)
    plan = measured_plan(
        training, task, contestants, minutes, began, formats=formats, objectives=objectives, until=until
    )
    if plan is None:
        told = () if settings_of(space) is not None else (_UNPLANNED,)  # programs need no plan
        return Planned(recipe=recipe, threads=threads, workers=workers, notes=told)
    asked = recipe.epochs
    is_given = any(original_network(other) is not None for other in contestants)
    if may_fit:
        longer = 2 if is_given else 1
        steps = _steps(task, recipe)
        plan, recipe = fitted_epochs(plan, recipe, minutes, trainings, workers, steps=steps, longer=longer)
    notes = told_plan(plan, minutes, recipe.epochs, asked, trainings, workers, is_given=is_given)
    if workers > 1:
        notes.append(f"workers: {workers}, each with one thread")
    return Planned(recipe=recipe, threads=threads, workers=workers, plan=plan, notes=tuple(notes))


def fitted_epochs(
    plan: TimePlan,
    recipe: Recipe,
    minutes: float,
    trainings: Trainings,
    workers: int,
    *,
    steps: int,
    longer: int,
) -> tuple[TimePlan, Recipe]:
    """The plan and the recipe for as many epochs as suit the minutes, and with time for a longer training at the end.

    Args:
        plan: As measured, for the epochs of the recipe.
        recipe: How networks are trained.
        minutes: Of the whole run.
        trainings: What is trained after the search.
        workers: Trainings at once.
        steps: Of an epoch.
        longer: Networks that are trained for longer at the end.
    """
    asked = recipe.epochs
    epochs = plan.planned_epochs(minutes, asked, trainings, workers)
    if trainings.ensemble == 1 and not trainings.refit:
        plan = plan.prolonged(asked, epochs, steps, longer)
        epochs = plan.planned_epochs(minutes, asked, trainings, workers)
    recipe = recipe.replace(early_stopping=epochs) if epochs > asked else recipe  # small data overfit
    return plan.scaled(epochs / asked), recipe.replace(epochs=epochs)


def _told_measuring(threads: int, minutes: float | None) -> str:
    """What is measured before the search, and why.

    Args:
        threads: How many torch would take.
        minutes: Of the whole run; None where they are not divided.
    """
    pays = f"whether {threads} threads train quicker than one" if threads > 1 else ""
    if minutes is None:
        return f"preparing: a few steps of training tell {pays}"
    share = f"what training costs here, so that the {duration(minutes * 60)} can be divided"
    told = f"{pays}, and {share}" if pays else share
    within = duration(MEASURING * minutes * 60)
    return f"preparing: a few steps of training tell {told}; these take about {within}"


def fitting_workers(training: Training, minutes: float) -> int:
    """How many workers use the machine: one a core where torch takes one thread, the memory suffices and it pays.

    Args:
        training: How networks are trained.
        minutes: Those that are left.
    """
    if training.device.type != "cpu" or (training.threads or 1) > 1 or minutes * 60 < _WORTH:
        return 1
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(cores, _MOST_WORKERS, int(free_memory() / _MEMORY)))


def told_plan(
    plan: TimePlan,
    minutes: float,
    epochs: int,
    asked: int,
    trainings: Trainings,
    workers: int,
    *,
    is_given: bool = False,
) -> list[str]:
    """What the log says of a plan before anything is trained.

    Args:
        plan: The plan, for `epochs`.
        minutes: Of the whole run.
        epochs: Of a full training.
        asked: Those that the recipe had before they were made to fit.
        trainings: What is trained after the search.
        workers: Trainings at once.
        is_given: Whether the network that the search began with is trained for as long as the chosen one.
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
    needed = plan.needed(trainings, workers)
    if would_fit and plan.spent + plan.round(1, workers) > minutes * 60:
        return [
            *told,
            f"time: to begin and to measure what training costs took {duration(plan.spent)} of "
            f"{duration(minutes * 60)} already, so this will take longer, about {duration(needed)} in all: a full "
            f"training takes about {duration(training)}, and the best of a short search is trained beside what it is "
            "compared with; more minutes change that, or a machine that has less to do",
        ]
    if not shares.fits:
        fitting = plan.fitting_epochs(minutes, epochs, trainings, workers)
        told.append(
            f"time: not one full training beside the hand-made network fits into {duration(minutes * 60)}: it takes "
            f"about {duration(training)}{f', and that network {duration(base)}' if base else ''}, so this will take "
            f"longer, about {duration(needed)} in all; {count_of(fitting, 'epoch')} would fit (--epochs {fitting})"
        )
    elif needed > minutes * 60:
        told.append(
            f"time: test, export and report take about {duration(plan.costs.closing)} after the last training, so this "
            f"will take longer than {duration(minutes * 60)}, about {duration(needed)} in all; more minutes change "
            "that, or a machine that has less to do"
        )
    rest = _told_rest(plan, minutes, shares.retrain, trainings, workers, is_given=is_given)
    told.append(
        f"time: a full training takes about {duration(training)}; search until {duration(shares.search)}, "
        f"finalists ({shares.retrain} found{f', {plan.contestants} to compare with' if base else ''}) until "
        f"{duration(shares.finals)}, then {rest}"
    )
    return told


def _told_rest(
    plan: TimePlan, minutes: float, retrain: int, trainings: Trainings, workers: int, *, is_given: bool
) -> str:
    """What comes after the finalists."""
    parts = ["test, export and report"]
    if trainings.refit:
        parts.insert(
            0, f"about {duration(plan.refit(trainings, workers))} of training on validation data, too"
        )
    if more := plan.members(retrain, trainings, workers):
        parts.insert(0, f"about {duration(more)} of further trainings for the ensemble")
    if plan.longer(minutes) >= 1.0:
        trained = "a longer training of the one that is chosen"
        if is_given:
            trained = "longer trainings of the one that is chosen and of the network as it was given"
        parts.insert(0, f"about {duration(plan.longer(minutes))} of {trained}")
    return ", then ".join(parts)


def _steps(task: Task, recipe: Recipe) -> int:
    """Steps of an epoch; where the number of examples is not known, as many as data that are not few have."""
    return max(1, (examples_of(task, "train") or 10**6) // recipe.batch_size)
