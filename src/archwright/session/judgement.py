"""What `--estimator auto` stands for: the verdict of a run that judged cheap estimates."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from archwright.errors import UsageError
from archwright.experiments import judgement_of, open_run
from archwright.spaces import Space
from archwright.tasks import Task
from archwright.trials import Fidelity, FidelityRange

__all__ = ["judged_estimator"]


def judged_estimator(
    options: Mapping[str, Any] | None, space: Space, task: Task, fidelity: FidelityRange | Fidelity | str
) -> tuple[str, dict[str, Any], FidelityRange | Fidelity | str, str]:
    """What `--estimator auto` stands for: the cheapest estimate that suffices, by the verdict of a run that judged.

    Args:
        options: "judge": the folder of that run.
        space: What is to be searched.
        task: What is to be learned.
        fidelity: What was asked for.

    Returns:
        The estimator's name and options, the fidelity, and why, in words: full training where no estimate suffices.
        What a search cannot measure by, surrogates and shared weights, is passed over.

    Raises:
        UsageError: When no folder is given, or its run is of another space or task, or not finished.
    """
    given = dict(options or {})
    folder = given.pop("judge", None)
    if folder is None or given:
        raise UsageError(
            "the estimator 'auto' takes the verdict of `archwright judge`: give the folder of its run as its one "
            "option, judge=runs/NAME"
        )
    run = open_run(folder)
    found = judgement_of(run)
    if run.judgement is None or run.config.judge is None:
        raise UsageError(f"{folder} has not judged to its end; go on with: archwright resume {folder}")
    known = run.config
    if known.space.digest != space.digest or (known.task.name, known.task.kind) != (task.name, task.kind):
        raise UsageError(
            f"{folder} judged the space {known.space.name!r} for the task {known.task.name!r}, not what is searched; "
            "judge that"
        )
    scorers = {scorer.name: scorer for scorer in known.judge.scorers} if known.judge else {}
    for one in sorted(found.sufficient, key=lambda one: one.cost):
        scorer = scorers[one.name]
        if scorer.estimator is not None and scorer.estimator.name != "weight_sharing":
            effort = replace(scorer.fidelity, replicate=known.fidelity.high.replicate)
            told = f"estimator: {one.name}, the cheapest that suffices by {folder}"
            return scorer.estimator.name, dict(scorer.estimator.options), effort, told
    return "training", {}, fidelity, f"estimator: training, since no cheap estimate suffices by {folder}"
