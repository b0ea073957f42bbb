"""What training costs on this machine, measured before a search within a share of its minutes."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence, Sized
from functools import partial
from itertools import islice
from random import Random
from typing import TYPE_CHECKING

from archwright.experiments.time_plan import Costs, TimePlan
from archwright.objectives import Objective, keeps_limits
from archwright.session.sampling import cheaply_measured, tried
from archwright.spaces import Architecture, Space
from archwright.tasks import Task
from archwright.trials import Candidate

if TYPE_CHECKING:
    from archwright.estimators.cost import TrainingCost
    from archwright.estimators.training import Training

__all__ = ["MEASURING", "examples_of", "fitting_threads", "measured_plan", "most_threads"]

MEASURING = 0.1
"""Share of the minutes in which training is measured; what was begun by then ends after its next step."""
_PAYS = 1.3
"""By how much faster all cores must be than one, to be taken."""
_DRAWING = 0.03
"""Share of the minutes in which networks are drawn and sized."""
_DRAWN, _MOST_DRAWN, _TIMED = 16, 64, 3
_LARGE = 0.75
"""The quantile of the costs of networks that is planned with: what wins is rather large."""
_SHARE = 0.01
"""Share of the minutes in which one network's steps are timed, where they are quick."""
_CLOSING, _CLOSING_FORMATS = 3.0, 7.0
"""Seconds for test, export and report on a machine that is not busy."""
_BUSIEST = 4.0
"""So many times as long they are taken to last at most, where processor time comes that much slower than wall time."""


def most_threads(training: Training) -> int:
    """How many threads torch would take; 1 where nothing is to be chosen.

    That is on another device than the CPU, with one core, or where the environment says how many.
    """
    import torch

    if training.device.type != "cpu" or "OMP_NUM_THREADS" in os.environ:
        return 1
    return max(1, torch.get_num_threads() // training.ranks)


def fitting_threads(
    training: Training, space: Space, seed: int, *, seconds: float | None = None
) -> int | None:
    """How many threads of torch pay for a network of the space: one, or as many as torch would take.

    Both are timed on the space's first network, here and now, so that a machine that is busy is given one.

    Args:
        training: How networks are trained.
        space: The space.
        seed: Of the network.
        seconds: Time for both; None for as long as eight steps take with one thread.

    Returns:
        The number; None where nothing is to be chosen.
    """
    most = most_threads(training)
    if most <= 1:
        return None
    candidate = Candidate(space.sample(seed))
    bound = None if seconds is None else seconds / 2
    took = {}
    for threads in (1, most):
        training.threads = threads
        began = time.perf_counter()
        cost = tried(partial(_cost, training, candidate, 0.2, bound))
        if cost is None:
            return 1
        took[threads] = cost
        # Threads that do not get as far in as long do not pay: on a busy machine they wait for each other.
        bound = time.perf_counter() - began if bound is None else bound
    return most if took[1] > _PAYS * took[most] else 1


def measured_plan(
    training: Training,
    task: Task,
    contestants: Sequence[Space],
    minutes: float,
    began: float,
    *,
    formats: Sequence[str] | None,
    objectives: Sequence[Objective] = (),
    until: float | None = None,
) -> TimePlan | None:
    """Time some networks of the space and those that it is compared with.

    Args:
        training: How networks of the space are trained.
        task: What is learned.
        contestants: The networks to compare with.
        minutes: Of the whole run.
        began: Unix time at which it began.
        formats: Those that the network is exported to; None means ONNX where it is installed.
        objectives: Their limits are kept by the networks that are timed, where some do.
        until: Unix time at which measuring is over; None means after its share of the minutes.

    Returns:
        The plan; None where no network could be timed.
    """
    from archwright.estimators.cost import interpolated_seconds

    each = min(1.0, _SHARE * minutes * 60)
    wall, processor = time.perf_counter(), time.process_time()
    now = time.time()
    until = now + MEASURING * minutes * 60 if until is None else until
    drawn = _drawn(training, task, min(until, now + _DRAWING * minutes * 60), objectives)
    costs = _network_costs(training, drawn, each, until)
    if not costs:
        return None
    seconds = sorted(interpolated_seconds(costs, [flops for flops, _ in drawn])[0])
    typical = seconds[int(_LARGE * (len(seconds) - 1))]
    beside = [partial(_contestant_cost, training, task, space, typical, each, until) for space in contestants]
    compared = [tried(one) for one in beside]
    busy = (time.perf_counter() - wall) / max(time.process_time() - processor, 1e-3)
    closing = (_CLOSING if formats == () else _CLOSING_FORMATS) * min(max(1.0, busy), _BUSIEST)
    return TimePlan(
        costs=Costs(
            training=typical,
            baseline=max((one for one in compared if one is not None), default=0.0),
            closing=closing,
            growth=_growth(task),
        ),
        contestants=len(contestants),
        spent=time.time() - began,
    )


def _network_costs(
    training: Training, drawn: Sequence[tuple[float, Architecture]], each: float, until: float
) -> list[TrainingCost]:
    """What training costs, of the largest network, the middle and the smallest; of fewer where the time is over."""
    from archwright.estimators.cost import time_training

    places = {round(i * (len(drawn) - 1) / (_TIMED - 1)) for i in range(_TIMED)} if drawn else set()
    costs: list[TrainingCost] = []
    for place in sorted(places, reverse=True):
        if costs and time.time() > until:
            break
        candidate = Candidate(drawn[place][1])
        most = max(each, (until - time.time()) / 2)
        cost = tried(partial(time_training, training, candidate, seconds=each, most=most))
        costs += [] if cost is None else [cost]
    return costs


def _contestant_cost(
    training: Training, task: Task, space: Space, typical: float, each: float, until: float
) -> float:
    """Seconds of a full training of a network to compare with; `typical` are those of one of the run's space."""
    from archwright.estimators.training import Training
    from archwright.pretrained import original_network

    is_given = original_network(space) is not None
    other = Training(
        space,
        task,
        training.recipe if is_given else training.recipe.from_scratch,
        accelerator=training.accelerator,
        devices=training.devices,
        precision=training.precision,
        threads=training.threads,
    )
    cost = _cost(other, Candidate(space.sample(0)), each, max(each, until - time.time()))
    # What was given is trained for as long as what the search finds, but for one epoch at least.
    return max(typical, cost / training.recipe.epochs) if is_given else cost


def _cost(training: Training, candidate: Candidate, seconds: float, most: float | None) -> float:
    from archwright.estimators.cost import time_training

    return time_training(training, candidate, seconds=seconds, most=most).seconds


def examples_of(task: Task, part: str) -> int:
    """How many examples a part of the data has; 0 where that is not known."""
    data = getattr(task, part, None)
    return len(data) if isinstance(data, Sized) else 0


def _growth(task: Task) -> float:
    """How many times the training data training and validation data are together; 1 where that is not known."""
    train, validation = examples_of(task, "train"), examples_of(task, "validation")
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
