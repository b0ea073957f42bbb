"""The loop of all strategies with a controller."""

from __future__ import annotations

import bisect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

import torch

from archwright.controllers import Controller, ControllerTrainer
from archwright.errors import UsageError
from archwright.objectives import Objective
from archwright.spaces import Architecture, Space
from archwright.strategies.randomness import random_for
from archwright.strategies.ranking import Score, rank_keys, score
from archwright.strategies.reinforcement.tensors import (
    optimizer_from_json,
    optimizer_to_json,
    tensor_from_json,
    tensor_to_json,
)
from archwright.strategies.seeded_strategy import SeededStrategy
from archwright.trials import Candidate, Trial

__all__ = ["ControllerStrategy", "Sample", "rewards_of"]

_DRAWS = 8


@dataclass(frozen=True, slots=True)
class Sample:
    """What the controller wrote.

    Args:
        architecture: What it wrote.
        log_probability: log pi(architecture) when it did, in nats.
        trial: The position of its score among those told; -1 while its trial runs.
    """

    architecture: Architecture
    log_probability: float
    trial: int = -1


class ControllerStrategy(SeededStrategy):
    """A recurrent controller writes architectures decision by decision, and learns from them in batches.

    Whichever decisions are active are written, in the order in which they become so; the others are not there to be
    chosen. What was proposed before is not proposed again, and the controller gets nothing for it, so that it does not
    settle on what is known. When eight in a row are known, or refused by the constraints, a random new architecture is
    proposed, from which the controller does not learn.

    The reward of a sample is `rewards_of` its trial among all that have ended, so that metrics of any scale, limits,
    failures and several objectives are all learned from alike.

    Args:
        space: What to search.
        objectives: What is optimised, and the limits. See `archwright.strategies.ranking.rank_keys`.
        make_trainer: From the controller to what trains it.
        seed: Seed of all random numbers.
        batch_size: How many samples with a score are learned from at once, at least 1.
        hidden: Size of the controller's hidden state, at least 1.

    Raises:
        UsageError: When an option is out of range, or no objective is to be optimised.
    """

    def __init__(
        self,
        space: Space,
        objectives: Sequence[Objective],
        make_trainer: Callable[[Controller], ControllerTrainer],
        *,
        seed: int,
        batch_size: int,
        hidden: int,
    ) -> None:
        super().__init__(space, objectives, seed)
        if batch_size < 1 or hidden < 1:
            raise UsageError(
                f"reinforcement: expected batch_size >= 1 and hidden >= 1, got {batch_size} and {hidden}"
            )
        self.batch_size = batch_size
        self.controller = Controller(
            space, hidden=hidden, generator=torch.Generator().manual_seed(_torch_seed(seed, -1))
        )
        self.trainer = make_trainer(self.controller)
        self._running: dict[Architecture, Sample] = {}
        self._batch: list[Sample] = []
        self._scores: list[Score] = []

    def learn(self, samples: Sequence[Sample], rewards: Sequence[float]) -> None:
        """Change the controller.

        Args:
            samples: Written by the controller, most of them as it is now.
            rewards: One for each; more is better.
        """
        architectures = [sample.architecture for sample in samples]
        self.trainer.learn(architectures, [sample.log_probability for sample in samples], rewards)

    def tell(self, trial: Trial) -> None:
        """Note the score, failed and infeasible trials' too, and learn when a batch is full."""
        architecture = trial.architecture
        self._seen.add(architecture)
        self._scores.append(score(trial, self.objectives))
        sample = self._running.pop(architecture, None)
        if sample is None or not self.controller.values:
            return  # not the controller's, or there was nothing to choose
        self._batch.append(Sample(architecture, sample.log_probability, len(self._scores) - 1))
        if len(self._batch) >= self.batch_size:
            rewards = rewards_of(self._scores)
            batch, self._batch = self._batch, []
            self.learn(batch, [rewards[sample.trial] for sample in batch])

    def state_dict(self) -> dict[str, Any]:
        """How many were asked, what is known, the controller and its optimizer, and the baseline."""
        return {
            **super().state_dict(),
            "scores": [score.to_json() for score in self._scores],
            "running": [_sample_to_json(sample) for sample in self._running.values()],
            "batch": [_sample_to_json(sample) for sample in self._batch],
            "controller": {name: tensor_to_json(t) for name, t in self.controller.state_dict().items()},
            "optimizer": optimizer_to_json(self.trainer.optimizer),
            "baseline": self.trainer.baseline,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from a state.

        Raises:
            SpaceError: When the state is not of this space.
        """
        super().load_state_dict(state)
        self._scores = [Score.from_json(score) for score in state["scores"]]
        running = [self._sample_from_json(sample) for sample in state["running"]]
        self._running = {sample.architecture: sample for sample in running}
        self._batch = [self._sample_from_json(sample) for sample in state["batch"]]
        self.controller.load_state_dict({n: tensor_from_json(t) for n, t in state["controller"].items()})
        optimizer_from_json(self.trainer.optimizer, state["optimizer"])
        self.trainer.baseline = state["baseline"]

    def propose(self, random: Random) -> Candidate | None:
        """A new architecture of the controller's; None when it writes only what is known or refused."""
        generator = torch.Generator().manual_seed(_torch_seed(self.seed, self._asked))
        for _ in range(_DRAWS):
            with torch.no_grad():
                sample = self.controller.sample(generator)
            architecture = sample.architecture
            if not self.space.contains(architecture):
                continue
            if self._seen.add(architecture):
                self._running[architecture] = Sample(architecture, sample.log_probability.item())
                return Candidate(architecture)
        return None

    def _sample_from_json(self, data: dict[str, Any]) -> Sample:
        return Sample(self.space.architecture(data["architecture"]), data["log_probability"], data["trial"])


def rewards_of(scores: Sequence[Score]) -> list[float]:
    """The reward of each trial among all: the share of the others that it beats, equals counted half.

    Args:
        scores: All of the same objectives.

    Returns:
        For each a number from 0 for the worst to 1 for the best; 0.5 for a single one.
    """
    keys = rank_keys(scores)
    ordered = sorted(keys)
    others = len(keys) - 1
    rewards = []
    for key in keys:
        better, no_worse = bisect.bisect_left(ordered, key), bisect.bisect_right(ordered, key)
        beaten = others + 1 - no_worse + (no_worse - better - 1) / 2
        rewards.append(beaten / others if others else 0.5)
    return rewards


def _torch_seed(seed: int, ask: int) -> int:
    return random_for(seed, ask).getrandbits(63)


def _sample_to_json(sample: Sample) -> dict[str, Any]:
    return {
        "architecture": sample.architecture.to_json(),
        "log_probability": sample.log_probability,
        "trial": sample.trial,
    }
