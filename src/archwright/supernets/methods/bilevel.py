"""Two optimisers in turn: one for the weights, one for the architecture (Liu et al. 2019, arXiv:1806.09055)."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from typing import Any, final

import torch
from torch import Tensor

from archwright.errors import UsageError
from archwright.spaces import Architecture
from archwright.supernets.methods.derivation import best_first
from archwright.supernets.methods.halves import split
from archwright.supernets.methods.one_shot import OneShot
from archwright.supernets.methods.policy import Policy
from archwright.supernets.methods.randomness import Randomness
from archwright.supernets.methods.weights import WeightOptimizer, finite
from archwright.supernets.norms import freeze_scales
from archwright.supernets.supernet import Supernet
from archwright.tasks import Task
from archwright.trials import Measurement

__all__ = ["Bilevel"]


@final
class Bilevel(OneShot):
    """Trains the weights on one part of the data and the architecture parameters on the other.

    Every step of the weights follows one of alpha: min over alpha of L_val(w*(alpha), alpha), with w* taken to be the
    present w (first order, eq. 3 and section 2.3). The defaults are the paper's.

    Args:
        policy: Supplies the gates.
        epochs: Epochs of the search.
        batch_size: Examples in a batch, of either part.
        learning_rate: Of the weights in the first epoch; falls along a cosine.
        lowest_learning_rate: What it falls to.
        momentum: Of the weights' SGD.
        weight_decay: Of the weights.
        gradient_clip: Largest 2-norm of the weights' gradient.
        architecture_learning_rate: Of alpha's Adam.
        architecture_betas: Of alpha's Adam.
        architecture_weight_decay: Of alpha.
        frozen_epochs: Epochs at the beginning in which alpha stands still.
        every: Steps of the weights to one of alpha.
        weight_share: Share of the training data that trains the weights; the rest trains alpha.
        seed: Of everything random.

    Raises:
        UsageError: When an option is out of range.
    """

    mixes = True

    def __init__(
        self,
        policy: Policy,
        *,
        epochs: int = 50,
        batch_size: int = 64,
        learning_rate: float = 0.025,
        lowest_learning_rate: float = 0.001,
        momentum: float = 0.9,
        weight_decay: float = 3e-4,
        gradient_clip: float = 5.0,
        architecture_learning_rate: float = 3e-4,
        architecture_betas: tuple[float, float] = (0.5, 0.999),
        architecture_weight_decay: float = 1e-3,
        frozen_epochs: int = 0,
        every: int = 1,
        weight_share: float = 0.5,
        seed: int = 0,
    ) -> None:
        if epochs < 1 or batch_size < 2 or every < 1 or not frozen_epochs >= 0 or not 0 < weight_share < 1:
            raise UsageError(
                "expected epochs >= 1, batch_size >= 2, every >= 1, frozen_epochs >= 0 and 0 < weight_share < 1, got "
                f"epochs={epochs}, batch_size={batch_size}, every={every}, frozen_epochs={frozen_epochs}, "
                f"weight_share={weight_share}"
            )
        self.policy = policy
        self.epochs, self.done = epochs, 0
        self.batch_size, self.weight_share, self.seed = batch_size, weight_share, seed
        self.frozen_epochs, self.every = frozen_epochs, every
        self._weights_options = {
            "learning_rate": learning_rate,
            "lowest": lowest_learning_rate,
            "momentum": momentum,
            "weight_decay": weight_decay,
            "gradient_clip": gradient_clip,
        }
        self._architecture_options: dict[str, Any] = {
            "lr": architecture_learning_rate,
            "betas": tuple(architecture_betas),
            "weight_decay": architecture_weight_decay,
        }

    def setup(self, supernet: Supernet, task: Task) -> None:
        """Take a new supernet and the data; the scales of its batch norms are fixed."""
        self.supernet, self.task = supernet, task
        freeze_scales(supernet)
        self.randomness = Randomness(self.seed)
        device = next(supernet.parameters()).device
        self.weight_data, self.architecture_data = split(
            task, self.weight_share, self.randomness.order, device, self.batch_size
        )
        self.policy.setup(supernet, self.randomness)
        self.weights = WeightOptimizer(supernet, epochs=self.epochs, **self._weights_options)
        self.architecture = torch.optim.Adam(self.policy.parameters(), **self._architecture_options)

    def epoch(self) -> Measurement:
        """One pass over the weights' part of the data."""
        begin = time.perf_counter()
        progress = self.done / self.epochs
        rate = self.weights.begin(self.done)
        moves = self.done >= self.frozen_epochs
        totals = {"train_loss": 0.0, "architecture_loss": 0.0}
        counts = dict.fromkeys(totals, 0)
        self.supernet.train()
        with self.randomness.drawing():
            for step, (inputs, targets) in enumerate(self.weight_data.epoch()):
                if moves and step % self.every == 0:
                    totals["architecture_loss"] += self.architecture_step(
                        *self.architecture_data.next(), progress
                    )
                    counts["architecture_loss"] += 1
                totals["train_loss"] += self.weight_step(inputs, targets, progress)
                counts["train_loss"] += 1
        self.done += 1
        metrics = {
            name: finite(total / counts[name], self.done) for name, total in totals.items() if counts[name]
        }
        return Measurement({**metrics, "learning_rate": rate}, seconds=time.perf_counter() - begin)

    def weight_step(self, inputs: Tensor, targets: Tensor, progress: float) -> float:
        """One step of the weights on a batch; alpha stands still.

        Args:
            inputs: Shape (N, ...).
            targets: As the task has them.
            progress: Share of the epochs that is done.

        Returns:
            The loss before the step.
        """
        self.supernet.set_gates(self.policy.weight_gates(progress))
        loss = self.task.loss(self.supernet(inputs), targets)
        self.weights.step(loss)
        return loss.item()

    def architecture_step(self, inputs: Tensor, targets: Tensor, progress: float) -> float:
        """One step of alpha on a batch; the weights stand still, and no gradient of theirs is worked out.

        Returns:
            The loss before the step.
        """
        parameters = self.policy.parameters()
        self.supernet.requires_grad_(False)
        try:
            self.supernet.set_gates(self.policy.architecture_gates(progress))
            loss = self.task.loss(self.supernet(inputs), targets)
            gradients = torch.autograd.grad(self.policy.penalized(loss), parameters, allow_unused=True)
        finally:
            for parameter in self.weights.parameters:
                parameter.requires_grad_(True)
        for parameter, gradient in zip(parameters, gradients, strict=True):
            parameter.grad = gradient
        self.architecture.step()
        self.architecture.zero_grad(set_to_none=True)
        self.policy.updated()
        return loss.item()

    def proposals(self) -> Iterator[Architecture]:
        """By the product of their values' probabilities."""
        return best_first(self.supernet.space, self.policy.preferences())

    def probabilities(self) -> dict[str, dict[str, float]]:
        """What alpha says."""
        return self.policy.probabilities()

    def state_dict(self) -> dict[str, Any]:
        """Weights, alpha, both optimisers, both streams and the random state."""
        return {
            "done": self.done,
            "supernet": {name: tensor.clone() for name, tensor in self.supernet.state_dict().items()},
            "policy": self.policy.state_dict(),
            "weights": self.weights.state_dict(),
            "architecture": self.architecture.state_dict(),
            "weight_data": self.weight_data.state_dict(),
            "architecture_data": self.architecture_data.state_dict(),
            "randomness": self.randomness.state_dict(),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue from a state, after `setup`."""
        self.done = state["done"]
        self.supernet.load_state_dict(state["supernet"])
        self.policy.load_state_dict(state["policy"])
        self.weights.load_state_dict(state["weights"])
        self.architecture.load_state_dict(state["architecture"])
        self.weight_data.load_state_dict(state["weight_data"])
        self.architecture_data.load_state_dict(state["architecture_data"])
        self.randomness.load_state_dict(state["randomness"])
