"""What the stages of a run work with."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from archwright.estimators import ESTIMATORS
from archwright.estimators.estimator import Estimator
from archwright.experiments import (
    Evaluation,
    Executor,
    Experiment,
    Interrupts,
    Job,
    JobResult,
    Listener,
    Run,
    RunConfig,
    Store,
    SupernetTraining,
    load_run,
)
from archwright.experiments.one_shot import SUPERNET
from archwright.session.contestants import contestant_spaces
from archwright.session.judging import Judges
from archwright.session.one_shot import follow_up
from archwright.session.parts import made, make_training, proxy_columns
from archwright.spaces import Space
from archwright.strategies import STRATEGIES, FixedStrategy, Strategy, make_strategy
from archwright.strategies.multi_fidelity import MultiFidelity
from archwright.strategies.pruners import PRUNERS, Pruner
from archwright.strategies.registry import supplied_to
from archwright.supernets import METHODS, OneShot
from archwright.tasks import Task
from archwright.trackers import Tracker

if TYPE_CHECKING:
    from archwright.estimators.programs import ProgramTraining
    from archwright.estimators.training import Training

__all__ = ["RunContext"]


class RunContext:
    """A run, the objects that it works with, and what its earlier stages left for the later ones.

    Args:
        folder: The run's folder.
        config: What it was asked to do.
        space: What is searched.
        task: What is learned.
        strategy: What proposes candidates, or trains the supernet that they share: an object, a name that the record
            has too, or None for the record's.
        estimator: What measures candidates, in the same way. Of a one-shot search it is the supernet.
        pruner: What stops trials early, in the same way.
        compare: The networks to compare with that were given as objects, by the names that the record has.
        formats: Of `export.FORMATS`, those that the network is written in too; None means ONNX where it is installed.
        trackers: Who is told what happens, beside the listener.
        notes: What the log says first.
        began: Unix time at which this session began; None means now.

    Raises:
        UsageError: When a device, a recipe or a part does not fit, or an object is needed again.
        SpaceError: When a decision cannot be held at its value, or what is to be tried first is not of the space.

    Attributes:
        contestants: The networks to compare with, by their places: name and space; 0 is the hand-made one.
        deadline: Unix time at which finalists should have been trained; None where nothing bounds it.
        members_deadline: The same for further trainings for an ensemble.
        longer_deadline: The same for the longer training of the chosen network.
        retrain: How many of the best of the search are among the finalists.
    """

    strategy: Strategy
    estimator: Estimator

    def __init__(
        self,
        folder: Path,
        config: RunConfig,
        space: Space,
        task: Task,
        *,
        strategy: Strategy | OneShot | str | None = None,
        estimator: Estimator | str | None = None,
        pruner: Pruner | str | None = None,
        compare: Mapping[str, Space] | None = None,
        formats: tuple[str, ...] | None = None,
        trackers: Sequence[Tracker] = (),
        notes: Sequence[str] = (),
        began: float | None = None,
    ) -> None:
        self.folder, self.config, self.task = folder, config, task
        self.space = space.fix(config.held).obey(config.rules)
        self.formats, self.trackers, self.notes = formats, tuple(trackers), list(notes)
        self.budget, self.began = config.budget, began or time.time()
        self.interrupts = Interrupts()
        self.supernet: SupernetTraining | None = None
        self.deadline: float | None = None
        self.members_deadline: float | None = None
        self.longer_deadline: float | None = None
        self.training(refit=config.refit)  # refuses a recipe, a device or a task that does not fit
        if config.supernet is None:
            self._measure_by(strategy, estimator)
        else:
            self._share_weights(strategy)
        if config.known:
            known = [self.space.architecture(values) for values in config.known]
            if isinstance(self.strategy, MultiFidelity):
                self.strategy.begin_with(known)
            else:
                self.strategy = FixedStrategy(self.space, known, self.strategy)
        if config.enqueue:
            first = [self.space.architecture(values) for values in config.enqueue]
            self.strategy = FixedStrategy(self.space, first, self.strategy)
        self.pruner: Pruner | None = None
        if config.pruner is not None:
            self.pruner = made("pruner", Pruner, pruner, config.pruner, PRUNERS, self.config.searched)
        elif self.estimator.stops_by is not None:
            name, options = self.estimator.stops_by
            self.pruner = PRUNERS.make(name, self.config.searched, options=options)
        self.judges = None
        if config.judge is not None:
            self.judges = Judges(config, config.judge, self.space, task, folder)
        self.contestants: dict[int, tuple[str, Space]] = {}
        if config.retrain > 0:
            self.contestants, missing = contestant_spaces(
                task, config.compare, compare or {}, config.baseline, space=space
            )
            self.notes += missing

    def _measure_by(self, strategy: object, estimator: object) -> None:
        config, space, device = self.config, self.space, self.config.device
        how = {
            "recipe": config.recipe,
            "accelerator": device.accelerator,
            "devices": device.devices,
            "precision": device.precision,
            "threads": device.threads,
            "folder": self.folder,
        }
        known, learned = config.estimator, (space, self.task)
        self.estimator = made("estimator", Estimator, estimator, known, ESTIMATORS, *learned, **how)
        self.config = config = replace(config, ranked_by=self.estimator.ranks_by)
        searched = (space, config.searched)
        effort = None if config.fidelity.is_point else config.fidelity
        more = supplied_to(
            config.strategy.name,
            fidelity=effort,
            configurations=config.budget.trials,
            proxy_columns=partial(proxy_columns, space, self.task, device.accelerator),
            judge=getattr(self.estimator, "judge", None),
        )
        self.strategy = made(
            "strategy", Strategy, strategy, config.strategy, STRATEGIES, *searched, seed=config.seed, **more
        )

    def _share_weights(self, given: object) -> None:
        """Raises `UsageError` when the method cannot share the weights of some decision."""
        from archwright.estimators.weight_sharing import WeightSharing

        config, space, task, device = self.config, self.space, self.task, self.config.device
        method = made("strategy", OneShot, given, config.strategy, METHODS, seed=config.seed)
        self.supernet = SupernetTraining(
            method,
            space,
            task,
            self.folder,
            seed=config.seed,
            accelerator=device.accelerator,
            devices=device.devices,
        )
        self.supernet.check()
        if then := follow_up(config):
            self.strategy = make_strategy(then, space, config.objectives, seed=config.seed)
        else:
            self.strategy = FixedStrategy(space, self.supernet.proposals)
        weights = self.folder.absolute() / SUPERNET
        self.estimator = WeightSharing(space, task, weights, accelerator=device.accelerator)

    def training(
        self, space: Space | None = None, *, refit: bool = False, best_epoch: bool = False
    ) -> Training | ProgramTraining:
        """How networks of a space are trained at full fidelity. See `make_training`."""
        return make_training(self.config, space or self.space, self.task, refit=refit, best_epoch=best_epoch)

    def evaluation(self) -> Evaluation:
        """What measures a trial of the search."""
        example = self.task.example_arguments()
        return Evaluation(self.space, self.estimator, self.config.searched, example)

    def open(self, store: Store, executor: Executor[Job, JobResult], listener: Listener) -> None:
        """Join them to the store and the executor, which the caller opens and closes."""
        self.store, self.executor, self.listener = store, executor, listener
        self.interrupts.store = store
        self.experiment = Experiment(
            store=store,
            executor=executor,
            objectives=self.config.objectives,
            searched=self.config.searched,
            listener=listener,
            interrupts=self.interrupts,
            checkpoints=self.config.checkpoint_folder(self.folder),
            pruner=self.pruner,
        )
        if self.config.supernet is None:
            self.experiment.begin(self.began)
        self._divide_the_time()

    def _divide_the_time(self) -> None:
        """The search's share of the minutes, and the moment until which finalists are trained."""
        plan, minutes = self.config.plan, self.config.budget.minutes
        self.retrain = self.config.retrain
        if plan is None or minutes is None:
            return
        shares = plan.shares(minutes, self.config.trainings, self.config.executor.workers)
        self.retrain = shares.retrain
        self.budget = replace(self.budget, minutes=max(shares.search, 1e-3) / 60)
        before = self.began - self.experiment.earlier_seconds()
        self.deadline, self.members_deadline = before + shares.finals, before + shares.members
        self.longer_deadline = before + shares.longer

    def run(self) -> Run:
        """The picture of the run as it is now."""
        return load_run(self.folder, self.config, self.store)
