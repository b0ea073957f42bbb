"""Searches in simulated time: a table with durations on a discrete-event clock, with several workers and no waiting."""

from __future__ import annotations

import heapq
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, final

from archwright.benchmarks.regret import Standing, Tracker, Truth
from archwright.benchmarks.runs import SearchRun
from archwright.errors import SearchError, SpaceExhaustedError, TrialError, UsageError
from archwright.estimators.estimator import Estimator
from archwright.strategies import STRATEGIES, Strategy, make_strategy
from archwright.strategies.pruners import PRUNERS, NeverPruner, Pruner
from archwright.trials import (
    Candidate,
    Checkpoint,
    LocalTrial,
    Measurement,
    Report,
    Trial,
    TrialState,
    Verdict,
)

__all__ = ["SimulatedClock", "SimulatedTrial", "simulate_search", "split_name", "split_options"]


@final
@dataclass(frozen=True, slots=True)
class SimulatedTrial:
    """A trial, and when it ran.

    Args:
        trial: The trial, in its final state, or running when time was up; its times are simulated seconds.
        worker: Which of the workers ran it, from 0.
        curve: What it reported: simulated second and report, without what its parent reported.
    """

    trial: Trial
    worker: int
    curve: tuple[tuple[float, Report], ...]


@dataclass(slots=True)
class _Running:
    """A trial whose reports lie ahead."""

    trial: Trial
    worker: int
    ahead: list[tuple[float, Report]]
    """Reports to come with their times, the next one last."""
    end: float
    outcome: Trial
    checkpoint: Checkpoint | None
    told: list[tuple[float, Report]]
    inherited: Sequence[Report]


class SimulatedClock:
    """Runs a strategy on an estimator that knows how long things would have taken.

    What a trial would report is looked up when it begins, and told at the simulated second at which it would have been
    reported: a report's "seconds" after the beginning, and the end after the seconds of the measurement. Pruners judge
    at that time and see what the other trials had reported by then; a worker whose trial ends asks at once for the next
    candidate. Of events at one second those of trials that began earlier come first. Strategies, pruners and estimators
    are those of real searches.

    Args:
        strategy: Proposes; is told of each trial when it ends.
        estimator: Measures; a table, since nothing is waited for.
        workers: How many trials run at once.
        pruner: Judges each report; None lets all go on.
        ended: Called with the simulated second and each trial that ends.

    Attributes:
        now: The simulated second.
        trials: Those that ended, by number.
    """

    def __init__(
        self,
        strategy: Strategy,
        estimator: Estimator,
        workers: int = 1,
        *,
        pruner: Pruner | None = None,
        ended: Callable[[float, Trial], None] = lambda *_: None,
    ) -> None:
        if workers < 1:
            raise UsageError(f"simulated time: expected workers >= 1, got {workers}")
        self.strategy, self.estimator = strategy, estimator
        self.pruner = NeverPruner() if pruner is None else pruner
        self.ended = ended
        self.now = 0.0
        self.trials: dict[int, SimulatedTrial] = {}
        self._free = list(range(workers))
        self._running: dict[int, _Running] = {}
        self._events: list[tuple[float, int]] = []
        self._checkpoints: dict[int, Checkpoint] = {}
        self._observed: dict[int, tuple[Trial, list[Report]]] = {}
        self._asked = 0
        self._exhausted = False

    def run(self, seconds: float, trials: int | None = None) -> None:
        """Go on until a simulated second, or until no trial runs and none is to come.

        Args:
            seconds: Events after it do not happen; the trials that run then stay running.
            trials: How many candidates may be asked for in all; None sets no limit.

        Raises:
            SearchError: When the strategy proposes nothing while nothing runs.
        """
        self._fill(trials)
        while self._events and self._events[0][0] <= seconds:
            self.now, number = heapq.heappop(self._events)
            self._advance(self._running[number])
            self._fill(trials)
        if self._events:
            self.now = max(self.now, seconds)

    @property
    def running(self) -> list[SimulatedTrial]:
        """The trials that have begun and not ended, with what they have reported."""
        return [SimulatedTrial(run.trial, run.worker, tuple(run.told)) for run in self._running.values()]

    def _fill(self, trials: int | None) -> None:
        """Give every free worker a trial, as far as there are any."""
        while self._free and not self._exhausted and (trials is None or self._asked < trials):
            try:
                candidate = self.strategy.ask([run.trial.candidate for run in self._running.values()])
            except SpaceExhaustedError:
                self._exhausted = True
                return
            if candidate is None:
                if not self._running:
                    raise SearchError("the strategy asked for nothing while nothing was running")
                return
            self._begin(candidate)

    def _begin(self, candidate: Candidate) -> None:
        """Look a trial up, and enter its first event."""
        number = self._asked
        self._asked += 1
        worker = min(self._free)
        self._free.remove(worker)
        trial = Trial(number, candidate, started=self.now)
        parent = candidate.parent if candidate.inherit != "nothing" else None
        local = LocalTrial(number, parent=None if parent is None else self._checkpoints.get(parent))
        try:
            measurement = self.estimator.estimate(candidate, local)
            outcome = replace(trial, state=TrialState.COMPLETED, measurement=measurement)
            spent = measurement.seconds
        except TrialError as error:
            outcome, spent = replace(trial, state=TrialState.FAILED, error=str(error)), 0.0
        reports = [(self.now + r.metrics.get("seconds", spent), r) for r in local.reports.values()]
        before = self._observed[parent][1] if candidate.continues and parent in self._observed else []
        end = max([self.now + spent, *(at for at, _ in reports[-1:])])
        run = _Running(trial, worker, reports[::-1], end, outcome, local.checkpoint, [], tuple(before))
        self._running[number] = run
        self._observed[number] = (trial, list(before))
        self._enter(run)

    def _enter(self, run: _Running) -> None:
        heapq.heappush(self._events, (run.ahead[-1][0] if run.ahead else run.end, run.trial.number))

    def _advance(self, run: _Running) -> None:
        """The next event of a trial: a report, or its end."""
        if not run.ahead:
            self._end(run, run.outcome)
            return
        run.told.append(run.ahead.pop())
        report = run.told[-1][1]
        number = run.trial.number
        trial, curve = self._observed.pop(number)  # so that the rest are the others
        verdict = self.pruner.judge(trial, [*curve, report], self._observed.values())
        self._observed[number] = (trial, [*curve, replace(report, verdict=verdict)])
        if verdict is Verdict.STOP:
            values = {n: v for n, v in report.metrics.items() if n not in ("epoch", "seconds")}
            points = tuple(dict(told.metrics) for _, told in run.told)
            reached = Measurement(values, points, self.now - run.trial.started)
            self._end(run, replace(run.trial, state=TrialState.PRUNED, measurement=reached))
        else:
            self._enter(run)

    def _end(self, run: _Running, outcome: Trial) -> None:
        """Record a trial that ended, free its worker and tell the strategy."""
        number = run.trial.number
        reports = self._observed[number][1]
        trial = replace(outcome, finished=self.now).with_curve(reports if run.told else [])
        self._observed[number] = (trial, reports)
        if run.checkpoint is not None and outcome.state is TrialState.COMPLETED:
            self._checkpoints[number] = run.checkpoint
        del self._running[number]
        self._free.append(run.worker)
        self.trials[number] = SimulatedTrial(trial, run.worker, tuple(run.told))
        self.strategy.tell(trial)
        self.ended(self.now, trial)


def simulate_search(
    truth: Truth,
    strategy: str,
    seed: int,
    seconds: float,
    workers: int = 1,
    options: Mapping[str, Any] | None = None,
) -> SearchRun:
    """Search a table once in simulated time. How it stands is told by the trials that have ended, see `Tracker`.

    Args:
        truth: The table and its objectives.
        strategy: A strategy's name, or with a pruner's behind it: `random+median`.
        seed: Of the strategy, and of the draws where the table draws one of several runs.
        seconds: Simulated seconds until the end.
        workers: How many trials run at once.
        options: Of the strategy; those of the pruner as `pruner.NAME`.

    Returns:
        The search; its steps are simulated seconds and how it stood from then on, its evaluations those that ended.

    Raises:
        SearchError: When the strategy asks for nothing while nothing runs.
        UsageError: When a name or an option is unknown, workers < 1, or the table has no durations.
    """
    table, begin = truth.table, time.perf_counter()
    if not all(row.seconds for row in table.rows.values()):
        raise UsageError(
            f"{table.name} does not say how long trainings took, so time cannot be simulated on it"
        )
    name, pruner = split_name(strategy)
    own, pruning = split_options(options or {})
    made = make_strategy(name, table.space, truth.objectives, seed, fidelity=table.fidelity, **own)
    judge = None if pruner is None else PRUNERS.make(pruner, truth.objectives, options=pruning)
    steps: list[tuple[float, Standing]] = []
    tracker = Tracker(truth)

    def note(now: float, trial: Trial) -> None:
        if (standing := tracker.add(trial)) is not None:
            steps.append((now, standing))

    clock = SimulatedClock(made, table.estimator(seed), workers, pruner=judge, ended=note)
    clock.run(seconds)
    return SearchRun(strategy, seed, len(clock.trials), tuple(steps), time.perf_counter() - begin)


def split_name(strategy: str) -> tuple[str, str | None]:
    """A strategy's name, and the pruner's behind a plus sign.

    Raises:
        UsageError: When one of them is unknown.
    """
    name, plus, pruner = strategy.partition("+")
    STRATEGIES.known(name)
    if plus:
        PRUNERS.known(pruner)
    return name, pruner if plus else None


def split_options(options: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The options of a strategy, and those of a pruner, which begin with `pruner.`."""
    own = {name: value for name, value in options.items() if not name.startswith("pruner.")}
    return own, {name.removeprefix("pruner."): options[name] for name in options.keys() - own.keys()}
