"""A run that trackers are told of."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress

from archwright.experiments import Listener, Store, load_run
from archwright.session.context import RunContext
from archwright.trackers import Tracking

__all__ = ["tracked"]


@contextmanager
def tracked(context: RunContext, store: Store, listener: Listener) -> Iterator[Listener]:
    """The listener for the stages of a run, which tells the run's trackers, too; they are closed after the block.

    Args:
        context: The run.
        store: Its store, open; it must be so after the block, too.
        listener: The listener without trackers.
    """
    if not context.trackers:
        yield listener
        return
    tracking = Tracking(context.trackers, listener, context.folder, store.log)
    tracking.open(load_run(context.folder, context.config, store))
    try:
        yield tracking
    except BaseException:
        with suppress(Exception):  # what is told is the first error, not that of a store that was lost
            tracking.close(load_run(context.folder, context.config, store))
        raise
    tracking.close(load_run(context.folder, context.config, store))
