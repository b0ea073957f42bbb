"""What a search is of and how it goes about it, decided before anything is trained."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from archwright.errors import UsageError
from archwright.estimators.estimator import Estimator
from archwright.experiments import (
    Budget,
    DeviceConfig,
    NamedConfig,
    SupernetConfig,
    resolve_network,
    resolve_task,
)
from archwright.experiments.early_checks import check_one_shot, estimator_for, named
from archwright.experiments.time_plan import Trainings
from archwright.objectives import Objective
from archwright.pretrained import Buildable, summary_line
from archwright.pretrained.network import Members
from archwright.pretrained.originals import maker_of
from archwright.pretrained.steps import LATENCY
from archwright.programs.settings import settings_of
from archwright.references import absolute_reference, is_object_reference
from archwright.session.default_search import DefaultSearch, default_search
from archwright.session.defaults import network_options_for, objectives_for, space_for, table_options
from archwright.session.fidelities import check_fidelity, fidelity_for
from archwright.session.judgement import judged_estimator
from archwright.session.one_shot import default_budget, options_with_weights
from archwright.session.parts import check_measured
from archwright.session.planning import Planned
from archwright.session.starting import held_values, ruled
from archwright.spaces import Space
from archwright.strategies import STRATEGIES, Strategy
from archwright.supernets import METHODS, OneShot, make_method
from archwright.tasks import Task
from archwright.trials import Fidelity, FidelityRange

__all__ = ["Approach", "Subject", "approach_for", "subject_of"]


_COMPILING = (
    "programs: what runs them is compiled before the first proposal, once for each size of data; that takes about a "
    "quarter of a minute"
)


@dataclass(frozen=True, kw_only=True)
class Subject:
    """What is learned, and what is searched for it.

    Args:
        task: What is learned.
        options: What the task was made with, as they are recorded.
        space: What is searched.
        reference: Of the space, where it has one.
        network: Where that means a network whose own widths are the space, the options; None where it means a space.
        space_options: Of a built-in space.
        fixed: The space with decisions held, and with rules.
        held: Address to value of these.
        rules: Those, a line each.
        objectives: What is optimised and limited.
        notes: What the log says of it.
    """

    task: Task
    options: Mapping[str, Any]
    space: Space
    reference: str | None
    network: Mapping[str, Any] | None
    space_options: Mapping[str, Any]
    fixed: Space
    held: Mapping[str, Any]
    rules: tuple[str, ...]
    objectives: tuple[Objective, ...]
    notes: tuple[str, ...]


def subject_of(
    space: Space | str | None,
    task: Task | str,
    *,
    network: Buildable | str | None = None,
    network_options: Mapping[str, Any] | None = None,
    strategy: object = None,
    objectives: Sequence[Objective | str],
    fix: Mapping[str, Any] | None,
    rules: Sequence[str] | str | Path = (),
    task_options: Mapping[str, Any] | None,
    space_options: Mapping[str, Any] | None = None,
) -> Subject:
    """The space, the task and the objectives as objects. For the arguments see `search`.

    Raises:
        UsageError: When one of them is unknown, or does not fit.
    """
    options = table_options(task_options or {}, objectives)
    made = resolve_task(task, **options) if isinstance(task, str) else task
    notes = list(made.notes)
    settled = network_options_for(space, network, network_options or {}, strategy)
    if network is not None and settled is not None:
        if space_options:
            raise UsageError("options of a space go with a space; those of a network have names of their own")
        searched = resolve_network(network, made, settled)
        reference = network if isinstance(network, str) else None
        notes += filter(None, [summary_line(searched)])
        members = maker_of(searched)
        if settled.get("step") == LATENCY and isinstance(members, Members):
            settled["step"] = members.step  # so that the space is the same when it is resumed
            notes.append(f"network: widths in steps of {settled['step']}, as the network gets faster here")
    else:
        searched, reference = space_for(space, made, space_options)
        if space is None:
            notes.append(f"space: {reference}, picked for inputs of shape {made.input_shape}")
    held = held_values(searched, fix or {})
    fixed, lines = ruled(searched.fix(held), rules)
    return Subject(
        task=made,
        options=options,
        space=searched,
        reference=reference,
        network=settled,
        space_options=dict(space_options or {}),
        fixed=fixed,
        held=held,
        rules=lines,
        objectives=objectives_for(objectives, made),
        notes=tuple(notes),
    )


@dataclass(frozen=True, kw_only=True)
class Approach:
    """How candidates are proposed and measured.

    Args:
        strategy: What proposes: an object or a name; of a one-shot search its method.
        strategy_record: The record of that.
        estimator: What measures: an object or a name; None of a one-shot search, or for training.
        estimator_record: The record of that.
        fidelity: Of the trials.
        supernet: The record of a one-shot search's supernet.
        known: Architectures to begin with, in JSON's own types.
        notes: What the log says of it.
    """

    strategy: Strategy | OneShot | str
    strategy_record: NamedConfig
    estimator: Estimator | str | None
    estimator_record: NamedConfig
    fidelity: FidelityRange
    supernet: SupernetConfig | None = None
    known: tuple[Mapping[str, Any], ...] = ()
    notes: tuple[str, ...] = field(default=(), compare=False)


def approach_for(
    subject: Subject,
    planned: Planned,
    *,
    strategy: Strategy | OneShot | str | None,
    strategy_options: Mapping[str, Any] | None,
    estimator: Estimator | str | None,
    estimator_options: Mapping[str, Any] | None,
    pruner: object,
    fidelity: FidelityRange | Fidelity | str,
    budget: Budget | None,
    trainings: Trainings,
    device: DeviceConfig,
    seed: int,
    preparing: Callable[[str], None] = lambda text: None,
) -> Approach:
    """Pick what was not named, and refuse what does not go together. For the arguments see `search`.

    Raises:
        UsageError: When something does not fit.
    """
    notes: list[str] = []
    known: tuple[Mapping[str, Any], ...] = ()
    options = dict(strategy_options or {})
    if settings_of(subject.space) is not None:
        strategy = "program_evolution" if strategy in (None, "auto") else strategy
        if isinstance(strategy, OneShot) or strategy in METHODS:
            raise UsageError(
                "a space of programs has no supernet for a one-shot method to train; take program_evolution (the "
                "default), evolution or random"
            )
        estimator = estimator or "programs"
        notes.append(_COMPILING)
    if strategy is None or strategy == "auto":
        is_plain = estimator in (None, "training") and pruner in (None, "never")
        how: dict[str, Any] = {"fidelity": fidelity, "is_plain": is_plain, "accelerator": device.accelerator}
        picked = _picked(subject, planned, options, budget, trainings, preparing=preparing, **how)
        strategy, fidelity, known = picked.strategy, picked.fidelity, tuple(picked.known)
        options = {**picked.options, **options}
        notes.append(picked.note)
    if estimator == "auto":
        asked = (estimator_options, strategy, subject.space, subject.task, fidelity)
        estimator, estimator_options, fidelity, why = judged_estimator(*asked)
        notes.append(why)
    options, told = options_with_weights(strategy, options, subject.space)
    notes += told
    effort = fidelity_for(fidelity, strategy, planned.recipe.epochs)
    if effort != FidelityRange.of(fidelity):
        notes.append(f"fidelity: {effort}, since no range was given")
    estimator, estimator_options = estimator_for(strategy, options, estimator, estimator_options)
    method = _method_of(strategy, options, seed, effort, estimator or estimator_options or None, pruner)
    if method is not None:
        notes += _told_precision(device.precision, options)
    if estimator in (None, "training", "cascade"):
        check_measured(subject.objectives, subject.space, subject.task)
        check_fidelity(effort, subject.fixed, subject.task)
    return Approach(
        strategy=method or strategy,
        strategy_record=_recorded(strategy, options),
        estimator=estimator,
        estimator_record=named("WeightSharing" if method else estimator or "Training", estimator_options),
        fidelity=effort,
        supernet=None if method is None else _supernet_of(method),
        known=known,
        notes=tuple(notes),
    )


def _picked(
    subject: Subject,
    planned: Planned,
    options: dict[str, Any],
    budget: Budget | None,
    trainings: Trainings,
    **how: Any,
) -> DefaultSearch:
    """The search that is usual for a subject; see `default_search`. Takes the number of trials out of the options."""
    return default_search(
        subject.fixed,
        subject.reference,
        subject.task,
        subject.objectives,
        planned,
        trials=options.pop("trials", (budget or default_budget(None, trainings.retrain)).trials),
        minutes=None if budget is None else budget.minutes,
        after=trainings,
        **how,
    )


def _supernet_of(method: OneShot) -> SupernetConfig:
    return SupernetConfig(epochs=method.epochs, scored=method.proposals_per_retrain)


def _told_precision(precision: str, options: Mapping[str, Any]) -> list[str]:
    """Says that a precision does not hold for the supernet, where it does not."""
    if precision == "32-true" or "precision" in options:
        return []
    return [
        f"the supernet is trained in 32 bits; {precision} holds for the networks trained from scratch; for both: "
        f"--option precision={precision}"
    ]


def _recorded(strategy: Strategy | OneShot | str, options: Mapping[str, Any]) -> NamedConfig:
    name = strategy if isinstance(strategy, str) else type(strategy).__name__
    return NamedConfig(name=absolute_reference(name) if is_object_reference(name) else name, options=options)


def _method_of(
    strategy: Strategy | OneShot | str,
    options: Mapping[str, Any],
    seed: int,
    fidelity: FidelityRange,
    estimator: object,
    pruner: object,
) -> OneShot | None:
    """The one-shot method that a strategy is; None where it is none.

    Raises:
        UsageError: When an argument does not go with a one-shot method.
    """
    if isinstance(strategy, Strategy) or (isinstance(strategy, str) and strategy in STRATEGIES):
        return None
    if fidelity != FidelityRange():
        raise UsageError(
            "a one-shot method scores its trials without training them, so a shorter training in the search "
            "(--fidelity) has no meaning; shorten the supernet's: --option epochs=10"
        )
    check_one_shot(strategy if isinstance(strategy, str) else type(strategy).__name__, estimator, pruner)
    method = make_method(strategy, seed=seed, **options) if isinstance(strategy, str) else strategy
    if not isinstance(method, OneShot):
        raise UsageError(f"expected a strategy, a one-shot method or the name of one, got {method!r}")
    return method
