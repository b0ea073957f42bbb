"""`archwright judge`."""

from __future__ import annotations

import shlex
from typing import Any

import typer

from archwright.cli.described import described
from archwright.cli.options import AsJson
from archwright.cli.tables import TableOptions

__all__ = ["judge"]


@described
def judge(
    context: typer.Context,
    task: str,
    table: TableOptions,
    space: str | None = None,
    sample: int = 20,
    estimator: list[str] | None = None,
    estimator_option: list[str] | None = None,
    top: int = 10,
    threshold: float = 0.5,
    objective: str | None = None,
    seed: int = 0,
    epochs: int | None = None,
    fidelity: str | None = None,
    search_epochs: int | None = None,
    search_fraction: float | None = None,
    batch_size: int | None = None,
    learning_rate: float | None = None,
    workers: int = 1,
    device: str = "auto",
    precision: str = "32-true",
    out: str | None = None,
    as_json: AsJson = False,
) -> None:
    """Say how far cheap estimates can be trusted on TASK and a space, before a search spends its time on them.

    A small random sample of networks is trained fully, once. Then every cheap estimate scores the same networks.
    Printed are its rank correlation with full training and a 95 % confidence interval, nDCG, its seconds for a network,
    and the cheapest that suffices: whose lower bound of Spearman's correlation is above --threshold.

    What was interrupted or killed goes on by `archwright resume`.

    \b
    Examples:
      archwright judge digits --space chain --sample 20 --search-epochs 5
      archwright judge digits --space cell --estimator synflow --estimator short

    Args:
        task (TASK): A built-in name (see `archwright list tasks`), a CSV file with --target, a folder of images, or
            file.py:object.
        space (-s): A built-in name (see `archwright list spaces`) or file.py:object; by default one that fits.
        sample (N): How many random networks are trained; with 20 an interval is about .5 wide.
        estimator (NAME): What is judged: an estimator (see `archwright list estimators`), short, subset, small, or
            surrogate:NAME; may be given several times; by default all that can be made.
        estimator_option (NAME.OPTION=VALUE): An option of one of them, such as synflow.batch_size=32.
        top (K): How many places count in nDCG.
        threshold (R): What the lower bound of Spearman's correlation must exceed.
        objective (-o NAME): What full training reaches; by default the task's own metric.
        seed: Of the sample, the training and the split.
        epochs: Epochs of full training.
        fidelity (NAME=N,...): Effort of full training where it is to be less: epochs, data (a share), resolution,
            folds, replicates, and what the space scales by (cells, channels); estimates are made at the same, or less.
        search_epochs: --fidelity epochs=N, as `archwright search` names those of a trial.
        search_fraction: Share of the training data: --fidelity data=X.
        batch_size: Examples in a batch.
        learning_rate: The highest of the schedule.
        workers (-w): Networks at once, each in its process.
        device: cpu, cuda, mps or auto.
        precision: 32-true, bf16-mixed, 16-mixed, ...
        out: The run's folder; by default runs/TASK-judge.
    """  # noqa: D301
    import json
    import sys

    from archwright.cli.exit_codes import INTERRUPTED
    from archwright.cli.output import print_judgement
    from archwright.cli.streams import emit
    from archwright.cli.values import effort, keyed
    from archwright.learning import Recipe
    from archwright.session import judge as run_judge

    given: dict[str, Any] = {"epochs": epochs, "batch_size": batch_size, "learning_rate": learning_rate}
    found = run_judge(
        task,
        space,
        sample=sample,
        estimators=estimator or [],
        estimator_options=keyed(estimator_option or [], "--estimator-option", "synflow.batch_size=32"),
        top=top,
        threshold=threshold,
        objective=objective,
        recipe=Recipe(seed=seed, **{name: value for name, value in given.items() if value is not None}),
        fidelity=effort(fidelity, search_epochs, search_fraction),
        seed=seed,
        workers=workers,
        accelerator=device,
        precision=precision,
        out=out,
        task_options=table.task_options(seed),
        command=shlex.join(["archwright", *(context.obj or [])]),
    )
    if as_json:
        emit(json.dumps(found.to_json(), indent=2, allow_nan=False))
    elif found.state == "completed":
        print_judgement(found)
    if found.state != "completed":
        print(f"stopped; go on with: archwright resume {found.folder}", file=sys.stderr)
        sys.exit(INTERRUPTED)
