"""A picture of a run at one moment: what reports, exports and the command show."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from archwright.experiments.choice import Choice
from archwright.experiments.config import RunConfig
from archwright.experiments.ensembles import Ensemble, Member
from archwright.experiments.expense import Expense
from archwright.experiments.finalists import (
    HAND_MADE,
    MATCHED,
    ORIGINAL,
    REPEAT,
    Finalist,
    finalists_of,
    refit_number,
)
from archwright.experiments.store import Stage, WorkerRow
from archwright.objectives import Objective
from archwright.trials import Forecast, Trial

__all__ = ["Activity", "Run"]


@dataclass(frozen=True, slots=True)
class Activity:
    """A trial that runs now.

    Args:
        stage: What it is run for.
        trial: The trial, with its curve so far.
        seconds: How long it has run, by the clock here: never negative, also where the clock that began it is ahead.
        place: Where, machine and process; None where that is not known yet.
    """

    stage: Stage
    trial: Trial
    seconds: float = 0.0
    place: str | None = None


@dataclass(frozen=True, slots=True)
class Run:
    """What is known of a run at one moment. It stays as it is when the run goes on.

    Args:
        folder: The run's folder.
        state: "running", "stopped" (can be resumed), "completed" or "failed".
        config: What it was asked to do.
        trials: The trials of the search, by number.
        retrained: The best of them trained from scratch at full fidelity, under the same numbers.
        baseline: The hand-made network trained the same way, where one was.
        best: The best trial of the search by validation.
        pareto: Numbers of the trials on the Pareto front of the optimised objectives.
        winner: The training whose network is delivered: of a trial that the search found, or of another finalist.
        test: Metric to number on the test split, for the winner.
        baseline_test: The same for the hand-made network.
        seconds: Wall seconds over all sessions, retraining included.
        stop_reason: Why the search ended, where it did.
        messages: The log: Unix time in seconds and text.
        epochs: What each epoch of a supernet left, where one was trained: "epoch" (from 1), "seconds", "metrics" and
            "probabilities" (address to label to probability). Scores of the search are by shared weights then.
        supernet_ended: Why the supernet's training ended, where it did.
        judgement: How far cheap estimates can be trusted, where the run judged some; `judgement_of` reads it.
        forecast: How long its search goes on, or would if it were resumed, and how many trials are to come; None once
            that has ended, or where nothing is known.
        repeated: The further trainings of the retrained, with other seeds or folds.
        compared: The trainings of the user's own networks, and further ones of the hand-made one.
        measured: Name of a metric that a meter predicts, such as latency by a file, to what was "predicted" of the
            winner and what was "measured" at the end; None where nothing was predicted.
        choice: Why the winner was chosen among the finalists, and how surely it is better than each; None before.
        refitted: What is delivered, trained once more on training and validation data. Its metrics are of validation
            data that it has learned from.
        ensemble: The trainings that are one network, where that was asked for; why it is not delivered, where not.
        ensembles: Its trials: with the weights that were tested, and with those of the refit members, by number.
        compared_test: Metric to number on the test split for each of the user's own networks, by name; and for the
            chosen network where an ensemble is delivered.
        expense: Processor time and energy so far; None where that was not noted.
        running: The trials of all stages that run now; empty where no process has the run.
        draining: Whether it was asked to stop after these.
        memory: "least" and "largest" number of bytes of main memory that its processes held so far; None where that is
            not known.
        classical: Of a table what scikit-learn's models reached on the same rows: name to "validation" and "test",
            metric to number, and "seconds"; None where none was trained.
        workers: The processes that take, or took, trials of the search, where it may have several.
        holders: Number of a trial of the search to the name of the worker that runs it, or ran it last.
    """

    folder: Path
    state: str
    config: RunConfig
    trials: tuple[Trial, ...]
    retrained: tuple[Trial, ...]
    baseline: Trial | None
    best: Trial | None
    pareto: tuple[int, ...]
    winner: Trial | None
    test: dict[str, float] | None
    baseline_test: dict[str, float] | None
    seconds: float
    stop_reason: str | None
    messages: tuple[tuple[float, str], ...]
    epochs: tuple[dict[str, Any], ...] = ()
    supernet_ended: str | None = None
    judgement: dict[str, Any] | None = None
    forecast: Forecast | None = None
    memory: dict[str, int] | None = None
    classical: dict[str, dict[str, Any]] | None = None
    repeated: tuple[Trial, ...] = ()
    compared: tuple[Trial, ...] = ()
    choice: Choice | None = None
    measured: dict[str, dict[str, float]] | None = None
    refitted: tuple[Trial, ...] = ()
    ensemble: Ensemble | None = None
    ensembles: tuple[Trial, ...] = ()
    compared_test: dict[str, dict[str, float]] = field(default_factory=dict)
    expense: Expense | None = None
    running: tuple[Activity, ...] = ()
    draining: bool = False
    workers: tuple[WorkerRow, ...] = ()
    holders: Mapping[int, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The run's name."""
        return self.config.name

    @property
    def finalists(self) -> tuple[Finalist, ...]:
        """All that was trained at full fidelity: the best of the search, the hand-made network, the user's own."""
        others = [*([self.baseline] if self.baseline else []), *self.compared]
        names = dict(enumerate((HAND_MADE, *self.config.compare)))
        return tuple(finalists_of([*self.retrained, *self.repeated], others, names))

    @property
    def given(self) -> Trial | None:
        """The network as it was given, trained for as long as the winner; None where it was not, or that failed."""
        finalist = next((f for f in self.finalists if f.name == ORIGINAL), None)
        if finalist is None:
            return None
        longer = [t for r, t in sorted(finalist.trials.items()) if r >= MATCHED and t.is_measured]
        return longer[-1] if longer and self.won_by != ORIGINAL else finalist.first

    @property
    def won_by(self) -> str | None:
        """What the winner is called: "trial 12", "the hand-made network", the name of the user's own; None without."""
        if self.winner is None:
            return None
        if self.ensemble_won:
            assert self.ensemble is not None
            return self.ensemble.name
        return self.choice.name if self.choice else f"trial {self.winner.number}"

    @property
    def ensemble_won(self) -> bool:
        """Whether an ensemble is delivered."""
        return self.winner is not None and self.ensemble is not None and self.ensemble.refused is None

    def training(self, of: Choice | Member) -> Trial:
        """The training that was chosen, or is a member of an ensemble."""
        found = [*self.retrained, *self.repeated]
        others = [*([self.baseline] if self.baseline else []), *self.compared]
        return next(t for t in (found if of.stage == Stage.RETRAIN else others) if t.number == of.number)

    def refit_of(self, of: Choice | Member) -> Trial | None:
        """The same trained once more on training and validation data, where that was done."""
        number = refit_number(of.stage, of.number)
        return next((t for t in self.refitted if t.number == number and t.is_measured), None)

    @property
    def delivered(self) -> Trial | None:
        """The training whose weights are delivered: the winner's, or, where it was refit, that one."""
        if self.winner is None or self.choice is None or not self.config.refit:
            return self.winner
        if self.ensemble_won:
            return next((t for t in self.ensembles[1:] if t.is_measured), self.winner)
        return self.refit_of(self.choice) or self.winner

    @property
    def is_refit(self) -> bool:
        """Whether the delivered weights learned from the validation data, too."""
        return self.delivered is not self.winner

    @property
    def winning_number(self) -> int | None:
        """Number of the trial of the search that won; None where there is no winner, or another finalist won."""
        if self.winner is None or self.ensemble_won or (self.choice and self.choice.stage != Stage.RETRAIN):
            return None
        return self.winner.number % REPEAT

    @property
    def objectives(self) -> tuple[Objective, ...]:
        """What the search looks at; the first decides what is best."""
        return self.config.searched
