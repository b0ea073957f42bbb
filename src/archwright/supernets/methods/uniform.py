"""Single-path one-shot: uniform sampling of paths (Guo et al. 2020, arXiv:1904.00420).

With a random search on the shared weights it is random search with weight sharing (Li & Talwalkar 2019,
arXiv:1902.07638); the paper's own search is evolutionary.
"""

from __future__ import annotations

import time
from collections.abc import Hashable, Iterator, Mapping
from typing import Any, final

from archwright.errors import UsageError
from archwright.spaces import Architecture
from archwright.supernets.methods.halves import whole
from archwright.supernets.methods.one_shot import OneShot
from archwright.supernets.methods.randomness import Randomness
from archwright.supernets.methods.states import Stateful, restore, saved
from archwright.supernets.methods.weights import WeightOptimizer, finite, weight_options
from archwright.supernets.scoring import shared_cost
from archwright.supernets.supernet import Supernet
from archwright.tasks import Task
from archwright.trials import Measurement

__all__ = ["UniformSampling", "rsws"]

_TRIES = 10


@final
class UniformSampling(OneShot):
    """Trains the path of one random architecture in each step; learns no preference.

    Every active decision is drawn uniformly. All training data train the weights, since nothing else is learned.

    Args:
        epochs: Epochs of training.
        batch_size: Examples in a batch.
        learning_rate: In the first epoch; falls along a cosine.
        lowest_learning_rate: What it falls to.
        momentum: Of SGD.
        weight_decay: Of the weights of the path.
        gradient_clip: Largest 2-norm of the path's gradient.
        samples: How many random architectures `proposals` scores by shared weights.
        seed: Of everything random.

    Raises:
        UsageError: When an option is out of range.
    """

    mixes = False

    def __init__(
        self,
        *,
        epochs: int = 120,
        batch_size: int = 64,
        learning_rate: float = 0.025,
        lowest_learning_rate: float = 0.001,
        momentum: float = 0.9,
        weight_decay: float = 3e-4,
        gradient_clip: float = 5.0,
        samples: int = 100,
        seed: int = 0,
    ) -> None:
        if epochs < 1 or batch_size < 2 or samples < 1:
            raise UsageError(
                f"expected epochs >= 1, batch_size >= 2 and samples >= 1, got epochs={epochs}, "
                f"batch_size={batch_size}, samples={samples}"
            )
        self.epochs, self.done, self.batch_size, self.samples, self.seed = (
            epochs,
            0,
            batch_size,
            samples,
            seed,
        )
        self._options = weight_options(
            learning_rate=learning_rate,
            lowest=lowest_learning_rate,
            momentum=momentum,
            weight_decay=weight_decay,
            gradient_clip=gradient_clip,
        )

    def setup(self, supernet: Supernet, task: Task) -> None:
        """Take a new supernet and the data."""
        self.supernet, self.task = supernet, task
        self.randomness = Randomness(self.seed)
        device = next(supernet.parameters()).device
        self.data = whole(task, self.randomness.order, device, self.batch_size)
        self.weights = WeightOptimizer(supernet, epochs=self.epochs, **self._options)

    def epoch(self) -> Measurement:
        """One pass over the training data, a new path in each step."""
        begin = time.perf_counter()
        rate = self.weights.begin(self.done)
        total = 0.0
        steps = len(self.data)
        self.supernet.train()
        with self.randomness.drawing():
            for step, (inputs, targets) in enumerate(self.data.epoch()):
                self.supernet.set_gates(self.supernet.space.sample(self.randomness.sampler))
                loss = self.task.loss(self.supernet(inputs), (inputs, targets))
                self.weights.step(loss)
                total += loss.item()
                self.stepped(step + 1, steps)
        self.done += 1
        metrics = {"train_loss": finite(total / steps, self.done), "learning_rate": rate}
        return Measurement(metrics, seconds=time.perf_counter() - begin)

    def proposals(self) -> Iterator[Architecture]:
        """Random architectures, ordered by their scores by shared weights."""
        randomness = Randomness(self.seed + 1)
        drawn: dict[Hashable, Architecture] = {}
        for _ in range(_TRIES * self.samples):
            architecture = self.supernet.space.sample(randomness.sampler)
            drawn.setdefault(self.supernet.space.canonical(architecture), architecture)
            if len(drawn) == self.samples:
                break
        scored = [
            (shared_cost(self.supernet, architecture, self.task), number, architecture)
            for number, architecture in enumerate(drawn.values())
        ]
        return (architecture for _, _, architecture in sorted(scored, key=lambda entry: entry[:2]))

    def probabilities(self) -> dict[str, dict[str, float]]:
        """Nothing: every path is as likely as any other."""
        return {}

    def state_dict(self) -> dict[str, Any]:
        """Weights, optimiser, stream and random state."""
        return {"done": self.done, **saved(self._parts())}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue from a state, after `setup`."""
        self.done = state["done"]
        restore(self._parts(), state)

    def _parts(self) -> dict[str, Stateful]:
        """What has a state of its own."""
        return {
            "supernet": self.supernet,
            "weights": self.weights,
            "data": self.data,
            "randomness": self.randomness,
        }


def rsws(*, epochs: int = 300, **options: Any) -> UniformSampling:
    """Random search with weight sharing (Li & Talwalkar 2019, arXiv:1902.07638). The epochs are the paper's.

    Args:
        epochs: Epochs of the training.
        options: Of `UniformSampling`.
    """
    return UniformSampling(epochs=epochs, **options)
