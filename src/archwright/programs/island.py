"""One population of programs that evolves in compiled code."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archwright.programs.arrays import from_arrays, write_function
from archwright.programs.compiling import quiet
from archwright.programs.evaluation import linking_room
from archwright.programs.evolution import COUNTS, evaluate_all, evolve, fill
from archwright.programs.program import Program
from archwright.programs.runner import Lanes, Runner
from archwright.programs.settings import ProgramSettings

__all__ = ["Island", "IslandOptions"]

_ENTRIES = 2**17
_CHECKED = 10
"""Examples of training, and of validation, by whose errors programs are told apart."""
_PART = 5
"""The hurdle is judged by one example in so many."""
_NEVER = 2.0


@dataclass(frozen=True, kw_only=True)
class IslandOptions:
    """How an island evolves.

    Args:
        population: Programs in the ring.
        tournament: Programs of which the best is the parent.
        cache: Whether programs of the same errors on a few examples are equal.
        hurdle: Percentile below which a program is not run in full; 0 for none.
        skip: Whether instructions that can have no effect are skipped.
    """

    population: int
    tournament: int
    cache: bool = True
    hurdle: float = 0.0
    skip: bool = True


class Island:
    """A population, its cache and its random numbers.

    Args:
        settings: What programs may hold.
        lanes: The tasks that they are judged by.
        options: How it evolves.
        seed: Of its random numbers, from 0 to 2^64 - 1.
    """

    def __init__(self, settings: ProgramSettings, lanes: Lanes, options: IslandOptions, seed: int) -> None:
        self.settings, self.lanes, self.options = settings, lanes, options
        capacity, size = settings.capacity, options.population
        self._runner = Runner(settings.features, settings.memory, lanes.count)
        self._rules, self._memory = settings.rules(), np.array(settings.memory)
        self._codes = np.zeros((size, 3, capacity, 4), np.int64)
        self._datas = np.zeros((size, 3, capacity, 3))
        self._sizes = np.tile(np.array(settings.initial), (size, 1))
        self._scores = np.zeros(size)
        self._cache = (np.zeros(_ENTRIES, np.uint64), np.zeros(_ENTRIES), np.zeros(_ENTRIES, np.uint8))
        self._hurdle = np.zeros(1)
        self._counts = np.zeros(len(COUNTS), np.int64)
        self._earlier = np.zeros(len(COUNTS), np.int64)
        self._random = np.array([seed], np.uint64)
        self._linked = linking_room(capacity, settings.memory)

    @property
    def scores(self) -> NDArray[np.float64]:
        """The fitness of each program now."""
        return self._scores

    def begin(self) -> None:
        """Fill the population as the settings say, and run every program in full."""
        if not self.settings.empty:
            with quiet():
                fill(self._population, self._rules, self._memory, self._random)
        self._evaluate()
        self._counts[COUNTS.index("programs")] += self.options.population

    def renew(self, lanes: Lanes) -> None:
        """Go on with other tasks: every program is run on them, and nothing is known of the earlier ones any more."""
        self.lanes = lanes
        for array in self._cache:
            array[...] = 0
        self._evaluate()

    def _evaluate(self) -> None:
        """Run every program in full."""
        with quiet():
            evaluate_all(
                self._population,
                self._memory,
                self.options.skip,
                self._linked,
                self.lanes.arrays(),
                self._runner.room,
                self._how_shown(),
                self._runner.lanes,
                self._runner.feats,
            )

    def evolve(self, children: int, target: float = _NEVER) -> bool:
        """Make children, one after the other; stop and return True when one's fitness is above the target."""
        search = (self._population, self._rules, self._cache, self._hurdle, self._counts, self._random)
        how = (children, self.options.tournament, self.settings.probability, self.options.skip, target)
        with quiet():
            found = evolve(
                search,
                self._memory,
                self._linked,
                self.lanes.arrays(),
                self._runner.room,
                self._how_shown(),
                how,
                self._runner.lanes,
                self._runner.feats,
            )
        return bool(found >= 0)

    def best(self, count: int = 1) -> list[tuple[float, Program]]:
        """The best programs now with their fitness, each once."""
        found: dict[Program, float] = {}
        for place in np.argsort(-self._scores, kind="stable"):
            program = from_arrays(self._codes[place], self._datas[place], self._sizes[place])
            found.setdefault(program, float(self._scores[place]))
            if len(found) == count:
                break
        return [(score, program) for program, score in found.items()]

    def some(self, count: int, random: Random) -> list[tuple[float, Program]]:
        """Random programs with their fitness."""
        places = random.sample(range(len(self._scores)), count)
        return [
            (float(self._scores[i]), from_arrays(self._codes[i], self._datas[i], self._sizes[i]))
            for i in places
        ]

    def receive(self, programs: list[tuple[float, Program]]) -> None:
        """Put programs into the places of the oldest."""
        slot = COUNTS.index("slot")
        for score, program in programs:
            place = self._counts[slot]
            self._put(place, score, program)
            self._counts[slot] = (place + 1) % len(self._scores)

    def _put(self, place: int, score: float, program: Program) -> None:
        for f, function in enumerate(program.functions):
            write_function(function, self._codes[place, f], self._datas[place, f])
            self._sizes[place, f] = len(function)
        self._scores[place] = score

    @property
    def age(self) -> int:
        """Programs of this population."""
        return int(self._counts[COUNTS.index("programs")])

    def counted(self) -> dict[str, int]:
        """What was counted, in populations before this one too. See `COUNTS`."""
        return dict(zip(COUNTS, (self._earlier + self._counts).tolist(), strict=True))

    def count_on(self, before: Island) -> None:
        """Add what a population counted that this one takes the place of."""
        self._earlier[:] = before._earlier + before._counts

    def state(self) -> dict[str, NDArray[Any]]:
        """All that the next children depend on."""
        keys, values, hits = self._cache
        return {
            "keys": keys,
            "values": values,
            "hits": hits,
            "codes": self._codes,
            "datas": self._datas,
            "sizes": self._sizes,
            "scores": self._scores,
            "hurdle": self._hurdle,
            "counts": self._counts,
            "earlier": self._earlier,
            "random": self._random,
        }

    def load(self, state: dict[str, NDArray[Any]]) -> None:
        """Continue from a state; one that an earlier version kept has no cache, which begins empty then."""
        for name, array in self.state().items():
            array[...] = state.get(name, 0)

    @property
    def _population(self) -> tuple[NDArray[Any], ...]:
        return self._codes, self._datas, self._sizes, self._scores

    def _how_shown(self) -> tuple[Any, ...]:
        shown = self.lanes.shown
        checked = np.minimum(shown, _CHECKED) if self.options.cache else np.zeros(2, np.int64)
        part = np.maximum(shown // _PART, 1)
        return self.lanes.is_classes, shown, checked, part, float(self.options.hurdle)
