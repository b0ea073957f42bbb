"""ENAS: a controller that learns which paths of a supernet are good (Pham et al. 2018, arXiv:1802.03268)."""

from __future__ import annotations

import itertools
import math
from collections.abc import Hashable, Iterator, Mapping
from typing import Any, final

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from archwright.controllers import Controller, ControllerSample, Reinforce
from archwright.errors import SearchError, UsageError
from archwright.learning import Part, Recipe, Trainer
from archwright.objectives import DIRECTIONS, Direction
from archwright.spaces import Architecture
from archwright.supernets.methods.one_shot import OneShot
from archwright.supernets.scoring import ranked_by_shared_weights

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
        learning_rate: Learning rate of the weights; falls along a cosine and begins anew (Loshchilov & Hutter 2017,
            arXiv:1608.03983).
        lowest_learning_rate: What it falls to.
        restart_epochs: Epochs until it first begins anew.
        restart_factor: How many times longer each turn is than the one before.
        weight_decay: L2 penalty of the weights.
        controller_learning_rate: Learning rate of the controller's Adam.
        controller_steps: Steps of the controller in an epoch.
        controller_samples: Architectures in each of them.
        entropy_weight: Weight of the entropy in the reward.
        baseline_decay: Decay of the reward's moving average.
        weight_share: Share of the training data that trains the weights; the rest trains the controller.
        options: Of `OneShot`.

    Raises:
        UsageError: When an option is out of range.
    """

    needs_mixture = False
    proposals_per_retrain = (
        10  # section 2.3: some are drawn, and the one that is best on the shared weights is trained
    )
    driver = "weights"

    def __init__(
        self,
        *,
        epochs: int = 150,
        learning_rate: float = 0.05,
        lowest_learning_rate: float = 5e-4,
        restart_epochs: int = 10,
        restart_factor: int = 2,
        weight_decay: float = 1e-4,
        controller_learning_rate: float = 3.5e-3,
        controller_steps: int = 30,
        controller_samples: int = 10,
        entropy_weight: float = 1e-4,
        baseline_decay: float = 0.99,
        weight_share: float = 0.9,
        **options: Any,
    ) -> None:
        super().__init__(
            epochs=epochs,
            learning_rate=learning_rate,
            lowest_learning_rate=lowest_learning_rate,
            weight_decay=weight_decay,
            **options,
        )
        counts = {
            "restart_epochs": restart_epochs,
            "restart_factor": restart_factor,
            "controller_steps": controller_steps,
            "controller_samples": controller_samples,
        }
        if min(counts.values()) < 1 or not 0 < weight_share < 1:
            shown = ", ".join(f"{name}={value}" for name, value in counts.items())
            raise UsageError(
                f"expected counts >= 1 and 0 < weight_share < 1, got {shown}, weight_share={weight_share}"
            )
        self.parts = {
            "weights": Part("train", 0.0, weight_share),
            "controller": Part("train", weight_share, 1.0),
        }
        self.restart_epochs, self.restart_factor = restart_epochs, restart_factor
        self.controller_steps, self.controller_samples = controller_steps, controller_samples
        self._controller_options = {
            "learning_rate": controller_learning_rate,
            "baseline_decay": baseline_decay,
            "entropy_weight": entropy_weight,
        }

    def optimizers(self, network: nn.Module, recipe: Recipe) -> dict[str, Optimizer]:
        """Those of the weights; the controller is made, too."""
        made = super().optimizers(network, recipe)
        self.controller = Controller(
            self.supernet.space, decides=self.supernet.decisions, generator=self.generator
        )
        self.reinforce = Reinforce(self.controller, **self._controller_options)
        return made

    def learning_rate(self, trainer: Trainer) -> float:
        """See `warm_restarts`."""
        highest, lowest = self.recipe.learning_rate, self.lowest_learning_rate
        return warm_restarts(trainer.epoch, highest, lowest, self.restart_epochs, self.restart_factor)

    def length(self, trainer: Trainer) -> int:
        """The batches of the weights, then the steps of the controller."""
        return super().length(trainer) + self.controller_steps

    def take(self, trainer: Trainer) -> bool:
        """One step of the weights of one architecture; after the last of the epoch, one of the controller."""
        batches = trainer.pull("weights")
        if batches is not None:
            with torch.no_grad():
                self.supernet.set_gates(self._sample(self.generator).architecture)
            self.weight_step(trainer, batches)
        elif trainer.steps < self.length(trainer):
            self.controller_step(trainer)
        else:
            return False
        return True

    def controller_step(self, trainer: Trainer) -> None:
        """One step of the controller; notes "reward" and "controller_entropy"."""
        samples = [self._sample(self.generator) for _ in range(self.controller_samples)]
        rewards = [self.reward(trainer, sample.architecture) for sample in samples]
        self.reinforce.step(samples, rewards)
        for sample, reward in zip(samples, rewards, strict=True):
            trainer.note("reward", reward)
            trainer.note("controller_entropy", sample.entropy)

    @torch.no_grad()
    def reward(self, trainer: Trainer, architecture: Architecture) -> float:
        """How good an architecture is on the controller's next batch, with the shared weights and that batch's norms.

        Of several micro-batches and ranks it is the mean over all, so every rank has the same.

        Raises:
            SearchError: When it is not finite.
        """
        self.supernet.set_gates(architecture)
        task, batches = trainer.task, trainer.pull("controller")
        assert batches is not None  # only the driver's epoch ends
        rewards = []
        for batch in batches:
            metrics = task.measure(task.forward(trainer.module, batch), batch)
            if task.metric in metrics and DIRECTIONS.get(task.metric) is Direction.MAXIMIZE:
                one = metrics[task.metric]
            elif task.metric == "perplexity" and "perplexity" in metrics:
                one = _PERPLEXITY_REWARD / metrics[task.metric]
            else:
                one = -metrics["loss"]
            rewards.append(torch.tensor(one, dtype=torch.float64))
        found = float(trainer.mean(batches, rewards))
        if not math.isfinite(found):
            raise SearchError(
                f"the reward became {found} in epoch {trainer.epoch + 1}; use a smaller learning_rate (--option "
                "learning_rate=0.01)"
            )
        return found

    def proposals(self) -> Iterator[Architecture]:
        """What the controller draws, each once; ends when all were, or it draws nothing new 1,000 times in a row."""
        generator = self.generator.clone_state()  # the training's numbers stay where they are
        given: set[Hashable] = set()
        while len(given) < self.supernet.space.size_bound:
            for _ in range(_TRIES):
                with torch.no_grad():
                    architecture = self._sample(generator).architecture
                if (canonical := self.supernet.space.canonical(architecture)) not in given:
                    given.add(canonical)
                    yield architecture
                    break
            else:
                return

    def derive(self, k: int) -> list[Architecture]:
        """The best by shared weights of ten times so many that the controller draws (section 2.3: 10 to 1)."""
        drawn = itertools.islice(self.proposals(), self.proposals_per_retrain * k)
        return ranked_by_shared_weights(self.supernet, drawn, self.task)[:k]

    def probabilities(self) -> dict[str, dict[str, float]]:
        """The mean of the controller's probabilities over the ones of 32 architectures where a decision is active."""
        generator = self.generator.clone_state()  # the training's numbers stay where they are
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
        """The controller, its optimizer and baseline, and where its random numbers are."""
        return {**super().state_dict(), "reinforce": self.reinforce.state_dict()}

    def load_state_dict(self, state: Mapping[str, Any], network: nn.Module) -> None:
        """Go on from there."""
        super().load_state_dict(state, network)
        self.reinforce.load_state_dict(state["reinforce"])

    def _sample(self, generator: torch.Generator) -> ControllerSample:
        """An architecture that the space's constraints allow.

        Raises:
            SearchError: When 1,000 in a row are refused.
        """
        space = self.supernet.space
        for _ in range(_TRIES):
            sample = self.controller.sample(generator)
            if not space.is_constrained or space.contains(sample.architecture):
                return sample
        raise SearchError(
            f"the space's constraints refused {_TRIES:,} architectures of the controller in a row; loosen them, or "
            "state them as decisions"
        )


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
