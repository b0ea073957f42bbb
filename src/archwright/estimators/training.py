"""Training from scratch: the estimator that all others are measured against."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, final

import torch
from torch import nn

from archwright.errors import BuildError, TaskError, TrialError, UsageError, did_you_mean
from archwright.estimators.estimator import Estimator
from archwright.learning.best import BestEpoch
from archwright.learning.checks import check_recipe
from archwright.learning.devices import is_out_of_memory, make_fabric
from archwright.learning.plain import PlainStep
from archwright.learning.precision import prepare
from archwright.learning.randomness import Randomness, Seeds
from archwright.learning.recipe import Recipe
from archwright.learning.trainer import Trainer
from archwright.objectives import measure_cheap
from archwright.tasks.batches import EVALUATION_BATCH, Part, Plan
from archwright.tasks.task import Task
from archwright.trials import Candidate, Measurement, TrialContext

if TYPE_CHECKING:
    from lightning_fabric import Fabric

    from archwright.spaces import Space

__all__ = ["Training"]

_CURE = "use a smaller learning_rate, a warm-up or gradient_clip"

EpochListener = Callable[[Mapping[str, float]], None]


@final
class Training(Estimator):
    """Builds a network, trains it from scratch by a recipe and scores it on the validation data.

    The same candidate and seed give the same numbers on the same CPU, whatever ran before in the process;
    random numbers of the caller are not touched.

    Args:
        space: Builds the networks. What it names as `training` sets fields of the recipe for each
            architecture.
        task: What to learn. Only `test` reads its test data.
        recipe: How to train.
        accelerator: "auto" (a GPU where there is one), "cpu", "cuda" or "mps".
        devices: 1, or a list with the index of the one device to use.
        precision: "32-true", "bf16-mixed", "16-mixed", "bf16-true", "16-true" or "64-true". Networks are
            returned in 32 bits whatever it is.
        threads: Threads of torch on the CPU while it trains; None leaves them as they are.

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
        devices: int | list[int] = 1,
        precision: str = "32-true",
        threads: int | None = None,
    ) -> None:
        self.space = space
        self.task = task
        self.recipe = Recipe() if recipe is None else recipe
        self.accelerator = accelerator
        self.devices = devices
        self.precision = precision
        self.threads = threads
        self._check()

    def estimate(self, candidate: Candidate, trial: TrialContext) -> Measurement:
        """Train a candidate and score it. See `fit`."""
        return self.fit(candidate)[1]

    def fit(
        self, candidate: Candidate, *, seed: int | None = None, on_epoch: EpochListener | None = None
    ) -> tuple[nn.Module, Measurement]:
        """Train a candidate and keep its network.

        Args:
            candidate: What to build, and how much effort to spend: the fidelity's epochs replace the
                recipe's, its data fraction takes that share of the training data (of each class, where
                labels are at hand).
            seed: Replaces the recipe's.
            on_epoch: Called after each epoch with its entry of the curve.

        Returns:
            The trained network, unwrapped, on the CPU, in evaluation mode; and what was measured. The
            metrics are those of the task on the validation data, "params" and "flops". The curve has for
            each epoch "epoch" (from 1), "train_loss" (mean over the epoch, with label smoothing),
            "learning_rate" (of its last step), "seconds" (since the start) and the metrics of the task.

        Raises:
            TrialError: When the network does not build or gives another shape than the task wants, a loss is
                not finite, memory does not suffice, or the space gave the recipe a value that it refuses.
        """
        started = time.perf_counter()
        try:
            recipe = self._recipe_of(candidate)
            fabric = self._fabric()
            seeds = Seeds.of(recipe.seed if seed is None else seed)
            randomness = Randomness(seeds.network, fabric.device)
            with randomness.drawing(self.threads):
                return self._fit(candidate, recipe, fabric, seeds, randomness, on_epoch, started)
        except BuildError as error:
            if isinstance(error.__cause__, TrialError):
                raise error.__cause__ from None
            if not is_out_of_memory(error.__cause__):
                raise TrialError(str(error)) from error
            reason = str(error)
        except (MemoryError, RuntimeError) as error:
            if not is_out_of_memory(error):
                raise
            reason = str(error)
        # Outside of the except clause, so that no traceback keeps the network alive.
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        told = reason.strip().partition("\n")[0] or "no memory left"
        raise TrialError(
            f"out of memory: {told}; use a smaller batch_size or fewer workers, or limit params or flops"
        )

    def test(self, network: nn.Module) -> dict[str, float]:
        """The task's metrics on the test data; nothing else reads them.

        Args:
            network: A network of `fit`. It is in evaluation mode and on the CPU afterwards.
        """
        with Randomness(0, self._fabric().device).drawing(self.threads):
            _, module = prepare(network, self._fabric())
            plan = Plan(size=EVALUATION_BATCH, device=self._fabric().device, least=1)
            found = self.task.evaluate(module, Part("test"), plan)
            _release(network)
        return found

    def _check(self) -> None:
        known = self.recipe.to_json()
        for name in self.space.training:
            if name not in known:
                raise UsageError(
                    f"the space sets {name!r} of the recipe, which has none.{did_you_mean(name, known)}"
                )
        if (length := len(self.task.train)) < 2:  # type: ignore[arg-type]
            raise UsageError(f"expected at least 2 training examples, got {length}")
        check_recipe(self.recipe, self.task)
        self._fabric()

    def _fabric(self) -> Fabric:
        return make_fabric(self.accelerator, self.devices, self.precision)

    def _recipe_of(self, candidate: Candidate) -> Recipe:
        """The recipe with what architecture and fidelity say; warm-up keeps its share of the epochs."""
        try:
            recipe = self.recipe.replace(**self.space.training_values(candidate.architecture))
            check_recipe(recipe, self.task)
        except UsageError as error:
            raise TrialError(
                f"the training values of the architecture do not make a recipe: {error}"
            ) from error
        epochs = candidate.effort.epochs
        if epochs is None:
            return recipe
        return recipe.replace(epochs=epochs, warmup_epochs=recipe.warmup_epochs * epochs / recipe.epochs)

    def _build(self, candidate: Candidate) -> tuple[nn.Module, dict[str, float]]:
        """The network of a candidate, and its size."""
        example = self.task.example()
        arguments = self.task.arguments(example)
        network = self.space.build(candidate.architecture, example=arguments)
        network.eval()
        with torch.no_grad():
            outputs = self.task.forward(network, example)
            try:
                self.task.check(outputs, example)
            except TaskError as error:
                raise TrialError(str(error)) from error
        cheap = measure_cheap(network, arguments)
        if not cheap["params"]:
            raise TrialError("the network has no trainable parameter, so there is nothing to train")
        return network, cheap

    def _fit(
        self,
        candidate: Candidate,
        recipe: Recipe,
        fabric: Fabric,
        seeds: Seeds,
        randomness: Randomness,
        on_epoch: EpochListener | None,
        started: float,
    ) -> tuple[nn.Module, Measurement]:
        network, cheap = self._build(candidate)
        trainer = Trainer(
            self.task,
            network,
            recipe,
            PlainStep(),
            seeds=seeds,
            fabric=fabric,
            randomness=randomness,
            fraction=candidate.effort.data_fraction,
        )
        curve: list[dict[str, float]] = []
        best = BestEpoch(self.task.metric)
        for event in trainer.run():
            if event.kind == "step":
                continue
            _check_finite("training", {"loss": event.metrics["train_loss"]}, event.epoch)
            scores = trainer.evaluate()
            _check_finite("validation", scores, event.epoch)
            entry: dict[str, float] = {
                "epoch": event.epoch,
                "train_loss": event.metrics["train_loss"],
                "learning_rate": trainer.optimizers["weights"].param_groups[0]["lr"],
                "seconds": time.perf_counter() - started,
                **scores,
            }
            curve.append(entry)
            if on_epoch is not None:
                on_epoch(entry)
            if recipe.early_stopping is not None:
                best.see(event.epoch, scores, network)
                if event.epoch - best.epoch >= recipe.early_stopping:
                    break
        if recipe.early_stopping is not None:
            scores = best.restore(network)
        _release(network)
        seconds = time.perf_counter() - started
        return network, Measurement({**scores, **cheap}, tuple(curve), seconds)


def _check_finite(part: str, scores: Mapping[str, float], epoch: int) -> None:
    loss = scores["loss"]
    if not math.isfinite(loss):
        told = "NaN" if math.isnan(loss) else "infinite"
        raise TrialError(f"the {part} loss became {told} in epoch {epoch}; {_CURE}")


def _release(network: nn.Module) -> None:
    """Make a network plain again: on the CPU, in 32 bits, in evaluation mode, without gradients."""
    network.to("cpu").float().eval()
    network.zero_grad(set_to_none=True)
