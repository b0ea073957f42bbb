"""What a search works with, made from names where no objects were given; and what of it is refused beforehand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from archwright.errors import UsageError, did_you_mean
from archwright.experiments import DeviceConfig, NamedConfig, RunConfig
from archwright.experiments.executors import Interrupted, interrupts_marked
from archwright.objectives import METERS, Objective, optimized
from archwright.pretrained import original_network
from archwright.registry import Registry
from archwright.spaces import Space
from archwright.surrogates import Columns
from archwright.tasks import Task

if TYPE_CHECKING:
    from archwright.estimators.programs import ProgramTraining
    from archwright.estimators.training import Training

__all__ = [
    "check_ensemble",
    "check_measured",
    "made",
    "make_training",
    "proxy_columns",
]

T = TypeVar("T")

_NEVER = 10**9
"""Epochs without improvement after which a training for its best epoch stops."""

_WHAT = {
    "strategy": "a strategy, a one-shot method or the name of one",
    "estimator": "an estimator or the name of one",
    "pruner": "a pruner or the name of one",
}


def made(
    kind: str,
    wanted: type[Any],
    given: object,
    known: NamedConfig,
    registry: Registry[T, Any],
    *arguments: Any,
    **supplied: Any,
) -> T:
    """The object that was given, or one made by its recorded name.

    Args:
        kind: What it is called in `aw.search`.
        wanted: Its class.
        given: What the user gave: an object, a name that its record has too, or None for the record's.
        known: Its record.
        registry: What is known by name.
        arguments: What `Registry.make` is called with beside the name and the recorded options.
        supplied: The same by name.

    Raises:
        UsageError: When it is of another type, its name is unknown, or an object without a name is needed again.
    """
    if given is not None and not isinstance(given, str):
        if not isinstance(given, wanted):
            raise UsageError(f"expected {_WHAT[kind]}, got {given!r}")
        found: T = given
        return found
    if given is None and known.name not in registry:
        raise UsageError(
            f"the run was begun from Python with a {kind} that has no name, {known.name}: go on from Python, with "
            f"aw.resume(run, {kind}={kind})"
        )
    return registry.make(known.name, *arguments, options=known.options, **supplied)


def make_training(
    config: RunConfig, space: Space, task: Task, *, refit: bool = False, best_epoch: bool = False
) -> Training | ProgramTraining:
    """How networks of a space are trained at full fidelity; of programs how these are.

    Args:
        config: The run's record.
        space: Builds the networks.
        task: What is learned.
        refit: Whether from training and validation data together, without early stopping.
        best_epoch: Whether all epochs are trained and the weights of the best are kept.

    Raises:
        UsageError: When the recipe does not fit the task, or the device is not there.
    """
    from archwright.estimators.training import Training
    from archwright.programs.settings import settings_of
    from archwright.tasks.reduced import joined

    if settings_of(space) is not None:
        from archwright.estimators.programs import ProgramTraining

        return ProgramTraining(space, joined(task) if refit else task, config.recipe)
    device = config.device
    own = config.scratch is None or original_network(space) is not None
    recipe = config.recipe if own or config.scratch is None else config.scratch
    return Training(
        space,
        joined(task) if refit else task,
        recipe.replace(early_stopping=_NEVER) if best_epoch else recipe,
        accelerator=device.accelerator,
        devices=device.devices,
        precision=device.precision,
        threads=device.threads,
        early_stopping=not refit,
    )


def proxy_columns(space: Space, task: Task, accelerator: str, names: Sequence[str]) -> Columns:
    """Scores of zero-cost proxies, for a surrogate to read beside the decisions.

    Raises:
        UsageError: When a proxy is unknown.
    """
    from archwright.estimators.zero_cost import FEATURES, PROXIES, ProxyColumns, ZeroCost

    known = ["graf", "graph", *PROXIES, *FEATURES]
    if unknown := [name for name in names if name not in known]:
        raise UsageError(f"unknown columns {unknown[0]!r}.{did_you_mean(unknown[0], known)}")
    return ProxyColumns(ZeroCost(space, task, names, accelerator=accelerator))


def device_for(
    accelerator: str, devices: int | Sequence[int], precision: str, workers: int | None
) -> DeviceConfig:
    """The record of what networks are trained on.

    Args:
        accelerator: Lightning Fabric's name of a device.
        devices: How many devices train one network together, or their indices.
        precision: Lightning Fabric's name of a precision.
        workers: Trials at once; None where it is not told.

    Raises:
        UsageError: When `devices` is neither a number nor a list of indices, or several trials would share them.
    """
    from archwright.learning.devices import devices_of

    count = len(devices_of(devices, accelerator))
    if count > 1 and (workers or 1) > 1:
        raise UsageError(
            f"devices: each network is trained on {count} devices together, which {workers} trials at once would "
            "share; take workers=1, or devices=1 for a device a trial"
        )
    held = devices if isinstance(devices, int) else tuple(devices)
    return DeviceConfig(accelerator=accelerator, devices=held, precision=precision)


def check_ensemble(members: int, objectives: Sequence[Objective], task: Task) -> None:
    """Refuse an ensemble whose outputs have no mean, or of which the first objective is what networks cost.

    Raises:
        UsageError: Says which, and the cure.
    """
    if members == 1:
        return
    first = optimized(objectives)[0]
    if first.has_meter or first.name in ("params", "flops", "seconds"):
        raise UsageError(
            f"ensemble: several networks together cost more than one, and {first.name} is what is optimised first; put "
            "the score first, or leave ensemble out"
        )
    if not task.averaging:
        raise UsageError(
            f"ensemble: what the mean of outputs is, the task {task.name!r} does not say; give it the attribute "
            "averaging, 'probabilities', 'odds' or 'amounts', or leave ensemble out"
        )


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
                f"of `archwright list objectives`.{did_you_mean(name, [*measured, *METERS])}"
            )
