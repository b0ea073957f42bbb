"""`archwright search`."""

from __future__ import annotations

import shlex
from typing import Annotated, Any

import typer

from archwright.cli.options import AsJson, WithOnnx

__all__ = ["search"]


def search(
    context: typer.Context,
    task: Annotated[
        str,
        typer.Argument(
            metavar="TASK",
            help="A built-in name (see `archwright list tasks`), a CSV file with --target, a folder of images with one "
            "subfolder a class, or file.py:object.",
        ),
    ],
    target: Annotated[
        str | None, typer.Option(metavar="COLUMN", help="The column of the CSV to predict.")
    ] = None,
    test_file: Annotated[
        str | None,
        typer.Option(
            metavar="FILE", help="A CSV file of the same columns to test on, instead of a share of the rows."
        ),
    ] = None,
    drop: Annotated[
        list[str] | None,
        typer.Option(metavar="COLUMN", help="A column of the CSV to leave out; may be given several times."),
    ] = None,
    kind: Annotated[
        str | None, typer.Option(help="classification or regression, where the target column leaves it open.")
    ] = None,
    objective: Annotated[
        list[str] | None,
        typer.Option(
            "--objective",
            "-o",
            metavar="NAME",
            help="What to optimise; may be given several times: accuracy, loss, params, flops, max:NAME, min:NAME, "
            "file.py:meter. By default the task's own metric.",
        ),
    ] = None,
    limit: Annotated[
        list[str] | None,
        typer.Option(
            "--limit",
            "-l",
            metavar="NAME<=N",
            help="What a network may cost: 'params<=50000'; may be given several times.",
        ),
    ] = None,
    space: Annotated[
        str | None,
        typer.Option(
            "--space",
            "-s",
            help="A built-in name (see `archwright list spaces`) or file.py:object; by default one that fits.",
        ),
    ] = None,
    strategy: Annotated[
        str | None,
        typer.Option(
            help="A built-in name (see `archwright list strategies`), one-shot methods such as darts among them; by "
            "default one that fits the space."
        ),
    ] = None,
    option: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=VALUE",
            help="An option of the strategy: population_size=20, or epochs=10 of a supernet; may be given several "
            "times.",
        ),
    ] = None,
    fix: Annotated[
        list[str] | None,
        typer.Option(
            metavar="ADDRESS=VALUE",
            help="Hold a decision of the space at a value; may be given several times.",
        ),
    ] = None,
    enqueue: Annotated[
        list[str] | None,
        typer.Option(
            metavar="FILE|default",
            help="Try the architectures of a JSON file first, or that of the decisions' defaults; may be given several "
            "times.",
        ),
    ] = None,
    estimator: Annotated[
        str | None, typer.Option(help="What measures candidates (see `archwright list estimators`).")
    ] = None,
    estimator_option: Annotated[
        list[str] | None, typer.Option(metavar="NAME=VALUE", help="An option of the estimator.")
    ] = None,
    pruner: Annotated[
        str | None, typer.Option(help="What stops trials early (see `archwright list pruners`).")
    ] = None,
    pruner_option: Annotated[
        list[str] | None, typer.Option(metavar="NAME=VALUE", help="An option of the pruner.")
    ] = None,
    executor: Annotated[
        str | None, typer.Option(help="Where trials run (see `archwright list executors`).")
    ] = None,
    executor_option: Annotated[
        list[str] | None, typer.Option(metavar="NAME=VALUE", help="An option of the executor.")
    ] = None,
    trials: Annotated[
        int | None,
        typer.Option(
            "--trials",
            "-n",
            help="Stop after so many trials.",
            show_default="50; of a one-shot method as many as are retrained, or 100",
        ),
    ] = None,
    minutes: Annotated[float | None, typer.Option("--minutes", "-m", help="Stop after so long.")] = None,
    until: Annotated[
        float | None, typer.Option(metavar="SCORE", help="Stop when the first objective is this good.")
    ] = None,
    retrain: Annotated[int, typer.Option(metavar="K", help="Train the K best again from scratch.")] = 3,
    baseline: Annotated[bool, typer.Option(help="Train a hand-made network too, for comparison.")] = True,
    seed: Annotated[int, typer.Option(help="Of search, training and split.")] = 0,
    epochs: Annotated[
        int | None, typer.Option(help="Epochs of retraining, and of each trial unless --search-epochs.")
    ] = None,
    search_epochs: Annotated[int | None, typer.Option(help="Epochs of each trial of the search.")] = None,
    search_fraction: Annotated[
        float, typer.Option(help="Share of the training data that the search uses.")
    ] = 1.0,
    batch_size: Annotated[int | None, typer.Option(help="Examples in a batch.")] = None,
    learning_rate: Annotated[float | None, typer.Option(help="The highest of the schedule.")] = None,
    augmentation: Annotated[str | None, typer.Option(help="How training inputs are varied.")] = None,
    workers: Annotated[int, typer.Option("--workers", "-w", help="Trials at once, each in its process.")] = 1,
    time_limit: Annotated[float | None, typer.Option(metavar="SECONDS", help="For one trial.")] = None,
    memory_limit: Annotated[
        float | None, typer.Option(metavar="GB", help="For one trial, with several workers.")
    ] = None,
    device: Annotated[str, typer.Option(help="cpu, cuda, mps or auto.")] = "auto",
    precision: Annotated[str, typer.Option(help="32-true, bf16-mixed, 16-mixed, ...")] = "32-true",
    out: Annotated[str | None, typer.Option(help="The run's folder; by default runs/TASK.")] = None,
    store: Annotated[
        str | None, typer.Option(metavar="URL", help="A PostgreSQL database for the trials.")
    ] = None,
    onnx: WithOnnx = None,
    as_json: AsJson = False,
) -> None:
    """Search a network for TASK, retrain the best, export it, and write a report.

    \b
    Examples:
      archwright search digits --limit 'params<=60000' --minutes 2
      archwright search train.csv --target price --trials 30
      archwright search ./photos --space my_space.py:space --workers 2
      archwright search digits --space darts --strategy darts --option epochs=10
    """  # noqa: D301
    from archwright.cli.output import conclude
    from archwright.cli.values import keyed
    from archwright.errors import UsageError
    from archwright.experiments import Budget
    from archwright.experiments.store import without_secrets
    from archwright.learning import Recipe
    from archwright.objectives import parse_limit, parse_objective
    from archwright.session import search as run_search
    from archwright.trials import Fidelity

    given: dict[str, Any] = {
        "epochs": epochs,
        "batch_size": batch_size,
        "learning_rate": learning_rate,
        "augmentation": augmentation,
    }
    recipe = Recipe(seed=seed, **{name: value for name, value in given.items() if value is not None})
    of_table = {"target": target, "drop": drop, "kind": kind, "test": test_file}
    task_options = {"seed": seed, **{name: value for name, value in of_table.items() if value}}
    if memory_limit is not None and not 0 < memory_limit < float("inf"):
        raise UsageError(f"--memory-limit: expected more than 0 GB, got {memory_limit:g}")
    words = list(context.obj or [])
    if store:  # its password must not be kept
        words = [word.replace(store, without_secrets(store)) for word in words]
    result = run_search(
        space,
        task,
        strategy=strategy,
        strategy_options=keyed(option or []),
        fix=keyed(fix or [], "--fix", "width=32"),
        enqueue=enqueue or [],
        estimator=estimator,
        estimator_options=keyed(estimator_option or [], "--estimator-option"),
        executor=executor,
        executor_options=keyed(executor_option or [], "--executor-option"),
        pruner=pruner,
        pruner_options=keyed(pruner_option or [], "--pruner-option", "warmup_steps=3"),
        objectives=[*map(parse_objective, objective or []), *map(parse_limit, limit or [])],
        budget=None if trials is minutes is until is None else Budget(trials, minutes, until),
        recipe=recipe,
        fidelity=Fidelity(search_epochs, search_fraction),
        retrain=retrain,
        baseline=baseline,
        seed=seed,
        workers=workers,
        time_limit=time_limit,
        memory_limit=None if memory_limit is None else int(memory_limit * 2**30),
        accelerator=device,
        precision=precision,
        store=store,
        out=out,
        onnx=onnx,
        task_options=task_options,
        command=shlex.join(["archwright", *words]),
    )
    conclude(result.run, as_json)
