"""The estimator that trains nothing: one or several proxies at a network's beginning."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from typing import Any, final

from torch import nn

from archwright.errors import BuildError, TrialError, UsageError
from archwright.estimators.estimator import Estimator, PopulationEstimator
from archwright.estimators.zero_cost.probe import Probe
from archwright.estimators.zero_cost.proxies import (
    ALL,
    FEATURES,
    Parts,
    known_proxies,
    population_scores,
    read_proxies,
)
from archwright.learning.devices import make_fabric
from archwright.learning.randomness import Seeds, seeded
from archwright.objectives import Direction, Objective, measure_cheap
from archwright.spaces import Architecture, Space
from archwright.tasks import Task
from archwright.tasks.batches import Part, Plan
from archwright.trials import FULL, Candidate, Fidelity, Measurement, TrialContext

__all__ = ["ZeroCost", "ZeroCostPopulation"]

_WORST = {
    "naswot": "its kernel is singular, as two examples of the batch have the same pattern of ReLUs (log 0)",
    "jacob_cov": "the gradient by an example's inputs is constant, so it has no correlation with others",
    "zico": "no weight has gradients that differ between the two batches",
    "synflow": "nothing of the input arrives at the output (log 0)",
    "zen": "nothing of the input arrives at what the head reads (log 0)",
}


@final
class ZeroCost(Estimator):
    """Scores a network as it is built, by proxies that read one or two minibatches and train nothing.

    All proxies of a network share their passes. The score has the proxy's name, the higher the better; "params" and
    "flops" are measured too. A proxy of several parts that are ranked (`te_nas`, `az_nas`), and several proxies
    together, rank a network among a fixed random sample of the space, since a rank means nothing for one network alone
    (`population_scores`). Their score is named after the proxy, or "zero_cost" for several; the parts are measured too.

    Fidelity has no meaning but for its replicate, which draws other weights and examples. A network for which a proxy
    is not defined, or for which its score is not finite, fails with the reason; in an aggregate it then has the lowest
    rank by that proxy.

    Args:
        space: Builds the networks.
        task: Gives minibatches of its training data and the loss, and runs the networks.
        proxies: Names of `PROXIES`, as a list or separated by commas.
        batch_size: Examples in a minibatch.
        ntk_examples: Examples of the tangent kernel of `te_nas`, which costs a backward pass for each.
        reference: Networks in the random sample among which ranks are counted; scored once in each process.
        swap_mean: Of `swap` alone: μ of its regularised form, in thousands of parameters; goes with `swap_spread`.
        swap_spread: Of `swap` alone: σ of its regularised form.
        seed: Of initial weights, examples and noise.
        accelerator: "auto" (a GPU where there is one), "cpu", "cuda" or "mps".

    Raises:
        UsageError: When a proxy is unknown, or an option is out of range.
    """

    def __init__(
        self,
        space: Space,
        task: Task,
        proxies: Sequence[str] | str,
        *,
        batch_size: int = 64,
        ntk_examples: int = 32,
        reference: int = 64,
        swap_mean: float | None = None,
        swap_spread: float | None = None,
        seed: int = 0,
        accelerator: str = "auto",
    ) -> None:
        names = [name.strip() for name in proxies.split(",")] if isinstance(proxies, str) else list(proxies)
        self.proxies = known_proxies(names)
        if batch_size < 2 or ntk_examples < 2 or reference < 2:
            raise UsageError(
                f"expected batch_size, ntk_examples and reference of at least 2, got {batch_size}, {ntk_examples} and "
                f"{reference}"
            )
        if (swap_mean is None) != (swap_spread is None) or (swap_spread is not None and swap_spread <= 0):
            raise UsageError(
                f"expected swap_mean and swap_spread > 0 together, got {swap_mean} and {swap_spread}"
            )
        self.space, self.task, self.accelerator = space, task, accelerator
        self.batch_size, self.ntk_examples, self.reference = batch_size, ntk_examples, reference
        self.size = None if swap_mean is None or swap_spread is None else (swap_mean, swap_spread)
        self.seed = seed
        self._batches: dict[int, tuple[list[Any], Any]] = {}
        self._sample: dict[int, list[Parts]] = {}

    @property
    def ranks_by(self) -> Objective:
        """What networks are ranked by.

        Raises:
            UsageError: When features that rank none are among the proxies.
        """
        if odd := next((name for name in self.proxies if name in FEATURES), None):
            raise UsageError(
                f"{odd} ranks no networks by itself; a surrogate learns from it: --strategy bayesian "
                f"--option columns={odd}"
            )
        name = next(iter(self.proxies)) if len(self.proxies) == 1 else ALL
        return Objective(name, Direction.MAXIMIZE)

    def estimate(self, candidate: Candidate, trial: TrialContext) -> Measurement:
        """Score a candidate.

        Raises:
            TrialError: When the network does not build, or the proxy is not defined or not finite for it.
        """
        begin = time.perf_counter()
        name, fidelity = self.ranks_by.name, candidate.effort
        found, cheap = self.defined(candidate.architecture, fidelity)
        parts = _flat(found)
        if self.is_joined:
            parts[name] = self._ranked(found, fidelity)
        elif not math.isfinite(parts[name]):
            raise TrialError(f"{name} is {parts[name]}: {_WORST.get(name, 'the network is not trainable')}")
        return Measurement({**cheap, **_finite(parts)}, seconds=time.perf_counter() - begin)

    @property
    def is_joined(self) -> bool:
        """Whether a score is a rank: of several parts, or of several proxies."""
        return len(self.proxies) > 1 or next(iter(self.proxies.values())).joined is not None

    def for_population(self) -> ZeroCostPopulation | None:
        """What measures a population's networks, where a score is a rank. See `Estimator.for_population`."""
        return ZeroCostPopulation(self) if self.is_joined else None

    def scores(self, architecture: Architecture, fidelity: Fidelity = FULL) -> dict[str, float]:
        """All parts of the proxies for one architecture, −inf and NaN among them: NaN is one that is not defined."""
        found, undefined, _ = self.read(architecture, fidelity)
        return {**_flat(found), **dict.fromkeys(undefined, math.nan)}

    def defined(
        self, architecture: Architecture, fidelity: Fidelity = FULL
    ) -> tuple[dict[str, dict[str, float]], dict[str, float]]:
        """What `read` gives of proxies that are defined, and "params" and "flops".

        Raises:
            TrialError: When the network does not build, or no proxy is defined for it.
        """
        found, undefined, cheap = self.read(architecture, fidelity)
        if not found:
            raise TrialError("; ".join(undefined.values()))
        return found, cheap

    def read(
        self, architecture: Architecture, fidelity: Fidelity = FULL
    ) -> tuple[dict[str, dict[str, float]], dict[str, str], dict[str, float]]:
        """What the proxies say of one architecture, for `population_scores`.

        Returns:
            Name of a proxy to its parts, −inf among them; name to the reason for those that are not defined for the
            network; and "params" and "flops".

        Raises:
            TrialError: When the network does not build.
        """
        device = make_fabric(self.accelerator, 1, "32-true").device
        seeds = Seeds.of(self.seed, fidelity.replicate)
        with seeded(seeds.network, device):
            try:
                example = self.task.example_arguments()
                network = self.space.build(architecture, example=example)
            except BuildError as error:
                raise TrialError(str(error)) from error
            cheap = measure_cheap(network, example)
            batches, few = self._minibatches(network.to(device), seeds, fidelity.replicate)
            wanted = list(self.proxies)
            probe = Probe(network, self.task, batches, few=few, wanted=wanted, seed=seeds.augmentation)
            return (*read_proxies(self.proxies, probe, cheap, self.size), cheap)

    def _minibatches(self, network: nn.Module, seeds: Seeds, replicate: int) -> tuple[list[Any], Any]:
        """The minibatches, the same for all networks."""
        if replicate not in self._batches:
            device = make_fabric(self.accelerator, 1, "32-true").device

            def read(size: int, count: int) -> list[Any]:
                plan = Plan(size=size, device=device, seed=seeds.order)
                stream = self.task.batches(Part("train"), plan, network)
                return [batch for batch, _ in zip(stream, range(count), strict=False)]

            most = max(proxy.batches for proxy in self.proxies.values())
            few = read(self.ntk_examples, 1)[0] if "te_nas" in self.proxies else None
            self._batches[replicate] = read(self.batch_size, most), few
        return self._batches[replicate]

    def _ranked(self, found: Parts, fidelity: Fidelity) -> float:
        """The rank among the sample: of a proxy's parts, or of several proxies' scores."""
        sample = self._sample.get(fidelity.replicate)
        if sample is None:
            sample = [self._parts(self.space.sample(number), fidelity) for number in range(self.reference)]
            self._sample[fidelity.replicate] = sample
        return float(population_scores(self.proxies, [*sample, found])[self.ranks_by.name][-1])

    def _parts(self, architecture: Architecture, fidelity: Fidelity) -> Parts:
        """What can be read off a network of the sample."""
        try:
            return self.read(architecture, fidelity)[0]
        except TrialError:
            return {}

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_batches": {}}  # read again where it is sent to


@final
class ZeroCostPopulation(PopulationEstimator):
    """The parts of proxies for each network of a population, which are ranked among each other: one pass for each.

    Args:
        scorer: Reads the proxies.
    """

    def __init__(self, scorer: ZeroCost) -> None:
        self.scorer = scorer

    @property
    def ranks_by(self) -> Objective:
        """What the scores are called."""
        return self.scorer.ranks_by

    @property
    def sample(self) -> int:
        """See `PopulationEstimator.sample`."""
        return self.scorer.reference

    def estimate(self, candidate: Candidate, trial: TrialContext) -> Measurement:
        """The parts of a candidate, those that are finite.

        Raises:
            TrialError: When the network does not build, or no proxy is defined for it.
        """
        begin = time.perf_counter()
        found, cheap = self.scorer.defined(candidate.architecture, candidate.effort)
        return Measurement({**cheap, **_finite(_flat(found))}, seconds=time.perf_counter() - begin)

    def population_scores(self, measured: Sequence[Mapping[str, float]]) -> Sequence[float]:
        """By `population_scores`: what is missing has the lowest rank."""
        proxies = self.scorer.proxies
        networks = [
            {
                name: {part: metrics[part] for part in proxy.names if part in metrics}
                for name, proxy in proxies.items()
            }
            for metrics in measured
        ]
        return [float(score) for score in population_scores(proxies, networks)[self.ranks_by.name]]


def _flat(found: Parts) -> dict[str, float]:
    """All parts of all proxies."""
    return {part: value for scores in found.values() for part, value in scores.items()}


def _finite(parts: Mapping[str, float]) -> dict[str, float]:
    return {part: value for part, value in parts.items() if math.isfinite(value)}
