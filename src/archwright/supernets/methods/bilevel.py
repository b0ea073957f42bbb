"""Two optimisers in turn: one for the weights, one for the architecture (Liu et al. 2019, arXiv:1806.09055)."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, final

import torch
from torch import Tensor

from archwright.errors import UsageError
from archwright.spaces import Architecture
from archwright.supernets.accelerators import accelerate
from archwright.supernets.curvature import largest_eigenvalue
from archwright.supernets.gates import Gate
from archwright.supernets.methods.derivation import best_first, with_few_skips
from archwright.supernets.methods.dropout import GateDropout
from archwright.supernets.methods.early_stop import EigenvalueStop
from archwright.supernets.methods.halves import split
from archwright.supernets.methods.one_shot import OneShot
from archwright.supernets.methods.policy import Policy
from archwright.supernets.methods.randomness import Randomness
from archwright.supernets.methods.second_order import unrolled_gradient
from archwright.supernets.methods.states import Stateful, restore, saved
from archwright.supernets.methods.weights import WeightOptimizer, finite, weight_options
from archwright.supernets.norms import freeze_scales
from archwright.supernets.supernet import Supernet
from archwright.supernets.untouched import kept, same_draws, still
from archwright.tasks import Task
from archwright.trials import Measurement

__all__ = ["Bilevel"]

_POWERS = 6
"""Iterations for the largest eigenvalue: each begins where the epoch before ended."""

Batch = tuple[Tensor, Tensor]


@final
class Bilevel(OneShot):
    """Trains the weights on one part of the data and the architecture parameters on the other.

    Every step of the weights follows one of alpha: min over alpha of L_val(w*(alpha), alpha). First order takes w* to
    be the present w, second order the w after one more step (eq. 3 and 7). The defaults are the paper's.

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
        frozen_epochs: Epochs at the beginning in which alpha stands still, fewer than `epochs`.
        every: Steps of the weights to one of alpha.
        weight_share: Share of the training data that trains the weights; the rest trains alpha.
        second_order: Whether alpha's gradient goes through a step of the weights; such a step takes about three times
            as long.
        skip_limit: Most skip connections in a derived normal cell (Chen et al. 2019, arXiv:1904.12760); None is no
            limit.
        operation_dropout: Probability that an operation is left out of a step.
        edge_dropout: Probability that an edge is left out of a step.
        eigenvalue: Whether each epoch ends with the largest eigenvalue of the validation Hessian over alpha, which
            takes twelve more gradients of alpha.
        early_stop: Whether the search stops when that eigenvalue grows too fast, see `EigenvalueStop`.
        seed: Of everything random.

    Raises:
        UsageError: When an option is out of range, or needs a loss that is a fixed function of alpha while the policy
            draws its gates at random.
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
        second_order: bool = False,
        skip_limit: int | None = None,
        operation_dropout: float = 0.0,
        edge_dropout: float = 0.0,
        eigenvalue: bool = False,
        early_stop: bool = False,
        seed: int = 0,
    ) -> None:
        if not isinstance(frozen_epochs, int):
            raise UsageError(f"expected a whole number >= 0 as frozen_epochs, got {frozen_epochs!r}")
        if epochs < 1 or batch_size < 2 or every < 1 or not frozen_epochs >= 0 or not 0 < weight_share < 1:
            raise UsageError(
                "expected epochs >= 1, batch_size >= 2, every >= 1, frozen_epochs >= 0 and 0 < weight_share < 1, got "
                f"epochs={epochs}, batch_size={batch_size}, every={every}, frozen_epochs={frozen_epochs}, "
                f"weight_share={weight_share}"
            )
        if frozen_epochs >= epochs:
            raise UsageError(
                f"expected frozen_epochs < epochs, since alpha would never be trained, got frozen_epochs="
                f"{frozen_epochs} of epochs={epochs}"
            )
        if skip_limit is not None and (not isinstance(skip_limit, int) or skip_limit < 0):
            raise UsageError(f"expected skip_limit >= 0, a whole number, or none, got {skip_limit!r}")
        if not (architecture_learning_rate > 0 and architecture_weight_decay >= 0):
            raise UsageError(
                "expected architecture_learning_rate > 0 and architecture_weight_decay >= 0, got "
                f"{architecture_learning_rate} and {architecture_weight_decay}"
            )
        self.dropout = GateDropout(operation_dropout, edge_dropout, seed)
        asked = {
            "second_order": second_order,
            "eigenvalue": eigenvalue or early_stop,
            "operation_dropout or edge_dropout": self.dropout.active,
        }
        if policy.samples and any(asked.values()):
            raise UsageError(
                f"{', '.join(name for name, is_on in asked.items() if is_on)}: needs gates that are not drawn at "
                "random; leave it out, or use darts, darts2 or pcdarts"
            )
        self.second_order, self.skip_limit = second_order, skip_limit
        self.watches = eigenvalue or early_stop
        self.early_stop = EigenvalueStop() if early_stop else None
        self._eigenvector: Tensor | None = None
        self.policy = policy
        self.epochs, self.done = epochs, 0
        self.batch_size, self.weight_share, self.seed = batch_size, weight_share, seed
        self.frozen_epochs, self.every = frozen_epochs, every
        self._weights_options = weight_options(
            learning_rate=learning_rate,
            lowest=lowest_learning_rate,
            momentum=momentum,
            weight_decay=weight_decay,
            gradient_clip=gradient_clip,
        )
        self._architecture_options: dict[str, Any] = {
            "lr": architecture_learning_rate,
            "betas": tuple(architecture_betas),
            "weight_decay": architecture_weight_decay,
        }

    def setup(self, supernet: Supernet, task: Task) -> None:
        """Take a new supernet and the data; the scales of its batch norms are fixed."""
        self.supernet, self.task = supernet, task
        freeze_scales(supernet)
        accelerate(supernet)
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
        steps = len(self.weight_data)
        self.supernet.train()
        with self.randomness.drawing():
            for step, batch in enumerate(self.weight_data.epoch()):
                if moves and step % self.every == 0:
                    inputs, targets = self.architecture_data.next()
                    totals["architecture_loss"] += self.architecture_step(inputs, targets, progress, batch)
                    counts["architecture_loss"] += 1
                totals["train_loss"] += self.weight_step(*batch, progress)
                counts["train_loss"] += 1
                self.stepped(step + 1, steps)
        self.done += 1
        metrics = {
            name: finite(total / counts[name], self.done) for name, total in totals.items() if counts[name]
        }
        metrics["learning_rate"] = rate
        if self.watches:
            metrics["eigenvalue"] = self.eigenvalue()
            if self.early_stop is not None and moves:
                self._consider_stopping(self.early_stop, metrics["eigenvalue"])
        return Measurement(metrics, seconds=time.perf_counter() - begin)

    def weight_step(self, inputs: Tensor, targets: Tensor, progress: float) -> float:
        """One step of the weights on a batch; alpha stands still.

        Args:
            inputs: Shape (N, ...).
            targets: As the task has them.
            progress: Share of the epochs that is done.

        Returns:
            The loss before the step.
        """
        loss = self._loss(self.policy.weight_gates(progress), inputs, targets)
        self.weights.step(loss)
        return loss.item()

    def architecture_step(
        self, inputs: Tensor, targets: Tensor, progress: float, training: Batch | None = None
    ) -> float:
        """One step of alpha on a batch; the weights stand still.

        Args:
            inputs: Shape (N, ...).
            targets: As the task has them.
            progress: Share of the epochs that is done.
            training: The batch of the weights' next step, which second order looks ahead to and needs.

        Returns:
            The loss before the step; in second order that of the weights one step ahead.

        Raises:
            UsageError: When second order has no such batch.
        """
        parameters = self.policy.parameters()
        if self.second_order:
            if training is None:
                raise UsageError("expected the batch of the weights' next step for second order, got none")
            gradients, loss = self._unrolled((inputs, targets), training, progress)
        else:
            with still(self.weights.parameters):
                loss = self._loss(self.policy.architecture_gates(progress), inputs, targets)
                penalized = self.policy.penalized(loss)
                gradients = list(torch.autograd.grad(penalized, parameters, allow_unused=True))
        for parameter, gradient in zip(parameters, gradients, strict=True):
            parameter.grad = gradient
        self.architecture.step()
        self.architecture.zero_grad(set_to_none=True)
        self.policy.updated()
        return loss.item()

    def eigenvalue(self) -> float:
        """The largest eigenvalue of the Hessian over alpha of the loss on the first batch of the architecture's data.

        Nothing is changed but the guess of the eigenvector, which the next call begins with.
        """
        parameters = self.policy.parameters()
        lengths = [parameter.numel() for parameter in parameters]
        data = self.architecture_data
        inputs, targets = next(data.examples.batches([data.positions[: self.batch_size]]))
        progress = (self.done - 1) / self.epochs if self.done else 0.0

        def gradient(point: Tensor) -> Tensor:
            with torch.no_grad():
                for parameter, part in zip(parameters, torch.split(point, lengths), strict=True):
                    parameter.copy_(part.view_as(parameter))
            with same_draws(self.supernet, self.seed):
                self.supernet.set_gates(self.policy.architecture_gates(progress))
                loss = self.task.loss(self.supernet(inputs), (inputs, targets))
            found = torch.autograd.grad(loss, parameters, allow_unused=True, materialize_grads=True)
            return torch.cat([part.reshape(-1) for part in found])

        self.supernet.train()
        with still(self.weights.parameters), kept([*parameters, *self.supernet.buffers()]):
            at = torch.cat([parameter.detach().reshape(-1) for parameter in parameters])
            if self._eigenvector is None:
                generator = torch.Generator().manual_seed(self.seed)
                self._eigenvector = torch.randn(len(at), generator=generator, dtype=torch.float64)
            value, self._eigenvector = largest_eigenvalue(gradient, at, self._eigenvector, _POWERS)
        return value

    def proposals(self) -> Iterator[Architecture]:
        """By the product of their values' probabilities; within the limit of skip connections."""
        space = self.supernet.space
        if self.skip_limit is None:
            return best_first(space, self.policy.preferences())
        return with_few_skips(space, self.policy.preferences_without, self.skip_limit)

    def probabilities(self) -> dict[str, dict[str, float]]:
        """What alpha says."""
        return self.policy.probabilities()

    def stops_early(self) -> str | None:
        """When the eigenvalue grew too fast, and that was asked for."""
        return None if self.early_stop is None else self.early_stop.reason

    def state_dict(self) -> dict[str, Any]:
        """Weights, alpha, both optimisers, both streams, the random state, and what is watched."""
        return {
            "done": self.done,
            **saved(self._parts()),
            "dropout": self.dropout.get_state(),
            "eigenvector": self._eigenvector,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue from a state, after `setup`."""
        self.done = state["done"]
        restore(self._parts(), state)
        self.dropout.set_state(state["dropout"])
        self._eigenvector = state["eigenvector"]

    def _parts(self) -> dict[str, Stateful]:
        """What has a state of its own."""
        parts: dict[str, Stateful] = {
            "supernet": self.supernet,
            "policy": self.policy,
            "weights": self.weights,
            "architecture": self.architecture,
            "weight_data": self.weight_data,
            "architecture_data": self.architecture_data,
            "randomness": self.randomness,
        }
        if self.early_stop is not None:
            parts["early_stop"] = self.early_stop
        return parts

    def _loss(self, gates: Mapping[str, Gate], inputs: Tensor, targets: Tensor) -> Tensor:
        """The task's loss under the gates, of which dropout may leave something out."""
        if self.dropout.active:
            gates = self.dropout.thin(self.supernet.space.decisions, gates)
        self.supernet.set_gates(gates)
        return self.task.loss(self.supernet(inputs), (inputs, targets))

    def _unrolled(
        self, validation: Batch, training: Batch, progress: float
    ) -> tuple[list[Tensor | None], Tensor]:
        """Alpha's gradient through a step of the weights, all its losses with the same random numbers."""
        seed = int(torch.randint(2**31, (1,)))
        dropped = self.dropout.get_state()

        def evaluated(batch: Batch) -> Callable[[], Tensor]:
            def loss() -> Tensor:
                self.dropout.set_state(dropped)
                with same_draws(self.supernet, seed):
                    return self._loss(self.policy.architecture_gates(progress), *batch)

            return loss

        last: list[Tensor] = []

        def penalized() -> Tensor:
            last.append(evaluated(validation)())
            return self.policy.penalized(last[-1])

        with kept(list(self.supernet.buffers())):
            gradients = unrolled_gradient(
                self.weights, self.policy.parameters(), evaluated(training), penalized
            )
        return gradients, last[-1].detach()

    def _consider_stopping(self, early_stop: EigenvalueStop, eigenvalue: float) -> None:
        state = early_stop.add(self.done, eigenvalue, self.policy.state_dict())
        if state is not None:
            self.policy.load_state_dict(state)
