"""The sandwich rule of BigNAS: the largest network learns, others learn from it (Yu et al. 2020, arXiv:2003.11142)."""

from __future__ import annotations

from typing import Any, final

from torch import Tensor, nn
from torch.optim import Optimizer

from archwright.errors import UsageError
from archwright.learning import Recipe, Trainer
from archwright.spaces import Architecture, Decision
from archwright.supernets.methods.uniform import PathSampling
from archwright.supernets.shrinking import elasticities, extreme

__all__ = ["Sandwich"]


@final
class Sandwich(PathSampling):
    """Trains in each step the largest network, the smallest and a few random ones; learns no preference.

    The largest learns the labels, with dropout where it has any. The others learn what it answers in the same step
    (in-place distillation), without dropout. All gradients are added up for one step of the weights, so the networks
    are ready when the training ends, without training of their own. Decisions among operations, which have weights of
    their own and no largest value, are drawn for each step.

    Args:
        epochs: Epochs of training.
        learning_rate: Learning rate of the weights in the first epoch.
        lowest_learning_rate: What it falls to along half a cosine; None means a twentieth of the first, as in the
            paper.
        weight_decay: L2 penalty of the weights.
        random_networks: Random networks in a step, beside the largest and the smallest.
        options: Of `PathSampling`.

    Raises:
        UsageError: When an option is out of range.
    """

    def __init__(
        self,
        *,
        epochs: int = 360,
        learning_rate: float = 0.1,
        lowest_learning_rate: float | None = None,
        weight_decay: float = 1e-5,
        random_networks: int = 2,
        **options: Any,
    ) -> None:
        if lowest_learning_rate is None:
            lowest_learning_rate = (
                learning_rate / 20 if learning_rate > 0 else 0.0
            )  # a wrong one is told below
        super().__init__(
            epochs=epochs,
            learning_rate=learning_rate,
            lowest_learning_rate=lowest_learning_rate,
            weight_decay=weight_decay,
            **options,
        )
        if random_networks < 0:
            raise UsageError(f"expected random_networks >= 0, got {random_networks}")
        self.random_networks = random_networks

    def optimizers(self, network: nn.Module, recipe: Recipe) -> dict[str, Optimizer]:
        """Those of the weights."""
        made = super().optimizers(network, recipe)
        self.kinds = elasticities(self.supernet)
        return made

    def take(self, trainer: Trainer) -> bool:
        """One step; notes "train_loss" of the largest network, and "smallest_distance" of the smallest from it."""
        batches = trainer.pull("train")
        if batches is None:
            return False
        task, answers = trainer.task, dict[int, Any]()

        def taught(outputs: Any, batch: Any) -> Tensor:
            answers[id(batch)] = outputs
            return task.loss(outputs, batch)

        def copied(outputs: Any, batch: Any) -> Tensor:
            return task.distance(outputs, answers[id(batch)], batch)

        largest, *others = self._networks()
        self.supernet.set_gates(largest)
        trainer.note("train_loss", trainer.accumulate(batches, loss=taught))
        with self.supernet.without_dropout():
            for number, architecture in enumerate(others):
                self.supernet.set_gates(architecture)
                distance = trainer.accumulate(batches, loss=copied)
                if number == 0:
                    trainer.note("smallest_distance", distance)
        trainer.update("weights")
        return True

    def _networks(self) -> list[Architecture]:
        """The largest, the smallest and random ones."""
        drawn: dict[str, Any] = {}

        def decide(address: str, decision: Decision) -> Any:
            return drawn.setdefault(address, decision.sample(self.sampler))

        space = self.supernet.space
        ends = [extreme(space, self.kinds, place, decide) for place in (0, -1)]
        return [*ends, *(space.sample(self.sampler) for _ in range(self.random_networks))]
