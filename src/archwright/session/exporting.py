"""Writing networks of a run as files that need no Archwright."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from archwright.errors import ExportError, RunError, UsageError
from archwright.experiments import (
    CheckpointFolder,
    Experiment,
    InlineExecutor,
    Job,
    JobResult,
    Run,
    RunConfig,
    Stage,
    TrialRunner,
    load_run,
    open_run,
    open_store,
)
from archwright.experiments.checkpoints import rebuilt
from archwright.experiments.interrupts import exits_told
from archwright.experiments.work import Retraining
from archwright.export import chosen_formats
from archwright.learning.torch_state import TorchSettings
from archwright.programs.settings import settings_of
from archwright.session.contestants import contestant_spaces, winner_space
from archwright.session.defaults import listener_for
from archwright.session.parts import make_training
from archwright.session.sources import check_unchanged, restored
from archwright.spaces import Space
from archwright.tasks import Task
from archwright.trials import FULL, Candidate, Trial

if TYPE_CHECKING:
    from torch import nn

__all__ = ["export_trial", "export_winner", "space_of", "unprintable"]


def export_winner(
    run: Run, space: Space, task: Task, folder: Path | None = None, *, formats: Sequence[str] | None = None
) -> Path:
    """Write the winner of a run.

    Args:
        run: A run with a winner.
        space: The winner's space. See `winner_space`.
        task: Its task.
        folder: Where to; None means the run's `best/`.
        formats: Of `export.FORMATS`, those that it is written in too; None means ONNX where it is installed.

    Raises:
        RunError: When there is no winner yet, or it does not score what it did.
        ExportError: When the printed network does not do what the trained one does.
    """
    if run.winner is None:
        raise RunError(f"{run.folder} has no winner yet: go on with it by `archwright resume {run.folder}`")
    assert run.delivered is not None
    return _write(run, run.delivered, space, task, folder or run.folder / "best", formats)


def unprintable(space: Space) -> list[str]:
    """What of a space keeps its networks from being written as source, if anything; at most one text."""
    from archwright.export import NoFactoryError, check_printable

    if settings_of(space) is not None:
        return []  # written as an algorithm in NumPy
    try:
        check_printable(space)
    except NoFactoryError as error:
        return [f"the network that is found will be written by torch.export, not as source: {error}"]
    except ExportError as error:
        return [f"the network that is found will be kept as weights only, not as source: {error}"]
    return []


@exits_told()
def export_trial(
    run: str | Path,
    *,
    trial: int | None = None,
    to: str | Path | None = None,
    space: Space | None = None,
    task: Task | None = None,
    formats: Sequence[str] | str | None = None,
    onnx: bool | None = None,
    progress: bool = True,
    store: str | None = None,
    trust: bool = False,
) -> Path:
    """Write a trial's network into a folder, as `export_network` does. A trial that was not retrained is trained now.

    Args:
        run: The run's folder.
        trial: The trial's number; None means the winner.
        to: The folder to write; None means `best` in the run's folder, or `trial-N` for a trial.
        space: The space, where it was given as a Python object.
        task: The task, where it was given as a Python object.
        formats: As for `search`.
        onnx: As for `search`.
        progress: Whether to show the progress of a retraining.
        store: URL of the run's store, where the kept one, which has no password, does not serve.
        trust: Whether code that the run names may be run wherever the run comes from.

    Returns:
        The folder.

    Raises:
        RunError: When the run cannot be opened or has no winner, or code or data have changed since it began.
        UsageError: When there is no such trial, its training fails, or the run names code that is not to be trusted.
        ExportError: When the printed network does not do what the trained one does.
    """
    from archwright.export.export import check_replaceable

    opened, asked = open_run(run, store=store), chosen_formats(formats, onnx)
    space, task = restored(opened.folder, opened.config, space, task, trust=trust)
    check_unchanged(opened.folder, opened.config, space, task)
    folder = Path(to) if to is not None else opened.folder / ("best" if trial is None else f"trial-{trial}")
    try:
        check_replaceable(folder)  # before a trial is trained for it
    except ExportError as error:
        raise UsageError(str(error)) from None
    if trial is None:
        contestants = contestant_spaces(task, opened.config.compare, {}, space=space)[0]
        return export_winner(opened, winner_space(opened, space, contestants), task, folder, formats=asked)
    found = next((t for t in opened.trials if t.number == trial), None)
    if found is None:
        known = f"0 to {len(opened.trials) - 1}" if opened.trials else "none"
        raise UsageError(f"{run} has no trial {trial}; its trials: {known}")
    trained = next((t for t in opened.retrained if t.number == trial and t.is_measured), None)
    if trained is None:
        opened, trained = _train(opened, found, space, task, progress, store)
    return _write(opened, trained, space, task, folder, asked)


def space_of(run: Run, *, trust: bool = False) -> Space | None:
    """The space of the network that a run shows: its own, or that of the network to compare with that won.

    None where Python gave an object, from which it cannot be made again.

    Args:
        run: The run.
        trust: Whether code that it names may be run wherever it comes from.

    Raises:
        UsageError: When it names code that is not to be trusted.
    """
    if run.config.space.reference is None or run.config.task.reference is None:
        return None
    space, task = restored(run.folder, run.config, None, None, trust=trust)
    return winner_space(run, space, contestant_spaces(task, run.config.compare, {}, space=space)[0])


def _train(
    run: Run, trial: Trial, space: Space, task: Task, progress: bool, url: str | None
) -> tuple[Run, Trial]:
    """Train a trial of the search from scratch, as one of the retrained."""
    training, folder = make_training(run.config, space, task), run.folder.resolve()
    step = Retraining(training, folder, run.config.objectives)
    with open_store(run.folder, run.config, url) as store:
        store.lock()
        executor: InlineExecutor[Job, JobResult] = InlineExecutor()
        experiment = Experiment(
            store=store,
            executor=executor,
            objectives=run.config.objectives,
            listener=listener_for(None, progress, run.config.objectives),
            checkpoints=CheckpointFolder(run.folder / "checkpoints"),
        )
        executor.open(TrialRunner({Stage.RETRAIN: step}, run.config.objectives), experiment.answer)
        try:
            wanted = {trial.number: Candidate(trial.candidate.architecture, FULL, trial.number)}
            (trained,) = experiment.run_all(Stage.RETRAIN, wanted)
        finally:
            executor.close(now=True)
        if not trained.is_measured:
            raise UsageError(f"trial {trial.number} cannot be trained: {trained.error}")
        return load_run(run.folder, run.config, store), trained


def _write(
    run: Run, trial: Trial, space: Space, task: Task, folder: Path, formats: Sequence[str] | None
) -> Path:
    from archwright.estimators.programs import ProgramTraining
    from archwright.export import export_algorithm, export_network, table_steps
    from archwright.session.card import card_of

    if formats is None and task.has_symbols:
        formats = ()  # a network that goes along a sequence is unrolled, which takes minutes: only where asked
    network = rebuilt(space, task, trial, run.folder)
    check_score(run.config, trial, network, space, task)
    training = make_training(run.config, space, task)
    if isinstance(training, ProgramTraining):
        return export_algorithm(
            folder,
            space=space,
            architecture=trial.architecture,
            judge=training.judge,
            card=card_of(run, trial),
        )
    with TorchSettings.of_this_process().held():
        exported = export_network(
            folder,
            space=space,
            architecture=trial.architecture,
            network=network.eval(),
            example=task.example_arguments(),
            card=card_of(run, trial),
            formats=formats,
            table=table_steps(task),
            members=_members(run, trial),
        )
    return exported.folder


def _members(run: Run, trial: Trial) -> list[dict[str, Any]]:
    """The networks of which an ensemble consists; empty where the trial is none."""
    if run.ensemble is None or not run.ensemble_won or trial not in (run.winner, run.delivered):
        return []
    return [
        {
            "name": member.name,
            "space": run.config.space.name if member.stage == Stage.RETRAIN else member.name,
            "architecture": run.training(member).architecture.to_json(),
        }
        for member in run.ensemble.members
    ]


def check_score(config: RunConfig, trial: Trial, network: nn.Module, space: Space, task: Task) -> None:
    """Score a network on the validation data again; what was refit has learned from them, but scores as it did then.

    Args:
        config: The run's record.
        trial: What was recorded of it.
        network: The network as it is now.
        space: Its space.
        task: Its task.

    Raises:
        RunError: When it does not score what was recorded: it is another network, or the data are others.
    """
    found = make_training(config, space, task).test(network, "validation")
    # Another device rounds otherwise; other code or data differ by more.
    tolerance = 0.003 if config.device.precision.startswith(("32", "64")) else 0.05
    for name in {"loss", task.metric} & trial.metrics.keys() & found.keys():
        before, now = trial.metrics[name], found[name]
        if not abs(now - before) <= tolerance * max(1.0, abs(before)):  # so that NaN is refused, too
            raise RunError(
                f"trial {trial.number} had the validation {name} {before:.6g}, but the network that is built now, with "
                f"its weights, has {now:.6g}: code or data have changed since the run began; restore what it was made "
                "with, or search anew with another --out"
            )
