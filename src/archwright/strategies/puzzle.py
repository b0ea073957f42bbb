"""Puzzle: each alternative is scored alone, then a mixed-integer program puts the best combinations together."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from statistics import median
from typing import Any, ClassVar

from archwright.errors import SearchError, SpaceExhaustedError, UsageError
from archwright.objectives import Objective, optimized
from archwright.spaces import Architecture, Space
from archwright.strategies.selection import Exchanges
from archwright.strategies.strategy import Strategy
from archwright.surrogates import spearman
from archwright.trials import Candidate, Fidelity, Trial, TrialState

__all__ = ["EXCHANGE", "Puzzle", "exchanges_of"]

EXCHANGE = Fidelity(proxy="exchange")
"""At which an architecture with one exchange at most is scored, nothing but the exchanged part trained."""


_LEAST = 3
"""Combinations of which an order can be told."""
_ROUNDS = 4
"""How often combinations are proposed, in all, where those before were over a limit."""


class Puzzle(Strategy):
    """Scores all single exchanges, then proposes the best combinations under the limits.

    First come the default architecture and, decision by decision, each that differs from it in one value, at the
    fidelity `EXCHANGE`. The changes of the loss and of each limited metric are taken to add up, and the combinations
    of least loss are found by a mixed-integer program (`Exchanges.propose`). The sum does not order networks of nearly
    one cost, so several are proposed, to be trained. Where some turn out to be over a limit, because time or memory do
    not add up exactly, as many others are proposed, under limits that are moved by what the sums were off.

    Source: Bercovich et al. 2024, arXiv:2411.19146; Molchanov et al. 2021, arXiv:2107.10624.

    Args:
        space: Categorical decisions alone; its default is the network that is to shrink.
        objectives: What is optimised, and the limits.
        proposals: How many combinations are proposed.
        score: Metric that adds up; "loss", or an objective.
        configurations: How many there will be at most, exchanges among them; None where that is not known.

    Raises:
        UsageError: When the space has decisions of another kind, or an option is out of range.
    """

    measured_by: ClassVar[str | None] = "puzzle"
    ends_itself: ClassVar[bool] = True

    def __init__(
        self,
        space: Space,
        objectives: Sequence[Objective],
        *,
        proposals: int = 10,
        score: str = "loss",
        configurations: int | None = None,
    ) -> None:
        self.check_space(space)
        if proposals < 1:
            raise UsageError(f"puzzle: expected at least 1 proposal, got {proposals}")
        self.space, self.objectives, self.proposals = space, tuple(objectives), proposals
        named = {one.name: one for one in self.objectives}
        self.score = named.get(score) or Objective(score)
        optimized(self.objectives)
        self._singles = list(self._exchanges())
        if configurations is not None and configurations <= len(self._singles):
            raise UsageError(
                f"puzzle: the network and its single exchanges are {len(self._singles)} trials before the first "
                f"combination, got a budget of {configurations}; leave it out, take a larger one, or name fewer blocks"
            )
        self._asked = 0
        self._scored: list[tuple[dict[str, Any], dict[str, float]]] = []
        self._ended = 0
        self._found: list[dict[str, Any]] = []
        self._results: list[dict[str, Any]] = []
        self._rounds = _ROUNDS

    def ask(self, running: Sequence[Candidate] = ()) -> Candidate | None:
        """The next exchange, or the next combination once all exchanges are scored.

        Raises:
            SearchError: When no combination keeps all limits, or the default architecture could not be scored.
            SpaceExhaustedError: When all combinations were proposed.
        """
        if self._asked < len(self._singles):
            self._asked += 1
            return Candidate(self._architecture(self._singles[self._asked - 1]), EXCHANGE)
        if self._ended < len(self._singles):
            return None
        place = self._asked - len(self._singles)
        if place == len(self._found):
            if len(self._results) < place:  # what they are found to cost decides how many more there are
                return None
            self._found += self._further()
        if place == len(self._found):
            raise SpaceExhaustedError(f"all {place} combinations were proposed")
        self._asked += 1
        return Candidate(self._architecture(self._found[place]))

    def _further(self) -> list[dict[str, Any]]:
        """The first combinations, or as many more as were over a limit once they were measured.

        What was measured says by how much the sums are off, and the limits are moved by that.
        """
        lacking = self.proposals - sum(one["kept"] for one in self._results)
        if lacking < 1 or (self._found and not self._rounds):
            return []
        self._rounds -= 1
        known, limits = self.exchanges(), []
        for one in self.objectives:
            gaps = [
                one.loss(result["metrics"][one.name]) - one.loss(known.estimate(result["choice"], one.name))
                for result in self._results
                if one.limit is not None and one.name in result["metrics"]
            ]
            moved = one.loss(one.loss(one.limit or 0.0) - (median(gaps) if gaps else 0.0))
            limits.append(one if one.limit is None else replace(one, limit=moved))
        try:
            return known.propose(self.score, limits, lacking, without=self._found)
        except SearchError:
            if self._found:
                return []
            raise

    def tell(self, trial: Trial) -> None:
        """Take note of what an exchange does; one that failed is no alternative."""
        if trial.candidate.effort.proxy != EXCHANGE.proxy:
            kept = trial.state is not TrialState.INFEASIBLE
            choice = dict(trial.architecture)
            self._results.append({"choice": choice, "kept": kept, "metrics": dict(trial.metrics)})
            return
        self._ended += 1
        if trial.state is TrialState.COMPLETED:
            self._scored.append((dict(trial.architecture), dict(trial.metrics)))

    def exchanges(self) -> Exchanges:
        """What the exchanges that were scored so far do.

        Raises:
            SearchError: When the default architecture was not scored, or a metric is missing.
        """
        found = exchanges_of(self._scored, self.space)
        names = [self.score.name, *(one.name for one in self.objectives if one.limit is not None)]
        if missing := [name for name in names if name not in found.base]:
            raise SearchError(
                f"puzzle: the exchanges give no {missing[0]!r}, so nothing adds up; got {', '.join(found.base)}"
            )
        return found

    def conclusions(self) -> list[str]:
        """How well the sums of the exchanges order the combinations, which cost nearly the same."""
        done = [one for one in self._results if self.score.name in one["metrics"]]
        if len(done) < _LEAST:
            return []
        known, name = self.exchanges(), self.score.name
        added = [known.estimate(one["choice"], name) for one in done]
        trained = [one["metrics"][name] for one in done]
        return [
            f"puzzle: the {name} that adds up orders {len(added)} combinations of nearly one cost with the "
            f"rank correlation {spearman(added, trained):.2f} to what they have after the short training"
        ]

    def state_dict(self) -> dict[str, Any]:
        """What was asked and told."""
        counts = {"asked": self._asked, "ended": self._ended, "rounds": self._rounds}
        scored = [list(pair) for pair in self._scored]
        return {**counts, "scored": scored, "found": list(self._found), "results": list(self._results)}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from there."""
        self._asked, self._ended, self._rounds = state["asked"], state["ended"], state["rounds"]
        self._found, self._results = list(state["found"]), list(state["results"])
        self._scored = [(architecture, metrics) for architecture, metrics in state["scored"]]

    def _exchanges(self) -> Iterator[dict[str, Any]]:
        yield {}
        for name, decision in self.space.decisions.items():
            if not hasattr(decision, "labels"):
                raise UsageError(f"puzzle: expected categorical decisions, got {decision!r}")
            for value in decision.values():
                if value != self.space.default[name]:
                    yield {name: value}

    def _architecture(self, changes: dict[str, Any]) -> Architecture:
        return self.space.architecture({**self.space.default, **changes})


def exchanges_of(scored: Iterable[tuple[Mapping[str, Any], Mapping[str, float]]], space: Space) -> Exchanges:
    """What exchanges do, from networks in which one was made at most; for combinations under any other limits.

    Args:
        scored: Architecture and metrics of each, such as those of the trials at the fidelity `EXCHANGE`.
        space: Its default is the network that is to shrink.

    Raises:
        SearchError: When the default architecture is not among them.
    """
    default = dict(space.default)
    changes = [({name: one for name, one in a.items() if one != default[name]}, told) for a, told in scored]
    base = next((told for changed, told in changes if not changed), None)
    if base is None:
        raise SearchError("puzzle: the network that is to shrink could not be scored, see the log for why")
    effects: dict[str, dict[Any, Mapping[str, float]]] = {name: {own: base} for name, own in default.items()}
    for changed, told in changes:
        for name, value in changed.items():
            effects[name][value] = told
    return Exchanges(base, effects)
