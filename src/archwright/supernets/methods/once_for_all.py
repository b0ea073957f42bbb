"""Once-for-all: one supernet whose networks all work as they are (Cai et al. 2020, arXiv:1908.09791)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, final

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from archwright.errors import UsageError
from archwright.learning import Recipe, Trainer
from archwright.learning.precision import prepare
from archwright.supernets.channel_sorting import sort_channels
from archwright.supernets.methods.uniform import PathSampling
from archwright.supernets.scoring import inherited
from archwright.supernets.shrinking import (
    Elasticity,
    elasticities,
    extreme,
    ordered_values,
    sample_among,
)
from archwright.supernets.supernet import Supernet

__all__ = ["OnceForAll", "Phase", "phases_of"]

_FULL, _KERNEL, _FIRST, _SECOND = 180, 120, 25, 120
"""Epochs of the paper: of the largest network, of kernels, of the first and the second phase of depth and of width."""
_NETWORKS = {Elasticity.KERNEL: 1, Elasticity.DEPTH: 2, Elasticity.WIDTH: 4}
"""Networks in a step of the phases that make each elastic."""


@dataclass(frozen=True, slots=True)
class Phase:
    """A phase of progressive shrinking.

    Args:
        kind: What becomes smaller in it; `Elasticity.OTHER` in the first, of the largest networks.
        allowed: Address to the values that decisions may take so far; those that are not there may take any.
        networks: How many networks a step adds up the gradients of.
        weight: Its share of the epochs, as a number of the paper's.
    """

    kind: Elasticity
    allowed: Mapping[str, Sequence[Any]]
    networks: int
    weight: int


def phases_of(supernet: Supernet, kinds: Mapping[str, Elasticity]) -> list[Phase]:
    """The phases for a supernet: the largest, then kernels, depth and widths, as far as it has them.

    Kernels become elastic at once, depth and widths in two phases where a decision has more than two values: with the
    larger half of the values first.

    Args:
        supernet: The supernet.
        kinds: Of its decisions.
    """
    values = {a: ordered_values(d) for a, d in supernet.decisions.items() if kinds[a] in _NETWORKS}
    allowed: dict[str, Sequence[Any]] = {address: known[:1] for address, known in values.items()}
    phases = [Phase(Elasticity.OTHER, dict(allowed), 1, _FULL)]
    for kind, networks in _NETWORKS.items():
        mine = {address: known for address, known in values.items() if kinds[address] is kind}
        if not mine:
            continue
        if kind is Elasticity.KERNEL:
            steps = [(1.0, _KERNEL)]
        elif max(map(len, mine.values())) > 2:
            steps = [(0.5, _FIRST), (1.0, _SECOND)]
        else:
            steps = [(1.0, _FIRST + _SECOND)]
        for share, weight in steps:
            allowed |= {address: known[: math.ceil(share * len(known))] for address, known in mine.items()}
            phases.append(Phase(kind, dict(allowed), networks, weight))
    return phases


@final
class OnceForAll(PathSampling):
    """Trains the largest network, then ever smaller ones within it (progressive shrinking); learns no preference.

    The phases: the largest network; elastic kernels; elastic depth; elastic widths, before each phase of which channels
    are sorted by importance. A phase keeps what the earlier ones made elastic. From the second on networks learn from
    the labels and from the largest network as it was after the first. Smaller kernels are learned transforms of the
    centres of larger ones. Decisions that change no weights, such as the side of images, and those among operations,
    which have weights of their own, are drawn in every phase.

    Args:
        epochs: Epochs of all phases, divided among them as in the paper, at least one for each.
        learning_rate: Learning rate of the weights at the beginning of the first phase; in each phase it falls along
            half a cosine.
        shrinking_learning_rate: The same of the other phases.
        weight_decay: L2 penalty of the weights.
        distillation_ratio: Weight of the distance from the largest network beside that of the loss, which is 1; they
            add up to 2, as in the authors' program. 0 leaves it out.
        transform_kernels: Whether smaller kernels are learned transforms of larger ones, instead of their centres.
        options: Of `PathSampling`.

    Raises:
        UsageError: When an option is out of range.
    """

    def __init__(
        self,
        *,
        epochs: int = 590,
        learning_rate: float = 0.05,
        shrinking_learning_rate: float = 0.02,
        weight_decay: float = 3e-5,
        distillation_ratio: float = 1.0,
        transform_kernels: bool = True,
        **options: Any,
    ) -> None:
        super().__init__(epochs=epochs, learning_rate=learning_rate, weight_decay=weight_decay, **options)
        if not (shrinking_learning_rate > 0 and distillation_ratio >= 0):
            raise UsageError(
                "expected shrinking_learning_rate > 0 and distillation_ratio >= 0, got "
                f"{shrinking_learning_rate} and {distillation_ratio}"
            )
        self.shrinking_learning_rate = shrinking_learning_rate
        self.distillation_ratio, self.transform_kernels = distillation_ratio, transform_kernels

    def optimizers(self, network: nn.Module, recipe: Recipe) -> dict[str, Optimizer]:
        """Those of the weights and the kernels' transforms.

        Raises:
            UsageError: When there are fewer epochs than phases.
        """
        assert isinstance(network, Supernet)
        if self.transform_kernels:
            network.learn_kernels()
        self.kinds = elasticities(network)
        self.phases = phases_of(network, self.kinds)
        self.starts = _starts([phase.weight for phase in self.phases], self.epochs)
        self.teacher: nn.Module | None = None
        self._answer: nn.Module | None = None
        self.unsorted: tuple[str, ...] = ()
        return super().optimizers(network, recipe)

    def phase(self, epoch: int) -> int:
        """The phase of an epoch; both count from 0."""
        return max(number for number, start in enumerate(self.starts) if start <= epoch)

    def begin(self, trainer: Trainer) -> None:
        """At the beginning of a phase: keep the largest network as the teacher, sort channels, forget momentum."""
        number = self.phase(trainer.epoch)
        if trainer.epoch != self.starts[number] or number == 0:
            return
        if number == 1:
            largest = extreme(self.supernet.space, self.kinds, 0, lambda _, decision: decision.default())
            self.teacher = inherited(
                self.supernet, largest, trainer.task, run=lambda network: prepare(network, trainer.fabric)[1]
            ).eval()
        if self.phases[number].kind is Elasticity.WIDTH:
            self.unsorted = sort_channels(self.supernet, self.kinds)
        trainer.optimizers["weights"].state.clear()

    def learning_rate(self, trainer: Trainer) -> float:
        """Half a cosine over the epochs of the phase."""
        number = self.phase(trainer.epoch)
        highest = self.shrinking_learning_rate if number else self.recipe.learning_rate
        lowest = min(highest, self.lowest_learning_rate)
        start, end = self.starts[number], [*self.starts, self.epochs][number + 1]
        share = (trainer.epoch - start) / (end - start)
        return lowest + (highest - lowest) * (1 + math.cos(math.pi * share)) / 2

    def take(self, trainer: Trainer) -> bool:
        """One step of the phase; notes "train_loss", the mean over its networks."""
        batches = trainer.pull("train")
        if batches is None:
            return False
        phase = self.phases[self.phase(trainer.epoch)]
        loss = self._loss(trainer, batches)
        losses = []
        for _ in range(phase.networks):
            self.supernet.set_gates(sample_among(self.supernet.space, phase.allowed, self.sampler))
            losses.append(trainer.accumulate(batches, loss=loss))
        trainer.update("weights")
        trainer.note("train_loss", torch.stack(losses).mean())
        return True

    def end(self, trainer: Trainer) -> None:
        """Note the phase, from 1, and how many decisions' channels could not be sorted."""
        super().end(trainer)
        trainer.note("unsorted_widths", float(len(self.unsorted)))
        trainer.note("phase", float(1 + self.phase(trainer.epoch)))

    def state_dict(self) -> dict[str, Any]:
        """Where the random paths are, and the teacher."""
        teacher = None if self.teacher is None else self.teacher.state_dict()
        return {**super().state_dict(), "teacher": teacher, "unsorted": self.unsorted}

    def load_state_dict(self, state: Mapping[str, Any], network: nn.Module) -> None:
        """Go on from there."""
        super().load_state_dict(state, network)
        self.unsorted, self.teacher, self._answer = tuple(state["unsorted"]), None, None
        if state["teacher"] is not None:
            largest = extreme(self.supernet.space, self.kinds, 0, lambda _, decision: decision.default())
            self.teacher = self.supernet.extract(largest).eval()
            self.teacher.load_state_dict(state["teacher"])

    def _loss(self, trainer: Trainer, batches: Sequence[Any]) -> Any:
        """From outputs and batch to the loss of a network of the present phase."""
        task, ratio = trainer.task, self.distillation_ratio
        if self.teacher is None or ratio == 0:
            return None
        if self._answer is None:
            self._answer = prepare(self.teacher, trainer.fabric)[1]
        with torch.no_grad():
            answers = {id(batch): task.forward(self._answer, batch) for batch in batches}

        def loss(outputs: Any, batch: Any) -> Tensor:
            distance = task.distance(outputs, answers[id(batch)], batch)
            return (task.loss(outputs, batch) + ratio * distance) * (2 / (1 + ratio))

        return loss


def _starts(weights: Sequence[int], epochs: int) -> list[int]:
    """The first epoch of each phase: shares by weight, at least one epoch each."""
    if epochs < len(weights):
        raise UsageError(f"expected epochs >= {len(weights)}, one for each phase of this space, got {epochs}")
    starts, done = [0], 0
    for number, weight in enumerate(weights[:-1], start=1):
        done += weight
        share = round(epochs * done / sum(weights))
        starts.append(max(starts[-1] + 1, min(share, epochs - len(weights) + number)))
    return starts
