"""The stages of a run, each of which can be gone on with where an earlier session left it."""

from __future__ import annotations

import warnings
from abc import ABC, abstractmethod
from collections.abc import Mapping

from archwright.errors import ArchwrightWarning, ExportError, SearchError
from archwright.experiments import Evaluation, Retraining, RunConfig, Stage
from archwright.experiments.checkpoints import rebuilt
from archwright.experiments.one_shot import read_epochs
from archwright.experiments.work import Measure
from archwright.objectives import best_trial, best_trials
from archwright.session.context import RunContext
from archwright.session.exporting import export_winner
from archwright.session.one_shot import after_training, training_minutes
from archwright.spaces import Architecture, Space
from archwright.trials import FULL, Candidate, Trial

__all__ = [
    "Compare",
    "Export",
    "Report",
    "Retrain",
    "RunStage",
    "Search",
    "StoppedError",
    "Test",
    "TrainSupernet",
    "stages_of",
]


class StoppedError(Exception):
    """The user asked to stop; the run can go on from here."""


class RunStage(ABC):
    """One stage of a run. What it left is in the store, so that running it again does nothing again.

    Attributes:
        is_limited: Whether the time limit for one trial holds for its jobs.
    """

    is_limited = False

    def steps(self, context: RunContext) -> Mapping[Stage, Measure]:
        """What its jobs run, by what they are run for."""
        return {}

    @abstractmethod
    def run(self, context: RunContext) -> None:
        """Run it, or what is left of it.

        Raises:
            StoppedError: When the user asked to stop.
            SearchError: When nothing came of it.
        """


def stages_of(config: RunConfig) -> list[RunStage]:
    """The stages of a run, in order. The report is written however the others end.

    Args:
        config: The run's record.
    """
    stages: list[RunStage] = [TrainSupernet()] if config.supernet is not None else []
    stages.append(Search())
    if config.retrain > 0:
        stages += [Retrain(), *([Compare()] if config.baseline else []), Test(), Export()]
    return stages


class TrainSupernet(RunStage):
    """Train the supernet of a one-shot method."""

    def run(self, context: RunContext) -> None:
        """One durable epoch after the other."""
        assert context.one_shot is not None
        training, minutes = context.one_shot.training, training_minutes(context.config)
        if training.run(context.store, context.listener, context.interrupts, minutes) is None:
            raise StoppedError
        spent = sum(entry["seconds"] for entry in read_epochs(context.store))
        context.budget = after_training(context.config, spent)


class Search(RunStage):
    """Propose and measure candidates until the budget is spent."""

    is_limited = True

    def steps(self, context: RunContext) -> Mapping[Stage, Measure]:
        """Limits on what is read off a network first, then the estimate."""
        objectives, example = context.config.objectives, context.task.example_arguments()
        return {Stage.SEARCH: Evaluation(context.space, context.estimator, objectives, example)}

    def run(self, context: RunContext) -> None:
        """See `Experiment.search`."""
        if context.experiment.search(context.strategy, context.budget, context.config.fidelity) is None:
            raise StoppedError


class Retrain(RunStage):
    """Train the best from scratch at full fidelity, and choose the winner by validation."""

    def steps(self, context: RunContext) -> Mapping[Stage, Measure]:
        """Training that keeps the weights."""
        folder = context.folder.resolve()
        return {Stage.RETRAIN: Retraining(context.training(), folder, context.config.objectives)}

    def run(self, context: RunContext) -> None:
        """Those that an earlier session trained are kept."""
        config = context.config
        best = best_trials(
            context.store.trials(),
            config.objectives,
            config.retrain,
            lambda trial: context.space.canonical(trial.architecture),
        )
        if not best:
            raise SearchError("no completed trial keeps all limits, so none is retrained; loosen a limit")
        wanted = {t.number: Candidate(t.candidate.architecture, FULL, t.number) for t in best}
        context.retrained = retrained = context.experiment.run_all(Stage.RETRAIN, wanted)
        if context.interrupts.asked:
            raise StoppedError
        if best_trial(retrained, config.objectives) is None:
            errors = "; ".join(sorted({trial.error for trial in retrained if trial.error}))
            raise SearchError(
                f"none of the {len(retrained)} best could be retrained{f': {errors}' if errors else ''}"
            )


class Compare(RunStage):
    """Train a hand-made network the same way."""

    def steps(self, context: RunContext) -> Mapping[Stage, Measure]:
        """Training that keeps the weights, of the space of that one network."""
        if context.baseline_space is None:
            return {}
        training = context.training(context.baseline_space)
        folder, objectives = context.folder.resolve(), context.config.objectives
        return {Stage.BASELINE: Retraining(training, folder, objectives)}

    def run(self, context: RunContext) -> None:
        """Where there is one for the task's inputs."""
        if context.baseline_space is not None:
            context.compared = context.experiment.run_all(Stage.BASELINE, {0: Candidate(Architecture({}))})
        if context.interrupts.asked:
            raise StoppedError


class Test(RunStage):
    """Read the test scores of the winner and of the hand-made network, once."""

    def run(self, context: RunContext) -> None:
        """Nothing else reads the test data."""
        store, objectives = context.store, context.config.objectives
        winner = best_trial(context.retrained, objectives)
        if winner is not None and store.get("winner") != winner.number:
            store.set_fact("test", _test(context, context.space, winner))
            store.set_fact("winner", winner.number)
        for compared in context.compared:
            if context.baseline_space and compared.measurement and store.get("baseline_test") is None:
                store.set_fact("baseline_test", _test(context, context.baseline_space, compared))


class Export(RunStage):
    """Write the winner into the run's `best/`."""

    def run(self, context: RunContext) -> None:
        """Source, weights, ONNX and a model card."""
        try:
            export_winner(context.run(), context.space, context.task, onnx=context.onnx)
        except ExportError as error:  # hours of search are worth more than their source
            text = f"the network could not be exported, its weights are in checkpoints/: {error}"
            context.log([text])
            warnings.warn(text, ArchwrightWarning, stacklevel=2)


class Report(RunStage):
    """Write the report."""

    def run(self, context: RunContext) -> None:
        """One page in the run's folder."""
        from archwright.reports import write_report

        example = context.task.example_arguments()
        write_report(context.run(), context.folder / "report.html", space=context.space, example=example)


def _test(context: RunContext, space: Space, trial: Trial) -> dict[str, float]:
    return context.training(space).test(rebuilt(space, context.task, trial, context.folder))
