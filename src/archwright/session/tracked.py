"""A run that trackers are told of."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import Any

from archwright.errors import UsageError
from archwright.experiments import Listener, NamedConfig, Store, load_run
from archwright.experiments.store import without_secrets
from archwright.session.context import RunContext
from archwright.trackers import Tracker, Tracking, make_trackers, named_trackers

__all__ = ["followed_by", "followed_still", "tracked"]


def followed_by(
    given: Tracker | str | Sequence[Tracker | str], options: Mapping[str, Any] | None = None
) -> tuple[tuple[NamedConfig, ...], tuple[Tracker, ...]]:
    """Who is told of a run: the record of those that have a name, without passwords, and all as objects.

    Args:
        given: As for `search`.
        options: As for `search`.

    Raises:
        UsageError: When a name or an option is unknown, a package is not installed, or one is given twice.
    """
    several = [given] if isinstance(given, Tracker | str) else list(given)
    asked = named_trackers(several, options)
    records = [
        replace(one, options={name: _kept(value) for name, value in one.options.items()})
        for one in asked
        if isinstance(one, NamedConfig)
    ]
    return tuple(records), make_trackers(asked)


def followed_still(records: Sequence[NamedConfig]) -> tuple[Tracker, ...]:
    """Those that a run's record names.

    Raises:
        UsageError: When one cannot be made any more, with the cure.
    """
    try:
        return make_trackers(records)
    except UsageError as error:
        raise UsageError(
            f"the run was followed elsewhere, and cannot be any more: {error}; give it a tracker anew (--track), or "
            "go on without (--no-track)"
        ) from error


def _kept(value: Any) -> Any:
    return without_secrets(value) if isinstance(value, str) and "://" in value else value


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
