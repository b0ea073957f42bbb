"""Brackets: who goes on from one rung to the next, and when."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from archwright.strategies.ranking import Score, rank_keys
from archwright.trials import Fidelity

__all__ = ["Bracket", "Entry", "Promoting", "Stopping", "Synchronous", "ranked"]


@dataclass(slots=True)
class Entry:
    """A trial that ended, in its rung.

    Args:
        number: The trial's number.
        architecture: What it measured.
        score: How it did.
        waits: Whether it may still go on.
        saved: Whether its checkpoint is there to go on from.
        curve: The loss of the first objective after each step that was reported, ancestors' steps included; only where
            the bracket reads it.
    """

    number: int
    architecture: Any
    score: Score
    waits: bool
    saved: bool = True
    curve: tuple[float, ...] = ()

    def to_json(self, write: Callable[[Any], Any]) -> list[Any]:
        """In JSON's own types."""
        score = self.score.to_json()
        return [self.number, write(self.architecture), score, self.waits, self.saved, list(self.curve)]

    @classmethod
    def from_json(cls, data: Sequence[Any], read: Callable[[Any], Any]) -> Entry:
        """The inverse of `to_json`."""
        number, architecture, score, waits, saved, curve = data
        return cls(number, read(architecture), Score.from_json(score), waits, saved, tuple(curve))


def ranked(entries: Sequence[Entry]) -> list[Entry]:
    """Best first: feasible before infeasible, failed last; several objectives by Pareto rank. Of equals the earlier."""
    keys = rank_keys([entry.score for entry in entries])
    return [e for _, e in sorted(zip(keys, entries, strict=True), key=lambda pair: (pair[0], pair[1].number))]


class Bracket(ABC):
    """Rungs, one above the other, that configurations climb.

    Args:
        levels: The fidelity of each rung, the lowest first.

    Attributes:
        rungs: What ended in each rung, in that order.
        queue: What is certain to go on, in order: rung and entry.
    """

    def __init__(self, levels: Sequence[Fidelity]) -> None:
        self.levels = tuple(levels)
        self.rungs: list[list[Entry]] = [[] for _ in levels]
        self.queue: list[tuple[int, Entry]] = []

    @property
    def wants_more(self) -> bool:
        """Whether it takes a new configuration."""
        return True

    @property
    def is_over(self) -> bool:
        """Whether nothing can happen in it any more."""
        return False

    def started(self) -> None:  # noqa: B027 - optional
        """A new configuration was asked for it."""

    def refused(self) -> None:  # noqa: B027 - optional
        """A new configuration was over a cheap limit, so it was never measured and takes no place."""

    def close(self) -> None:  # noqa: B027 - optional
        """There are no more configurations, and none is running."""

    def take(self) -> tuple[int, Entry] | None:
        """Who goes on next, out of which rung; None where nobody does before something ends."""
        return self.queue.pop(0) if self.queue else None

    def tell(self, rung: int, entry: Entry) -> None:
        """A trial ended in a rung."""
        self.rungs[rung].append(entry)
        entry.waits &= not entry.score.failed and rung + 1 < len(self.levels)
        self.settle(rung, entry)

    @abstractmethod
    def settle(self, rung: int, entry: Entry) -> None:
        """Decide what follows from an entry that has just come, the last of its rung."""

    def needed(self) -> set[int]:
        """The trials whose checkpoints may still be continued."""
        waiting = {entry.number for rung in self.rungs for entry in rung if entry.waits and entry.saved}
        return waiting | {entry.number for _, entry in self.queue}

    def lose_checkpoints(self) -> None:
        """Whoever goes on from now on begins anew."""
        for entry in (entry for rung in self.rungs for entry in rung):
            entry.saved = False

    def go_on(self, rung: int, entry: Entry) -> None:
        """Put an entry into the queue."""
        entry.waits = False
        self.queue.append((rung, entry))

    def stop(self, rung: int) -> None:
        """Nobody else of a rung goes on."""
        for entry in self.rungs[rung]:
            entry.waits = False

    def state(self) -> dict[str, Any]:
        """What a subclass keeps besides, in JSON's own types."""
        return {}

    def load(self, state: Mapping[str, Any]) -> None:  # noqa: B027 - optional
        """The inverse of `state`."""

    def to_json(self, write: Callable[[Any], Any]) -> dict[str, Any]:
        """Its state, in JSON's own types."""
        rungs = [[entry.to_json(write) for entry in rung] for rung in self.rungs]
        queue = [[rung, self.rungs[rung].index(entry)] for rung, entry in self.queue]
        return {"rungs": rungs, "queue": queue, "own": self.state()}

    def load_json(self, data: Mapping[str, Any], read: Callable[[Any], Any]) -> None:
        """The inverse of `to_json`."""
        self.rungs = [[Entry.from_json(entry, read) for entry in rung] for rung in data["rungs"]]
        self.queue = [(rung, self.rungs[rung][place]) for rung, place in data["queue"]]
        self.load(data["own"])


class Synchronous(Bracket):
    """All of a rung end before the best of them go on.

    Args:
        levels: As for `Bracket`.
        sizes: How many are in each rung.
        halve: From how many are really there to the sizes, for a space that ends early.
    """

    def __init__(
        self, levels: Sequence[Fidelity], sizes: Sequence[int], halve: Callable[[int], Sequence[int]]
    ) -> None:
        super().__init__(levels)
        self.sizes, self.halve = list(sizes), halve
        self.asked = 0
        self.rung = 0

    @property
    def wants_more(self) -> bool:
        """While the first rung has places."""
        return self.rung == 0 and self.asked < self.sizes[0]

    @property
    def is_over(self) -> bool:
        """Once its last rung has ended."""
        return self.rung == len(self.levels)

    def started(self) -> None:
        """Take a place."""
        self.asked += 1

    def refused(self) -> None:
        """Give it back."""
        self.asked -= 1

    def close(self) -> None:
        """Go on with as many as there are."""
        if self.rung == 0 and self.rungs[0]:
            self.sizes = list(self.halve(len(self.rungs[0])))
            self._advance()

    def settle(self, rung: int, entry: Entry) -> None:
        """Choose the best once the rung is full."""
        if len(self.rungs[rung]) >= self.sizes[rung]:
            self._advance()

    def _advance(self) -> None:
        rung = self.rung
        self.rung += 1
        if self.rung == len(self.levels):
            return
        chosen = [entry for entry in ranked(self.rungs[rung]) if entry.waits][: self.sizes[self.rung]]
        for entry in chosen:
            self.go_on(rung, entry)
        self.stop(rung)
        self.sizes[self.rung] = len(chosen)  # fewer, where too many failed
        if not chosen:
            self.rung = len(self.levels)

    def state(self) -> dict[str, Any]:
        """The present rung, and how many there are."""
        return {"sizes": list(self.sizes), "asked": self.asked, "rung": self.rung}

    def load(self, state: Mapping[str, Any]) -> None:
        """The inverse of `state`."""
        self.sizes, self.asked, self.rung = list(state["sizes"]), state["asked"], state["rung"]


class Promoting(Bracket):
    """ASHA's promotion: whoever is in the top 1/eta of what has ended in its rung goes on, the highest rung first.

    Args:
        levels: As for `Bracket`.
        allowed: From a rung and the number of its entries to how many of them may go on.
        checkpoints: Of the entries that wait in a rung, only so many keep their checkpoints, the best; one that goes
            on without begins anew.
        ends_on_top: Whether the best goes on, once there are no more configurations, from a rung out of which none has.
    """

    def __init__(
        self,
        levels: Sequence[Fidelity],
        allowed: Callable[[int, int], int],
        checkpoints: int | None = None,
        *,
        ends_on_top: bool = False,
    ) -> None:
        super().__init__(levels)
        self.allowed, self.checkpoints, self.ends_on_top = allowed, checkpoints, ends_on_top

    @property
    def top(self) -> int:
        """The highest rung that may be reached."""
        return len(self.levels) - 1

    def close(self) -> None:
        """Let the best of the highest rung go on from which none has, where that is wanted."""
        for rung in range(self.top - 1, -1, -1) if self.ends_on_top else ():
            best = next((entry for entry in ranked(self.rungs[rung]) if entry.waits), None)
            if best is not None and not self.rungs[rung + 1]:
                self.go_on(rung, best)
                return

    def take(self) -> tuple[int, Entry] | None:
        """The best that has not gone on yet, of the highest rung that has one in its top."""
        if self.queue:
            return super().take()
        for rung in range(self.top - 1, -1, -1):
            entries = self.rungs[rung]
            if not any(entry.waits for entry in entries):
                continue
            for entry in ranked(entries)[: self.allowed(rung, len(entries))]:
                if entry.waits:
                    entry.waits = False
                    return rung, entry
        return None

    def settle(self, rung: int, entry: Entry) -> None:
        """Let the worst that wait lose their checkpoints."""
        waiting = [entry for entry in self.rungs[rung] if entry.waits and entry.saved]
        if self.checkpoints is not None and len(waiting) > self.checkpoints:
            for worst in ranked(waiting)[self.checkpoints :]:
                worst.saved = False


class Stopping(Bracket):
    """ASHA's stopping: whoever ends in the top 1/eta of what is in its rung goes on at once, all others never.

    Args:
        levels: As for `Bracket`.
        allowed: From the number of entries of a rung to how many of them may go on.
    """

    def __init__(self, levels: Sequence[Fidelity], allowed: Callable[[int], int]) -> None:
        super().__init__(levels)
        self.allowed = allowed

    def settle(self, rung: int, entry: Entry) -> None:
        """Let it go on, or not."""
        best = ranked(self.rungs[rung])[: self.allowed(len(self.rungs[rung]))]
        if entry.waits and any(entry is one for one in best):
            self.go_on(rung, entry)
        entry.waits = False
