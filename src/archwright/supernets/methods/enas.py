"""ENAS: a controller that learns which paths of a supernet are good (Pham et al. 2018, arXiv:1802.03268)."""

from __future__ import annotations

import itertools
import math
import time
from collections.abc import Hashable, Iterator, Mapping
from typing import Any, final

import torch
from torch import Tensor

from archwright.controllers import Controller, ControllerSample, Reinforce
from archwright.errors import SearchError, UsageError
from archwright.objectives import DIRECTIONS, Direction
from archwright.spaces import Architecture
from archwright.supernets.methods.halves import split
from archwright.supernets.methods.one_shot import OneShot
from archwright.supernets.methods.randomness import Randomness
from archwright.supernets.methods.states import Stateful, restore, saved
from archwright.supernets.methods.weights import WeightOptimizer, finite, weight_options
from archwright.supernets.scoring import shared_cost
from archwright.supernets.supernet import Supernet
from archwright.tasks import Task
from archwright.trials import Measurement

__all__ = ["Enas", "warm_restarts"]

_TRIES = 1_000
_LOOKS = 32
_PERPLEXITY_REWARD = 80.0


@final
class Enas(OneShot):
    """Trains the shared weights on paths that a controller draws, and the controller on how good they are.

    Each epoch has two phases: a pass over the weights' part of the data, a new architecture in each step; then steps
    of the controller by REINFORCE, whose reward is the task's metric on a batch of the other part (80 over a
    perplexity, and less the loss for any other metric that is to be small). The defaults are those published for
    cells on CIFAR-10, but for the batch size of 160.

    Args:
        epochs: Epochs of the search.
        batch_size: Examples in a batch, of either part.
        learning_rate: Of the weights; falls along a cosine and begins anew (Loshchilov & Hutter 2017,
            arXiv:1608.03983).
        lowest_learning_rate: What it falls to.
        restart_epochs: Epochs until it first begins anew.
        restart_factor: How many times longer each turn is than the one before.
        momentum: Of the weights' SGD.
        weight_decay: Of the weights.
        gradient_clip: Largest 2-norm of the weights' gradient.
        controller_learning_rate: Of the controller's Adam.
        controller_steps: Steps of the controller in an epoch.
        controller_samples: Architectures in each of them.
        entropy_weight: Of the entropy in the reward.
        baseline_decay: Of the reward's moving average.
        weight_share: Share of the training data that trains the weights; the rest trains the controller.
        seed: Of everything random.

    Raises:
        UsageError: When an option is out of range.
    """

    mixes = False
    scored = 10  # section 2.3: some are drawn, and the one that is best on the shared weights is trained

    def __init__(
        self,
        *,
        epochs: int = 150,
        batch_size: int = 64,
        learning_rate: float = 0.05,
        lowest_learning_rate: float = 5e-4,
        restart_epochs: int = 10,
        restart_factor: int = 2,
        momentum: float = 0.9,
        weight_decay: float = 1e-4,
        gradient_clip: float = 5.0,
        controller_learning_rate: float = 3.5e-3,
        controller_steps: int = 30,
        controller_samples: int = 10,
        entropy_weight: float = 1e-4,
        baseline_decay: float = 0.99,
        weight_share: float = 0.9,
        seed: int = 0,
    ) -> None:
        counts = {
            "epochs": epochs,
            "restart_epochs": restart_epochs,
            "restart_factor": restart_factor,
            "controller_steps": controller_steps,
            "controller_samples": controller_samples,
        }
        if min(counts.values()) < 1 or batch_size < 2 or not 0 < weight_share < 1:
            shown = ", ".join(f"{name}={value}" for name, value in counts.items())
            raise UsageError(
                "expected counts >= 1, batch_size >= 2 and 0 < weight_share < 1, got "
                f"{shown}, batch_size={batch_size}, weight_share={weight_share}"
            )
        self.epochs, self.done = epochs, 0
        self.batch_size, self.weight_share, self.seed = batch_size, weight_share, seed
        self.restart_epochs, self.restart_factor = restart_epochs, restart_factor
        self.controller_steps, self.controller_samples = controller_steps, controller_samples
        self._weights_options = weight_options(
            learning_rate=learning_rate,
            lowest=lowest_learning_rate,
            momentum=momentum,
            weight_decay=weight_decay,
            gradient_clip=gradient_clip,
        )
        self._controller_options = {
            "learning_rate": controller_learning_rate,
            "baseline_decay": baseline_decay,
            "entropy_weight": entropy_weight,
        }

    def setup(self, supernet: Supernet, task: Task) -> None:
        """Take a new supernet and the data, and make the controller."""
        self.supernet, self.task = supernet, task
        self.randomness = Randomness(self.seed)
        device = next(supernet.parameters()).device
        self.weight_data, self.controller_data = split(
            task, self.weight_share, self.randomness.order, device, self.batch_size
        )
        self.controller = Controller(
            supernet.space, decides=supernet.decisions, generator=self.randomness.gates
        )
        self.reinforce = Reinforce(self.controller, **self._controller_options)
        self.weights = WeightOptimizer(supernet, epochs=self.epochs, **self._weights_options)

    def epoch(self) -> Measurement:
        """A pass over the weights' part of the data, then the steps of the controller."""
        begin = time.perf_counter()
        options = self._weights_options
        rate = warm_restarts(
            self.done,
            options["learning_rate"],
            options["lowest"],
            self.restart_epochs,
            self.restart_factor,
        )
        self.weights.optimizer.param_groups[0]["lr"] = rate
        total, rewards, entropies = 0.0, [], []
        batches = len(self.weight_data)
        steps = batches + self.controller_steps
        self.supernet.train()
        with self.randomness.drawing():
            for step, (inputs, targets) in enumerate(self.weight_data.epoch()):
                total += self.weight_step(inputs, targets)
                self.stepped(step + 1, steps)
            for step in range(self.controller_steps):
                emissions = [self._emission(self.randomness.gates) for _ in range(self.controller_samples)]
                found = [self.reward(e.architecture, *self.controller_data.next()) for e in emissions]
                self.reinforce.step(emissions, found)
                rewards += found
                entropies += [emission.entropy.item() for emission in emissions]
                self.stepped(batches + step + 1, steps)
        self.done += 1
        metrics = {
            "train_loss": finite(total / batches, self.done),
            "reward": sum(rewards) / len(rewards),
            "controller_entropy": sum(entropies) / len(entropies),
            "learning_rate": rate,
        }
        return Measurement(metrics, seconds=time.perf_counter() - begin)

    def weight_step(self, inputs: Tensor, targets: Tensor) -> float:
        """One step of the weights of one architecture; the controller stands still.

        Args:
            inputs: Shape (N, ...).
            targets: As the task has them.

        Returns:
            The loss before the step.
        """
        with torch.no_grad():
            emission = self._emission(self.randomness.gates)
        self.supernet.set_gates(emission.architecture)
        loss = self.task.loss(self.supernet(inputs), (inputs, targets))
        self.weights.step(loss)
        return loss.item()

    @torch.no_grad()
    def reward(self, architecture: Architecture, inputs: Tensor, targets: Tensor) -> float:
        """How good an architecture is on a batch, with the shared weights and the norms of the batch.

        Raises:
            SearchError: When it is not finite.
        """
        self.supernet.set_gates(architecture)
        metrics = self.task.measure(self.supernet(inputs), (inputs, targets))
        metric = self.task.metric
        if DIRECTIONS.get(metric) is Direction.MAXIMIZE:
            found = metrics[metric]
        elif metric == "perplexity":
            found = _PERPLEXITY_REWARD / metrics[metric]
        else:
            found = -metrics["loss"]
        if not math.isfinite(found):
            raise SearchError(
                f"the reward became {found} in epoch {self.done + 1}; use a smaller learning_rate (--option "
                "learning_rate=0.01)"
            )
        return found

    def proposals(self) -> Iterator[Architecture]:
        """What the controller draws, each once; ends when all were, or it draws nothing new 1,000 times in a row."""
        generator = self._generator()
        given: set[Hashable] = set()
        while len(given) < self.supernet.space.size_bound:
            for _ in range(_TRIES):
                with torch.no_grad():
                    architecture = self._emission(generator).architecture
                if (canonical := self.supernet.space.canonical(architecture)) not in given:
                    given.add(canonical)
                    yield architecture
                    break
            else:
                return

    def derive(self, k: int) -> list[Architecture]:
        """The best by shared weights of ten times so many that the controller draws (section 2.3: 10 to 1)."""
        drawn = itertools.islice(self.proposals(), self.scored * k)
        scored = [
            (shared_cost(self.supernet, architecture, self.task), number, architecture)
            for number, architecture in enumerate(drawn)
        ]
        return [architecture for _, _, architecture in sorted(scored, key=lambda entry: entry[:2])[:k]]

    def probabilities(self) -> dict[str, dict[str, float]]:
        """The mean of the controller's probabilities over the ones of 32 architectures where a decision is active."""
        generator = self._generator()
        found: dict[str, list[Tensor]] = {}
        with torch.no_grad():
            for _ in range(_LOOKS):
                for address, chances in self.controller.sample(generator).chances.items():
                    found.setdefault(address, []).append(chances)
        means = {address: torch.stack(chances).mean(0).tolist() for address, chances in found.items()}
        return {
            address: {str(value): p for value, p in zip(values, means[address], strict=True)}
            for address, values in self.controller.values.items()
            if address in means
        }

    def state_dict(self) -> dict[str, Any]:
        """Weights, controller, both optimisers, both streams and the random state."""
        return {"done": self.done, **saved(self._parts())}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue from a state, after `setup`."""
        self.done = state["done"]
        restore(self._parts(), state)

    def _parts(self) -> dict[str, Stateful]:
        """What has a state of its own."""
        return {
            "supernet": self.supernet,
            "reinforce": self.reinforce,
            "weights": self.weights,
            "weight_data": self.weight_data,
            "controller_data": self.controller_data,
            "randomness": self.randomness,
        }

    def _emission(self, generator: torch.Generator) -> ControllerSample:
        """An architecture that the space's constraints allow.

        Raises:
            SearchError: When 1,000 in a row are refused.
        """
        space = self.supernet.space
        for _ in range(_TRIES):
            emission = self.controller.sample(generator)
            if not space.constraints or space.contains(emission.architecture):
                return emission
        raise SearchError(
            f"the space's constraints refused {_TRIES:,} architectures of the controller in a row; loosen them, or "
            "state them as decisions"
        )

    def _generator(self) -> torch.Generator:
        """One that draws what the method's own would, without moving it."""
        generator = torch.Generator()
        generator.set_state(self.randomness.gates.get_state())
        return generator


def warm_restarts(epoch: int, highest: float, lowest: float, first: int, factor: int) -> float:
    """The learning rate: half a cosine from the highest to the lowest, and again over a longer turn.

    Args:
        epoch: From 0.
        highest: At the beginning of each turn.
        lowest: What it falls towards.
        first: Epochs of the first turn.
        factor: How many times longer each turn is than the one before.
    """
    length = first
    while epoch >= length:
        epoch -= length
        length *= factor
    return lowest + (highest - lowest) * (1 + math.cos(math.pi * epoch / length)) / 2
