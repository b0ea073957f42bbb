"""What a search works with, made from names where no objects were given; and what of it is refused beforehand."""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

from archwright.errors import UsageError
from archwright.estimators import ESTIMATORS
from archwright.estimators.estimator import Estimator
from archwright.experiments import NamedConfig, RunConfig
from archwright.experiments.executors import Interrupted, interrupts_marked
from archwright.objectives import Objective
from archwright.spaces import Space
from archwright.strategies import STRATEGIES, FixedStrategy, Strategy, make_strategy
from archwright.strategies.pruners import PRUNERS, Pruner
from archwright.supernets import METHODS, OneShot, make_method
from archwright.tasks import Task

__all__ = [
    "GivenParts",
    "check_measured",
    "made_estimator",
    "made_method",
    "made_pruner",
    "made_strategy",
    "named",
    "with_starting_points",
]

T = TypeVar("T")


@dataclass(frozen=True)
class GivenParts:
    """What a run works with, as the user gave it: an object, a name that its record has too, or None for the record's.

    Args:
        strategy: A strategy or one-shot method, which proposes candidates.
        estimator: Measures candidates. Of a one-shot search it is the supernet.
        pruner: Stops trials early.
    """

    strategy: Strategy | OneShot | str | None = None
    estimator: Estimator | str | None = None
    pruner: Pruner | str | None = None


def named(given: object, options: Mapping[str, Any] | None = None) -> NamedConfig:
    """The record of something that was given by name or as an object."""
    if isinstance(given, str):
        return NamedConfig(name=given, options=dict(options or {}))
    if options:
        raise UsageError(f"the options {', '.join(options)} go with a name: expected one, got {given!r}")
    return NamedConfig(name=type(given).__name__)


_WHAT = {
    "strategy": "a strategy, a one-shot method or the name of one",
    "estimator": "an estimator or the name of one",
    "pruner": "a pruner or the name of one",
}


def _made(
    kind: str,
    wanted: type[Any],
    given: object,
    known: NamedConfig,
    names: Container[str],
    make: Callable[[], T],
) -> T:
    """The object that was given, or one made by its recorded name.

    Raises:
        UsageError: When it is of another type, its name is unknown, or an object without a name is needed again.
    """
    if given is not None and not isinstance(given, str):
        if not isinstance(given, wanted):
            raise UsageError(f"expected {_WHAT[kind]}, got {given!r}")
        made: T = given
        return made
    if isinstance(given, str) or known.name in names:
        return make()  # an unknown name is refused with what is known
    raise UsageError(
        f"the run was begun from Python with a {kind} that has no name, {known.name}: go on from Python, with "
        f"aw.resume(run, {kind}={kind})"
    )


def made_strategy(config: RunConfig, space: Space, given: object) -> Strategy:
    """What proposes candidates. Raises as `_made` does."""
    known = config.strategy
    make = partial(make_strategy, known.name, space, config.objectives, seed=config.seed, **known.options)
    return _made("strategy", Strategy, given, known, STRATEGIES, make)


def made_method(config: RunConfig, given: object) -> OneShot:
    """What trains a supernet. Raises as `_made` does."""
    known = config.strategy
    make = partial(make_method, known.name, seed=config.seed, **known.options)
    return _made("strategy", OneShot, given, known, METHODS, make)


def with_starting_points(config: RunConfig, space: Space, strategy: Strategy) -> Strategy:
    """A strategy before which the given architectures are proposed, where there are any.

    Raises:
        SpaceError: When one of them is not of the space.
    """
    if not config.enqueue:
        return strategy
    return FixedStrategy(space, [space.architecture(values) for values in config.enqueue], strategy)


def made_estimator(config: RunConfig, space: Space, task: Task, given: object) -> Estimator:
    """What measures candidates. Raises as `_made` does."""
    known, device = config.estimator, config.device
    how = {"recipe": config.recipe, "accelerator": device.accelerator, "precision": device.precision}
    make = partial(ESTIMATORS.make, known.name, space, task, options=known.options, **how)
    return _made("estimator", Estimator, given, known, ESTIMATORS, make)


def made_pruner(config: RunConfig, given: object) -> Pruner | None:
    """What stops trials early; None where nothing does. Raises as `_made` does."""
    known = config.pruner
    if known is None:
        return None
    make = partial(PRUNERS.make, known.name, config.objectives, options=known.options)
    return _made("pruner", Pruner, given, known, PRUNERS, make)


def check_measured(objectives: Sequence[Objective], space: Space, task: Task) -> None:
    """Refuse an objective that nothing measures, before anything is trained.

    What a task measures is seen from an untrained network on two examples. A task that judges whole parts at once, by
    an `evaluate` of its own, is taken at its word.

    Raises:
        UsageError: Names the objective and what there is.
        SpaceError: When the space has no architecture that can be drawn.
    """
    wanted = [
        o.name for o in objectives if not o.has_meter and o.name not in ("seconds", "params", "flops", "loss")
    ]
    if not wanted or not type(task).evaluate.__module__.startswith("archwright.tasks"):
        return
    architecture = space.sample(0)
    try:
        with interrupts_marked():
            batch = task.example()
            network = space.build(architecture, task.example_arguments()).eval()
            measured = task.measure(task.forward(network, batch), batch)
    except Interrupted:
        raise
    except (Exception, SystemExit, KeyboardInterrupt):
        return  # what is wrong there is told by the trials
    for name in wanted:
        if name not in measured:
            raise UsageError(
                f"nothing measures the objective {name!r}: the task {task.name!r} gives {', '.join(sorted(measured))}, "
                "and no meter has that name; give it a meter (file.py:function, or Objective(meter=...)), or take one "
                "of `archwright list objectives`"
            )
