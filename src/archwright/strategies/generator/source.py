"""Candidates drawn from a diffusion of graphs that earlier trials taught, guided by what the strategy wants."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from random import Random

import numpy as np
from numpy.typing import NDArray

from archwright.errors import BuildError, SpaceError, UsageError
from archwright.spaces import Architecture, Space
from archwright.spaces.graph import Graph
from archwright.strategies.bayesian import RefittedModel
from archwright.strategies.bayesian.acquisition import Acquisition
from archwright.strategies.bayesian.candidates import Candidates
from archwright.strategies.bayesian.observations import Ask, Observations
from archwright.strategies.generator.denoiser import Denoiser, Example
from archwright.strategies.generator.noise import NoiseSchedule
from archwright.strategies.generator.variables import Levels, Variables
from archwright.strategies.randomness import random_for

__all__ = ["GuidedDiffusion"]

_EXAMPLES = 256
_LEAST = 4
_REMEMBERED = 20_000
_SEEN = 1e6
"""Taken off the value of an architecture that was proposed before: it is drawn where there is no other."""


class GuidedDiffusion:
    """Architectures from a discrete diffusion on graphs, guided at every step by the acquisition function.

    The noise draws decisions anew, so that a noisy architecture is one of the space too and has a graph, which a
    network reads to guess the clean one (`Denoiser`). It learns from the best of what was tried. To generate, random
    architectures go backwards step by step: several clean ones are drawn from the guess, one of them is taken with a
    chance in proportion to the exponential of its acquisition value, and the next state is drawn between it and the
    present one. So generation is steered where candidates are made, as in DiffusionNAG (An et al. 2024,
    arXiv:2305.16943), rather than filtered when it is over. There the gradient of a predictor steers; by values alone
    (Li et al. 2024, arXiv:2408.08252) any surrogate can, with its limits and several objectives.

    Args:
        space: The space.
        model: What the acquisition function asks; the network learns anew when it does.
        acquisition: The value of a candidate, a logarithm.
        seed: Seed of the network.
        chains: How many architectures are generated.
        proposals: How many clean ones are valued at each step of each.
        steps: Steps of the diffusion.
        passes: Over 256 noisy examples, when the network learns.
        elite: Which share of the feasible trials it learns from, the best ones, at least four.
        guidance: Factor of the acquisition value; 0 generates without guidance.

    Raises:
        UsageError: When a number is out of range.
    """

    def __init__(
        self,
        space: Space,
        model: RefittedModel,
        acquisition: Acquisition,
        *,
        seed: int,
        chains: int = 16,
        proposals: int = 8,
        steps: int = 8,
        passes: int = 20,
        elite: float = 0.25,
        guidance: float = 1.0,
    ) -> None:
        if (
            min(chains, proposals, steps, passes) < 1
            or not 0 < elite <= 1
            or not 0 <= guidance < float("inf")
        ):
            raise UsageError(
                "generator: expected chains, proposals, steps and passes >= 1, elite in (0, 1] and guidance >= 0, got "
                f"{chains}, {proposals}, {steps}, {passes}, {elite} and {guidance}"
            )
        self.space, self.model, self.acquisition, self.seed = space, model, acquisition, seed
        self.chains, self.proposals, self.passes = chains, proposals, passes
        self.elite, self.guidance = elite, guidance
        self.schedule, self.variables = NoiseSchedule(steps), Variables(space)
        self._learned: tuple[Observations, int, Denoiser | None] | None = None
        self._graphs: dict[Architecture, Graph | None] = {}

    def __call__(self, ask: Ask) -> Candidates:
        """What was generated, without what was proposed before; if that is all, what was drawn on the way."""
        random = ask.random
        states = self._random(random)
        passed: dict[Hashable, Architecture] = {}
        denoiser = self._denoiser(ask.known)
        if denoiser is not None and states:
            for t in range(self.schedule.steps, 0, -1):
                clean = self._clean(states, denoiser, t, ask)
                passed.update((self.space.canonical(made), made) for made in clean)
                states = [self._back(*pair, t, random) for pair in zip(states, clean, strict=True)]
        generated = {self.space.canonical(made): made for made in states}
        for found in (generated, passed):
            new = [made for made in found.values() if made not in ask.known.seen]
            if new:
                return Candidates(new, [None] * len(new))
        return Candidates([], [])

    def _random(self, random: Random) -> list[Architecture]:
        try:
            return [self.space.sample(random) for _ in range(self.chains)]
        except (
            SpaceError
        ):  # the constraints refuse nearly everything; `SurrogateSearch` then draws by its own means
            return []

    def _clean(
        self, states: Sequence[Architecture], denoiser: Denoiser, t: int, ask: Ask
    ) -> list[Architecture]:
        """A clean architecture for each state, of several that the network guesses, by their acquisition value."""
        random = ask.random
        levels = [self.variables.read(state) for state in states]
        graphs = [self._graph(state) for state in states]
        readable = [i for i, graph in enumerate(graphs) if graph is not None]
        guesses = denoiser.guess(
            [(graph, levels[i]) for i, graph in enumerate(graphs) if graph is not None], t
        )
        drawn: dict[Architecture, None] = {}
        of: list[list[Architecture]] = [[] for _ in states]
        for i, guess in zip(readable, guesses, strict=True):
            for _ in range(self.proposals):
                wanted = {number: _drawn(chances, random) for number, chances in guess.items()}
                made = self.variables.write(wanted, states[i], random)
                if self.space.contains(made):
                    of[i].append(made)
                    drawn[made] = None
        value = dict(zip(drawn, self._values(list(drawn), ask), strict=True))
        return [
            made[_drawn(_softmax(np.array([value[one] for one in made])), random)] if made else state
            for made, state in zip(of, states, strict=True)
        ]

    def _values(self, architectures: Sequence[Architecture], ask: Ask) -> list[float]:
        """The acquisition values, times the guidance; those of what was proposed before come last."""
        if not architectures:
            return []
        candidates = Candidates(architectures, [None] * len(architectures))
        value = self.guidance * np.round(self.acquisition(self.model, candidates, ask), self.model.digits)
        seen = np.array([made in ask.known.seen for made in architectures])
        return list(value - _SEEN * seen)

    def _back(self, state: Architecture, clean: Architecture, t: int, random: Random) -> Architecture:
        """The state one step less noisy; the clean one itself at the end, and where the constraints refuse it."""
        if t == 1:
            return clean
        now, wanted = self.variables.read(state), self.variables.read(clean)
        levels: Levels = {}
        for number, level in wanted.items():
            chances = np.eye(self.variables.listed[number].levels)[level]
            here = now.get(number, level)
            levels[number] = _drawn(self.schedule.posterior(here, chances, t), random)
        made = self.variables.write(levels, clean, random)
        return made if self.space.contains(made) else clean

    def _denoiser(self, known: Observations) -> Denoiser | None:
        """The network that learned when the model did; None where nothing is feasible yet."""
        told = self.model.told
        if self._learned is None or self._learned[0] is not known or self._learned[1] != told:
            self._learned = known, told, self._taught(known, told)
        return self._learned[2]

    def _taught(self, known: Observations, told: int) -> Denoiser | None:
        feasible = known.snapshot(told=told).feasible
        best = known.best(feasible, max(_LEAST, round(self.elite * int(feasible.sum()))), told)
        random = random_for(self.seed, told)
        examples = (
            [self._example(known.architectures[best[i % len(best)]], random) for i in range(_EXAMPLES)]
            if best
            else []
        )
        readable = [example for example in examples if example is not None and example.levels]
        if not readable:
            return None
        denoiser = Denoiser(self.variables, self.schedule, seed=self.seed)
        denoiser.learn(readable, self.passes)
        return denoiser

    def _example(self, architecture: Architecture, random: Random) -> Example | None:
        clean, t = self.variables.read(architecture), 1 + int(random.random() * self.schedule.steps)
        levels = {
            number: self.schedule.noised(level, self.variables.listed[number].levels, t, random)
            for number, level in clean.items()
        }
        noisy = self.variables.write(levels, architecture, random)
        graph = self._graph(noisy)
        return None if graph is None else Example(graph, self.variables.read(noisy), t, clean)

    def _graph(self, architecture: Architecture) -> Graph | None:
        """The condensed graph; None where what the constraints refuse cannot be resolved."""
        if architecture not in self._graphs:
            if len(self._graphs) >= _REMEMBERED:
                self._graphs.clear()
            try:
                self._graphs[architecture] = self.space.graph(architecture).condensed()
            except BuildError:
                self._graphs[architecture] = None
        return self._graphs[architecture]


def _softmax(values: NDArray[np.float64]) -> NDArray[np.float64]:
    raised = np.exp(values - values.max())
    shares: NDArray[np.float64] = raised / raised.sum()
    return shares


def _drawn(chances: NDArray[np.float64], random: Random) -> int:
    """A position, each with its chance."""
    return min(int(np.searchsorted(np.cumsum(chances), random.random(), "right")), len(chances) - 1)
