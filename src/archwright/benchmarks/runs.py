"""One search on a table, and the file that keeps finished ones."""

from __future__ import annotations

import json
import os
import time
from bisect import bisect_right
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from archwright.atomic_writing import replacing
from archwright.benchmarks.regret import Standing, Tracker, Truth
from archwright.errors import SearchError, SpaceExhaustedError, TrialError, UsageError
from archwright.strategies import make_strategy
from archwright.trials import Checkpoint, LocalTrial, Trial, TrialState

__all__ = ["FinishedRuns", "SearchRun", "search_table"]

_FREE = 1_000
"""How many known architectures in a row a strategy may ask for before it is stopped."""


@dataclass(frozen=True, slots=True)
class SearchRun:
    """One finished search.

    Args:
        strategy: Its name.
        seed: Its seed.
        evaluations: How many were charged: fewer than asked for where the space was used up.
        steps: Number of the evaluation (from 1), or simulated second, and how the search stood from then on, where that
            changed.
        seconds: Wall time, of which the table needs next to nothing.
    """

    strategy: str
    seed: int
    evaluations: int
    steps: tuple[tuple[float, Standing], ...]
    seconds: float

    def standings(self, points: Sequence[float]) -> list[Standing | None]:
        """How the search stood after so many evaluations or seconds; None before it had any network that counts.

        Args:
            points: In ascending order. After the last one, the search stands as it did at its end.
        """
        known = [evaluation for evaluation, _ in self.steps]
        places = [bisect_right(known, point) for point in points]
        return [self.steps[place - 1][1] if place else None for place in places]

    def to_json(self) -> dict[str, Any]:
        """A plain dict that `from_json` reads back."""
        steps = [[evaluation, *asdict(standing).values()] for evaluation, standing in self.steps]
        return {**asdict(self), "steps": steps}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> SearchRun:
        """The inverse of `to_json`."""
        steps = tuple((evaluation, Standing(*values)) for evaluation, *values in data["steps"])
        return cls(**{**data, "steps": steps})


def search_table(
    truth: Truth, strategy: str, seed: int, evaluations: int, options: Mapping[str, Any] | None = None
) -> SearchRun:
    """Search a table once, by a bare loop of ask and tell: no store, no processes.

    Only unseen networks, told apart by the canonical form, are charged: who asks again gets the answer for free.

    Args:
        truth: The table and its objectives.
        strategy: A strategy's name.
        seed: Of the strategy, and of the draws where the table draws one of several runs.
        evaluations: How many to charge.
        options: Of the strategy.

    Raises:
        SearchError: When the strategy asks for nothing but what it knows.
        UsageError: When the strategy or an option is unknown.
    """
    space = truth.table.space
    estimator = truth.table.estimator(seed)
    given = {"fidelity": truth.table.fidelity, "configurations": evaluations, **(options or {})}
    made = make_strategy(strategy, space, truth.objectives, seed, **given)
    tracker = Tracker(truth)
    seen: set[Hashable] = set()
    checkpoints: dict[int | None, Checkpoint | None] = {}
    steps: list[tuple[float, Standing]] = []
    number = free = 0
    begin = time.perf_counter()
    while len(seen) < evaluations:
        try:
            candidate = made.ask()
        except SpaceExhaustedError:
            break
        if candidate is None:
            raise SearchError(f"the strategy {strategy!r} asked for nothing while nothing was running")
        parent = candidate.parent if candidate.inherit != "nothing" else None
        local = LocalTrial(number, parent=checkpoints.get(parent))
        try:
            measurement = estimator.estimate(candidate, local)
            trial = Trial(number, candidate, TrialState.COMPLETED, measurement)
            checkpoints[number] = local.checkpoint
        except TrialError as error:
            trial = Trial(number, candidate, TrialState.FAILED, error=str(error))
        made.tell(trial)
        number += 1
        canonical = space.canonical(candidate.architecture)
        if canonical in seen:
            free += 1
            if free >= _FREE:
                raise SearchError(
                    f"the strategy {strategy!r} asked for {_FREE:,} architectures in a row that it had tried, after "
                    f"{len(seen)} evaluations with seed {seed}"
                )
        else:
            free = 0
            seen.add(canonical)
        if (standing := tracker.add(trial)) is not None:
            steps.append((len(seen), standing))
    return SearchRun(strategy, seed, len(seen), tuple(steps), time.perf_counter() - begin)


class FinishedRuns:
    """A folder's finished searches: one line of JSON each, written at once, so that a killed comparison loses none.

    Args:
        folder: Where to; is made.
        settings: What must be the same for all searches of the folder.
        options: Strategy to its options, which must be the same for all its searches.

    Raises:
        UsageError: When the folder holds searches of other settings, or its files cannot be read.
    """

    def __init__(
        self, folder: Path, settings: Mapping[str, Any], options: Mapping[str, Mapping[str, Any]]
    ) -> None:
        self.path = folder / "runs.jsonl"
        self.runs: dict[tuple[str, int], SearchRun] = {}
        about = folder / "settings.json"
        wanted = json.loads(json.dumps({"settings": settings, "options": options}))
        if about.is_file():
            wanted["options"] = _merged(about, wanted)
            self._read()
        elif self.path.exists():
            raise UsageError(
                f"{self.path} is there without {about}, which says what it holds; give another --out"
            )
        with replacing(about) as part:
            part.write_text(json.dumps(wanted, indent=2) + "\n", encoding="utf-8")

    def add(self, run: SearchRun) -> None:
        """Keep one."""
        line = json.dumps(run.to_json(), separators=(",", ":")).encode() + b"\n"
        with self.path.open("ab") as file:
            file.write(line)
            file.flush()
            os.fsync(file.fileno())
        self.runs[run.strategy, run.seed] = run

    def _read(self) -> None:
        if not self.path.is_file():
            return
        content = self.path.read_bytes()
        whole = content.rfind(b"\n") + 1
        for number, line in enumerate(content[:whole].splitlines(), 1):
            try:
                run = SearchRun.from_json(json.loads(line))
            except (ValueError, KeyError, TypeError) as error:
                raise UsageError(
                    f"{self.path}, line {number}, is damaged ({type(error).__name__}: {error}); delete the line"
                ) from error
            self.runs[run.strategy, run.seed] = run
        if whole < len(content):  # the last one was cut off by a kill
            with self.path.open("r+b") as file:
                file.truncate(whole)


def _merged(about: Path, wanted: Mapping[str, Any]) -> dict[str, Any]:
    """The options of the folder's strategies and of the new ones, when all that was before is wanted still."""
    try:
        before = json.loads(about.read_text(encoding="utf-8"))
        pairs = [(name, before["settings"][name], value) for name, value in wanted["settings"].items()]
        known = dict(before["options"])
    except (ValueError, KeyError, TypeError) as error:
        raise UsageError(
            f"{about} is damaged ({type(error).__name__}: {error}); give another --out"
        ) from error
    pairs += [
        (f"options of {name}", known.get(name, value), value) for name, value in wanted["options"].items()
    ]
    for name, was, value in pairs:
        if was != value:
            raise UsageError(
                f"{about.parent} holds searches with {name} = {was!r}, now it is {value!r}; give another --out, or "
                "the same settings to go on"
            )
    return known | dict(wanted["options"])
