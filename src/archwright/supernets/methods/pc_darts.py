"""PC-DARTS: partial channels and weights of edges (Xu et al. 2020, arXiv:1907.05737)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, final

import torch
from torch import nn

from archwright.errors import UsageError
from archwright.evaluating import evaluating
from archwright.spaces.build import arguments_of
from archwright.supernets.gates import Gate, Mixture
from archwright.supernets.methods.bilevel import Bilevel, mixture_search
from archwright.supernets.methods.derivation import Refused
from archwright.supernets.methods.gate_sampler import GateSampler
from archwright.supernets.mixed import MixedOp
from archwright.supernets.partial import PartialChannels
from archwright.supernets.supernet import Supernet
from archwright.tasks.batches import fitting

__all__ = ["PartialSoftmax", "pc_darts"]

_FROZEN = 0.3


@final
class PartialSoftmax(GateSampler):
    """All values of every decision at once, on a part of the channels, and every edge weighed by beta.

    With so few channels seen, the softmax of alpha changes a lot from batch to batch. The softmax of beta over the
    edges into a node is steadier: an edge's operations are worth softmax(alpha) * softmax(beta) (eq. 2, section 3.2).
    A subset whose items are no edges of mixed operations is weighed as in DARTS.

    Args:
        channel_divisor: One channel in so many is computed.

    Attributes:
        betas: Address of each node's subset to its parameter, shape (items,).
    """

    def __init__(self, channel_divisor: int = 4) -> None:
        self.partial = PartialChannels(channel_divisor)

    def setup(self, supernet: Supernet, generator: torch.Generator) -> None:
        """Make alpha and beta; the supernet computes its mixtures on a part of the channels from now on.

        Raises:
            UsageError: When nothing is mixed in the space.
            BuildError: When a switch cannot work on a part of the channels, where the supernet has an example.
        """
        if not any(isinstance(module, MixedOp) for module in supernet.modules()):
            raise UsageError(
                "partial channels need a choice between modules, and this space has none; use darts"
            )
        super().setup(supernet, generator)
        self.betas: dict[str, nn.Parameter] = {}
        for address, items in supernet.edges.items():
            edges = len(supernet.space.decisions[address].relaxed().labels)
            # A node that reads all its states has nothing to decide, but edges to weigh.
            if len(items) == edges > 1:
                self.betas[address] = self.drawn_parameter(edges)
        self.partial.install(supernet)
        self._try(supernet)

    def parameters(self) -> list[nn.Parameter]:
        """Alpha and beta."""
        return [*super().parameters(), *self.betas.values()]

    def architecture_gates(self, progress: float) -> dict[str, Gate]:
        """The mixture."""
        betas = {address: Mixture.of_all(beta.softmax(0)) for address, beta in self.betas.items()}
        return {**self.mixtures(), **betas}

    def strengths(self, subset: str, refused: Refused = ()) -> list[float]:
        """Of the items of a subset with weights of edges: what the edge weighs times its best operation."""
        found = super().strengths(subset, refused)
        if subset in self.betas:
            edges = self.betas[subset].detach().softmax(0).tolist()
            found = [edge * operation for edge, operation in zip(edges, found, strict=True)]
        return found

    def probabilities(self) -> dict[str, dict[str, float]]:
        """Those of alpha, and the strengths of all edges that have weights, decided or not."""
        edges = {a: {str(i): strength for i, strength in enumerate(self.strengths(a))} for a in self.betas}
        return {**super().probabilities(), **edges}

    def state_dict(self) -> dict[str, Any]:
        """Alpha and beta."""
        betas = {address: beta.detach().clone() for address, beta in self.betas.items()}
        return {"alpha": super().state_dict(), "beta": betas}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take over alpha and beta."""
        super().load_state_dict(state["alpha"])
        with torch.no_grad():
            for address, beta in self.betas.items():
                beta.copy_(state["beta"][address])

    def _try(self, supernet: Supernet) -> None:
        """Run the example once, so that what does not fit is said before the training."""
        if supernet.example is None:
            return
        args, kwargs = fitting(arguments_of(supernet.example), supernet)
        with evaluating(supernet), supernet.on(self.architecture_gates(0.0)):
            supernet(*args, **kwargs)


def pc_darts(
    *,
    epochs: int = 50,
    channel_divisor: int = 4,
    frozen_epochs: int | None = None,
    batch_size: int = 256,
    learning_rate: float = 0.1,
    lowest_learning_rate: float = 0.0,
    architecture_learning_rate: float = 6e-4,
    **options: Any,
) -> Bilevel:
    """PC-DARTS. The defaults are the paper's.

    Args:
        epochs: Epochs of the search.
        channel_divisor: One channel in so many is computed, the others pass by.
        frozen_epochs: Epochs at the beginning in which alpha stands still; None means the paper's share, 15 of 50.
        batch_size: Examples in a batch, of either part.
        learning_rate: Learning rate of the weights in the first epoch; falls along a cosine.
        lowest_learning_rate: What it falls to.
        architecture_learning_rate: Learning rate of alpha's Adam.
        options: Of `mixture_search`.
    """
    return mixture_search(
        PartialSoftmax(channel_divisor),
        epochs=epochs,
        frozen_epochs=round(_FROZEN * epochs) if frozen_epochs is None else frozen_epochs,
        batch_size=batch_size,
        learning_rate=learning_rate,
        lowest_learning_rate=lowest_learning_rate,
        architecture_learning_rate=architecture_learning_rate,
        **options,
    )
