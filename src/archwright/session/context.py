"""What the stages of a run work with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from archwright.errors import SpaceError
from archwright.estimators.estimator import Estimator
from archwright.experiments import (
    CheckpointFolder,
    Executor,
    Experiment,
    Interrupts,
    Job,
    JobResult,
    Listener,
    Run,
    RunConfig,
    Store,
    load_run,
)
from archwright.session.one_shot import OneShotSearch
from archwright.session.parts import (
    GivenParts,
    made_estimator,
    made_method,
    made_pruner,
    made_strategy,
    with_starting_points,
)
from archwright.session.training import baseline_space, make_training
from archwright.spaces import Space
from archwright.strategies import Strategy
from archwright.strategies.pruners import Pruner
from archwright.tasks import Task
from archwright.trials import Trial

if TYPE_CHECKING:
    from archwright.estimators.training import Training

__all__ = ["RunContext"]


@dataclass
class RunContext:
    """A run, the objects that it works with, and what its earlier stages left for the later ones.

    Args:
        folder: The run's folder.
        config: What it was asked to do.
        space: What is searched.
        task: What is learned.
        strategy: Proposes, as it was made.
        estimator: Measures the search's trials.
        one_shot: The training of a supernet, where there is one.
        onnx: Whether to export to ONNX; None does so where the extra is installed.
        notes: What the log says first.
    """

    folder: Path
    config: RunConfig
    space: Space
    task: Task
    strategy: Strategy
    estimator: Estimator
    one_shot: OneShotSearch | None = None
    onnx: bool | None = None
    notes: list[str] = field(default_factory=list)
    baseline_space: Space | None = None
    pruner: Pruner | None = None
    interrupts: Interrupts = field(default_factory=Interrupts)
    retrained: list[Trial] = field(default_factory=list)
    compared: list[Trial] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.budget = self.config.budget

    @classmethod
    def make(
        cls,
        folder: Path,
        config: RunConfig,
        space: Space,
        task: Task,
        given: GivenParts,
        *,
        onnx: bool | None = None,
        notes: Sequence[str] = (),
    ) -> RunContext:
        """Make what was not given as an object from its name.

        Args:
            folder: The run's folder.
            config: What it was asked to do.
            space: What is searched.
            task: What is learned.
            given: What the user gave of its parts.
            onnx: Whether to export to ONNX.
            notes: What the log says first.

        Raises:
            UsageError: When a device, a recipe or a part does not fit, or an object is needed again.
            SpaceError: When a decision cannot be held at its value.
        """
        space = space.fix(config.held)
        make_training(config, space, task)  # refuses a recipe or a device that does not fit
        one_shot: OneShotSearch | None = None
        if config.supernet is not None:
            one_shot = OneShotSearch.make(config, space, task, folder, made_method(config, given.strategy))
            made, measure = one_shot.strategy, one_shot.estimator
        else:
            made = made_strategy(config, space, given.strategy)
            measure = made_estimator(config, space, task, given.estimator)
        made = with_starting_points(config, space, made)
        context = cls(folder, config, space, task, made, measure, one_shot, onnx, list(notes))
        context.pruner = made_pruner(config, given.pruner)
        if config.baseline and config.retrain > 0:
            try:
                context.baseline_space = baseline_space(task)
            except SpaceError as error:
                context.notes.append(f"no hand-made network is compared with: {error}")
        return context

    def training(self, space: Space | None = None) -> Training:
        """How networks of a space are trained at full fidelity."""
        return make_training(self.config, space or self.space, self.task)

    def open(self, store: Store, executor: Executor[Job, JobResult], listener: Listener) -> None:
        """Join them to the store and the executor, which the caller opens and closes."""
        self.store, self.executor, self.listener = store, executor, listener
        self.experiment = Experiment(
            store=store,
            executor=executor,
            objectives=self.config.objectives,
            listener=listener,
            interrupts=self.interrupts,
            checkpoints=CheckpointFolder(self.folder / "checkpoints"),
            pruner=self.pruner,
        )

    def run(self) -> Run:
        """The picture of the run as it is now."""
        return load_run(self.folder, self.config, self.store)

    def log(self, texts: Sequence[str]) -> None:
        """Tell the run's log and the listener."""
        for text in texts:
            self.store.log(text)
            self.listener.log(text)
