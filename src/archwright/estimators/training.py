"""Training from scratch: the estimator that all others are measured against."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, final

import torch
from torch import nn

from archwright.durations import count_of
from archwright.errors import BuildError, TaskError, TrialError, UsageError, did_you_mean
from archwright.estimators.estimator import Estimator
from archwright.estimators.morphism.inheritance import Inheritance
from archwright.estimators.progress import TrialProgress
from archwright.estimators.reduced import reduced
from archwright.learning.checks import check_recipe
from archwright.learning.devices import devices_of, is_out_of_memory, make_fabric
from archwright.learning.distilling import step_for
from archwright.learning.layout import lay_out, plain_layout
from archwright.learning.precision import prepare
from archwright.learning.randomness import Randomness, Seeds, seeded
from archwright.learning.ranks import ALONE, Ranks, joined
from archwright.learning.recipe import Recipe
from archwright.learning.trainer import Trainer
from archwright.objectives import measure_cheap
from archwright.pretrained import original_network
from archwright.tasks.batches import Part, evaluation_plan
from archwright.tasks.task import Task
from archwright.trials import Candidate, Fidelity, LocalTrial, Measurement, TrialContext
from archwright.trials.context import plain_metrics

if TYPE_CHECKING:
    from lightning_fabric import Fabric

    from archwright.spaces import Space

__all__ = ["Training"]

_WHOLE_NUMBERS = {"bf16-true": 2**8, "16-true": 2**11}
"""Up to where the numbers of 16 bits hold all whole ones."""

_VIEW = "view size is not compatible"
"""What torch says where `x.view(...)` meets numbers in another order in memory."""
_VIEWS = 4
"""How many sights of the task at another fidelity are kept: each may hold its data once more."""


@final
class Training(Estimator):
    """Builds a network, trains it by a recipe and scores it on the validation data.

    The same candidate and seed give the same numbers on the same CPU, whatever ran before in the process, and
    whether or not it was interrupted; random numbers of the caller are not touched. Each epoch is reported to the
    trial, which may stop the training.

    Args:
        space: Builds the networks. What it names as `training` sets fields of the recipe for each
            architecture.
        task: What to learn. Only `test` reads its test data.
        recipe: How to train.
        accelerator: "auto" (a GPU where there is one), "cpu", "cuda" or "mps".
        devices: How many devices train one network, or a list of their indices. On more than one each step's batch is
            divided among as many processes, which see the same gradient as one would.
        precision: "32-true", "bf16-mixed", "16-mixed", "bf16-true", "16-true" or "64-true". Networks are
            returned in 32 bits whatever it is.
        threads: Threads of torch on the CPU while it trains; None leaves them as they are.
        checkpoint_seconds: At least so many seconds lie between two checkpoints, in mid-epoch too. The state after the
            last epoch is always kept.
        early_stopping: Whether the recipe's early stopping holds; without it all epochs are trained.
        inheritance: How a candidate that takes over its parent's weights begins, and how long it is trained.

    Raises:
        UsageError: When the recipe does not fit the task, the space names an unknown field, or the device is
            not there.
    """

    def __init__(
        self,
        space: Space,
        task: Task,
        recipe: Recipe | None = None,
        *,
        accelerator: str = "auto",
        devices: int | Sequence[int] = 1,
        precision: str = "32-true",
        threads: int | None = None,
        checkpoint_seconds: float = 60.0,
        early_stopping: bool = True,
        inheritance: Inheritance | None = None,
    ) -> None:
        self.space = space
        self.task = task
        self.recipe = Recipe() if recipe is None else recipe
        self.accelerator = accelerator
        self.devices = devices
        self.precision = precision
        self.threads = threads
        self.checkpoint_seconds = checkpoint_seconds
        self.early_stopping = early_stopping
        self.inheritance = Inheritance() if inheritance is None else inheritance
        self.teacher = original_network(space)
        self._views: dict[Any, tuple[Space, Task]] = {}
        self._lays_out = True
        self._check()

    def estimate(self, candidate: Candidate, trial: TrialContext) -> Measurement:
        """Train a candidate and score it. See `fit`."""
        return self.fit(candidate, trial)[1]

    def fit(
        self, candidate: Candidate, trial: TrialContext | None = None, *, seed: int | None = None
    ) -> tuple[nn.Module, Measurement]:
        """Train a candidate and keep its network.

        Args:
            candidate: What to build, and how much effort to spend: the fidelity's epochs replace the recipe's (its
                horizon those that schedules are made for), its data fraction takes that share of the training data
                (of each class, where labels are at hand), its replicate draws other seeds; its resolution averages
                the inputs to fewer points, its scale makes the network smaller, of its folds one validates and the
                others train. One that continues its parent goes on from the parent's checkpoint, to as many epochs in
                all. One that morphs its parent begins as the parent computes, and is trained for
                `inheritance.child_share` of the epochs.
            trial: Is told of every epoch, by the number of steps since the weights were drawn; may say stop; has the
                checkpoint of an earlier attempt, and that of the parent. None trains alone.
            seed: Replaces the recipe's.

        Returns:
            The trained network, unwrapped, on the CPU, in evaluation mode; and what was measured. The metrics are those
            of the task on the validation data, "params" and "flops" of the network at full scale and resolution, since
            limits are about that one, and those of `Inheritance.network` where weights were inherited. The curve has
            for each epoch of this trial "epoch" (from 1), "train_loss" (mean over the epoch, with label smoothing),
            "learning_rate" (of its last step), "seconds" (since the start) and the metrics of the task.

        Raises:
            TrialError: When the network does not build or gives another shape than the task wants, a loss is
                not finite, memory does not suffice, the space gave the recipe a value that it refuses, or the
                parent left nothing to continue from.
            UsageError: When the fidelity asks for the mean of several replicates, see `measure`.
        """
        if candidate.effort.replicates > 1:
            raise UsageError(
                f"one training is one replicate, got the fidelity {candidate.effort}; `measure` gives the mean"
            )
        reason: str | None
        try:
            with self.joined(partial(_follow, self, candidate, seed)) as ranks:
                return self._fit(candidate, trial or LocalTrial(), seed, ranks)
        except BuildError as error:
            if isinstance(error.__cause__, TrialError):
                raise error.__cause__ from None
            if not is_out_of_memory(error.__cause__):
                raise TrialError(str(error)) from error
            reason = str(error)
        except (MemoryError, RuntimeError) as error:
            is_view = self.returns_to_plain_layout(error)
            if not is_view and not is_out_of_memory(error):
                raise
            reason = None if is_view else str(error)
        # Outside of the except clause, so that no traceback keeps the network alive.
        if reason is None:
            return self.fit(candidate, trial, seed=seed)
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        told = reason.strip().partition("\n")[0] or "no memory left"
        raise TrialError(
            f"out of memory: {told}; use a smaller batch_size or fewer workers, or limit params or flops"
        )

    def test(self, network: nn.Module, part: str = "test", *, errors: bool = False) -> dict[str, float]:
        """The task's metrics on the test data; nothing else reads them.

        Args:
            network: A network of `fit`. It is in evaluation mode and on the CPU afterwards.
            part: Of the data; "validation" scores a network again.
            errors: Whether the metrics' standard errors are given, where the task knows them, instead of the metrics.
        """
        fabric = self._fabric(0)
        with seeded(0, fabric.device, self.threads):
            _, module = prepare(network, fabric)
            if self._lays_out:
                lay_out(network, self.task)
            judge = self.task.uncertainty if errors else self.task.evaluate
            found = judge(module, Part(part), evaluation_plan(fabric.device))
            _release(network)
        return plain_metrics(found)

    def returns_to_plain_layout(self, error: Exception) -> bool:
        """Whether a network failed for the order of its numbers in memory; from then on they are in the usual one.

        A network that fails so in training alone is not noticed before, see `lay_out`.
        """
        is_view = self._lays_out and _VIEW in str(error)
        self._lays_out = self._lays_out and not is_view
        return is_view

    @property
    def ranks(self) -> int:
        """How many processes train one network together."""
        return len(devices_of(self.devices, self.accelerator))

    @contextmanager
    def joined(self, follow: Callable[[Ranks], Any]) -> Iterator[Ranks]:
        """Be the first of the processes that train one network together, while a block runs.

        Args:
            follow: What the others do.

        Raises:
            TrialError: When another one dies.
        """
        count = self.ranks
        places = [self._fabric(rank).device for rank in range(count)] if count > 1 else []
        with joined(count, follow, places) as ranks:
            yield ranks

    @property
    def device(self) -> torch.device:
        """Where the first of its processes trains."""
        return self._fabric(0).device

    def _check(self) -> None:
        known = self.recipe.to_json()
        for name in self.space.training:
            if name not in known:
                raise UsageError(
                    f"the space sets {name!r} of the recipe, which has none.{did_you_mean(name, known)}"
                )
        train = getattr(self.task, "train", None)  # a task with batches of its own may have none
        if train is not None and len(train) < 2:
            raise UsageError(f"expected at least 2 training examples, got {len(train)}")
        check_recipe(self.recipe, self.task)
        if self.recipe.distillation and self.teacher is None:
            raise UsageError(
                f"distillation={self.recipe.distillation} needs a teacher: a space made from a trained network, as "
                f"from_network makes one, and {self.space.name!r} was not; use distillation=0"
            )
        most = _WHOLE_NUMBERS.get(self.precision, math.inf)
        if (codes := max(getattr(self.task, "cardinalities", ()), default=0)) > most:
            raise UsageError(
                f"the precision {self.precision} tells whole numbers apart up to {most} only, and a column of the task "
                f"{self.task.name!r} has {codes} codes; take {self.precision.replace('true', 'mixed')!r}"
            )
        for rank in range(self.ranks):
            self._fabric(rank)

    def _fabric(self, rank: int) -> Fabric:
        device = devices_of(self.devices, self.accelerator)[rank]
        return make_fabric(self.accelerator, device, self.precision)

    def _recipe_of(self, candidate: Candidate) -> tuple[Recipe, int]:
        """The recipe with what architecture and fidelity say, and the epochs; warm-up keeps its share of them."""
        try:
            recipe = self.recipe.replace(**self.space.training_values(candidate.architecture))
            recipe = recipe if self.early_stopping else recipe.replace(early_stopping=None)
            check_recipe(recipe, self.task)
        except UsageError as error:
            raise TrialError(
                f"the training values of the architecture do not make a recipe: {error}"
            ) from error
        epochs = candidate.effort.epochs or recipe.epochs
        epochs = self.inheritance.epochs(epochs) if candidate.inherit == "morph" else epochs
        horizon = candidate.effort.horizon or epochs
        if horizon < epochs:
            raise TrialError(
                f"expected a horizon of at least {count_of(epochs, 'epoch')}, as the recipe has, got {horizon}"
            )
        if horizon != recipe.epochs:
            warmup = recipe.warmup_epochs * horizon / recipe.epochs
            recipe = recipe.replace(epochs=horizon, warmup_epochs=warmup)
        return recipe, epochs

    def _seen(self, fidelity: Fidelity) -> tuple[Space, Task]:
        """The space and the task as a fidelity sees them; those of the last few are kept."""
        if not fidelity.is_reduced and fidelity.fold is None:
            return self.space, self.task
        key = fidelity.scale, fidelity.resolution, fidelity.fold
        if key not in self._views:
            while len(self._views) >= _VIEWS:
                del self._views[next(iter(self._views))]
            self._views[key] = reduced(self.space, self.task, fidelity)
        return self._views[key]

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_views": {}}

    def _build(self, space: Space, task: Task, candidate: Candidate) -> tuple[nn.Module, dict[str, float]]:
        """The network of a candidate, and its size."""
        example = task.example()
        arguments = task.arguments(example)
        network = space.build(candidate.architecture, example=arguments)
        network.eval()
        with torch.no_grad():
            outputs = task.forward(network, example)
            try:
                task.check(outputs, example)
            except TaskError as error:
                raise TrialError(str(error)) from error
        cheap = measure_cheap(network, arguments)
        if not cheap["params"]:
            raise TrialError("the network has no trainable parameter, so there is nothing to train")
        return network, cheap

    def _fit(
        self, candidate: Candidate, trial: TrialContext, seed: int | None, ranks: Ranks
    ) -> tuple[nn.Module, Measurement]:
        """Train as one of the ranks."""
        started = time.perf_counter()
        with self.prepared(candidate, trial, seed=seed, ranks=ranks) as (trainer, cheap, epochs):
            told = self.space.to_json(candidate.architecture)
            progress = TrialProgress(trainer, trial, told, epochs, started, self.checkpoint_seconds)
            progress.resume(candidate)
            for event in trainer.run(0 if progress.ended else epochs):
                if event.kind == "step":
                    progress.step()
                    continue
                progress.epoch(event)
                if progress.ended:
                    break
            scores = progress.finish()
            trainer.frozen.release()
            _release(trainer.network)
        seconds = time.perf_counter() - progress.started
        return trainer.network, Measurement({**scores, **cheap}, tuple(progress.curve), seconds)

    @contextmanager
    def prepared(
        self,
        candidate: Candidate,
        trial: TrialContext | None = None,
        *,
        seed: int | None = None,
        ranks: Ranks = ALONE,
    ) -> Iterator[tuple[Trainer, dict[str, float], int]]:
        """The trainer of a candidate before its first step, what the built-in meters say of its network, its epochs.

        While the block runs, the global random numbers are the training's.

        Args:
            candidate: What to build, and how much effort to spend.
            trial: Has the parent's checkpoint, for a candidate that begins as its parent computes.
            seed: Replaces the recipe's.
            ranks: The processes that train the network together.

        Raises:
            BuildError: When the network does not build.
            TrialError: When it gives another shape than the task wants, or the space gave the recipe a value that it
                refuses.
        """
        recipe, epochs = self._recipe_of(candidate)
        fabric = self._fabric(ranks.rank)
        seeds = Seeds.of(recipe.seed if seed is None else seed, candidate.effort.seed)
        space, task = self._seen(candidate.effort)
        randomness = Randomness(seeds.network, fabric.device)
        with randomness.drawing(self.threads):
            network, cheap = self._build(space, task, candidate)
            if candidate.effort.is_reduced:
                cheap = self._build(self.space, self.task, candidate)[1]
                randomness.reseed(seeds.network)
            if candidate.inherit == "morph":
                network, begun = self.inheritance.network(
                    space, task, candidate, trial or LocalTrial(), ranks, seeds.network
                )
                cheap |= begun
            trainer = Trainer(
                task,
                network,
                recipe,
                step_for(recipe, self.teacher),
                seeds=seeds,
                fabric=fabric,
                randomness=randomness,
                fraction=candidate.effort.data_fraction,
                ranks=ranks,
            )
            if self._lays_out:
                lay_out(trainer.network, task)
            yield trainer, cheap, epochs


def _follow(training: Training, candidate: Candidate, seed: int | None, ranks: Ranks) -> None:
    """What the ranks after the first do: the same, without telling anybody."""
    training._fit(candidate, LocalTrial(), seed, ranks)


def _release(network: nn.Module) -> None:
    """Make a network plain again: on the CPU, in 32 bits, in evaluation mode, without gradients."""
    network.to("cpu").float().eval()
    plain_layout(network)
    network.zero_grad(set_to_none=True)
