"""Single-path one-shot: uniform sampling of paths (Guo et al. 2020, arXiv:1904.00420).

With a random search on the shared weights it is random search with weight sharing (Li & Talwalkar 2019,
arXiv:1902.07638); the paper's own search is evolutionary.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping
from random import Random
from typing import Any, final

from torch import nn
from torch.optim import Optimizer

from archwright.errors import UsageError
from archwright.learning import Recipe, Trainer
from archwright.spaces import Architecture
from archwright.supernets.methods.one_shot import OneShot, method_seeds
from archwright.supernets.scoring import ranked_by_shared_weights

__all__ = ["PathSampling", "UniformSampling", "rsws"]

_TRIES = 10


class PathSampling(OneShot):
    """Trains the shared weights on random architectures; learns no preference.

    All training data train the weights, since nothing else is learned.

    Args:
        samples: How many random architectures `proposals` scores by shared weights.
        options: Of `OneShot`.

    Raises:
        UsageError: When an option is out of range.
    """

    needs_mixture = False

    def __init__(self, *, samples: int = 100, **options: Any) -> None:
        super().__init__(**options)
        if samples < 1:
            raise UsageError(f"expected samples >= 1, got {samples}")
        self.samples = samples

    def optimizers(self, network: nn.Module, recipe: Recipe) -> dict[str, Optimizer]:
        """Those of the weights."""
        self.sampler = Random(method_seeds(self.seed)[1])
        return super().optimizers(network, recipe)

    def proposals(self) -> Iterator[Architecture]:
        """Random architectures, ordered by their scores by shared weights."""
        sampler = Random(method_seeds(self.seed + 1)[1])
        space = self.supernet.space
        drawn: dict[Hashable, Architecture] = {}
        for _ in range(_TRIES * self.samples):
            architecture = space.sample(sampler)
            drawn.setdefault(space.canonical(architecture), architecture)
            if len(drawn) == self.samples:
                break
        return iter(ranked_by_shared_weights(self.supernet, drawn.values(), self.task))

    def probabilities(self) -> dict[str, dict[str, float]]:
        """Nothing: every path is as likely as any other."""
        return {}

    def state_dict(self) -> dict[str, Any]:
        """Where the random paths are."""
        return {**super().state_dict(), "sampler": self.sampler.getstate()}

    def load_state_dict(self, state: Mapping[str, Any], network: nn.Module) -> None:
        """Go on from there."""
        super().load_state_dict(state, network)
        version, numbers, gauss = state["sampler"]
        self.sampler.setstate((version, tuple(numbers), gauss))


@final
class UniformSampling(PathSampling):
    """Trains the path of one random architecture in each step; every active decision is drawn uniformly.

    Args:
        epochs: Epochs of training.
        options: Of `PathSampling`.

    Raises:
        UsageError: When an option is out of range.
    """

    def __init__(self, *, epochs: int = 120, **options: Any) -> None:
        super().__init__(epochs=epochs, **options)

    def take(self, trainer: Trainer) -> bool:
        """One step along a new path."""
        batches = trainer.pull("train")
        if batches is None:
            return False
        self.supernet.set_gates(self.supernet.space.sample(self.sampler))
        self.weight_step(trainer, batches)
        return True


def rsws(*, epochs: int = 300, **options: Any) -> UniformSampling:
    """Random search with weight sharing (Li & Talwalkar 2019, arXiv:1902.07638). The epochs are the paper's.

    Args:
        epochs: Epochs of the training.
        options: Of `UniformSampling`.
    """
    return UniformSampling(epochs=epochs, **options)
