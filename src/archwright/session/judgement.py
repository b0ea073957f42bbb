"""What `--estimator auto` stands for: the verdict of a run that judged cheap estimates."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from archwright.errors import UsageError
from archwright.experiments import RunConfig, TaskConfig
from archwright.experiments.early_checks import judged_run, measured_by_supernet
from archwright.session.fidelities import moves_over_fidelity
from archwright.spaces import Space
from archwright.supernets import OneShot
from archwright.tasks import Task
from archwright.trials import Fidelity, FidelityRange

__all__ = ["judged_estimator"]


def judged_estimator(
    options: Mapping[str, Any] | None,
    strategy: object,
    space: Space,
    task: Task,
    fidelity: FidelityRange | Fidelity | str,
) -> tuple[str, dict[str, Any], FidelityRange | Fidelity | str, str]:
    """What `--estimator auto` stands for: the cheapest estimate that suffices, by the verdict of a run that judged.

    Args:
        options: "judge": the folder of that run.
        strategy: What picks candidates.
        space: What is to be searched.
        task: What is to be learned.
        fidelity: What was asked for.

    Returns:
        The estimator's name and options, the fidelity, and why, in words. Where no estimate suffices it is training, at
        the fidelity that was asked for, or else that of the trainings that estimates were judged by. What a search
        cannot measure by, surrogates and shared weights, is passed over.

    Raises:
        UsageError: When no folder is given, its run is of another space or task, or not finished, or the strategy goes
            with an estimator of its own.
        RunError: When the folder is no run's, or its run judges nothing.
    """
    if isinstance(strategy, OneShot):
        raise UsageError(measured_by_supernet(type(strategy).__name__))
    folder, known, found = judged_run(options)
    _check_same(folder, known, space, task)
    asked, passed = FidelityRange.of(fidelity), []
    scorers = {scorer.name: scorer for scorer in known.judge.scorers} if known.judge else {}
    for one in sorted(found.sufficient, key=lambda one: one.cost):
        scorer = scorers[one.name]
        if scorer.estimator is None or scorer.estimator.name == "weight_sharing":
            passed.append(one.name)
            continue
        if moves_over_fidelity(strategy):
            raise UsageError(
                f"{strategy} trains networks for longer and longer, and by {folder} {one.name} is to stand for "
                "training; leave out --estimator auto, or take another strategy"
            )
        effort = replace(scorer.fidelity, replicate=known.fidelity.high.replicate)
        told = f"estimator: {one.name}, the cheapest that suffices by {folder}"
        told += f", after {' and '.join(passed)}, which no search measures by" if passed else ""
        if asked != FidelityRange():
            told += f"; the fidelity that was given, {asked}, is of training, and not used"
        return scorer.estimator.name, dict(scorer.estimator.options), effort, told
    trained = known.fidelity if asked == FidelityRange() else asked
    told = f"estimator: training at fidelity {trained}, since no cheap estimate suffices by {folder}"
    return "training", {}, trained, told


def _check_same(folder: str, known: RunConfig, space: Space, task: Task) -> None:
    """Raises `UsageError` where a run judged another space or task: names the first thing that differs."""
    before, now = _compared(known.task), _compared(TaskConfig.of(task))
    before = {"space": known.space.name, **before, "space's digest": known.space.digest}
    now = {"space": space.name, **now, "space's digest": space.digest}
    for name, value in now.items():
        if before[name] != value:
            digests = name == "space's digest"
            told = (
                "its decisions or layers were others"
                if digests
                else f"{name}: {before[name]!r}, not {value!r}"
            )
            raise UsageError(
                f"{folder} judged another space or task than is searched ({told}); run `archwright judge` on what is "
                "searched, or search what was judged"
            )


def _compared(task: TaskConfig) -> dict[str, Any]:
    """What makes a task the same for a verdict, whatever seed divides its data."""
    facts = task.facts.get("preprocessing") or {}
    return {
        "task": task.name,
        "kind": task.kind,
        "target": facts.get("target"),
        "features": facts.get("features"),
        "inputs": task.input_shape,
        "outputs": task.outputs,
        "classes": task.classes,
    }
