"""Training from scratch: the estimator that all others are measured against."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, final

import torch
from torch import Tensor, nn

from archwright.errors import BuildError, TrialError, UsageError, did_you_mean
from archwright.estimators.estimator import Estimator
from archwright.estimators.training.augmentation import check_augmentations
from archwright.estimators.training.best import BestEpoch
from archwright.estimators.training.devices import is_out_of_memory, isolated, make_fabric
from archwright.estimators.training.epochs import Epochs, Seeds, score
from archwright.estimators.training.optimizers import make_optimizer
from archwright.estimators.training.recipe import Recipe
from archwright.objectives import CHEAP, measure_cheap
from archwright.tasks.batches import Examples, predict
from archwright.tasks.task import Task
from archwright.trials import Candidate, Measurement, TrialContext

if TYPE_CHECKING:
    from lightning_fabric import Fabric

    from archwright.spaces import Space

__all__ = ["Training"]

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
            with isolated(seeds.network, fabric.device, self.threads):
                return self._fit(candidate, recipe, fabric, seeds, on_epoch, started)
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
        fabric = self._fabric()
        with isolated(0, fabric.device, self.threads):
            outputs, targets = predict(fabric.setup_module(network), Examples(self.task.test, fabric.device))
            _release(network)
        return dict(self.task.metrics(outputs, targets))

    def _check(self) -> None:
        known = self.recipe.to_json()
        for name in self.space.training:
            if name not in known:
                raise UsageError(
                    f"the space sets {name!r} of the recipe, which has none.{did_you_mean(name, known)}"
                )
        if (length := len(self.task.train)) < 2:  # type: ignore[arg-type]
            raise UsageError(f"expected at least 2 training examples, got {length}")
        self._check_augmentations(self.recipe)
        self._fabric()

    def _check_augmentations(self, recipe: Recipe) -> None:
        if recipe.augmentations and not self.task.example().is_floating_point():
            raise UsageError(
                f"the augmentation {recipe.augmentation!r} needs inputs that are amounts; those of the task "
                f"{self.task.name!r} are symbols; use 'none'"
            )
        check_augmentations(recipe.augmentations, self.task.input_shape)

    def _fabric(self) -> Fabric:
        return make_fabric(self.accelerator, self.devices, self.precision)

    def _recipe_of(self, candidate: Candidate) -> Recipe:
        """The recipe with what architecture and fidelity say; warm-up keeps its share of the epochs."""
        try:
            recipe = self.recipe.replace(**self.space.training_values(candidate.architecture))
            self._check_augmentations(recipe)
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
        network = self.space.build(candidate.architecture, example=example)
        network.eval()
        with torch.no_grad():
            outputs = network(example)
        expected = (len(example), *self.task.output_shape)
        if not isinstance(outputs, Tensor) or outputs.shape != expected:
            got = (
                f"the shape {tuple(outputs.shape)}" if isinstance(outputs, Tensor) else type(outputs).__name__
            )
            raise TrialError(
                f"expected the network to give a tensor of shape {expected} for {len(example)} inputs, got "
                f"{got}; the task {self.task.name!r} wants {' x '.join(map(str, self.task.output_shape))} numbers "
                f"for each input, so end the network with a layer of {self.task.outputs} outputs"
            )
        cheap = measure_cheap(CHEAP, network, example)
        if not cheap["params"]:
            raise TrialError("the network has no trainable parameter, so there is nothing to train")
        return network, cheap

    def _fit(
        self,
        candidate: Candidate,
        recipe: Recipe,
        fabric: Fabric,
        seeds: Seeds,
        on_epoch: EpochListener | None,
        started: float,
    ) -> tuple[nn.Module, Measurement]:
        network, cheap = self._build(candidate)
        network.to(fabric.device)
        optimizer = make_optimizer(recipe, network, fused=fabric.device.type == "cpu")
        module, optimizer = fabric.setup(network, optimizer)
        epochs = Epochs(self.task, recipe, fabric, module, optimizer, seeds, candidate.effort)
        validation = Examples(self.task.validation, fabric.device)
        curve: list[dict[str, float]] = []
        best = BestEpoch(self.task.metric)
        for epoch in range(1, recipe.epochs + 1):
            train_loss = epochs.run(epoch)
            scores = score(self.task, module, validation, epoch)
            entry: dict[str, float] = {
                "epoch": epoch,
                "train_loss": train_loss,
                "learning_rate": optimizer.param_groups[0]["lr"],
                "seconds": time.perf_counter() - started,
                **scores,
            }
            curve.append(entry)
            if on_epoch is not None:
                on_epoch(entry)
            if recipe.early_stopping is not None:
                best.see(epoch, scores, network)
                if epoch - best.epoch >= recipe.early_stopping:
                    break
        if recipe.early_stopping is not None:
            scores = best.restore(network)
        _release(network)
        seconds = time.perf_counter() - started
        return network, Measurement({**scores, **cheap}, tuple(curve), seconds)


def _release(network: nn.Module) -> None:
    """Make a network plain again: on the CPU, in 32 bits, in evaluation mode, without gradients."""
    network.to("cpu").float().eval()
    network.zero_grad(set_to_none=True)
