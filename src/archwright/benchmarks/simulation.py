"""Searches in simulated time: a discrete-event clock on which many workers run the trials of a strategy."""

from __future__ import annotations

import heapq
import math
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import final

from archwright.benchmarks.cluster import Cluster, WorkerTime
from archwright.errors import SearchError, SpaceExhaustedError, TrialError
from archwright.estimators.estimator import Estimator
from archwright.strategies import Strategy
from archwright.strategies.pruners import NeverPruner, Pruner
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

__all__ = ["AskTime", "SimulatedClock", "SimulatedTrial"]

_READY = -1
"""The number, instead of a trial's, of an event that befalls a worker; smaller, so that it comes first."""


@final
@dataclass(frozen=True, slots=True)
class SimulatedTrial:
    """A trial, and when it ran.

    Args:
        trial: The trial, in its final state, or running when time was up; its times are simulated seconds.
        worker: Which of the workers ran it, from 0; the last of several.
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
    begun: float
    """When its first step would have begun, had it run from there to now without a break."""
    mark: float
    """When what follows its last report began: the answer to that, or the attempt."""
    worked: float = 0.0
    """Seconds that were worked before the mark and need not be worked again."""
    version: int = 0
    """Of its next event: earlier ones are void."""


@dataclass(slots=True)
class _Worker:
    generation: int = 0
    runs: int | None = None
    lost_at: float = math.inf
    ready_at: float = 0.0


@dataclass(slots=True)
class AskTime:
    """What a strategy took.

    Args:
        asks: How often it was asked for a candidate, and gave one.
        seconds: Processor time of all asks and tells.
        longest: The longest single one.
    """

    asks: int = 0
    seconds: float = 0.0
    longest: float = 0.0

    def add(self, seconds: float) -> None:
        """Count an ask or a tell."""
        self.seconds += seconds
        self.longest = max(self.longest, seconds)


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
        workers: How many trials run at once, where nothing else is to be said of them.
        pruner: Judges each report; None lets all go on.
        ended: Called with the simulated second and each trial that ends.
        cluster: The workers, and what happens to them; None means `workers` of them that nothing happens to.

    Attributes:
        now: The simulated second.
        trials: Those that ended, by number.
        asked: What the strategy took.
        preempted: How many workers were lost.
    """

    def __init__(
        self,
        strategy: Strategy,
        estimator: Estimator,
        workers: int = 1,
        *,
        pruner: Pruner | None = None,
        ended: Callable[[float, Trial], None] = lambda *_: None,
        cluster: Cluster | None = None,
    ) -> None:
        self.strategy, self.estimator = strategy, estimator
        self.cluster = Cluster(workers=workers) if cluster is None else cluster
        self.pruner = NeverPruner() if pruner is None else pruner
        self.ended = ended
        self.now = 0.0
        self.trials: dict[int, SimulatedTrial] = {}
        self.asked = AskTime()
        self.preempted = 0
        self._time = WorkerTime()
        self._workers = [_Worker() for _ in range(self.cluster.workers)]
        self._free: list[int] = []
        self._running: dict[int, _Running] = {}
        self._again: deque[_Running] = deque()
        self._events: list[tuple[float, int, int, int]] = []
        """Second, trial or `_READY`, worker, and the version or generation for which it holds."""
        self._checkpoints: dict[int, Checkpoint] = {}
        self._observed: dict[int, tuple[Trial, list[Report]]] = {}
        self._numbers = 0
        self._exhausted = self._waits = False
        self._open = True
        for place in range(self.cluster.workers):
            self._start(place, 0.0)

    def run(self, seconds: float, trials: int | None = None) -> None:
        """Go on until a simulated second, or until no trial runs and none is to come.

        Args:
            seconds: Events after it do not happen; the trials that run then stay running.
            trials: How many candidates may be asked for in all; None sets no limit.

        Raises:
            SearchError: When the strategy proposes nothing while nothing runs.
        """
        while self.now <= seconds:
            coming = self._events[0][0] if self._events else math.inf
            if coming >= self.now and self._fill(trials):
                continue
            if not self._running and not self._again and self._is_over(trials):
                return  # what still befalls workers concerns nobody
            if not self._events or coming > seconds:
                break
            self.now = max(self.now, coming)
            self._happen(*heapq.heappop(self._events))
        self.now = max(self.now, seconds) if math.isfinite(seconds) else self.now

    @property
    def running(self) -> list[SimulatedTrial]:
        """The trials that have begun and not ended, with what they have reported."""
        left = [*self._running.values(), *self._again]
        return [SimulatedTrial(run.trial, run.worker, tuple(run.told)) for run in left]

    @property
    def time(self) -> WorkerTime:
        """What the workers' time has been spent on until now."""
        found = replace(self._time, total=len(self._workers) * self.now)
        for run in self._running.values():
            until = min(self.now, run.ahead[-1][0] if run.ahead else run.end)
            found.useful += run.worked + max(0.0, until - run.mark)
        found.useful += sum(run.worked for run in self._again)
        found.starting -= sum(max(0.0, worker.ready_at - self.now) for worker in self._workers)
        return found

    def _is_over(self, trials: int | None) -> bool:
        return self._exhausted or (trials is not None and self._numbers >= trials)

    def _start(self, place: int, at: float) -> None:
        """Begin a new worker in a place."""
        worker = self._workers[place]
        worker.ready_at = at + self.cluster.start_up
        worker.lost_at = at + self.cluster.lifetime(place, worker.generation)
        self._time.starting += self.cluster.start_up
        if self.cluster.start_up:
            heapq.heappush(self._events, (worker.ready_at, _READY, place, worker.generation))
        else:
            heapq.heappush(self._free, place)
        if math.isfinite(worker.lost_at):
            heapq.heappush(self._events, (worker.lost_at, _READY, place, ~worker.generation))

    def _fill(self, trials: int | None) -> bool:
        """Give a free worker a trial; whether that was possible."""
        if not self._free:
            return False
        if self._again:
            self._go_on(self._again.popleft())
            return True
        if self._waits or self._is_over(trials) or not self._open:
            return False
        candidate = self._ask()
        if candidate is None:
            self._open = not (self.cluster.synchronous and self._running)
            return False
        self._begin(candidate)
        self._open = not self.cluster.synchronous or bool(self._free)
        return True

    def _ask(self) -> Candidate | None:
        left = [*self._running.values(), *self._again]
        if self.preempted:
            left.sort(key=lambda run: run.trial.number)
        running = [run.trial.candidate for run in left]
        begin = time.process_time()
        try:
            candidate = self.strategy.ask(running)
        except SpaceExhaustedError:
            self._exhausted = True
            return None
        finally:
            self._pay(time.process_time() - begin)
        if candidate is None:
            if not self._running:
                raise SearchError("the strategy asked for nothing while nothing was running")
            self._waits = True
        else:
            self.asked.asks += 1
            if self.cluster.asking != "measured":
                self.now += self.cluster.asking
        return candidate

    def _pay(self, seconds: float) -> None:
        """Count what the strategy took; nobody else is answered meanwhile."""
        self.asked.add(seconds)
        if self.cluster.asking == "measured":
            self.now += seconds

    def _begin(self, candidate: Candidate) -> None:
        """Look a trial up, and enter its first event."""
        number = self._numbers
        self._numbers += 1
        worker = heapq.heappop(self._free)
        trial = Trial(number, candidate, started=self.now)
        parent = candidate.parent if candidate.inherit != "nothing" else None
        local = LocalTrial(number, parent=None if parent is None else self._checkpoints.get(parent))
        try:
            measurement = self.estimator.estimate(candidate, local)
            slowness = self.cluster.slowness(number)
            spent = slowness * measurement.seconds
            measurement = replace(measurement, seconds=spent)
            outcome = replace(trial, state=TrialState.COMPLETED, measurement=measurement)
        except TrialError as error:
            slowness, spent = 1.0, 0.0
            outcome = replace(trial, state=TrialState.FAILED, error=str(error))
        told = [_slowed(report, slowness) for report in local.reports.values()]
        reports = [(self.now + r.metrics.get("seconds", spent), r) for r in told]
        end = max([self.now + spent, *(at for at, _ in reports[-1:])])
        checkpoint = local.checkpoint
        if outcome.state is TrialState.COMPLETED and (share := self.cluster.failure(number)) is not None:
            end, checkpoint = self.now + share * (end - self.now), None
            reports = [(at, report) for at, report in reports if at < end]
            outcome = replace(trial, state=TrialState.FAILED, error="it failed, as simulated trials may")
        before = self._observed[parent][1] if candidate.continues and parent in self._observed else []
        run = _Running(trial, worker, reports[::-1], end, outcome, checkpoint, [], self.now, self.now)
        self._observed[number] = (trial, list(before))
        self._enter(run)

    def _go_on(self, run: _Running) -> None:
        """Begin a lost trial again, from its last report or from its beginning."""
        self._put_off(run, self.now - (run.mark if self.cluster.checkpoints else run.begun))
        run.worker = heapq.heappop(self._free)
        run.trial = replace(run.trial, attempt=run.trial.attempt + 1)
        run.outcome = replace(run.outcome, attempt=run.trial.attempt)
        if not self.cluster.checkpoints:
            run.mark = run.begun
        self._enter(run)

    @staticmethod
    def _put_off(run: _Running, seconds: float) -> None:
        """Put off all that is still to come of a trial."""
        run.ahead = [(at + seconds, report) for at, report in run.ahead]
        run.end += seconds
        run.begun += seconds
        run.mark += seconds

    def _enter(self, run: _Running) -> None:
        self._running[run.trial.number] = run
        self._workers[run.worker].runs = run.trial.number
        run.version += 1
        at = run.ahead[-1][0] if run.ahead else run.end
        heapq.heappush(self._events, (at, run.trial.number, run.worker, run.version))

    def _happen(self, at: float, number: int, place: int, version: int) -> None:
        """One event: of a trial, or of a worker."""
        if number != _READY:
            run = self._running.get(number)
            if run is not None and run.version == version:
                self._advance(run, at)
        elif version == self._workers[place].generation:
            heapq.heappush(self._free, place)
        elif version == ~self._workers[place].generation:
            self._lose(place, at)

    def _lose(self, place: int, at: float) -> None:
        """A worker is lost, and what it trained since the trial's last report; another one comes."""
        worker = self._workers[place]
        self._time.starting -= max(0.0, worker.ready_at - at)
        if worker.runs is not None:
            run = self._running.pop(worker.runs)
            since = max(0.0, at - run.mark)
            if not self.cluster.checkpoints:
                since, run.worked = since + run.worked, 0.0
            self._time.lost += since
            run.version += 1
            self._again.append(run)
        elif place in self._free:
            self._free.remove(place)
            heapq.heapify(self._free)
        worker.runs = None
        worker.generation += 1
        self.preempted += 1
        self._start(place, at)

    def _advance(self, run: _Running, at: float) -> None:
        """The next event of a trial: a report, or its end."""
        run.worked += at - run.mark
        run.mark = at
        if not run.ahead:
            self._end(run, run.outcome, at)
            return
        _, report = run.ahead.pop()
        run.told.append((at, report))
        number = run.trial.number
        trial, curve = self._observed.pop(number)  # so that the rest are the others
        verdict = self.pruner.judge(trial, [*curve, report], self._observed.values())
        self._observed[number] = (trial, [*curve, replace(report, verdict=verdict)])
        if verdict is Verdict.STOP:
            values = {n: v for n, v in report.metrics.items() if n not in ("epoch", "seconds")}
            points = tuple(dict(told.metrics) for _, told in run.told)
            reached = Measurement(values, points, at - run.trial.started)
            self._end(run, replace(run.trial, state=TrialState.PRUNED, measurement=reached), at)
        else:
            if at < self.now:  # the trial waited for the answer
                self._put_off(run, self.now - at)
            self._enter(run)

    def _end(self, run: _Running, outcome: Trial, at: float) -> None:
        """Record a trial that ended, free its worker and tell the strategy."""
        number = run.trial.number
        reports = self._observed[number][1]
        trial = replace(outcome, finished=at).with_curve(reports if run.told else [])
        self._observed[number] = (trial, reports)
        if run.checkpoint is not None and outcome.state is TrialState.COMPLETED:
            self._checkpoints[number] = run.checkpoint
        del self._running[number]
        self._workers[run.worker].runs = None
        heapq.heappush(self._free, run.worker)
        if outcome.state is TrialState.FAILED:
            self._time.failed += run.worked
        else:
            self._time.useful += run.worked
        self.trials[number] = SimulatedTrial(trial, run.worker, tuple(run.told))
        self._open |= not self._running and not self._again
        self._waits = False
        begin = time.process_time()
        self.strategy.tell(trial)
        self._pay(time.process_time() - begin)
        self.ended(at, trial)


def _slowed(report: Report, slowness: float) -> Report:
    """A report of a trial that takes so many times as long."""
    if slowness == 1.0 or "seconds" not in report.metrics:
        return report
    return replace(report, metrics={**report.metrics, "seconds": slowness * report.metrics["seconds"]})
