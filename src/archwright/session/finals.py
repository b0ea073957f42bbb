"""The stage after the search: the best are trained at full length beside networks made by hand, and one is chosen."""

from __future__ import annotations

import time
from dataclasses import replace

from archwright.errors import SearchError
from archwright.experiments import Stage
from archwright.experiments.choice import Choice, choose
from archwright.experiments.finalists import HAND_MADE, REPEAT, Finalist, finalists_of
from archwright.experiments.jobs import Job
from archwright.experiments.records import encode
from archwright.experiments.work import Measure
from archwright.objectives import best_trials, is_feasible, optimized
from archwright.reports.finalists import finalist_notes
from archwright.session.context import RunContext
from archwright.session.same_time import data_of, others_beside
from archwright.trials import FULL, Candidate, Fidelity, Measurement, Trial, TrialContext

__all__ = ["FOLDS", "Finals", "by_place", "hold_finals"]

FOLDS = 5
_SMALL = 3_000
"""Examples for training and validation below which repetitions validate on other folds."""
_REPEATS = 5
"""Trainings of a finalist at most, where the time is what bounds them."""
_BEATEN, _SURE = 0.1, 0.95


def by_place(measures: dict[int, Measure]) -> Measure:
    """What measures a job of any repetition, by the place of its network."""

    def measure(job: Job, trial: TrialContext) -> Measurement:
        return measures[job.number % REPEAT](job, trial)

    return measure


def hold_finals(context: RunContext) -> bool:
    """Train the finalists, as often as asked and the time reaches, and choose one; False when the user asked to stop.

    What an earlier session trained is kept.

    Raises:
        SearchError: When no trial keeps all limits, or no finalist could be trained.
    """
    return Finals(context).run()


class Finals:
    """The finalists of a run.

    Args:
        context: The run.
    """

    def __init__(self, context: RunContext) -> None:
        self.context, self.config = context, context.config
        self.experiment, self.objectives = context.experiment, context.config.objectives
        self.data = data_of(context)
        self.folds = FOLDS if self._are_few() else None
        self.rounds = 0
        """The last repetition that all who may still be chosen have had."""

    def run(self) -> bool:
        """Train, repeat, choose."""
        found = self._found()
        if self._is_of_older_version(found):
            return True
        for stage in (Stage.RETRAIN, Stage.BASELINE):
            wanted = found if stage is Stage.RETRAIN else others_beside(self.context, self._best_found())
            if wanted:
                self.experiment.run_all(stage, wanted)
            if self.context.interrupts.asked:
                return False
        self._check(found)
        for repeat in range(1, self._repeats()):
            if not self._repeat(repeat):
                break
            self.rounds = repeat
        if self.context.interrupts.asked:
            return False
        choice = self._choice()
        if choice is None:
            raise SearchError(
                "no finalist keeps all limits after its training at full length; loosen a limit"
            )
        if (known := encode(choice)) != self.context.store.get("choice"):
            for fact in ("variant", "longer", "matched"):
                self.context.store.set_fact(fact, None)
            self.context.store.set_fact("choice", known)
            for note in finalist_notes(self.context.run()):
                self.experiment.say(note)
        return True

    def _is_of_older_version(self, found: dict[int, Candidate]) -> bool:
        """Whether a version that chose among the retrained alone has chosen already; the choice is noted as it was."""
        store, trained = self.context.store, self.context.store.trials(Stage.RETRAIN)
        number, first = store.get("winner"), optimized(self.objectives)[0]
        winner = next((trial for trial in trained if trial.number == number), None)
        undone = found.keys() - {trial.number for trial in trained}
        if winner is None or undone or store.get("choice") is not None:
            return False
        choice = Choice(
            stage=str(Stage.RETRAIN),
            number=winner.number,
            name=f"trial {winner.number}",
            metric=first.name,
            mean=winner.metrics[first.name],
            repeats=1,
        )
        store.set_fact("choice", encode(choice))
        return True

    def finalists(self) -> list[Finalist]:
        """All of them, as they stood after the last whole round: one cut short would favour those that it reached."""
        return [
            replace(f, trials={r: t for r, t in f.trials.items() if r <= self.rounds}) for f in self._all()
        ]

    def _all(self) -> list[Finalist]:
        store, names = self.context.store, dict(enumerate((HAND_MADE, *self.config.compare)))
        return finalists_of(store.trials(Stage.RETRAIN), store.trials(Stage.BASELINE), names)

    def _found(self) -> dict[int, Candidate]:
        """The best of the search; those that an earlier session began with are kept."""
        best = best_trials(
            self.context.store.trials(),
            self.config.searched,
            self.context.retrain,
            lambda trial: self.context.space.canonical(trial.architecture),
        )
        if not best:
            has_limits = any(objective.limit is not None for objective in self.config.searched)
            told = "keeps all limits" if has_limits else "has the metrics that are optimised"
            cure = "loosen a limit, or try more" if has_limits else "try more"
            raise SearchError(f"no completed trial {told}, so none is retrained; {cure}")
        return {t.number: Candidate(t.candidate.architecture, FULL, t.number) for t in best}

    def _check(self, found: dict[int, Candidate]) -> None:
        """Raises `SearchError` when nothing was trained that could be delivered."""
        trained = [
            f for f in self.finalists() if f.first is not None and is_feasible(f.first, self.objectives)
        ]
        ours = [f for f in trained if f.stage is Stage.RETRAIN and f.number in found]
        errors = {
            trial.error.splitlines()[0]
            for trial in self.context.store.trials(Stage.RETRAIN)
            if trial.error and trial.number in found
        }
        why = f": {'; '.join(sorted(errors))}" if errors else ""
        if not trained and any(f.first for f in self.finalists()):
            raise SearchError(
                f"no finalist keeps all limits after its training at full length; loosen a limit{why}"
            )
        if not trained:
            raise SearchError(f"none of the best could be retrained{why}")
        if not ours:
            self.experiment.say(f"none of the best of the search could be retrained{why}")

    def _repeats(self) -> int:
        if self.config.repeats is not None:
            return self.config.repeats
        return _REPEATS if self.context.deadline is not None else 1

    def _repeat(self, repeat: int) -> bool:
        """Train once more those that may still be chosen; False where that is decided, or no time is left."""
        rivals = self._rivals()
        ended = {(f.stage, f.number) for f in self._all() if repeat in {**f.measured, **f.failed}}
        left = [f for f in rivals if (f.stage, f.number) not in ended] if len(rivals) > 1 else []
        if not left:
            return len(rivals) > 1
        if self.config.repeats is None and not self._fits(left):
            return False
        fidelity = (
            Fidelity(replicate=repeat)
            if self.folds is None
            else Fidelity(replicate=repeat - 1, folds=self.folds)
        )
        for stage in (Stage.BASELINE, Stage.RETRAIN):
            wanted = {
                REPEAT * repeat + f.number: replace(
                    _first(f).candidate, fidelity=replace(fidelity, epochs=_first(f).candidate.effort.epochs)
                )
                for f in left
                if f.stage is stage
            }
            if wanted:
                self.experiment.run_all(stage, wanted)
            if self.context.interrupts.asked:
                return False
        return True

    def _rivals(self) -> list[Finalist]:
        """Those that may still be chosen, and those that the user wants to compare with; one where all is decided."""
        able = [f for f in self.finalists() if f.first and is_feasible(f.first, self.objectives)]
        choice = self._choice()
        if choice is None or self.config.repeats is not None:
            return able
        probability = {one.name: one.probability for one in choice.comparisons}
        kept = [
            f
            for f in able
            if f.name == choice.name
            or f.stage is Stage.BASELINE
            or (p := probability.get(f.name)) is None
            or p < 1 - _BEATEN
        ]
        sure = [one.probability is not None and one.probability > _SURE for one in choice.comparisons]
        return kept[:1] if choice.repeats >= 3 and all(sure) else kept

    def _fits(self, finalists: list[Finalist]) -> bool:
        """Whether one more training of each ends in time, by what the first took."""
        deadline = self.context.deadline
        if deadline is None:
            return True
        seconds = [_first(f).seconds or 0.0 for f in finalists]
        rounds = max(max(seconds), sum(seconds) / self.context.executor.slots)
        return time.time() + 1.1 * rounds <= deadline

    def _best_found(self) -> Finalist | None:
        """The best of those that the search found, by their first training; None where none keeps the limits."""
        found = [f for f in self.finalists() if f.stage is Stage.RETRAIN]
        choice = choose(found, self.objectives, self.data, self.folds)
        return None if choice is None else next(f for f in found if f.name == choice.name)

    def _choice(self) -> Choice | None:
        return choose(self.finalists(), self.objectives, self.data, self.folds)

    def _are_few(self) -> bool:
        """Whether there are so few examples that one split says little; and folds are possible."""
        from archwright.errors import UsageError
        from archwright.tasks.reduced import folded

        examples = (self.data.train or 0) + (self.data.validation or 0)
        if not (self.data.train and self.data.validation) or examples >= _SMALL:
            return False
        try:
            folded(self.context.task, 0, FOLDS)
        except UsageError:
            return False
        return True


def _first(finalist: Finalist) -> Trial:
    assert finalist.first is not None
    return finalist.first
