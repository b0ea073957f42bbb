"""`archwright judge`."""

from __future__ import annotations

import shlex
from typing import Any

import typer

from archwright.cli.described import described
from archwright.cli.executors import ExecutorOptions
from archwright.cli.options import AsJson
from archwright.cli.tables import TableOptions
from archwright.cli.trainings import TrainingOptions

__all__ = ["judge"]


@described
def judge(
    context: typer.Context,
    task: str,
    table: TableOptions,
    space: str | None = None,
    space_option: list[str] | None = None,
    sample: int = 20,
    estimator: list[str] | None = None,
    estimator_option: list[str] | None = None,
    top: int = 10,
    threshold: float = 0.5,
    objective: str | None = None,
    seed: int = 0,
    training: TrainingOptions = TrainingOptions(),  # noqa: B008 - it is frozen
    workers: int = 1,
    place: ExecutorOptions = ExecutorOptions(),  # noqa: B008 - it is frozen
    out: str | None = None,
    as_json: AsJson = False,
) -> None:
    """Say how far cheap estimates can be trusted on TASK and a space, before a search spends its time on them.

    A small random sample of networks is trained fully, once. Then every cheap estimate scores the same networks.
    Printed are its rank correlation with full training and a 95 % confidence interval, nDCG, its seconds for a network,
    and the cheapest that suffices: whose lower bound of Spearman's correlation is above --threshold.
    With --fidelity, full training is at that effort, and estimates are made at the same, or less.

    What was interrupted or killed goes on by `archwright resume`.

    \b
    Examples:
      archwright judge digits --space chain --sample 20 --search-epochs 5
      archwright judge digits --space cell --estimator synflow --estimator short

    Args:
        task (TASK): A built-in name (see `archwright list tasks`), a CSV file with --target, a folder of images, or
            file.py:object.
        space (-s): A built-in name (see `archwright list spaces`) or file.py:object; by default one that fits.
        space_option (NAME=VALUE): An option of a built-in space (see `archwright list spaces NAME`), such as width=32;
            may be given several times.
        sample (N): How many random networks are trained; with 20 an interval is about .5 wide.
        estimator (NAME): What is judged: an estimator (see `archwright list estimators`), short, subset, small, or
            surrogate:NAME; may be given several times; by default all that can be made.
        estimator_option (NAME.OPTION=VALUE): An option of one of them, such as synflow.batch_size=32.
        top (K): How many places count in nDCG.
        threshold (R): What the lower bound of Spearman's correlation must exceed.
        objective (-o NAME): What full training reaches; by default the task's own metric.
        seed: Of the sample, the training and the split.
        workers (-w): Networks at once, each in its process.
        out: The run's folder; by default runs/TASK-judge.
    """  # noqa: D301
    import json
    import sys

    from archwright.cli.exit_codes import INTERRUPTED
    from archwright.cli.output import print_judgement
    from archwright.cli.streams import emit, tell_loading
    from archwright.cli.values import indices, keyed
    from archwright.experiments.early_checks import check_named, check_subject, new_folder

    executor, executor_options = place.named()
    asked: dict[str, Any] = {
        "estimator_options": keyed(estimator_option or [], "--estimator-option", "synflow.batch_size=32"),
        "fidelity": training.effort(),
        "devices": indices(training.devices),
        "task_options": table.task_options(seed),
        "space_options": keyed(space_option or [], "--space-option", "width=32"),
    }
    check_subject(space, task, asked["task_options"])
    check_named(executor=(executor or ("processes" if executor_options else None), executor_options))
    if out is not None:
        new_folder(out, "")
    tell_loading()
    from archwright.session import judge as run_judge

    found = run_judge(
        task,
        space,
        sample=sample,
        estimators=estimator or [],
        top=top,
        threshold=threshold,
        objective=objective,
        recipe=training.recipe,
        seed=seed,
        executor=executor,
        executor_options=executor_options,
        workers=workers,
        accelerator=training.device,
        precision=training.precision,
        out=out,
        **asked,
        command=shlex.join(["archwright", *(context.obj or [])]),
    )
    if as_json:
        emit(json.dumps(found.to_json(), indent=2, allow_nan=False))
    elif found.state == "completed":
        print_judgement(found)
    if found.state != "completed":
        print(f"stopped; go on with: archwright resume {found.folder}", file=sys.stderr)
        sys.exit(INTERRUPTED)
