"""`archwright search`."""

from __future__ import annotations

import shlex
import time
from typing import Any

import typer

from archwright.cli.described import described
from archwright.cli.executors import ExecutorOptions
from archwright.cli.networks import NetworkOptions
from archwright.cli.options import AsJson, Formats, WithOnnx
from archwright.cli.tables import TableOptions

__all__ = ["search"]


@described
def search(
    context: typer.Context,
    task: str,
    table: TableOptions,
    objective: list[str] | None = None,
    limit: list[str] | None = None,
    meter_option: list[str] | None = None,
    space: str | None = None,
    space_option: list[str] | None = None,
    own: NetworkOptions = NetworkOptions(),  # noqa: B008 - it is frozen
    strategy: str | None = None,
    option: list[str] | None = None,
    fix: list[str] | None = None,
    rules: str | None = None,
    enqueue: list[str] | None = None,
    estimator: str | None = None,
    estimator_option: list[str] | None = None,
    pruner: str | None = None,
    pruner_option: list[str] | None = None,
    place: ExecutorOptions = ExecutorOptions(),  # noqa: B008 - it is frozen
    trials: int | None = None,
    minutes: float | None = None,
    until: float | None = None,
    retrain: int = 3,
    repeats: int | None = None,
    ensemble: int = 1,
    refit: bool = False,
    baseline: bool = True,
    compare: list[str] | None = None,
    seed: int = 0,
    epochs: int | None = None,
    fidelity: str | None = None,
    search_epochs: int | None = None,
    search_fraction: float | None = None,
    batch_size: int | None = None,
    learning_rate: float | None = None,
    augmentation: str | None = None,
    freeze: list[str] | None = None,
    layer_decay: float | None = None,
    distillation: float | None = None,
    temperature: float | None = None,
    workers: int | None = None,
    time_limit: float | None = None,
    memory_limit: float | None = None,
    device: str = "auto",
    devices: str = "1",
    precision: str = "32-true",
    out: str | None = None,
    price: str | None = None,
    store: str | None = None,
    checkpoints: str | None = None,
    formats: Formats = None,
    onnx: WithOnnx = None,
    track: list[str] | None = None,
    track_option: list[str] | None = None,
    as_json: AsJson = False,
) -> None:
    """Search a network for TASK, retrain the best, export it, and write a report.

    \b
    Examples:
      archwright search digits --limit 'params<=60000' --minutes 2
      archwright search train.csv --target price --trials 30
      archwright search ./photos --space my_space.py:space --workers 2
      archwright search digits --space darts --strategy darts --option epochs=10
      archwright search digits --strategy asha --fidelity epochs=1..27
      archwright search ./photos --network my_net.py:Net --weights my_net.pt --limit 'latency_ms<=5' --minutes 60

    Args:
        task (TASK): A built-in name (see `archwright list tasks`), a CSV file with --target, a folder of images with
            one subfolder a class, or file.py:object.
        objective (-o NAME): What to optimise; may be given several times: accuracy, loss, params, flops, max:NAME,
            min:NAME, file.py:meter (see `archwright list objectives`). By default the task's own metric.
        limit (-l NAME<=N): What a network may cost: 'params<=50000', or 'latency_ms<=5' for milliseconds of a call on
            this machine (see `archwright list meters`); may be given several times.
        meter_option (NAME.OPTION=VALUE): An option of what measures an objective or a limit, such as latency_ms.batch=8
            (see `archwright list meters latency_ms`); may be given several times.
        space (-s): A built-in name (see `archwright list spaces`) or file.py:object; by default one that fits.
        space_option (NAME=VALUE): An option of a built-in space (see `archwright list spaces NAME`), such as width=32;
            may be given several times.
        strategy (--strategy --method NAME): A built-in name (see `archwright list strategies`), one-shot methods such
            as darts among them, or file.py:class; by default one that fits the space.
        option (NAME=VALUE): An option of the strategy: population_size=20, or epochs=10 of a supernet; may be given
            several times.
        fix (ADDRESS=VALUE): Hold a decision of the space at a value; may be given several times.
        rules (FILE): Rules on decisions, one a line: require EXPRESSION, forbid EXPRESSION, or weight ADDRESS
            OPTION=NUMBER.
        enqueue (FILE|default): Try the architectures of a JSON file first, or that of the decisions' defaults; may be
            given several times.
        estimator: What measures candidates (see `archwright list estimators`); auto takes the cheapest that suffices by
            the run of `archwright judge` in --estimator-option judge=DIR.
        estimator_option (NAME=VALUE): An option of the estimator.
        pruner: What stops trials early (see `archwright list pruners`).
        pruner_option (NAME=VALUE): An option of the pruner.
        trials (-n): Stop after so many trials; by default 50, after a one-shot method as many as are retrained, or 100.
        minutes (-m): Be done after so long: search, retraining, test, export and report. The shares are planned from
            what training costs here, which is measured first.
        until (SCORE): Stop when the first objective is this good.
        retrain (K): Train the K best again, from scratch; with --network from its weights.
        repeats (R): Train each of these, and what they are compared with, R times; by default once, and with --minutes
            as often as the time reaches.
        ensemble (K): Deliver K trainings of the best as one network, whose outputs are the mean of theirs; limits hold
            for all of it.
        refit: Train the chosen network once more on training and validation data together, and deliver those weights;
            the scores that are told stay those of the network that was tested.
        baseline: Train a hand-made network too, and with --network yours as it is, for as long as the chosen one. Each
            is delivered where it is the best within the limits.
        compare (FILE.PY:OBJECT): Train a network of your own too, a class or a function that builds it; may be given
            several times. The best is delivered.
        seed: Of search, training and split.
        epochs: Epochs of retraining, and of each trial unless --fidelity.
        fidelity (NAME=N|LOW..HIGH,...): Effort of each trial of the search: epochs, data (a share), resolution, folds
            (the mean over all), replicates (the mean over seeds), replicate (which seed or fold alone), and what the
            space scales by (cells, channels). A single value holds for all trials; strategies such as asha and
            hyperband move over a range: epochs=1..27.
        search_epochs: Epochs of each trial of the search: --fidelity epochs=N.
        search_fraction: Share of the training data that the search uses: --fidelity data=X.
        batch_size: Examples in a batch.
        learning_rate: The highest of the schedule.
        augmentation: How training inputs are varied.
        freeze (PATTERN): Parameters that are not trained, such as 'backbone.*'; may be given several times.
        layer_decay: Factor of the learning rate from each layer to the one before it.
        distillation: With --network: share, from 0 to 1, of the loss that is the distance to that network's outputs. By
            default 0, and with --strategy puzzle 0.5.
        temperature: What outputs are divided by before --distillation compares them, to soften them.
        workers (-w): Trials at once, each in its process; by default 1, and with --minutes as many as use the machine;
            0 leaves the search to `archwright worker`s on a PostgreSQL store.
        time_limit (SECONDS): For one trial.
        memory_limit (GB): For one trial, with several workers.
        device: cpu, cuda, mps or auto.
        devices (N|I,J,...): How many devices train one network together, or one supernet, or their numbers, such as
            0,2; with several, one trial runs at a time.
        precision: 32-true, bf16-mixed, 16-mixed, ...
        out: The run's folder; by default runs/TASK.
        price (AMOUNT): Of an hour of the machine, as '0.85 EUR'; report and card say what the run cost.
        store (URL): A PostgreSQL database for the trials.
        checkpoints (URL): Where trials keep their states, for workers that do not reach the run's folder: a folder that
            all machines share, s3://bucket/folder, or any URL of fsspec's.
        track (NAME[=WHERE]): Follow the run live elsewhere: tensorboard, mlflow=sqlite:///mlflow.db, trackio=PROJECT
            (see `archwright list trackers`); may be given several times.
        track_option (NAME.OPTION=VALUE): An option of one of them, such as mlflow.experiment=digits.
    """  # noqa: D301
    began = time.time()  # before torch is loaded, which takes seconds
    from archwright.cli.output import conclude, leave
    from archwright.cli.streams import tell_loading
    from archwright.cli.values import effort, indices, keyed, objectives_of
    from archwright.errors import UsageError
    from archwright.experiments import Budget
    from archwright.experiments.early_checks import check_search
    from archwright.experiments.store import masked, without_secrets
    from archwright.experiments.time_plan import Trainings
    from archwright.export import chosen_formats
    from archwright.trackers import named_trackers

    given: dict[str, Any] = {
        "epochs": epochs,
        "batch_size": batch_size,
        "learning_rate": learning_rate,
        "augmentation": augmentation,
        "freeze": freeze or None,
        "layer_decay": layer_decay,
        "distillation": distillation,
        "temperature": temperature,
    }
    given = {name: value for name, value in given.items() if value is not None}
    if memory_limit is not None and not 0 < memory_limit < float("inf"):
        raise UsageError(f"--memory-limit: expected more than 0 GB, got {memory_limit:g}")
    executor, executor_options = place.named()
    words = list(context.obj or [])
    if store:  # its password must not be kept
        words = [word.replace(store, without_secrets(store)) for word in words]
    words = [masked(word) for word in words]  # that of a tracker neither
    checked: dict[str, Any] = {
        "space": space,
        "task": task,
        "task_options": table.task_options(seed),
        "network": own.network,
        "strategy": strategy,
        "strategy_options": keyed(option or []),
        "estimator": estimator,
        "estimator_options": keyed(estimator_option or [], "--estimator-option"),
        "pruner": pruner,
        "pruner_options": keyed(pruner_option or [], "--pruner-option", "warmup_steps=3"),
        "executor": executor,
        "executor_options": executor_options,
        "recipe": given or None,
        "rules": rules or (),
        "enqueue": enqueue or [],
        "compare": compare or [],
        "repeats": repeats,
        "workers": workers,
        "price": price,
        "store": store,
        "out": out,
    }
    asked: dict[str, Any] = {
        "fix": keyed(fix or [], "--fix", "width=32"),
        "objectives": objectives_of(objective, limit, meter_option),
        "budget": None if trials is minutes is until is None else Budget(trials, minutes, until),
        "fidelity": effort(fidelity, search_epochs, search_fraction),
        "devices": indices(devices),
        "tracker": track or [],
        "tracker_options": keyed(track_option or [], "--track-option", "mlflow.experiment=digits"),
        "space_options": keyed(space_option or [], "--space-option", "width=32"),
    }
    check_search(trainings=Trainings(retrain=retrain, ensemble=ensemble, refit=refit), **checked)
    named_trackers(asked["tracker"], asked["tracker_options"])
    chosen_formats(formats or None, onnx)
    tell_loading()
    from archwright.session import search as run_search

    result = run_search(
        **checked,
        **asked,
        network_options=own.options,
        retrain=retrain,
        ensemble=ensemble,
        refit=refit,
        baseline=baseline,
        seed=seed,
        time_limit=time_limit,
        memory_limit=None if memory_limit is None else int(memory_limit * 2**30),
        accelerator=device,
        precision=precision,
        checkpoints=checkpoints,
        formats=formats or None,
        onnx=onnx,
        command=shlex.join(["archwright", *words]),
        began=began,
    )
    if workers == 0:
        leave(result.run, as_json)
    else:
        conclude(result.run, as_json)
