"""A run read from its folder and its store."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from archwright.errors import RunError
from archwright.experiments.choice import Choice
from archwright.experiments.config import RunConfig
from archwright.experiments.ensembles import Ensemble
from archwright.experiments.expense import Expense
from archwright.experiments.finalists import REPEAT
from archwright.experiments.interrupts import DRAIN
from archwright.experiments.one_shot import read_epochs
from archwright.experiments.records import decode
from archwright.experiments.remaining import remaining
from archwright.experiments.run import Activity, Run
from archwright.experiments.sharing import worked_seconds
from archwright.experiments.sources import spent_seconds
from archwright.experiments.store import SharedStore, SQLStore, Stage, Store, WorkerRow
from archwright.experiments.store.tables import checked_url
from archwright.objectives import best_trial, pareto_front
from archwright.trials import Forecast, Trial, TrialState

__all__ = ["load_run", "open_run", "open_store"]


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
    stages = (
        Stage.SEARCH,
        Stage.RETRAIN,
        Stage.BASELINE,
        Stage.REFIT,
        *([Stage.JUDGE] if config.judge else []),
    )
    by_stage = {stage: store.trials(stage) for stage in stages}
    trials, again, others = (by_stage[stage] for stage in stages[:3])
    # No scores of a judge's search come from its supernet.
    epochs = () if config.judge else tuple(read_epochs(store))
    trained = sum(entry["seconds"] for entry in epochs)
    workers, holders = _workers_of(store)
    state = _state(store, workers)
    is_running = state == "running"
    everything = [trial for stage in stages[:4] for trial in by_stage[stage]] + store.trials(Stage.ENSEMBLE)
    return Run(
        folder=folder,
        state=state,
        config=config,
        trials=tuple(trials),
        retrained=tuple(trial for trial in again if trial.number < REPEAT),
        baseline=next((trial for trial in others if trial.number == 0), None),
        best=best_trial(trials, objectives),
        pareto=tuple(pareto_front(trials, objectives)),
        test=store.get("test"),
        baseline_test=store.get("baseline_test"),
        seconds=_seconds(store, everything, workers) + trained,
        stop_reason=store.get("search_ended") or store.get("search_failed"),
        messages=tuple(store.messages()),
        epochs=epochs,
        supernet_ended=None if config.judge else store.get("supernet_ended"),
        judgement=store.get("judgement"),
        forecast=_forecast(config, store, trials, state, trained),
        memory=store.get("memory"),
        classical=store.get("classical"),
        repeated=tuple(trial for trial in again if trial.number >= REPEAT),
        compared=tuple(trial for trial in others if trial.number != 0),
        measured=(store.get("measured") or {}).get("metrics"),
        refitted=tuple(by_stage[Stage.REFIT]),
        compared_test=store.get("compared_test", {}),
        expense=decode(Expense, store.get("expense"), "expense") if store.get("expense") else None,
        running=tuple(_activities(store, by_stage)) if is_running else (),
        draining=is_running and store.get(DRAIN) is not None,
        workers=workers,
        holders=holders,
        **_delivery(store, again, others),
    )


def _delivery(store: Store, again: Sequence[Trial], others: Sequence[Trial]) -> dict[str, Any]:
    """What was chosen, and what is delivered.

    Args:
        store: The run's store.
        again: What was retrained of the search.
        others: What it was compared with.
    """
    choice, together = _choice(store), store.get("ensemble")
    ensemble = decode(Ensemble, together, "ensemble") if together else None
    ensembles = store.trials(Stage.ENSEMBLE)
    rivals = others if choice and choice.stage == Stage.BASELINE else again
    winner = _winner(store.get("winner"), rivals, ensemble, ensembles)
    return {"choice": choice, "winner": winner, "ensemble": ensemble, "ensembles": tuple(ensembles)}


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
