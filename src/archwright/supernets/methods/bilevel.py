"""Two optimizers in turn: one for the weights, one for the architecture (Liu et al. 2019, arXiv:1806.09055)."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, final

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from archwright.errors import UsageError
from archwright.learning import Part, Plan, Recipe, Trainer
from archwright.learning.gradients import frozen, preserved
from archwright.spaces import Architecture
from archwright.supernets.curvature import largest_eigenvalue
from archwright.supernets.methods.derivation import derive_ranked, limit_skips
from archwright.supernets.methods.dropout import GateDropout
from archwright.supernets.methods.early_stop import EigenvalueStop
from archwright.supernets.methods.gate_sampler import GateSampler
from archwright.supernets.methods.one_shot import OneShot
from archwright.supernets.methods.second_order import unrolled_gradient
from archwright.supernets.norms import freeze_scales

__all__ = ["Bilevel", "mixture_search"]

_POWERS = 6
"""Iterations for the largest eigenvalue: each begins where the epoch before ended."""


@final
class Bilevel(OneShot):
    """Trains the weights on one part of the data and the architecture parameters on the other.

    Every step of the weights follows one of alpha: min over alpha of L_val(w*(alpha), alpha). First order takes w* to
    be the present w, second order the w after one more step (eq. 3 and 7). The defaults are the paper's. The scales of
    batch norms are fixed.

    Args:
        policy: Supplies the gates.
        dropout: Leaves out operations and edges; None leaves out nothing.
        architecture_learning_rate: Learning rate of alpha's Adam.
        architecture_betas: Betas of alpha's Adam.
        architecture_weight_decay: L2 penalty of alpha.
        frozen_epochs: Epochs at the beginning in which alpha stands still, fewer than `epochs`.
        weight_steps_per_architecture_step: Steps of the weights to one of alpha.
        weight_share: Share of the training data that trains the weights; the rest trains alpha.
        second_order: Whether alpha's gradient goes through a step of the weights; such a step takes about three times
            as long, and is not made in mixed precision.
        skip_limit: Most skip connections in a derived normal cell (Chen et al. 2019, arXiv:1904.12760); None is no
            limit.
        eigenvalue: Whether each epoch ends with the largest eigenvalue of the validation Hessian over alpha, which
            takes twelve more gradients of alpha.
        early_stop: Whether the search stops when that eigenvalue grows too fast, see `EigenvalueStop`.
        options: Of `OneShot`.

    Raises:
        UsageError: When an option is out of range, or needs a loss that is a fixed function of alpha while the policy
            draws its gates at random.
    """

    needs_mixture = True
    driver = "weights"
    early_stop: EigenvalueStop | None = None

    def __init__(
        self,
        policy: GateSampler,
        dropout: GateDropout | None = None,
        /,
        *,
        architecture_learning_rate: float = 3e-4,
        architecture_betas: tuple[float, float] = (0.5, 0.999),
        architecture_weight_decay: float = 1e-3,
        frozen_epochs: int = 0,
        weight_steps_per_architecture_step: int = 1,
        weight_share: float = 0.5,
        second_order: bool = False,
        skip_limit: int | None = None,
        eigenvalue: bool = False,
        early_stop: bool = False,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        if weight_steps_per_architecture_step < 1 or not frozen_epochs >= 0 or not 0 < weight_share < 1:
            raise UsageError(
                "expected weight_steps_per_architecture_step >= 1, frozen_epochs >= 0 and 0 < weight_share < 1, got "
                f"{weight_steps_per_architecture_step}, {frozen_epochs} and {weight_share}"
            )
        if frozen_epochs >= self.epochs:
            raise UsageError(
                f"expected frozen_epochs < epochs, since alpha would never be trained, got frozen_epochs="
                f"{frozen_epochs} of epochs={self.epochs}"
            )
        if skip_limit is not None and skip_limit < 0:
            raise UsageError(f"expected skip_limit >= 0, a whole number, or none, got {skip_limit!r}")
        if not (architecture_learning_rate > 0 and architecture_weight_decay >= 0):
            raise UsageError(
                "expected architecture_learning_rate > 0 and architecture_weight_decay >= 0, got "
                f"{architecture_learning_rate} and {architecture_weight_decay}"
            )
        self.dropout = dropout or GateDropout(0.0, 0.0, self.seed)
        self.policy, self.computes_all = policy, not policy.samples
        self.second_order, self.skip_limit = second_order, skip_limit
        self.watches, self._may_stop = eigenvalue or early_stop, early_stop
        self._check_gates()
        self.parts = {
            "weights": Part("train", 0.0, weight_share),
            "architecture": Part("train", weight_share, 1.0),
        }
        self.frozen_epochs = frozen_epochs
        self.weight_steps_per_architecture_step = weight_steps_per_architecture_step
        self.refuses = frozenset({"autocast"} if second_order or self.watches else ())
        self._architecture_options: dict[str, Any] = {
            "lr": architecture_learning_rate,
            "betas": tuple(architecture_betas),
            "weight_decay": architecture_weight_decay,
        }

    def optimizers(self, network: nn.Module, recipe: Recipe) -> dict[str, Optimizer]:
        """Those of the weights, and of the architecture parameters, made by the policy; what is watched begins anew."""
        freeze_scales(network)
        made = super().optimizers(network, recipe)
        self._eigenvector: Tensor | None = None
        self.dropout.restart()
        self.early_stop = EigenvalueStop() if self._may_stop else None
        self.policy.setup(self.supernet, self.generator)
        architecture = torch.optim.Adam(self.policy.parameters(), **self._architecture_options)
        return {**made, "architecture": architecture}

    def begin(self, trainer: Trainer) -> None:
        """Before the first epoch of a network, let all ranks have what the first one's policy has measured."""
        if trainer.epoch == trainer.origin and trainer.ranks.count > 1:
            self.policy.load_state_dict(trainer.ranks.share(self.policy.state_dict()))

    def take(self, trainer: Trainer) -> bool:
        """One step of alpha, where it is its turn, and one of the weights."""
        batches = trainer.pull("weights")
        if batches is None:
            return False
        if self._moves(trainer) and trainer.steps % self.weight_steps_per_architecture_step == 0:
            validation = trainer.pull("architecture")
            assert validation is not None  # only the driver's epoch ends
            self.architecture_step(trainer, validation, batches)
        gates = self.policy.weight_gates(self._progress(trainer))
        self.supernet.set_gates(self.dropout.thin(self.supernet.space.decisions, gates))
        self.weight_step(trainer, batches)
        return True

    def architecture_step(self, trainer: Trainer, validation: Sequence[Any], training: Sequence[Any]) -> None:
        """One step of alpha; the weights stand still. Notes "architecture_loss".

        Args:
            trainer: That trains it.
            validation: Micro-batches whose loss alpha minimises.
            training: Those of the weights' next step, which second order looks ahead to.
        """
        parameters = self.policy.parameters()
        losses: list[Tensor] = []

        def penalized(outputs: Any, batch: Any) -> Tensor:
            losses.append(trainer.task.loss(outputs, batch))
            return self.policy.add_penalty(losses[-1])

        prepare = self._gates_again(trainer)
        if self.second_order:
            gradients = unrolled_gradient(
                trainer, self.weights, parameters, training, validation, penalized, prepare
            )
            for parameter, gradient in zip(parameters, gradients, strict=True):
                parameter.grad = gradient
        else:
            with frozen(self.weights):
                trainer.accumulate(validation, loss=penalized, parameters=parameters, prepare=prepare)
        # What `gradients` gives is summed over ranks already.
        trainer.update("architecture", clip=False, reduce=not self.second_order)
        trainer.note("architecture_loss", trainer.mean(validation, losses))
        self.policy.after_step()

    def end(self, trainer: Trainer) -> None:
        """Note what is watched; stop where the eigenvalue says so."""
        super().end(trainer)
        if self.watches:
            value = self.eigenvalue(trainer)
            trainer.note("eigenvalue", value)
            if self.early_stop is not None and self._moves(trainer):
                state = self.early_stop.add(trainer.epoch + 1, value, self.policy.state_dict())
                if state is not None:
                    self.policy.load_state_dict(state)

    def eigenvalue(self, trainer: Trainer) -> float:
        """The largest eigenvalue of the Hessian over alpha of the loss on the first batch of the architecture's data.

        It goes through in micro-batches, as in a step. Nothing is changed but the guess of the eigenvector,
        which the next call begins with.
        """
        parameters = self.policy.parameters()
        lengths = [parameter.numel() for parameter in parameters]
        count = self.recipe.accumulation
        plan = Plan(
            size=self.recipe.batch_size // count,
            device=trainer.device,
            division=trainer.seeds.order,
            rank=trainer.ranks.rank,
            ranks=trainer.ranks.count,
        )
        stream = trainer.task.batches(self.parts["architecture"], plan, trainer.module)
        batches = list(itertools.islice(stream, count))
        progress = self._progress(trainer)

        def prepare() -> None:
            self.supernet.set_gates(self.policy.architecture_gates(progress))

        def gradient(point: Tensor) -> Tensor:
            with torch.no_grad():
                for parameter, part in zip(parameters, torch.split(point, lengths), strict=True):
                    parameter.copy_(part.view_as(parameter))
            found, _ = trainer.gradients(batches, parameters, draws=self.seed, prepare=prepare)
            pairs = zip(found, parameters, strict=True)
            return torch.cat(
                [torch.zeros_like(p).reshape(-1) if g is None else g.reshape(-1) for g, p in pairs]
            )

        self.supernet.train()
        with frozen(self.weights), preserved(parameters):
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
            return derive_ranked(space, self.policy.preferences())
        return limit_skips(space, self.policy.preferences, self.skip_limit)

    def probabilities(self) -> dict[str, dict[str, float]]:
        """What alpha says."""
        return self.policy.probabilities()

    def stops_early(self) -> str | None:
        """When the eigenvalue grew too fast, and that was asked for."""
        return None if self.early_stop is None else self.early_stop.reason

    def state_dict(self) -> dict[str, Any]:
        """Alpha, where the random numbers are, and what is watched."""
        return {
            **super().state_dict(),
            "policy": self.policy.state_dict(),
            "dropout": self.dropout.generator.get_state(),
            "eigenvector": self._eigenvector,
            "early_stop": None if self.early_stop is None else self.early_stop.state_dict(),
        }

    def load_state_dict(self, state: Mapping[str, Any], network: nn.Module) -> None:
        """Go on from there."""
        super().load_state_dict(state, network)
        self.policy.load_state_dict(state["policy"])
        self.dropout.generator.set_state(state["dropout"])
        self._eigenvector = state["eigenvector"]
        if self.early_stop is not None:
            self.early_stop.load_state_dict(state["early_stop"])

    def _check_gates(self) -> None:
        """Refuse what needs a loss that is a fixed function of alpha where the policy draws its gates."""
        asked = {
            "second_order": self.second_order,
            "eigenvalue": self.watches,
            "operation_dropout or edge_dropout": self.dropout.active,
        }
        if self.policy.samples and any(asked.values()):
            raise UsageError(
                f"{', '.join(name for name, is_on in asked.items() if is_on)}: needs gates that are not drawn at "
                "random; leave it out, or use darts, darts2 or pcdarts"
            )

    def _progress(self, trainer: Trainer) -> float:
        """Share of the epochs that is done, in [0, 1)."""
        return (trainer.epoch - trainer.origin) / self.epochs

    def _moves(self, trainer: Trainer) -> bool:
        """Whether alpha is trained in this epoch."""
        return trainer.epoch - trainer.origin >= self.frozen_epochs

    def _gates_again(self, trainer: Trainer) -> Any:
        """A function that sets the gates of a step of alpha, each time the same and with gradients of their own."""
        progress = self._progress(trainer)
        drawn, dropped = self.generator.get_state(), self.dropout.generator.get_state()

        def prepare() -> None:
            self.generator.set_state(drawn)
            self.dropout.generator.set_state(dropped)
            gates = self.policy.architecture_gates(progress)
            self.supernet.set_gates(self.dropout.thin(self.supernet.space.decisions, gates))

        return prepare


def mixture_search(
    policy: GateSampler,
    *,
    operation_dropout: float = 0.0,
    edge_dropout: float = 0.0,
    seed: int = 0,
    **options: Any,
) -> Bilevel:
    """A search by gates that mix all values.

    Args:
        policy: Supplies the gates.
        operation_dropout: Probability that an operation is left out of a step.
        edge_dropout: Probability that an edge is left out of a step.
        seed: Of everything random.
        options: Of `Bilevel`.
    """
    return Bilevel(policy, GateDropout(operation_dropout, edge_dropout, seed), seed=seed, **options)
