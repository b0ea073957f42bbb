"""Regularized evolution of programs in compiled code, on islands."""

from __future__ import annotations

import base64
import math
import zlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from random import Random
from threading import Event
from typing import Any, ClassVar

import numpy as np

from archwright.errors import UsageError
from archwright.objectives import Objective
from archwright.programs.island import Island, IslandOptions
from archwright.programs.judging import Judge
from archwright.programs.settings import settings_of
from archwright.programs.space import architecture_of
from archwright.spaces import SearchSpace, Space
from archwright.strategies.proposed_set import ProposedSet
from archwright.strategies.randomness import random_for
from archwright.strategies.strategy import Strategy
from archwright.trials import Candidate, Trial

__all__ = ["ProgramEvolution"]

_WORK = 50_000_000
"""Examples shown, were each program run in full, for each program that is proposed."""
_PIECE = 2_000_000
"""The same for what is done at once; a stop that the user asks for waits for no more."""
_SOLVED = 0.9999
"""The fitness above which the reference implementation takes the tasks of a search for solved."""


class ProgramEvolution(Strategy):
    """Evolves many programs for each one that it proposes, in one compiled loop: AutoML-Zero.

    Real et al. 2020, arXiv:2003.03384. A population is a ring: the winner of a tournament is copied over the oldest
    program and mutated, and trained and validated on the tasks of the search. Programs that make the same errors on a
    few examples are taken for equal, and instructions that can have no effect are skipped. Each ask goes on for
    `programs` children on each island, or until one solves its tasks, lets some programs migrate to the next island,
    and proposes the best that was not proposed before. A population that has not solved its tasks after the setting's
    `experiment` begins anew.

    Beyond the paper, tasks with few examples are learned by heart over many programs: an island goes on with other
    tasks after `renew` programs, and every program of it is run again on these.

    Args:
        space: A space of programs.
        objectives: What is optimised; the islands look at the fitness.
        seed: Of all random numbers.
        judge: Draws the tasks of the search; a run gives that of its estimator.
        programs: Children on each island between two proposals; 0 makes it as many as show 50 million examples.
        islands: Populations, each in a thread of its own, so that as many cores are used.
        population: Programs of an island; 0 takes the space's setting.
        tournament: Programs of which the best is the parent; 0 takes the setting.
        migrants: Programs that go to the next island after each proposal.
        cache: Whether programs that make the same errors on 10 examples of training and 10 of validation are equal.
        hurdle: Running percentile of the fitness on a fifth of the examples, below which a program is not run in
            full and has fitness 0; 0 for no hurdle.
        skip: Whether instructions that can have no effect are skipped; fitness is the same.
        renew: Programs of an island after which it goes on with other tasks, from the next proposal on; 0 keeps them,
            None takes the setting.
        examples: Examples of training that a program is shown in the search; 0 shows all, None takes the setting. The
            tasks of selection are always shown in full.

    Raises:
        UsageError: When the space holds no programs, there is no judge, or a number is out of its range.
    """

    verbs: ClassVar[frozenset[str] | None] = None

    def __init__(
        self,
        space: SearchSpace[Any],
        objectives: Sequence[Objective],
        seed: int = 0,
        *,
        judge: Judge | None = None,
        programs: int = 0,
        islands: int = 1,
        population: int = 0,
        tournament: int = 0,
        migrants: int = 10,
        cache: bool = True,
        hurdle: float = 0.0,
        skip: bool = True,
        renew: int | None = None,
        examples: int | None = None,
    ) -> None:
        self.check_space(space)
        assert isinstance(space, Space)
        settings = settings_of(space)
        if settings is None or judge is None:
            raise UsageError(
                "program_evolution evolves programs: take the space 'automl_zero' and the estimator 'programs'"
            )
        population = population or settings.population
        tournament = tournament or min(settings.tournament, population)
        bounds = {
            "programs": (programs, 0, math.inf),
            "islands": (islands, 1, math.inf),
            "population": (population, 2, math.inf),
            "tournament": (tournament, 1, population),
            "migrants": (migrants, 0, math.inf),
            "hurdle": (hurdle, 0, 99),
        }
        for name, (value, least, most) in bounds.items():
            if not least <= value <= most:
                wanted = f"at least {least}" if most == math.inf else f"from {least} to {most}"
                raise UsageError(f"program_evolution: expected {name} {wanted}, got {value}")
        self.space, self.seed, self.migrants = space, seed, migrants
        self._judge, self._settings = judge, settings
        self._options = IslandOptions(
            population=population,
            tournament=tournament,
            cache=cache,
            hurdle=hurdle,
            skip=skip,
        )
        self._renew = settings.renew if renew is None else renew
        self._examples = settings.examples if examples is None else examples
        if self._renew < 0 or self._examples < 0:
            raise UsageError(f"expected renew >= 0 and examples >= 0, got {self._renew} and {self._examples}")
        self._programs, self._count = programs, islands
        self._islands: list[Island] = []
        self._begun, self._turns = [0] * islands, [0] * islands
        self._seen = ProposedSet(space)
        self._asked = 0

    def ask(self, running: Sequence[Candidate] = ()) -> Candidate:
        """Evolve, and propose the best program that was not proposed before. See `Strategy.ask`."""
        random = random_for(self.seed, self._asked)
        islands = self._ready()
        is_over = Event()
        with ThreadPoolExecutor(len(islands)) as pool:
            try:
                list(pool.map(partial(self._evolve, is_over=is_over), islands))
            finally:  # where the user breaks it off, the others stop after their piece, too
                is_over.set()
        if len(islands) > 1:
            sent = [island.some(min(self.migrants, self._options.population), random) for island in islands]
            for place, island in enumerate(islands):
                island.receive(sent[place - 1])
        self._asked += 1
        return Candidate(self._proposal(islands, random))

    def tell(self, trial: Trial) -> None:
        """Nothing: the islands evolve by their own tasks."""

    def counts(self) -> dict[str, int]:
        """What the islands counted together: see `archwright.programs.evolution.COUNTS`."""
        found: dict[str, int] = {}
        for island in self._islands:
            for name, count in island.counted().items():
                found[name] = found.get(name, 0) + count
        return found

    def state_dict(self) -> dict[str, Any]:
        """The islands with their caches, compressed, and what was proposed."""
        return {
            "asked": self._asked,
            "seen": self._seen.to_json(),
            "begun": self._begun,
            "turns": self._turns,
            "islands": [_packed(island.state()) for island in self._islands],
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from a state, exactly; one of an earlier version, whose tasks never changed, goes on like that."""
        self._asked = state["asked"]
        self._seen.load_json(state["seen"])
        self._islands, self._begun = [], list(state["begun"])
        self._turns = list(state.get("turns", [0] * self._count))
        if "turns" not in state:
            self._renew = self._examples = 0
        for place, packed in enumerate(state["islands"]):
            kept = len(_bytes(packed["scores"])) // np.dtype(float).itemsize
            self._options = replace(self._options, population=kept)
            island = self._island(place)
            island.load(_unpacked(packed, island.state()))
            self._islands.append(island)

    def _ready(self) -> list[Island]:
        """The islands, those anew whose experiment is over."""
        if not self._islands:
            self._islands = [self._started(place) for place in range(self._count)]
        for place, island in enumerate(self._islands):
            if 0 < self._settings.experiment <= island.age and island.scores.max() <= _SOLVED:
                self._islands[place] = self._started(place, island)
            elif self._renew > 0 and self._turns[place] < island.age // self._renew:
                self._turns[place] = island.age // self._renew
                island.renew(self._judge.search_lanes(self._turns[place], self._examples))
        return self._islands

    def _started(self, place: int, before: Island | None = None) -> Island:
        self._begun[place] += 1
        self._turns[place] = 0
        island = self._island(place)
        if before is not None:
            island.count_on(before)
        island.begin()
        return island

    def _island(self, place: int) -> Island:
        seeds = np.random.SeedSequence([self.seed, place, self._begun[place]])
        lanes = self._judge.search_lanes(self._turns[place], self._examples)
        return Island(self._settings, lanes, self._options, int(seeds.generate_state(1, np.uint64)[0]))

    def _evolve(self, island: Island, is_over: Event) -> None:
        shown = int(island.lanes.shown.sum())
        left = self._programs or max(self._options.population, _WORK // shown)
        while left > 0 and not is_over.is_set():
            piece = min(left, max(1, _PIECE // shown))
            if island.evolve(piece, _SOLVED):
                return
            left -= piece

    def _proposal(self, islands: Sequence[Island], random: Random) -> Any:
        ranked = sorted(
            (pair for island in islands for pair in island.best(20)), key=lambda pair: pair[0], reverse=True
        )
        found = [architecture_of(program) for _, program in ranked]
        for architecture in found:
            if self._seen.add(architecture):
                return architecture
        while not self._seen.add(mutant := self.space.mutate(found[0], random)):
            pass
        return mutant


def _packed(state: dict[str, Any]) -> dict[str, str]:
    return {
        name: base64.b64encode(zlib.compress(np.ascontiguousarray(array).tobytes())).decode()
        for name, array in state.items()
    }


def _unpacked(packed: dict[str, str], like: dict[str, Any]) -> dict[str, Any]:
    return {
        name: np.frombuffer(_bytes(text), like[name].dtype).reshape(like[name].shape)
        for name, text in packed.items()
    }


def _bytes(text: str) -> bytes:
    return zlib.decompress(base64.b64decode(text))
