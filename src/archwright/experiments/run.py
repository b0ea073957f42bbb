"""A picture of a run, read from its folder: what reports, exports and the command show."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from archwright.errors import RunError
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
from archwright.experiments.interrupts import DRAIN
from archwright.experiments.one_shot import read_epochs
from archwright.experiments.records import decode
from archwright.experiments.remaining import remaining
from archwright.experiments.sharing import worked_seconds
from archwright.experiments.sources import spent_seconds
from archwright.experiments.store import SharedStore, SQLStore, Stage, Store, WorkerRow
from archwright.experiments.store.tables import checked_url
from archwright.objectives import Objective, best_trial, pareto_front
from archwright.trials import Forecast, Trial, TrialState

__all__ = ["Activity", "Run", "load_run", "open_run", "open_store"]


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


def open_run(folder: Path | str, *, store: str | None = None) -> Run:
    """Read a run, whether it is going on or not.

    Args:
        folder: The run's folder.
        store: URL of its store, where the kept one, which has no password, does not serve.

    Raises:
        RunError: When the folder is no run's, of a newer version, or corrupt.
    """
    folder = Path(folder)
    config = RunConfig.read(folder)
    with open_store(folder, config, store) as opened:
        return load_run(folder, config, opened)


def open_store(folder: Path, config: RunConfig, url: str | None = None, *, create: bool = False) -> SQLStore:
    """The store of a run.

    Args:
        folder: The run's folder.
        config: Its record.
        url: Where it is, where the kept URL, which has no password, does not serve.
        create: Whether it is made now.

    Raises:
        RunError: When it is out of reach, or does not hold the run.
    """
    where = checked_url(url or config.store_url(folder))
    kind = SharedStore if where.get_backend_name() == "postgresql" else SQLStore
    return kind(where, config.name, create=create)


def load_run(folder: Path, config: RunConfig, store: Store) -> Run:
    """The picture of a run whose store is open.

    Args:
        folder: The run's folder.
        config: Its record.
        store: Its store.

    Raises:
        RunError: When a value in the store is of another type than it should be.
    """
    try:
        return _loaded(folder, config, store)
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        raise RunError(
            f"the store {store} is corrupt: a value in it is not what it should be ({type(error).__name__}: {error}); "
            "restore it from a copy, or search anew with another --out"
        ) from error


def _loaded(folder: Path, config: RunConfig, store: Store) -> Run:
    objectives = config.searched
    trials, again, others = store.trials(), store.trials(Stage.RETRAIN), store.trials(Stage.BASELINE)
    refitted = store.trials(Stage.REFIT)
    retrained = [trial for trial in again if trial.number < REPEAT]
    baseline = next((trial for trial in others if trial.number == 0), None)
    choice = _choice(store)
    together = store.get("ensemble")
    ensemble = decode(Ensemble, together, "ensemble") if together else None
    ensembles = store.trials(Stage.ENSEMBLE)
    # No scores of a judge's search come from its supernet.
    epochs = () if config.judge else tuple(read_epochs(store))
    workers, holders = _workers_of(store)
    state = _state(store, workers)
    everything = [*trials, *again, *others, *refitted, *ensembles]
    by_stage = {
        Stage.SEARCH: trials,
        Stage.RETRAIN: again,
        Stage.BASELINE: others,
        Stage.REFIT: refitted,
        Stage.JUDGE: store.trials(Stage.JUDGE) if config.judge else [],
    }
    is_running = state == "running"
    return Run(
        folder=folder,
        state=state,
        config=config,
        trials=tuple(trials),
        retrained=tuple(retrained),
        baseline=baseline,
        best=best_trial(trials, objectives),
        pareto=tuple(pareto_front(trials, objectives)),
        winner=_winner(
            store.get("winner"),
            others if choice and choice.stage == Stage.BASELINE else again,
            ensemble,
            ensembles,
        ),
        test=store.get("test"),
        baseline_test=store.get("baseline_test"),
        seconds=_seconds(store, everything, workers) + sum(entry["seconds"] for entry in epochs),
        stop_reason=store.get("search_ended") or store.get("search_failed"),
        messages=tuple(store.messages()),
        epochs=epochs,
        supernet_ended=None if config.judge else store.get("supernet_ended"),
        judgement=store.get("judgement"),
        forecast=_forecast(config, store, trials, state, sum(entry["seconds"] for entry in epochs)),
        memory=store.get("memory"),
        classical=store.get("classical"),
        repeated=tuple(trial for trial in again if trial.number >= REPEAT),
        compared=tuple(trial for trial in others if trial.number != 0),
        choice=choice,
        measured=(store.get("measured") or {}).get("metrics"),
        refitted=tuple(refitted),
        ensemble=ensemble,
        ensembles=tuple(ensembles),
        compared_test=store.get("compared_test", {}),
        expense=decode(Expense, store.get("expense"), "expense") if store.get("expense") else None,
        running=tuple(_activities(store, by_stage)) if is_running else (),
        draining=is_running and store.get(DRAIN) is not None,
        workers=workers,
        holders=holders,
    )


def _state(store: Store, workers: Sequence[WorkerRow]) -> str:
    """As the store says; a run whose process was killed is stopped, one that workers are at is running."""
    state: str = store.get("state", "stopped")
    if any(worker.is_alive for worker in workers):
        return "running"
    return "stopped" if state == "running" and not store.is_locked() else state


def _winner(
    number: int | None, rivals: Sequence[Trial], ensemble: Ensemble | None, ensembles: Sequence[Trial]
) -> Trial | None:
    """What is delivered, once its test scores are read: an ensemble that was not refused, or one of the rivals."""
    if number is not None and ensemble is not None and ensemble.refused is None:
        return ensembles[0]
    return next((trial for trial in rivals if trial.number == number), None)


def _choice(store: Store) -> Choice | None:
    """What was chosen, with the longer training of it where that is no worse, or the given network where that is."""
    if (known := store.get("matched") or store.get("choice")) is None:
        return None
    if store.get("matched"):
        return decode(Choice, known, "choice")
    choice, longer = decode(Choice, known, "choice"), store.get("longer")
    is_its = longer is not None and longer % REPEAT == choice.number % REPEAT
    return replace(choice, number=longer) if is_its else choice


def _activities(store: Store, trials: Mapping[Stage, Sequence[Trial]]) -> Iterator[Activity]:
    """The trials that run now."""
    now = time.time()
    for stage, found in trials.items():
        running = [trial for trial in found if trial.state is TrialState.RUNNING]
        places = store.places(stage) if running else {}
        for trial in running:
            yield Activity(stage, trial, max(0.0, now - trial.started), places.get(trial.number))


def _workers_of(store: Store) -> tuple[tuple[WorkerRow, ...], dict[int, str]]:
    """The workers of a search, and which trial is, or was, whose; nothing where it has none."""
    if not isinstance(store, SharedStore) or not (workers := store.workers()):
        return (), {}
    return tuple(workers), store.holders()


def _seconds(store: Store, trials: Sequence[Trial], workers: Sequence[WorkerRow]) -> float:
    """Seconds in which somebody worked on the run: its own sessions, and those of workers."""
    sessions = store.get("sessions", [])
    if not workers:
        return spent_seconds([*sessions, float("inf")], trials)
    spans = [(worker.began, worker.beat) for worker in workers]
    for begin, end in itertools.pairwise([*sessions, float("inf")]):
        moments = [m for t in trials for m in (t.started, t.finished) if m is not None and begin <= m < end]
        spans.append((begin, max(moments, default=begin)))
    return worked_seconds(spans)


def _forecast(
    config: RunConfig, store: Store, trials: Sequence[Trial], state: str, trained: float
) -> Forecast | None:
    """What is still to come of the search; of one that was stopped, what would come if it were resumed now.

    Args:
        config: The run's record.
        store: Its store.
        trials: Of the search.
        state: Of the run.
        trained: Seconds that the training of a supernet took.
    """
    sessions, budget, now = store.get("sessions", []), config.budget, time.time()
    is_over = config.judge or state == "completed" or store.get("search_ended") or store.get("search_failed")
    if is_over or not sessions:
        return None
    spent = spent_seconds([*sessions, float("inf")], trials)
    if state == "running":
        spent = spent_seconds(sessions, trials) + max(0.0, now - sessions[-1])
    else:  # those that ran are begun again
        trials = [trial for trial in trials if trial.state is not TrialState.RUNNING]
    begun = sum(t.state is not TrialState.INFEASIBLE and t.candidate.is_new for t in trials)
    return remaining(
        trials,
        now=now,
        workers=config.executor.workers,
        left=None if budget.trials is None else max(0, budget.trials - begun),
        seconds=None if budget.minutes is None else max(0.0, budget.minutes * 60 - trained - spent),
        epochs=config.fidelity.high.epochs or config.recipe.epochs,
    )
