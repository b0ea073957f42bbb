"""GDAS: gradient-based search using a differentiable architecture sampler (Dong & Yang 2019, arXiv:1910.04465)."""

from __future__ import annotations

from typing import Any, final

from archwright.errors import UsageError
from archwright.supernets.gates import Gate, Mixture, OnePath
from archwright.supernets.methods.bilevel import Bilevel
from archwright.supernets.methods.gate_sampler import GateSampler
from archwright.supernets.methods.gumbel import gumbel_one_hot, gumbel_subset

__all__ = ["GumbelOneHot", "gdas"]


@final
class GumbelOneHot(GateSampler):
    """One value of every decision, drawn by the Gumbel-max trick, with a gradient by the Gumbel-softmax.

    With g_i independent standard Gumbel numbers (eqs. 3 to 5)

        p = softmax((log softmax(alpha) + g) / tau),  h = onehot(argmax p) - sg(p) + p,

    where sg stops gradients. The place computes h_i * option_i(x) for the one i = argmax p only, so that a step costs
    what training one network costs, and

        dL/dalpha_k = dL/dh_i * p_i (delta_ik - p_k) / tau.

    Which i is drawn follows softmax(alpha) whatever tau is; the gradient is that of the relaxed weight p_i, whose
    bias falls and whose variance grows as tau falls. An item of a subset that has a weight of its own is in or out by
    the same rule for two values.

    Args:
        epochs: Epochs of the search, over which tau falls linearly from its highest to its lowest.
        highest_temperature: Tau in the first epoch.
        lowest_temperature: Tau in the last epoch.

    Raises:
        UsageError: When not highest_temperature >= lowest_temperature > 0.
    """

    samples = True

    def __init__(
        self, *, epochs: int, highest_temperature: float = 10.0, lowest_temperature: float = 0.1
    ) -> None:
        if not highest_temperature >= lowest_temperature > 0:
            raise UsageError(
                "expected highest_temperature >= lowest_temperature > 0, got "
                f"{highest_temperature} and {lowest_temperature}"
            )
        self.epochs = epochs
        self.highest, self.lowest = highest_temperature, lowest_temperature

    def temperature(self, progress: float) -> float:
        """Tau in the epoch that begins when this share of the epochs is done."""
        share = min(1.0, progress * self.epochs / max(1, self.epochs - 1))
        return self.highest + (self.lowest - self.highest) * share

    def weight_gates(self, progress: float) -> dict[str, Gate]:
        """One path, drawn in the same way."""
        gates: dict[str, Gate] = {}
        for address, mixture in self._drawn(progress).items():
            gates[address] = mixture
            if address in self.alphas:
                labels = self.labels(address)
                chosen = tuple(labels[position] for position in mixture.computed)
                gates[address] = OnePath(self.supernet.decisions[address].relaxed().value(chosen))
        return gates

    def architecture_gates(self, progress: float) -> dict[str, Gate]:
        """The drawn value of each decision, its weight 1 and with a gradient."""
        return dict(self._drawn(progress))

    def _drawn(self, progress: float) -> dict[str, Mixture]:
        tau = self.temperature(progress)
        gates = self.subset_gates()
        for address, alpha in self.alphas.items():
            limits = self.supernet.decisions[address].relaxed()
            if limits.several:
                hard, chosen = gumbel_subset(alpha, tau, (limits.fewest, limits.most), self.generator)
            else:
                hard, position = gumbel_one_hot(self.log_weights(address), tau, self.generator)
                chosen = (position,)
            gates[address] = Mixture(hard, chosen)
        return gates


def gdas(
    *,
    epochs: int = 250,
    highest_temperature: float = 10.0,
    lowest_temperature: float = 0.1,
    **options: Any,
) -> Bilevel:
    """GDAS. The further options are those of `Bilevel`; the defaults are the paper's.

    Args:
        epochs: Epochs of the search.
        highest_temperature: Tau in the first epoch.
        lowest_temperature: Tau in the last epoch; it falls linearly.
        options: Of `Bilevel`.
    """
    policy = GumbelOneHot(
        epochs=epochs, highest_temperature=highest_temperature, lowest_temperature=lowest_temperature
    )
    return Bilevel(policy, epochs=epochs, **options)
