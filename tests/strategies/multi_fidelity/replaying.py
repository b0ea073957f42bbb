"""A discrete clock with workers, and strategies whose configurations are numbered."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from archwright import spaces as aw
from archwright.objectives import Direction, Objective
from archwright.strategies import FixedStrategy, Strategy
from archwright.testing.toy_spaces import Part
from archwright.trials import Candidate, Fidelity, FidelityRange, Measurement, Trial, TrialState

LOSS = (Objective("loss", Direction.MINIMIZE),)
SPACE = aw.Space(aw.layer(Part, aw.integer(0, 999, name="number")), name="numbered")


def numbered() -> FixedStrategy:
    """A sampler that proposes configuration 0, 1, 2, ..."""
    return FixedStrategy(SPACE, lambda: map(numbered_architecture, range(1000)))


def numbered_architecture(number: int) -> Any:
    return SPACE.architecture({"number": number})


def epochs(most: int) -> FidelityRange:
    return FidelityRange(Fidelity(1), Fidelity(most))


@dataclass
class Asked:
    """A job of a trace.

    Args:
        trial: The trial's number.
        configuration: The configuration's number.
        epochs: In all.
        parent: The trial that it continues.
    """

    trial: int
    configuration: int
    epochs: int
    parent: int | None


def replayed(
    strategy: Strategy,
    loss: Callable[[int, int], float | None],
    *,
    workers: int = 1,
    jobs: int,
    resumed: Callable[[Strategy], Strategy] = lambda strategy: strategy,
) -> list[Asked]:
    """What a strategy asks for, in order. `loss` of a configuration after so many epochs; None: it fails.

    A worker takes as long as the epochs that it adds; of those that end at once the one that began first is told first.
    """
    clock, trace, running = 0.0, list[Asked](), list[tuple[float, int, Candidate]]()
    while len(trace) < jobs or running:
        while len(running) < workers and len(trace) < jobs:
            strategy = resumed(strategy)
            candidate = strategy.ask([one for _, _, one in sorted(running, key=lambda job: job[1])])
            if candidate is None:
                break
            number, parent = len(trace), candidate.parent if candidate.continues else None
            before = 0 if parent is None else trace[parent].epochs
            trace.append(
                Asked(number, candidate.architecture["number"], candidate.effort.epochs or 0, parent)
            )
            heapq.heappush(running, (clock + trace[-1].epochs - before, number, candidate))
        if not running:
            break
        clock, number, candidate = heapq.heappop(running)
        strategy.tell(ended(number, candidate, trace[number], loss))
    return trace


def ended(number: int, candidate: Candidate, job: Asked, loss: Callable[[int, int], float | None]) -> Trial:
    values = [loss(job.configuration, epoch) for epoch in range(1, job.epochs + 1)]
    if values[-1] is None:
        return Trial(number, candidate, TrialState.FAILED, error="the loss became NaN")
    curve = tuple(
        {"epoch": float(i + 1), "loss": value} for i, value in enumerate(values) if value is not None
    )
    return Trial(number, candidate, TrialState.COMPLETED, Measurement({"loss": values[-1]}, curve))
