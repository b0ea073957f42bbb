"""The fidelity of a search's trials: what was asked for, and whether space, task and strategy can do it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from archwright.errors import ArchwrightError, BuildError, UsageError
from archwright.spaces import Space
from archwright.strategies import STRATEGIES
from archwright.trials import Fidelity, FidelityRange

if TYPE_CHECKING:
    from archwright.tasks import Task

__all__ = ["check_fidelity", "fidelity_for", "moves_over_fidelity", "single_fidelity"]


def fidelity_for(given: FidelityRange | Fidelity | str, strategy: Any, epochs: int) -> FidelityRange:
    """The range of the fidelity: for a strategy that moves over one, from 1 epoch where no range was given.

    Args:
        given: What was asked for.
        strategy: A strategy, a one-shot method, or the name of one.
        epochs: Those of the recipe.

    Raises:
        UsageError: When a range is given to a strategy that does not move over one, or there is none to move over.
    """
    wanted = FidelityRange.of(given)
    if not moves_over_fidelity(strategy):
        if not wanted.is_point:
            name = strategy if isinstance(strategy, str) else type(strategy).__name__
            raise UsageError(
                f"the range {wanted} is for a strategy that moves over it, which {name} does not; take --strategy asha "
                "or give single values (a strategy that is an object has its range from its own arguments)"
            )
        return wanted
    if not wanted.is_point:
        return wanted
    most = wanted.high.epochs or epochs
    if most < 2:
        raise UsageError(
            f"{strategy} moves over a range of fidelities, and 1 epoch leaves none; give one: --fidelity epochs=1..9"
        )
    return FidelityRange(replace(wanted.low, epochs=1), replace(wanted.high, epochs=most))


def moves_over_fidelity(strategy: object) -> bool:
    """Whether a strategy is known by a name and moves over a range of fidelities."""
    return isinstance(strategy, str) and strategy in STRATEGIES and STRATEGIES.takes(strategy, "fidelity")


def single_fidelity(given: FidelityRange | Fidelity | str, space: Space, task: Task, why: str) -> Fidelity:
    """The one fidelity of all networks, where nothing moves over a range.

    Args:
        given: What was asked for.
        space: What is built.
        task: What is learned.
        why: Why there is one, for the error: "judge trains all networks alike".

    Raises:
        UsageError: When it is a range, or space or task cannot do it.
    """
    wanted = FidelityRange.of(given)
    if not wanted.is_point:
        raise UsageError(f"{why}, got the range {wanted}; give single values, such as those of its upper end")
    check_fidelity(wanted, space, task)
    return wanted.high


def check_fidelity(wanted: FidelityRange, space: Space, task: Task) -> None:
    """Refuse what a fidelity cannot do for a space or a task, before anything is trained.

    Raises:
        UsageError: Names the part of the fidelity, and what to do.
    """
    for end in {wanted.low: None, wanted.high: None}:
        _check(end, space, task)


def _check(fidelity: Fidelity, space: Space, task: Task) -> None:
    from archwright.estimators.reduced import reduced

    if fidelity.data_fraction < 1 and not task.shares:
        raise UsageError(
            f"fidelity: the task {task.name!r} reads its batches by a method of its own, so a share of the data "
            f"({fidelity.data_fraction:g}) means nothing to it; leave out the share, and take fewer epochs"
        )
    small, seen = reduced(space, task, fidelity)
    if not fidelity.is_reduced:
        return
    try:
        small.build(small.default, seen.example_arguments())
    except BuildError as error:
        raise UsageError(
            f"fidelity: the default network of the space does not build at {fidelity}: {error}; take a larger "
            "resolution or scale"
        ) from error
    except ArchwrightError:
        return  # what is wrong with the space itself is told by its trials
