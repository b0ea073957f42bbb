"""The engine of all multi-fidelity strategies: a sampler picks configurations, brackets say which of them go on."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from archwright.errors import SpaceExhaustedError, UsageError
from archwright.objectives import Objective, optimized
from archwright.spaces import SearchSpace
from archwright.strategies.fixed_strategy import FixedStrategy
from archwright.strategies.multi_fidelity.brackets import Bracket, Entry
from archwright.strategies.ranking import Score, score
from archwright.strategies.strategy import Strategy
from archwright.surrogates import ProxyReader
from archwright.trials import Candidate, Fidelity, FidelityRange, Trial, TrialState

__all__ = ["DEFAULT_RANGE", "MultiFidelity"]

DEFAULT_RANGE = FidelityRange(Fidelity(1), Fidelity(27))
_WRITING = frozenset({"canonical", "to_json", "from_json"})


class MultiFidelity(Strategy):
    """Measures configurations at a low fidelity, and only the promising ones at higher ones.

    Each rung is a trial of its own, whose parent is the trial of the rung below. Where the rungs differ in epochs
    alone, it goes on from the parent's checkpoint (`inherit="continue"`), so that no epoch is trained twice, and all
    schedules are made for the largest number of epochs. Where they differ in anything else, it begins anew
    (`inherit="architecture"`).

    The sampler is told of every trial as it ends, of every rung. A sampler with a model so learns from the newest look
    at each architecture, which is the closest (Salinas et al. 2023, arXiv:2305.03623, do the same); one that notes each
    architecture once (Optuna's, reinforcement learning) from the first.

    A failed trial is the worst of its rung and never goes on; so is one that was pruned. A candidate that is over a
    limit before it is measured takes no place in a rung.

    A subclass says which brackets there are.

    Args:
        space: What to search.
        objectives: What is optimised, and the limits.
        fidelity: From the least to the most effort.
        sampler: Picks the configurations: a strategy, or the name of one.
        sampler_options: Options of a sampler given by name.
        eta: The next rung has so many times as much, and where rungs are halved one of so many goes on; at least 2.
        seed: Seed of all random numbers.
        proxy_columns: Reads zero-cost proxies, for a sampler given by name whose surrogate may read them.

    Raises:
        UsageError: When eta < 2, the fidelity is no range, or the sampler is none.
    """

    inherits = True
    keeps_curves = False

    def __init__(
        self,
        space: SearchSpace[Any],
        objectives: Sequence[Objective],
        *,
        fidelity: FidelityRange | None = None,
        sampler: str | Strategy = "random",
        sampler_options: Mapping[str, Any] | None = None,
        eta: int = 3,
        seed: int = 0,
        proxy_columns: ProxyReader | None = None,
    ) -> None:
        if eta < 2:
            raise UsageError(f"{self._name}: expected eta >= 2, got {eta}")
        optimized(objectives)
        self.space, self.objectives, self.seed, self.eta = space, tuple(objectives), seed, eta
        self.fidelity = DEFAULT_RANGE if fidelity is None else fidelity
        self.ends = self.fidelity.ends
        self.sampler = self._made(sampler, sampler_options, proxy_columns)
        verbs = self.sampler.verbs  # it alone picks architectures
        self.verbs = None if verbs is None else verbs | _WRITING  # type: ignore[misc]  # they depend on the sampler
        self.brackets: dict[int, Bracket] = {}
        self._opened = self._asked = 0
        self._is_final = False
        self._pending: dict[tuple[Hashable, Fidelity], tuple[int, int, Any]] = {}

    @property
    def rungs(self) -> tuple[Fidelity, ...]:
        """All fidelities at which it looks, the lowest first: those of the first bracket, which others leave out of."""
        return self.open_bracket(0).levels

    @property
    def _name(self) -> str:
        return type(self).__name__

    def _made(
        self, sampler: str | Strategy, options: Mapping[str, Any] | None, proxy_columns: ProxyReader | None
    ) -> Strategy:
        if isinstance(sampler, Strategy):
            if options:
                raise UsageError(
                    f"{self._name}: sampler_options go with the name of a sampler, got an object"
                )
            self.check_space_of(sampler)
            return sampler
        from archwright.strategies.registry import make_strategy

        parts = self.space, self.objectives, self.seed
        made = make_strategy(sampler, *parts, proxy_columns=proxy_columns, **dict(options or {}))
        if isinstance(made, MultiFidelity):
            raise UsageError(
                f"{self._name}: expected a sampler that picks architectures alone, got {sampler!r}, which has rungs of "
                "its own; take random, evolution, bayesian or another that has none"
            )
        return made

    def check_space_of(self, sampler: Strategy) -> None:
        """Raise a UsageError when a sampler searches another space."""
        if getattr(sampler, "space", self.space) is not self.space:
            raise UsageError(
                f"{self._name}: the sampler was made for another space; make it with the same one"
            )

    def begin_with(self, architectures: Sequence[Any]) -> None:
        """Look at given architectures first, at the lowest fidelity; the sampler is told of them.

        Call it before anything is asked.
        """
        self.sampler = FixedStrategy(self.space, architectures, self.sampler)

    @abstractmethod
    def open_bracket(self, number: int) -> Bracket:
        """The next bracket, by how many there were before. Must depend on that and the arguments alone."""

    def ask(self, running: Sequence[Candidate] = ()) -> Candidate | None:
        """Who goes on, in the order of the brackets; else a new configuration of the sampler's. See `Strategy.ask`."""
        for number, bracket in self.brackets.items():
            taken = bracket.take()
            if taken is not None:
                return self._further(number, *taken)
            if bracket.wants_more and not self._is_final:
                return self._new(number, bracket, running)
        if self._is_final:
            return self._last()
        number = self._opened
        return self._new(number, self.open_bracket(number), running)

    def finish(self) -> None:
        """Let brackets that wait for more configurations go on with those that they have. See `Strategy.finish`."""
        self._is_final = True

    def reopen(self) -> None:
        """Begin with new configurations again; those that wait have lost their checkpoints. See `Strategy.reopen`."""
        self._is_final = False
        for bracket in self.brackets.values():
            bracket.lose_checkpoints()

    def sample(self, bracket: Bracket, running: Sequence[Candidate]) -> Candidate | None:
        """A new configuration for a bracket: by default whatever the sampler proposes."""
        return self.sampler.ask(running)

    def inform(self, trial: Trial) -> None:
        """Tell the sampler of a trial that ended."""
        self.sampler.tell(trial)

    def scored(self, trial: Trial) -> Score:
        """How a trial did, beside the others of its rung."""
        return score(trial, self.objectives)

    def tell(self, trial: Trial) -> None:
        """Tell the sampler and the trial's bracket. One from elsewhere is told to the sampler alone."""
        self.inform(trial)
        candidate = trial.candidate
        key = (self.space.canonical(trial.architecture), candidate.effort)
        place = self._pending.pop(key, None)
        if place is None:
            return
        number, rung, _ = place
        bracket = self.brackets[number]
        if trial.state is TrialState.INFEASIBLE and candidate.is_new:
            bracket.refused()
            return
        found = self.scored(trial)
        waits = trial.state is TrialState.COMPLETED
        curve = self._losses(trial) if self.keeps_curves else ()
        bracket.tell(rung, Entry(trial.number, trial.architecture, found, waits, curve=curve))
        if bracket.is_over:
            del self.brackets[number]

    def needed(self) -> set[int] | None:
        """The trials that may still go on, and what the sampler needs."""
        own = self.sampler.needed()
        return None if own is None else own.union(*(bracket.needed() for bracket in self.brackets.values()))

    def needed_later(self) -> set[int] | None:
        """What the sampler needs: what waits in a rung begins anew once reopened, and leaves no checkpoints behind."""
        return self.sampler.needed_later()

    def state_dict(self) -> dict[str, Any]:
        """The sampler's state, the brackets, and what was asked for and not told."""
        write = self.space.to_json
        return {
            "sampler": self.sampler.state_dict(),
            "opened": self._opened,
            "asked": self._asked,
            "final": self._is_final,
            "brackets": [[number, bracket.to_json(write)] for number, bracket in self.brackets.items()],
            "pending": [[number, rung, write(a)] for number, rung, a in self._pending.values()],
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from a state.

        Raises:
            SpaceError: When the state is not of this space.
        """
        read = self.space.from_json
        self.sampler.load_state_dict(state["sampler"])
        self._opened, self._asked, self._is_final = state["opened"], state["asked"], state["final"]
        self.brackets = {}
        for number, data in state["brackets"]:
            self.brackets[number] = self.open_bracket(number)
            self.brackets[number].load_json(data, read)
        self._pending = {}
        for number, rung, data in state["pending"]:
            self._expect(number, rung, read(data))

    def _expect(self, number: int, rung: int, architecture: Any) -> Fidelity:
        level = self.brackets[number].levels[rung]
        self._pending[self.space.canonical(architecture), level] = (number, rung, architecture)
        return level

    def _further(self, number: int, rung: int, entry: Entry) -> Candidate:
        """The next rung of an entry."""
        level = self._expect(number, rung + 1, entry.architecture)
        self._asked += 1
        inherit = "continue" if entry.saved and self.fidelity.continues else "architecture"
        return Candidate(entry.architecture, level, entry.number, inherit)  # type: ignore[arg-type]

    def _new(self, number: int, bracket: Bracket, running: Sequence[Candidate]) -> Candidate | None:
        """A new configuration; None where there is none before something ends."""
        try:
            candidate = self.sample(bracket, running)
        except SpaceExhaustedError:
            if self._pending:
                return None
            last = self._last()
            if last is None:
                raise
            return last
        if candidate is None:
            return None
        if number not in self.brackets:
            self.brackets[number] = bracket
            self._opened += 1
        bracket.started()
        self._asked += 1
        return replace(candidate, fidelity=self._expect(number, 0, candidate.architecture))

    def _last(self) -> Candidate | None:
        """The next of a bracket that got fewer configurations than it wants, once all that it got have ended."""
        busy = {number for number, _, _ in self._pending.values()}
        for number, bracket in self.brackets.items():
            if number not in busy:
                bracket.close()
                if taken := bracket.take():
                    return self._further(number, *taken)
        return None

    def _losses(self, trial: Trial) -> tuple[float, ...]:
        """The first optimised objective along the trial's curve, as something to minimise."""
        first = optimized(self.objectives)[0]
        points = trial.measurement.curve if trial.measurement else ()
        return tuple(first.loss(float(point[first.name])) for point in points if first.name in point)
