"""The trainer: one loop for candidates, supernets and whatever else learns."""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from archwright.learning.augmentation import augment
from archwright.learning.checks import check_recipe, check_step
from archwright.learning.devices import make_fabric
from archwright.learning.gradients import Gradients
from archwright.learning.optimizers import SCALE
from archwright.learning.precision import prepare
from archwright.learning.randomness import Randomness, Seeds
from archwright.learning.ranks import ALONE, Ranks
from archwright.learning.recipe import Recipe
from archwright.learning.schedules import learning_rate_factor
from archwright.learning.transfer import FrozenParts
from archwright.tasks.batches import BatchStream, Part, Plan, evaluation_plan, moved
from archwright.tasks.task import Task, Total, add

if TYPE_CHECKING:
    from lightning_fabric import Fabric

__all__ = ["Event", "Step", "Trainer"]


class Step(ABC):
    """One step of a training, and what it needs: data streams, optimizers, gates.

    A `Trainer` runs it. A subclass fills in `optimizers` and `take`; the other methods have defaults. Supernet
    methods are steps: `take` sets the gates, then asks the trainer for batches and gradients.

    Attributes:
        parts: Name of a data stream to the part of the data that it reads. Where several read shares of one part,
            these are disjoint if their ranges are.
        driver: The stream whose end ends an epoch; the others begin again by themselves.
        scheduled: Names of the optimizers whose learning rate is `learning_rate`; the step sets the others itself.
        distils: Whether it uses the teacher that a recipe with `distillation` asks for.
        refuses: What it cannot bear, refused before training begins: "autocast" (mixed precision), "accumulation"
            (several micro-batches in a step), "ranks" (several processes).
    """

    parts: Mapping[str, Part] = {"train": Part("train")}
    driver: str = "train"
    scheduled: tuple[str, ...] = ("weights",)
    distils: bool = False
    refuses: frozenset[str] = frozenset()

    @abstractmethod
    def optimizers(self, network: nn.Module, recipe: Recipe) -> dict[str, Optimizer]:
        """The optimizers by name. Called anew when the network is exchanged.

        Args:
            network: On its device.
            recipe: How to train.
        """

    @abstractmethod
    def take(self, trainer: Trainer) -> bool:
        """Take one step, the network in training mode.

        Returns:
            False where nothing was done since the epoch is over: `trainer.pull(driver)` gave None.
        """

    def begin(self, trainer: Trainer) -> None:  # noqa: B027 - optional
        """Called before the first step of each epoch; may call `trainer.exchange`."""

    def end(self, trainer: Trainer) -> None:  # noqa: B027 - optional
        """Called after the last step of each epoch; may call `trainer.note`."""

    def length(self, trainer: Trainer) -> int:
        """Steps in an epoch: by default one for each batch of the driver, of which accumulation takes several."""
        return -(-trainer.streams[self.driver].length // trainer.recipe.accumulation)

    def learning_rate(self, trainer: Trainer) -> float:
        """The learning rate of the scheduled optimizers in this step: by default the recipe's schedule."""
        recipe, per_epoch = trainer.recipe, self.length(trainer)
        steps, warmup = per_epoch * recipe.epochs, round(per_epoch * recipe.warmup_epochs)
        return recipe.learning_rate * learning_rate_factor(recipe.schedule, trainer.updates, steps, warmup)

    def rebuild(self, state: Mapping[str, Any], network: nn.Module) -> nn.Module:
        """The network that a state was taken of, where the step exchanges networks; by default the one given."""
        return network

    def state_dict(self) -> dict[str, Any]:
        """What the next step depends on besides network, optimizers and streams: gates, generators of its own."""
        return {}

    def load_state_dict(self, state: Mapping[str, Any], network: nn.Module) -> None:  # noqa: B027 - optional
        """Go on from a state; the network has its weights already."""


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened in a training.

    Args:
        kind: "step" or "epoch", after each.
        epoch: The epoch, from 1.
        step: Steps done in this epoch.
        steps: Steps that it has.
        metrics: After an epoch: the means of what was noted in it.
    """

    kind: Literal["step", "epoch"]
    epoch: int
    step: int
    steps: int
    metrics: Mapping[str, float] = field(default_factory=dict)


class Trainer(Gradients):
    """Trains a network on a task by a recipe, in steps of any kind.

    The same arguments give the same numbers on the same CPU. Take it through its epochs inside `randomness.drawing()`:

        with trainer.randomness.drawing():
            for event in trainer.run():
                ...

    `state_dict` may be taken at every event, in the middle of an epoch too, and what is loaded from it goes on to the
    same bits. It holds tensors, numbers and text alone, so `torch.load(weights_only=True)` reads it.

    A step builds on these: `pull` gives batches; `loss`, `accumulate`, `gradients` and `moved` give losses and
    gradients; `update` lets an optimizer step; `note` keeps what is to be told of the epoch. None of them waits for
    the device.

    Args:
        task: What to learn.
        network: What is trained; it is moved to the device and changed in place.
        recipe: How; its epochs are the horizon of schedules.
        step: What one step does.
        seeds: Of the order of the data, of augmentation and of the choice of examples; None means those that follow
            from the recipe's seed.
        fabric: Device and precision; None means the CPU in 32 bits.
        randomness: The global random numbers of this training, from which the network was drawn already; None begins
            them from `seeds.network`.
        fraction: Share of the training data that is used, in (0, 1].
        ranks: The processes that train the network together; each reads its piece of every batch.

    Attributes:
        network: What is trained, plain.
        module: What to call in its place, so that it runs in the precision.
        device: Where.
        optimizers: By name, as the step made them.
        frozen: What of the network is not trained.
        streams: The data streams by name.
        epoch: Epochs that are done.
        updates: Steps that are done, over all epochs.
        steps: Steps that are done in the present epoch.
        origin: Epochs that were done when training last began anew, with another network.
        is_in_epoch: True between the first step of an epoch and its end.

    Raises:
        UsageError: When the step cannot bear what is asked, or the recipe does not fit the task.
    """

    def __init__(
        self,
        task: Task,
        network: nn.Module,
        recipe: Recipe,
        step: Step,
        *,
        seeds: Seeds | None = None,
        fabric: Fabric | None = None,
        randomness: Randomness | None = None,
        fraction: float = 1.0,
        ranks: Ranks = ALONE,
    ) -> None:
        self.task, self.recipe, self.step = task, recipe, step
        self.seeds = seeds or Seeds.of(recipe.seed)
        self.fabric = fabric or make_fabric("cpu", 1, "32-true")
        self.device = self.fabric.device
        self.randomness = randomness or Randomness(self.seeds.network, self.device)
        self.fraction, self.ranks = fraction, ranks
        self.epoch = self.updates = self.steps = self.origin = 0
        self.is_in_epoch = False
        self._notes: dict[str, Total] = {}
        self._passes: dict[str, int] = {}
        self.precision = self.fabric.strategy.precision
        self._generator = torch.Generator().manual_seed(self.seeds.augmentation)
        self._augment = partial(augment, names=recipe.augmentations, generator=self._generator)
        self._augments = bool(recipe.augmentations)
        self._softens = recipe.label_smoothing > 0 or recipe.mixup > 0
        check_recipe(recipe, task)
        name, asked = type(step).__name__, (recipe, self.precision.precision, ranks.count)
        check_step(name, step.distils, step.refuses, *asked)
        if not ranks.is_first:  # the network was drawn alike on all, what follows is each rank's own
            self._reseed()
            self._generator.manual_seed(self.seeds.augmentation + ranks.rank)
        self._install(network)

    def run(self, until: int | None = None) -> Iterator[Event]:
        """Train.

        Args:
            until: Epochs after which to stop, counted from the beginning; None means all of the recipe.

        Yields:
            An event after each step and after each epoch.

        Raises:
            RuntimeError: Outside of `randomness.drawing()`.
        """
        if not self.randomness.is_drawing:
            raise RuntimeError("iterate over Trainer.run() inside `with trainer.randomness.drawing():`")
        until = self.recipe.epochs if until is None else until
        while self.epoch < until:
            if not self.is_in_epoch:
                self._notes, self.steps, self.is_in_epoch = {}, 0, True
                self.step.begin(self)
                self.streams[self.step.driver].start(self.epoch - self.origin)
            self.network.train()
            self.frozen.hold()
            steps = self.step.length(self)
            while self.step.take(self):
                self.updates += 1
                self.steps += 1
                yield Event("step", self.epoch + 1, self.steps, steps)
            self.step.end(self)
            self.epoch += 1
            self.is_in_epoch = False
            yield Event("epoch", self.epoch, self.steps, steps, self._means())

    def pull(self, name: str) -> list[Any] | None:
        """The micro-batches of a step: `recipe.accumulation` of them, fewer where the epoch ends.

        They are augmented and softened as the recipe says, so use them as often as you like.

        Args:
            name: Of a stream.

        Returns:
            None where the driver's epoch is over; any other stream begins again.
        """
        stream = self.streams[name]
        batches: list[Any] = []
        while len(batches) < self.recipe.accumulation:
            try:
                batch = next(stream)
            except StopIteration:
                if batches or name == self.step.driver:
                    break
                self._passes[name] += 1
                stream.start(self._passes[name])
                continue
            if self._augments:
                batch = self.task.augment(batch, self._augment)
            if self._softens:
                recipe = self.recipe
                batch = self.task.soften(batch, recipe.label_smoothing, recipe.mixup, self._generator)
            batches.append(batch)
        return batches or None

    def update(self, name: str, *, clip: bool = True, reduce: bool = True) -> None:
        """Let an optimizer step along the gradients in `.grad`, then clear them.

        Args:
            name: Of the optimizer.
            clip: Whether the recipe's `gradient_clip` holds.
            reduce: Whether they are still to be summed over ranks, as those of `accumulate` are and those of
                `gradients` are not.
        """
        optimizer = self.optimizers[name]
        if name in self.step.scheduled:
            rate = self.step.learning_rate(self)
            for group in optimizer.param_groups:
                group["lr"] = rate * group.get(SCALE, 1.0)
        if reduce and self.ranks.count > 1:
            parameters = list(self.precision.main_params(optimizer))
            reduced = self.ranks.reduce([parameter.grad for parameter in parameters], parameters)
            for parameter, gradient in zip(parameters, reduced, strict=True):
                parameter.grad = gradient
        if clip and self.recipe.gradient_clip is not None:
            self.precision.unscale_gradients(optimizer)
            parameters = list(self.precision.main_params(optimizer))
            nn.utils.clip_grad_norm_(parameters, self.recipe.gradient_clip)
        self.precision.optimizer_step(optimizer)
        optimizer.zero_grad()

    def note(self, name: str, value: Tensor | float, weight: Tensor | float | None = None) -> None:
        """Keep a number for the epoch's mean. It is read at the end of the epoch only.

        Args:
            name: Of the metric.
            value: A scalar.
            weight: What it is a mean over; None counts each number once.
        """
        value = value.detach() if isinstance(value, Tensor) else value
        term, weight = (value, 1) if weight is None else (value * weight, weight)
        add(self._notes, name, (term, weight))

    def evaluate(self, part: str = "validation") -> dict[str, float]:
        """The task's metrics on a part of the data; nothing is changed."""
        return self.task.evaluate(self.module, Part(part), evaluation_plan(self.device))

    def exchange(self, network: nn.Module) -> None:
        """Begin anew with another network, but for the epochs that are done: new optimizers, streams, random numbers.

        Called by a step's `begin`.
        """
        self.origin = self.epoch
        self._install(network)
        self._reseed()

    def state_dict(self) -> dict[str, Any]:
        """Everything that the next step depends on besides the constructor's arguments and the data.

        Its tensors are those that are trained: copy or write them before the next step. All ranks must take it
        together; that of the first is kept.
        """
        return {
            "epoch": self.epoch,
            "updates": self.updates,
            "step": self.steps,
            "origin": self.origin,
            "is_in_epoch": self.is_in_epoch,
            "network": self.network.state_dict(),
            "optimizers": {name: optimizer.state_dict() for name, optimizer in self.optimizers.items()},
            "streams": {name: stream.state_dict() for name, stream in self.streams.items()},
            "passes": dict(self._passes),
            "notes": dict(self._notes),
            "precision": self.precision.state_dict(),
            "draws": self.ranks.gather(
                {"global": self.randomness.state_dict(), "augmentation": self._generator.get_state()}
            ),
            "method": self.step.state_dict(),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from a state of a trainer that was made with the same arguments."""
        network = self.step.rebuild(state["method"], self.network)
        if network is not self.network:
            self._install(network)
        self.network.load_state_dict(state["network"])
        for name, optimizer in self.optimizers.items():
            optimizer.load_state_dict(copy.deepcopy(state["optimizers"][name]))  # it takes tensors over
        for name, stream in self.streams.items():
            stream.load_state_dict(state["streams"][name])
        self.epoch, self.updates, self.steps = state["epoch"], state["updates"], state["step"]
        self.origin = state["origin"]
        self.is_in_epoch = state["is_in_epoch"]
        self._passes = dict(state["passes"])
        self._notes = {
            name: (moved(total, self.device), weight) for name, (total, weight) in state["notes"].items()
        }
        draws = state["draws"][self.ranks.rank]
        self._generator.set_state(draws["augmentation"])
        self.precision.load_state_dict(state["precision"])
        self.step.load_state_dict(state["method"], self.network)
        self.randomness.load_state_dict(draws["global"])

    def _install(self, network: nn.Module) -> None:
        self.network, self.module = prepare(network, self.fabric)
        self.frozen = FrozenParts(self.network, self.recipe.freeze)
        self.optimizers = self.step.optimizers(self.network, self.recipe)
        parts = self.step.parts
        first = 0 if all(part.is_whole for part in parts.values()) else 1
        self.streams: dict[str, BatchStream] = {
            name: self.task.batches(part, self._plan(part, first + number), self.module)
            for number, (name, part) in enumerate(parts.items())
        }
        self._passes = dict.fromkeys(self.streams, 0)

    def _reseed(self) -> None:
        self.randomness.reseed(self.seeds.network + self.ranks.rank)

    def _plan(self, part: Part, number: int) -> Plan:
        order = self.seeds.order
        return Plan(
            size=self.recipe.batch_size // self.recipe.accumulation,
            device=self.device,
            # The division into shares has the first seed, and each stream one of its own.
            seed=order + number,
            division=order,
            fraction=self.fraction if part.name == "train" else 1.0,
            fraction_seed=self.seeds.fraction,
            rank=self.ranks.rank,
            ranks=self.ranks.count,
        )

    def _means(self) -> dict[str, float]:
        return {name: float(total) / (float(weight) or 1.0) for name, (total, weight) in self._notes.items()}
