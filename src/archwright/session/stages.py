"""The stages of a run: search, retrain the best, compare, choose, test, export, report."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from archwright.errors import SearchError, SpaceError
from archwright.estimators.estimator import Estimator
from archwright.experiments import (
    Budget,
    Evaluation,
    Executor,
    Experiment,
    Interrupts,
    Job,
    Listener,
    Outcome,
    Retraining,
    Run,
    Settings,
    Stage,
    Store,
    SupernetTraining,
    Work,
    picture,
)
from archwright.experiments.one_shot import read_epochs
from archwright.experiments.work import Step
from archwright.objectives import Objective, best_trial
from archwright.session.exporting import export_winner
from archwright.session.one_shot import after_training, estimator_for, training_minutes
from archwright.session.result import Result
from archwright.spaces import Architecture, Space
from archwright.strategies import Strategy
from archwright.tasks import Task
from archwright.trials import FULL, Candidate, Fidelity, Trial

if TYPE_CHECKING:
    from archwright.estimators.training import Training

__all__ = ["Session", "conduct"]


@dataclass
class Session:
    """A run and the objects that it works with."""

    folder: Path
    settings: Settings
    space: Space
    task: Task
    strategy: Strategy
    estimator: Estimator | None
    objectives: tuple[Objective, ...]
    one_shot: SupernetTraining | None = None

    def training(self, space: Space) -> Training:
        """How networks of a space are trained at full fidelity."""
        from archwright.estimators.training import Recipe, Training

        recipe = Recipe.from_json(self.settings.recipe)
        return Training(space, self.task, recipe, **self.settings.training)

    def hand_made(self) -> Space:
        """A space that holds one network, made by hand, to compare with.

        Raises:
            SpaceError: When there is none for the task's inputs.
        """
        from archwright.spaces.zoo import baseline

        made: Space = baseline(self.task)
        return made


def conduct(
    session: Session,
    store: Store,
    executor: Executor[Job, Outcome],
    listener: Listener,
    onnx: bool | None,
    said: list[str],
) -> Result:
    """Run all stages that are still to be run, with the store open and the run's folder in place."""
    settings, objectives, folder = session.settings, session.objectives, session.folder.resolve()
    training = session.training(session.space)
    estimator = session.estimator or training
    if session.one_shot is not None:
        estimator = estimator_for(settings, session.space, session.task, folder)
    steps: dict[Stage, Step] = {
        Stage.SEARCH: Evaluation(session.space, estimator, objectives, session.task.example()),
        Stage.RETRAIN: Retraining(training, folder, Stage.RETRAIN),
    }
    hand_made = None
    if settings.baseline and settings.retrain > 0:
        try:
            hand_made = session.hand_made()
        except SpaceError as error:
            said = [*said, f"no hand-made network is compared with: {error}"]
    if hand_made is not None:
        steps[Stage.BASELINE] = Retraining(session.training(hand_made), folder, Stage.BASELINE)
    interrupts = Interrupts()
    with store:
        store.lock()
        store.put("state", "running")
        for text in said:
            store.say(text)
            listener.said(text)
        experiment = Experiment(
            store=store, executor=executor, objectives=objectives, listener=listener, interrupts=interrupts
        )
        state = "failed"
        try:
            executor.open(Work(steps, objectives))
            with interrupts.watched(listener):
                state = _stages(session, store, experiment, hand_made)
            if state == "completed":
                _export(session, store, onnx)
        except KeyboardInterrupt:
            state = "stopped"
            executor.close(now=True)
            raise
        finally:
            executor.close(now=state == "failed")
            store.put("state", state)
            run = picture(session.folder, settings, store)
            _report(run, session.space)
    return Result(run, session.space, session.task)


def _stages(session: Session, store: Store, experiment: Experiment, hand_made: Space | None) -> str:
    """Search, retrain, compare, test. Returns the run's state."""
    settings, objectives = session.settings, session.objectives
    fidelity = Fidelity.from_json(settings.fidelity)
    budget = Budget.from_json(settings.budget)
    if session.one_shot is not None:
        minutes = training_minutes(settings)
        if session.one_shot.run(store, experiment.listener, experiment.interrupts, minutes) is None:
            return "stopped"
        budget = after_training(settings, sum(entry["seconds"] for entry in read_epochs(store)))
    reason = experiment.search(session.strategy, budget, fidelity)
    if reason is None:
        return "stopped"
    if settings.retrain == 0:
        return "completed"
    best = _best(store.trials(), objectives, settings.retrain)
    if not best:
        raise SearchError("no completed trial keeps all limits, so none is retrained; loosen a limit")
    wanted = {trial.number: Candidate(trial.candidate.architecture, FULL, trial.number) for trial in best}
    retrained = experiment.run_all(Stage.RETRAIN, wanted)
    compared: list[Trial] = []
    if hand_made is not None:
        compared = experiment.run_all(Stage.BASELINE, {0: Candidate(Architecture({}))})
    if experiment.interrupts.asked:
        return "stopped"
    winner = best_trial(retrained, objectives)
    if winner is None:
        errors = "; ".join(sorted({trial.error for trial in retrained if trial.error}))
        raise SearchError(
            f"none of the {len(retrained)} best could be retrained{f': {errors}' if errors else ''}"
        )
    if store.get("winner") != winner.number:
        store.put("test", _test(session, session.space, winner))
        store.put("winner", winner.number)
    if hand_made is not None and compared[0].measurement is not None and store.get("baseline_test") is None:
        store.put("baseline_test", _test(session, hand_made, compared[0]))
    return "completed"


def _best(trials: Sequence[Trial], objectives: Sequence[Objective], most: int) -> list[Trial]:
    """The best trials by validation, best first."""
    rest: list[Trial] = list(trials)
    found: list[Trial] = []
    while len(found) < most and (best := best_trial(rest, objectives)) is not None:
        found.append(best)
        rest.remove(best)
    return found


def _test(session: Session, space: Space, trial: Trial) -> dict[str, float]:
    from archwright.experiments.checkpoints import load_weights

    if trial.measurement is None:
        raise SearchError(f"trial {trial.number} has no measurement")
    network = space.build(trial.candidate.architecture, session.task.example())
    load_weights(network, session.folder / trial.measurement.artifacts["weights"])
    return session.training(space).test(network)


def _export(session: Session, store: Store, onnx: bool | None) -> None:
    if session.settings.retrain > 0:
        run = picture(session.folder, session.settings, store)
        export_winner(run, session.space, session.task, onnx=onnx)


def _report(run: Run, space: Space) -> None:
    from archwright.reports import write_report

    write_report(run, run.folder / "report.html", space=space)
