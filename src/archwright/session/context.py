"""What the stages of a run work with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from archwright.errors import SpaceError, UsageError
from archwright.estimators.estimator import Estimator
from archwright.experiments import (
    CheckpointFolder,
    Executor,
    Experiment,
    Interrupts,
    Job,
    Listener,
    Outcome,
    Run,
    RunConfig,
    Store,
    load_run,
)
from archwright.session.one_shot import OneShotSearch
from archwright.session.training import hand_made, make_training
from archwright.spaces import Space
from archwright.strategies import Proposals, Strategy, make_strategy
from archwright.tasks import Task
from archwright.trials import Trial

if TYPE_CHECKING:
    from archwright.estimators.training import Training
    from archwright.supernets import OneShot

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
    hand_made: Space | None = None
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
        strategy: Strategy | OneShot | None,
        estimator: Estimator | None,
        **more: Any,
    ) -> RunContext:
        """Make what was not given as an object from its name.

        Args:
            folder: The run's folder.
            config: What it was asked to do.
            space: What is searched.
            task: What is learned.
            strategy: A strategy or one-shot method; None makes that of the record.
            estimator: None trains each candidate by the recipe; of a one-shot search it is the supernet.
            more: Further fields.

        Raises:
            UsageError: When a device or a recipe does not fit, or a strategy is none.
            SpaceError: When a decision cannot be held at its value.
        """
        space = space.fix(config.held)
        training = make_training(config, space, task)
        one_shot: OneShotSearch | None = None
        if config.supernet is not None:
            one_shot = OneShotSearch.make(config, space, task, folder, method=strategy)
            strategy, estimator = one_shot.strategy, one_shot.estimator
        elif strategy is None:
            options = config.strategy.options
            strategy = make_strategy(
                config.strategy.name, space, config.objectives, seed=config.seed, **options
            )
        if not isinstance(strategy, Strategy):
            raise UsageError(f"expected a strategy, a one-shot method or the name of one, got {strategy!r}")
        if config.enqueue:
            strategy = Proposals(space, map(space.architecture, config.enqueue), strategy)
        context = cls(folder, config, space, task, strategy, estimator or training, one_shot, **more)
        if config.baseline and config.retrain > 0:
            try:
                context.hand_made = hand_made(task)
            except SpaceError as error:
                context.notes.append(f"no hand-made network is compared with: {error}")
        return context

    def training(self, space: Space | None = None) -> Training:
        """How networks of a space are trained at full fidelity."""
        return make_training(self.config, space or self.space, self.task)

    def open(self, store: Store, executor: Executor[Job, Outcome], listener: Listener) -> None:
        """Join them to the store and the executor, which the caller opens and closes."""
        self.store, self.executor, self.listener = store, executor, listener
        self.experiment = Experiment(
            store=store,
            executor=executor,
            objectives=self.config.objectives,
            listener=listener,
            interrupts=self.interrupts,
            checkpoints=CheckpointFolder(self.folder / "checkpoints"),
        )

    def run(self) -> Run:
        """The picture of the run as it is now."""
        return load_run(self.folder, self.config, self.store)

    def log(self, texts: Sequence[str]) -> None:
        """Tell the run's log and the listener."""
        for text in texts:
            self.store.say(text)
            self.listener.said(text)
