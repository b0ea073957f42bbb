"""Scores networks that come with weights after calibration alone: no training."""

from __future__ import annotations

import itertools
import math
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, final

import torch
from torch import nn

from archwright.errors import TrialError, UsageError
from archwright.estimators.estimator import Estimator
from archwright.evaluating import evaluating
from archwright.learning.devices import make_fabric
from archwright.learning.randomness import seeded
from archwright.objectives import measure_cheap
from archwright.pretrained import original_network
from archwright.spaces.zoo.bit_widths import PREFIX
from archwright.spaces.zoo.blocks.quantised import Quantised
from archwright.supernets.norms import recalibrate
from archwright.tasks.batches import Part, Plan, evaluation_plan
from archwright.tasks.task import Task
from archwright.trials import Candidate, Measurement, TrialContext

if TYPE_CHECKING:
    from archwright.spaces import Space

__all__ = ["Calibrated"]

_BATCH = 64


@final
class Calibrated(Estimator):
    """Scores a network with the weights that it comes with, after it has seen some training examples.

    Quantised layers take the ranges of their inputs from them, and batch norms their statistics where layers are
    smaller than those of the network that was given. Nothing is trained: a network takes about as long as its
    validation. What is chosen is fine-tuned by the recipe afterwards (`--retrain`).

    Args:
        space: Of `aw.from_network` or `aw.blockwise`, quantised or not.
        task: What the network does. Its validation data score.
        accelerator: "auto", "cpu", "cuda" or "mps".
        threads: Threads of torch on the CPU; None leaves them as they are.
        batches: How many batches of 64 training examples are seen, at least 1.

    Raises:
        UsageError: When the networks of the space come without weights, or an option is out of range.
    """

    def __init__(
        self,
        space: Space,
        task: Task,
        *,
        accelerator: str = "auto",
        threads: int | None = None,
        batches: int = 32,
    ) -> None:
        if original_network(space) is None:
            raise UsageError(
                "calibrated: expected a space whose networks come with weights, such as that of aw.from_network, got "
                f"{space.name!r}; networks without weights need the estimator 'training'"
            )
        if batches < 1:
            raise UsageError(f"calibrated: expected batches >= 1, got {batches}")
        self.space, self.task, self.accelerator = space, task, accelerator
        self.threads, self.batches = threads, batches

    def estimate(self, candidate: Candidate, trial: TrialContext) -> Measurement:
        """Calibrate and score a candidate. See `Estimator.estimate`.

        Raises:
            TrialError: When a score is not finite.
        """
        begin = time.perf_counter()
        device = make_fabric(self.accelerator, 1, "32-true").device
        plan = Plan(size=_BATCH, device=device, seed=0)
        with seeded(0, device, self.threads):
            network = self.space.build(candidate.architecture).to(device)
            drawn = self.task.batches(Part("train"), plan, network)
            batches = list(itertools.islice(drawn, self.batches))
            if self._is_smaller(candidate):
                recalibrate(network, batches, self.task.forward)
            self._calibrate(network, batches)
            scores = self.task.evaluate(network, Part("validation"), evaluation_plan(device))
        if not all(math.isfinite(one) for one in scores.values()):
            raise TrialError("the calibrated network gives numbers that are not finite")
        metrics = {**scores, **measure_cheap(network.to("cpu"), self.task.example_arguments())}
        return Measurement(metrics, seconds=time.perf_counter() - begin)

    def _is_smaller(self, candidate: Candidate) -> bool:
        """Whether a decision other than one on bits is not that of the network that was given."""
        default = self.space.default
        return any(
            value != default.get(name)
            for name, value in candidate.architecture.items()
            if not name.startswith(PREFIX)
        )

    def _calibrate(self, network: nn.Module, batches: Sequence[object]) -> None:
        quantised = [module for module in network.modules() if isinstance(module, Quantised)]
        if not quantised:
            return
        with evaluating(network), torch.no_grad():
            for module in quantised:
                module.train()
            for batch in batches:
                self.task.forward(network, batch)
