"""The loop of one stage: it takes trials from a source, starts them, waits, and records how they ended."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import PurePath
from typing import Protocol

from archwright.experiments.conversations import Conversations
from archwright.experiments.executors import Ended, Executor, Failure
from archwright.experiments.interrupts import Interrupts
from archwright.experiments.jobs import Job, JobResult
from archwright.experiments.listener import Listener
from archwright.experiments.sources import Source, begun_again
from archwright.experiments.store import Stage, Store, TakenOverError
from archwright.experiments.store.checkpoints import CheckpointFolder
from archwright.experiments.work import failed
from archwright.strategies.strategy import Strategy
from archwright.trials import Trial, TrialState

__all__ = ["StageLoop"]


class Owner(Protocol):
    """What a loop uses of the experiment that runs it."""

    store: Store
    executor: Executor[Job, JobResult]
    listener: Listener
    interrupts: Interrupts
    checkpoints: CheckpointFolder | None
    is_exclusive: bool
    """Whether a meter needs the machine for itself."""

    def say(self, text: str) -> None:
        """Tell the run's log and the listener."""

    def note_expense(self) -> None:
        """Note what the run has taken of the machine so far."""


class StageLoop:
    """Runs the trials of one stage on an experiment's executor.

    Args:
        experiment: Whose store, executor, listener and interrupts are used.
        stage: Which the trials belong to.
        source: Gives the trials, and hears how each ended.
        strategy: That proposes them; None outside a search.
        talks: What running trials tell, and are answered.
    """

    def __init__(
        self,
        experiment: Owner,
        stage: Stage,
        source: Source,
        strategy: Strategy | None,
        talks: Conversations,
    ) -> None:
        self.experiment, self.stage, self.source = experiment, stage, source
        self.strategy, self.talks = strategy, talks
        self.store, self.executor, self.listener = experiment.store, experiment.executor, experiment.listener
        self.running: dict[int, Trial] = {}
        self.losses: Counter[int] = Counter()  # of workers, since the trial last got further

    def run(self) -> None:
        """Run until the source has no more trials, or as an interrupt asks, until those that run have ended."""
        while True:
            begun = self._fill()
            for job in self._measured_alone(begun) if self.experiment.is_exclusive else begun:
                self.executor.submit(job)
            if not self.running:
                if begun or (not self.experiment.interrupts.asked and self.source.waits()):
                    continue
                return
            has_more = bool(begun) and len(self.running) < self.executor.slots
            for ended in self.executor.wait(0.0 if has_more else 0.5):
                self._answer(ended)

    def _fill(self) -> list[Job]:
        """Begin trials for slots that are free."""
        begun: list[Job] = []
        while len(self.running) < self.executor.slots and not self.experiment.interrupts.asked:
            if self.experiment.is_exclusive and len(self.running) > len(begun):
                break  # a meter that needs the machine waits until it is free
            taken = self.source.take(self._start)
            for text in [] if self.strategy is None else self.strategy.remarks():
                self.experiment.say(text)
            self.talks.refresh(self.source.heard())
            if taken is not None:
                begun.append(self._begin(taken))
            if self.source.is_shared:  # when it is known which states the new trial begins from
                self._clean()
            if taken is None:
                break
            if not self.experiment.is_exclusive:
                break  # so that trials that run are answered between two asks, however many slots are free
        return begun

    def _start(self, waiting: Trial) -> Trial:
        """Note that a trial starts now."""
        trial = replace(waiting, started=self.store.now())
        self.store.start(trial, self.stage)
        return trial

    def _begin(self, trial: Trial) -> Job:
        """The job of a trial that was started."""
        self.running[trial.number] = trial
        self.listener.trial_started(self.stage, trial)
        return self.talks.started(trial)

    def _clean(self) -> None:
        """Remove states that no trial will begin from."""
        self.talks.clean(set() if self.strategy is None else self.strategy.needed())

    def _answer(self, ended: Ended[Job, JobResult]) -> None:
        """Begin a trial again whose worker was lost, or record how it ended."""
        again = None
        if self._is_to_go_on(ended):
            with contextlib.suppress(TakenOverError):  # it ends as another process's
                again = self._start(begun_again(self.running[ended.job.number]))
        if again is None:
            self._end(ended)
        else:
            self.executor.submit(replace(self._begin(again), known=ended.job.known))

    def _is_to_go_on(self, ended: Ended[Job, JobResult]) -> bool:
        """Whether a trial whose worker was lost is begun again, from its checkpoint where it got further."""
        job = ended.job
        if ended.failure is None or not ended.failure.lost:
            return False
        progressed = self.talks.has_progressed(job)
        self.losses[job.number] = 0 if progressed else self.losses[job.number] + 1
        if not progressed and self.losses[job.number] > self.executor.retries:
            return False
        how = "goes on from its checkpoint" if progressed else "begins again"
        self.experiment.say(f"{job.stage} trial {job.number} {how}: {ended.failure.error}")
        return True

    def _measured_alone(self, jobs: Sequence[Job]) -> list[Job]:
        """Ask the meters that need the machine for themselves, one job after another; nothing else runs meanwhile.

        Returns:
            The jobs that are to go on, with what is known of them. The others have ended.
        """
        left = []
        for job in jobs:
            (ended,) = self.executor.run_all([replace(job, alone=True)])
            if ended.result is not None and ended.result.state is TrialState.COMPLETED:
                assert ended.result.measurement is not None
                left.append(replace(job, known=ended.result.measurement.metrics))
            else:
                self._end(ended)
        return left

    def _end(self, ended: Ended[Job, JobResult]) -> None:
        """Record how a trial ended, and tell who asks for it; nothing where it is another worker's by then."""
        trial = self._recorded(self.running.pop(ended.job.number), ended)
        if trial is None:
            return
        self.experiment.note_expense()
        if not self.source.is_shared:  # else the strategy hears of it in the next turn
            self._clean()
        self.listener.trial_finished(self.stage, trial, self.source.best)

    def _recorded(self, trial: Trial, ended: Ended[Job, JobResult]) -> Trial | None:
        """The trial as the store has it now, without a result failed; None where it is another worker's."""
        outcome = ended.result or failed(ended.failure or Failure("it gave no result"))
        trial = replace(
            trial,
            state=outcome.state,
            measurement=outcome.measurement,
            error=outcome.error,
            finished=self.store.now(),
        ).with_curve(self.talks.curve(trial.number))
        checkpoints = self.experiment.checkpoints
        if checkpoints is not None and outcome.measurement is not None:
            for path in outcome.measurement.artifacts.values():
                checkpoints.receive(PurePath(path).name)
        try:
            self.store.finish(trial, self.stage)
        except TakenOverError as lost:
            self.experiment.say(f"{lost}; what this one found is dropped")
            self.talks.given_up(trial.number)
            self.source.given_up(trial.number)
            return None
        self.talks.ended(trial)
        self.source.done(trial)
        if outcome.trace is not None:
            trace = outcome.trace.rstrip()
            self.store.log(f"{self.stage} trial {trial.number} failed with\n{trace}")
        return trial
