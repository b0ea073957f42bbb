"""The search of a run on PostgreSQL with workers on any machine: what they are given, and what one does."""

from __future__ import annotations

import contextlib
import json
import tempfile
from collections.abc import Iterator
from pathlib import Path

from archwright.errors import UsageError
from archwright.experiments import (
    Budget,
    CheckpointFolder,
    ExecutorConfig,
    Experiment,
    Interrupts,
    Job,
    JobResult,
    Listener,
    RunConfig,
    Stage,
    TrialRunner,
)
from archwright.experiments.executors import Executor, make_executor
from archwright.experiments.interrupts import DRAIN, exits_told, is_worked_on
from archwright.experiments.published import PublishedWork, has_key, load_work, publish_work
from archwright.experiments.records import decode, encode
from archwright.experiments.store import LEASE, SharedStore, Store, published_runs
from archwright.session.context import RunContext
from archwright.session.defaults import listener_for
from archwright.session.result import Result

__all__ = ["left_to_workers", "work", "workers_welcome"]


@contextlib.contextmanager
def workers_welcome(context: RunContext) -> Iterator[None]:
    """While the block runs, the search may have workers beside this process, which is one of them.

    That is so where its store is on PostgreSQL and there is a key to sign with, or was when the run was begun. The
    supernet of a one-shot method is here alone.
    """
    store = context.store
    if not isinstance(store, SharedStore) or context.config.supernet is not None:
        yield
        return
    if not store.is_published():
        if not has_key():
            yield
            return
        _publish(context, store)
        context.experiment.say(f"workers may join: archwright worker {store} --run {store.name}")
    store.set_fact("budget", encode(context.budget))
    with store.joined(context.executor.slots):
        yield


def left_to_workers(context: RunContext, store: Store) -> Result:
    """Prepare a search for workers, without being one of them.

    Raises:
        UsageError: When it cannot be sent.
    """
    assert isinstance(store, SharedStore)
    with store:
        _publish(context, store, spent=0.0)
        store.set_fact("budget", encode(context.budget))
        for note in [*context.notes, f"left to workers: archwright worker {store} --run {store.name}"]:
            store.log(note)
        context.store = store
        return Result(context.run(), context.space, context.task, context.contestants)


def _publish(context: RunContext, store: SharedStore, spent: float | None = None) -> None:
    config, executor = context.config, context.config.executor
    runner = TrialRunner({Stage.SEARCH: context.evaluation()}, config.objectives, config.searched)
    work = PublishedWork(
        runner=runner,
        strategy=context.strategy,
        pruner=context.pruner,
        fidelity=config.fidelity.high,
        folder=context.folder.absolute(),
        created=config.created,
        checkpoints=config.checkpoint_folder(context.folder).url,
        time_limit=executor.time_limit,
        memory_limit=executor.memory_limit,
    )
    publish_work(store, work)
    store.set_fact("shared_spent", context.experiment.spent_before() if spent is None else spent)


@exits_told()
def work(
    url: str,
    *,
    run: str | None = None,
    workers: int = 1,
    folder: str | Path | None = None,
    lease: float = LEASE,
    listener: Listener | None = None,
    progress: bool = True,
) -> str | None:
    """Take trials of a running search, until it is over or Ctrl-C.

    Args:
        url: The database, such as "postgresql://user@host/database".
        run: The run's name; None where the database has one alone that goes on.
        workers: Trials at once; 1 runs them in this process, more in so many processes.
        folder: The run's folder as it is reached from here, for checkpoints; None means where it was begun. Where
            neither is reached, a trial that another worker lost begins again.
        lease: Seconds after which others take over what this worker runs, when nothing is heard of it.
        listener: Is told of every step; None shows progress, unless `progress` is False.
        progress: Whether to show progress where no listener is given.

    Returns:
        Why the search ended; None when it was interrupted.

    Raises:
        UsageError: When the key is not set, or there is no run or no single one.
        RunError: When what is to be run is not signed with the key, or cannot be loaded here.
        SearchError: When the search ended without a completed trial.
    """
    if workers < 1 or not lease > 0:
        raise UsageError(f"expected workers >= 1 and lease > 0, got {workers} and {lease:g}")
    name = run or _only_run(url)
    with contextlib.ExitStack() as stack:
        store = stack.enter_context(SharedStore(url, name, create=False))
        given = load_work(store)
        where = _reached(given, folder)
        if where is None:
            if given.strategy.inherits and given.checkpoints is None:
                raise UsageError(
                    f"the trials of this search go on from each other's checkpoints, in {given.folder}, which is not "
                    "reached from here: give the run's folder, as it is mounted here, by --folder, or begin the search "
                    "with --checkpoints URL"
                )
            where = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="archwright-")))
        memory = given.memory_limit if workers > 1 else None
        config = ExecutorConfig(workers=workers, time_limit=given.time_limit, memory_limit=memory)
        executor = make_executor(config)
        listener = listener_for(listener, progress, given.runner.searched)
        return _worked(store, given, executor, where, lease, listener)


def _worked(
    store: SharedStore,
    given: PublishedWork,
    executor: Executor[Job, JobResult],
    folder: Path,
    lease: float,
    listener: Listener,
) -> str | None:
    interrupts = Interrupts(store)
    experiment = Experiment(
        store=store,
        executor=executor,
        objectives=given.runner.objectives,
        searched=given.runner.searched,
        listener=listener,
        interrupts=interrupts,
        pruner=given.pruner,
        checkpoints=CheckpointFolder(folder / "checkpoints", given.checkpoints),
    )
    is_over = False
    try:
        if not is_worked_on(store):  # who drained it before wanted it to stop then
            store.set_fact(DRAIN, None)
        executor.open(given.runner, experiment.answer)
        with interrupts.watched(listener), store.joined(executor.slots, lease):
            budget = decode(Budget, store.get("budget"), "budget")
            reason = experiment.search(given.strategy, budget, given.fidelity)
        is_over = True
        return reason
    finally:
        executor.close(now=not is_over)


def _only_run(url: str) -> str:
    runs = published_runs(url)
    if len(runs) == 1:
        return runs[0]
    raise UsageError(
        f"the database has {len(runs)} runs that go on with workers, {', '.join(runs)}: say which, by --run"
        if runs
        else "the database has no run that goes on with workers, so there is nothing to do"
    )


def _reached(given: PublishedWork, folder: str | Path | None) -> Path | None:
    """The run's folder as it is reached from here.

    Raises:
        UsageError: When one was given that is not the run's.
    """
    where = Path(folder) if folder else given.folder
    with contextlib.suppress(OSError, ValueError, LookupError, TypeError):
        if json.loads((where / "experiment.json").read_text(encoding="utf-8"))["created"] == given.created:
            return where
    if folder:
        RunConfig.read(where)  # says what is wrong where it is no run's folder at all
        raise UsageError(
            f"{where} is the folder of another run; give that of this one by --folder, or leave it out"
        )
    return None
