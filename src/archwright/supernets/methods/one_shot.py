"""The seam of one-shot methods: train a supernet, then say which architectures are good."""

from __future__ import annotations

import itertools
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from typing import Any, ClassVar

from archwright.spaces import Architecture
from archwright.supernets.supernet import Supernet
from archwright.tasks import Task
from archwright.trials import Measurement

__all__ = ["OneShot"]


class OneShot(ABC):
    """Trains the shared weights epoch by epoch and derives architectures from them.

    The same arguments give the same numbers on the same CPU with one thread, whatever ran before in the process; a
    state that was saved and loaded continues exactly.

    Attributes:
        mixes: Whether its gates are mixtures, so that options of a decision must give one shape.
        scored: How many of its proposals are scored by shared weights for each that is trained from scratch: 1 where
            their order is the method's own judgement.
        epochs: How many epochs it has in all.
        done: How many of them are done.
        supernet: What it trains; a method with stages may replace it.
        on_step: Called within an epoch with the steps done and the steps in all, for a display.
    """

    mixes: ClassVar[bool]
    scored: ClassVar[int] = 1
    epochs: int
    done: int
    supernet: Supernet
    on_step: Callable[[int, int], None] | None = None

    @abstractmethod
    def setup(self, supernet: Supernet, task: Task) -> None:
        """Take a new supernet, on its device, and the data. Called once, before everything else."""

    @abstractmethod
    def epoch(self) -> Measurement:
        """Train for one epoch.

        Returns:
            "train_loss" of the shared weights, and what the method watches.

        Raises:
            SearchError: When a loss is not finite.
        """

    @abstractmethod
    def proposals(self) -> Iterator[Architecture]:
        """The architectures it thinks best, the best first, each once, as long as it has any.

        The same state gives the same ones.
        """

    @abstractmethod
    def probabilities(self) -> Mapping[str, Mapping[str, float]]:
        """What it prefers so far: the address of each relaxed decision to its labels' probabilities.

        For a subset: the weight of each item. Empty for a method that learns no preference.
        """

    @abstractmethod
    def state_dict(self) -> dict[str, Any]:
        """Everything that the next epoch depends on besides the constructor's arguments and the data."""

    @abstractmethod
    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue from a state, after `setup`."""

    def derive(self, k: int) -> list[Architecture]:
        """The k architectures it thinks best, the best first."""
        return list(itertools.islice(self.proposals(), k))

    def stops_early(self) -> str | None:
        """Why no further epoch should be trained, in words; None to go on."""
        return None

    def stepped(self, step: int, steps: int) -> None:
        """Tell who watches that a step of the epoch is done."""
        if self.on_step is not None:
            self.on_step(step, steps)
