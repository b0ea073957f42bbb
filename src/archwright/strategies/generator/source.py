"""Candidates drawn from a diffusion of graphs that earlier trials taught, guided by what the strategy wants."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from random import Random
from typing import Any
from weakref import WeakKeyDictionary

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

Guess = dict[int, NDArray[np.float64]]
"""For each variable the chances of its levels."""

_LEAST = 4
_REMEMBERED = 20_000
_SEEN = 1e6
"""Taken off the value of an architecture that was proposed before: it is drawn where there is no other."""


_GRAPHS: WeakKeyDictionary[Space, dict[Architecture, Graph | None]] = WeakKeyDictionary()
"""Condensed graphs by architecture; remembered from search to search."""


class GuidedDiffusion:
    """Architectures from a discrete diffusion on graphs, guided at every step by the acquisition function.

    The noise draws decisions anew, so that a noisy architecture is one of the space too and has a graph, which a
    network reads to guess the clean one (`Denoiser`). It learns from the best of what was tried. To generate, random
    architectures go backwards step by step: several clean ones are drawn from the guess, one of them is taken with a
    chance in proportion to the exponential of its acquisition value, and the next state is drawn between it and the
    present one. So generation is steered where candidates are made, as in DiffusionNAG (An et al. 2024,
    arXiv:2305.16943), rather than filtered when it is over. There the gradient of a predictor steers; by values alone
    (Li et al. 2024, arXiv:2408.08252) any surrogate can, with its limits and several objectives.

    Of decisions without a list of values, such as derivations of a grammar and programs, noise draws another value, and
    the guess is that of one of the best trials, mutated half of the time.

    Args:
        space: The space.
        model: What the acquisition function asks; the network learns anew when it does.
        acquisition: The value of a candidate, a logarithm.
        seed: Seed of the network.
        chains: How many architectures are generated for each ask.
        proposals: How many clean ones are valued at each step of each.
        steps: Steps of the diffusion.
        examples: How many noisy architectures the network learns from, each time.
        passes: Over them.
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
        chains: int = 8,
        proposals: int = 16,
        steps: int = 8,
        examples: int = 256,
        passes: int = 20,
        elite: float = 0.25,
        guidance: float = 1.0,
    ) -> None:
        numbers = chains, proposals, steps, examples, passes
        if min(numbers) < 1 or not 0 < elite <= 1 or not 0 <= guidance < float("inf"):
            raise UsageError(
                "generator: expected chains, proposals, steps, examples and passes >= 1, elite in (0, 1] and guidance "
                f">= 0, got {', '.join(map(str, numbers))}, {elite} and {guidance}"
            )
        self.space, self.model, self.acquisition, self.seed = space, model, acquisition, seed
        self.chains, self.proposals, self.examples, self.passes = chains, proposals, examples, passes
        self.elite, self.guidance = elite, guidance
        self.schedule, self.variables = NoiseSchedule(steps), Variables(space)
        self._learned: tuple[Observations, int] | None = None
        self._elites: list[Architecture] = []
        self._denoiser: Denoiser | None = None
        self._graphs = _GRAPHS.setdefault(space, {})

    def __call__(self, ask: Ask) -> Candidates:
        """What was generated, and all that was valued on the way, without what was proposed before."""
        random = ask.random
        states = self._random(random)
        found: dict[Hashable, Architecture] = {}
        self._learn(ask.known)
        if self._elites and states:
            for t in range(self.schedule.steps, 0, -1):
                clean, valued = self._clean(states, t, ask)
                found.update((self.space.canonical(made), made) for made in valued)
                states = [self._back(*pair, t, random) for pair in zip(states, clean, strict=True)]
        found.update((self.space.canonical(made), made) for made in states)
        new = [made for made in found.values() if made not in ask.known.seen]
        return Candidates(new, [None] * len(new))

    def _random(self, random: Random) -> list[Architecture]:
        try:
            return [self.space.sample(random) for _ in range(self.chains)]
        except SpaceError:
            return []  # the constraints refuse nearly everything; `SurrogateSearch` then draws by its own means

    def _clean(
        self, states: Sequence[Architecture], t: int, ask: Ask
    ) -> tuple[list[Architecture], list[Architecture]]:
        """A clean architecture for each state, drawn by their acquisition value, and all that were valued."""
        random = ask.random
        drawn: dict[Architecture, None] = {}
        of: list[list[Architecture]] = [[] for _ in states]
        for i, guess in enumerate(self._guesses(states, t)):
            for _ in range(self.proposals):
                if guess is None:
                    break
                wanted = {number: _drawn(chances, random) for number, chances in guess.items()}
                made = self.variables.write(wanted, {**states[i], **self._borrowed(random)}, random)
                if self.space.contains(made):
                    of[i].append(made)
                    drawn[made] = None
        value = dict(zip(drawn, self._values(list(drawn), ask), strict=True))
        chosen = [
            made[_drawn(_softmax(np.array([value[one] for one in made])), random)] if made else state
            for made, state in zip(of, states, strict=True)
        ]
        return chosen, list(drawn)

    def _guesses(self, states: Sequence[Architecture], t: int) -> list[Guess | None]:
        """The chances of the levels of each state; None of one that has no graph."""
        if self._denoiser is None:
            return [{} for _ in states]
        graphs = [self._graph(state) for state in states]
        given = [
            (graph, self.variables.read(state))
            for graph, state in zip(graphs, states, strict=True)
            if graph is not None
        ]
        guesses = iter(self._denoiser.guess(given, t) if given else ())
        return [None if graph is None else next(guesses) for graph in graphs]

    def _borrowed(self, random: Random) -> dict[str, Any]:
        """Values of the decisions that are no variables, from one of the best trials, mutated half of the time."""
        if not self.variables.open:
            return {}
        elite = self._elites[int(random.random() * len(self._elites))]
        found = {address: elite[address] for address in self.variables.open if address in elite}
        return {
            address: self.space.decisions[address].mutate(value, random) if random.random() < 0.5 else value
            for address, value in found.items()
        }

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
        left = self.schedule.left[t - 1]
        noisy = {a: state[a] for a in self.variables.open if a in state and random.random() >= left}
        made = self.variables.write(levels, {**clean, **noisy}, random)
        return made if self.space.contains(made) else clean

    def _learn(self, known: Observations) -> None:
        """Learn where the model did since the last time."""
        told = self.model.told
        if self._learned is not None and self._learned[0] is known and self._learned[1] == told:
            return
        self._learned, self._denoiser = (known, told), None
        feasible = known.snapshot(told=told).feasible
        best = known.best(feasible, max(_LEAST, round(self.elite * int(feasible.sum()))), told)
        self._elites = elites = [known.architectures[row] for row in best]
        if not elites or not self.variables.listed:
            return
        random = random_for(self.seed, told)
        examples = [self._example(elites[i % len(elites)], random) for i in range(self.examples)]
        readable = [example for example in examples if example is not None and example.levels]
        if readable:
            self._denoiser = Denoiser(self.variables, self.schedule, seed=self.seed)
            self._denoiser.learn(readable, self.passes)

    def _example(self, architecture: Architecture, random: Random) -> Example | None:
        clean, t = self.variables.read(architecture), 1 + int(random.random() * self.schedule.steps)
        levels = {
            number: self.schedule.noised(level, self.variables.listed[number].levels, t, random)
            for number, level in clean.items()
        }
        kept = self.schedule.left[t]
        near = {
            a: v for a, v in architecture.items() if a not in self.variables.open or random.random() < kept
        }
        noisy = self.variables.write(levels, near, random)
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
