"""The seam of one-shot methods: train a supernet, then say which architectures are good."""

from __future__ import annotations

import hashlib
import itertools
import math
import time
from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
import torch
from torch import nn
from torch.optim import Optimizer

from archwright.errors import SearchError, UsageError
from archwright.learning import Recipe, Seeds, Step, Trainer
from archwright.learning.devices import make_fabric
from archwright.learning.ranks import ALONE, Ranks
from archwright.spaces import Architecture
from archwright.supernets.accelerators import accelerate
from archwright.supernets.supernet import Supernet
from archwright.tasks import Task
from archwright.trials import Measurement

__all__ = ["OneShot", "finite", "method_seeds", "train_epoch"]


class OneShot(Step):
    """The step that trains the shared weights, its schedule, and the architectures that it derives from them.

    `trainer` makes the loop that runs it. The same arguments give the same numbers on the same CPU with one thread,
    whatever ran before in the process; a state that was saved and loaded goes on exactly, in mid-epoch too.

    Where several processes train it together, each reads its piece of every batch and all take the same step of the
    weights and of the architecture parameters. Gates are drawn in each of them, from generators of the method's own
    that begin with one seed, rather than in one that tells the others: so nobody waits for them, and the first rank's
    state is that of all. What they depend on besides, architecture parameters and controllers, moves by sums over
    ranks, whose bits are the same on all. `end` looks whether that is so.

    Args:
        epochs: Epochs of the search.
        batch_size: Examples in a batch, of every part of the data.
        learning_rate: Learning rate of the weights in the first epoch; falls along half a cosine, epoch by epoch.
        lowest_learning_rate: What it falls to.
        momentum: Momentum of the SGD that trains the weights.
        weight_decay: L2 penalty of the weights.
        gradient_clip: Largest 2-norm of the weights' gradient.
        augmentation: What is done to each input at random, as in `Recipe`.
        accumulation: In how many micro-batches the examples of a step go through the supernet.
        precision: Of the arithmetic, such as "bf16-mixed".
        accelerators: Names in `ACCELERATORS`; None takes what is installed and has something to do.
        seed: Of everything random.

    Attributes:
        needs_mixture: Whether its gates are mixtures, so that options of a decision must give one shape.
        computes_all: Whether every step computes all options of a mixture, where compiled kernels pay.
        proposals_per_retrain: How many of its proposals are scored by shared weights for each that is trained from
            scratch: 1 where their order is the method's own judgement.
        supernet: What it trains; a method with stages may exchange it.
        task: What the supernet learns.
        generator: Draws gates.

    Raises:
        UsageError: When an option is out of range.
    """

    needs_mixture: ClassVar[bool]
    computes_all: bool = False
    proposals_per_retrain: ClassVar[int] = 1
    supernet: Supernet
    task: Task

    def __init__(
        self,
        *,
        epochs: int = 50,
        batch_size: int = 64,
        learning_rate: float = 0.025,
        lowest_learning_rate: float = 0.001,
        momentum: float = 0.9,
        weight_decay: float = 3e-4,
        gradient_clip: float = 5.0,
        augmentation: str = "none",
        accumulation: int = 1,
        precision: str = "32-true",
        accelerators: Sequence[str] | None = None,
        seed: int = 0,
    ) -> None:
        if not lowest_learning_rate >= 0:
            raise UsageError(f"expected lowest_learning_rate >= 0, got {lowest_learning_rate}")
        self.lowest_learning_rate = lowest_learning_rate
        self.precision = precision
        self.accelerators = None if accelerators is None else tuple(accelerators)
        self.seed = seed
        self.recipe = Recipe(
            epochs=epochs,
            batch_size=batch_size,
            optimizer="sgd",
            learning_rate=learning_rate,
            weight_decay=weight_decay,
            decay_all=True,
            momentum=momentum,
            schedule="constant",
            gradient_clip=gradient_clip,
            augmentation=augmentation,
            accumulation=accumulation,
            seed=seed,
        )

    @property
    def epochs(self) -> int:
        """Epochs of the search."""
        return self.recipe.epochs

    def trainer(
        self,
        supernet: Supernet,
        task: Task,
        *,
        accelerator: str = "auto",
        device: int | list[int] = 1,
        ranks: Ranks = ALONE,
    ) -> Trainer:
        """The loop that trains a supernet by this method.

        Args:
            supernet: A new one; moved to the device and changed in place.
            task: What to learn.
            accelerator: "auto" (a GPU where there is one), "cpu", "cuda" or "mps".
            device: 1, or a list with the index of the one device to use.
            ranks: The processes that train the supernet together; each has drawn the same first weights. They draw
                the same gates from generators with the same seed, see `OneShot`.

        Raises:
            UsageError: When the method or the task cannot bear what the options ask.
        """
        self.task = task
        words = method_seeds(self.seed)
        return Trainer(
            task,
            supernet,
            self.recipe,
            self,
            seeds=Seeds(network=words[3], order=words[2], augmentation=words[4], fraction=words[5]),
            fabric=make_fabric(accelerator, device, self.precision),
            ranks=ranks,
        )

    def optimizers(self, network: nn.Module, recipe: Recipe) -> dict[str, Optimizer]:
        """SGD on the shared weights. What took no part in a step is moved by neither momentum nor decay."""
        assert isinstance(network, Supernet)
        self.supernet = network
        self.generator = torch.Generator().manual_seed(method_seeds(self.seed)[0])
        accelerate(network, self.accelerators, mixes=self.computes_all)
        self.weights = [parameter for parameter in network.parameters() if parameter.requires_grad]
        made = torch.optim.SGD(
            self.weights,
            lr=recipe.learning_rate,
            momentum=recipe.momentum,
            weight_decay=recipe.weight_decay,
            foreach=True,
        )
        return {"weights": made}

    def learning_rate(self, trainer: Trainer) -> float:
        """Half a cosine over the epochs since the network was made."""
        done, epochs, highest = trainer.epoch - trainer.origin, self.epochs, self.recipe.learning_rate
        lowest = self.lowest_learning_rate
        return lowest + (highest - lowest) * (1 + math.cos(math.pi * done / epochs)) / 2

    def end(self, trainer: Trainer) -> None:
        """Note the learning rate of the epoch.

        Raises:
            SearchError: When the processes that train the supernet do not agree on its gates any more.
        """
        trainer.note("learning_rate", self.learning_rate(trainer))
        if trainer.ranks.count > 1 and len(set(trainer.ranks.gather(fingerprint(self.state_dict())))) > 1:
            raise SearchError(
                f"the processes that train the supernet have other gates each, in epoch {trainer.epoch + 1}; their "
                "devices must be of one kind and compute alike, else use devices=1"
            )

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

    def derive(self, k: int) -> list[Architecture]:
        """The k architectures it thinks best, the best first."""
        return list(itertools.islice(self.proposals(), k))

    def stops_early(self) -> str | None:
        """Why no further epoch should be trained, in words; None to go on."""
        return None

    def state_dict(self) -> dict[str, Any]:
        """Where the generator of the gates is."""
        return {"generator": self.generator.get_state()}

    def load_state_dict(self, state: Mapping[str, Any], network: nn.Module) -> None:
        """Go on from there."""
        self.generator.set_state(state["generator"])

    def weight_step(self, trainer: Trainer, batches: Sequence[Any]) -> None:
        """One step of the weights under the present gates; notes "train_loss"."""
        loss = trainer.accumulate(batches)
        trainer.update("weights")
        trainer.note("train_loss", loss)


def fingerprint(state: Any) -> str:
    """A text that differs where a state does."""
    digest = hashlib.sha256()

    def add(value: Any) -> None:
        if isinstance(value, Mapping):
            for name in value:
                digest.update(str(name).encode())
                add(value[name])
        elif isinstance(value, list | tuple):
            for item in value:
                add(item)
        elif isinstance(value, torch.Tensor):
            digest.update(value.detach().cpu().reshape(-1).view(torch.uint8).numpy().tobytes())
        else:
            digest.update(repr(value).encode())

    add(state)
    return digest.hexdigest()


def method_seeds(seed: int) -> list[int]:
    """Seeds of gates, sampling, the order of the data, the layers' draws, augmentation and fraction, from one."""
    return [int(word) for word in np.random.SeedSequence(seed).generate_state(6)]


def train_epoch(trainer: Trainer, on_step: Callable[[int, int], None] | None = None) -> Measurement:
    """Train a supernet to the end of the present epoch, or for the next one.

    Args:
        trainer: Of `OneShot.trainer`.
        on_step: Called with the steps done in the epoch and the steps in all.

    Returns:
        "train_loss" of the shared weights, and what the method watches.

    Raises:
        SearchError: When a loss is not finite.
    """
    begin = time.perf_counter()
    metrics: Mapping[str, float] = {}
    with trainer.randomness.drawing():
        for event in trainer.run(trainer.epoch + 1):
            if event.kind == "step" and on_step is not None:
                on_step(event.step, event.steps)
            metrics = event.metrics
    return Measurement(finite(metrics, trainer.epoch), seconds=time.perf_counter() - begin)


def finite(metrics: Mapping[str, float], epoch: int) -> dict[str, float]:
    """The metrics of an epoch.

    Raises:
        SearchError: When a loss is not finite.
    """
    for name, value in metrics.items():
        if name.endswith("loss") and not math.isfinite(value):
            raise SearchError(
                f"the loss of the supernet became {value} in epoch {epoch}; use a smaller learning_rate (--option "
                "learning_rate=0.01)"
            )
    return dict(metrics)
