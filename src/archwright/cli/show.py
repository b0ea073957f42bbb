"""`archwright show`."""

from __future__ import annotations

import json
import time

from archwright.cli.described import described
from archwright.cli.options import AsJson, RunFolder, StoreURL
from archwright.cli.streams import emit

__all__ = ["show"]

_PAUSE = 1.0


@described
def show(run: RunFolder, follow: bool = False, store: StoreURL = None, as_json: AsJson = False) -> None:
    """Say what a run has found so far, and what runs now and where, also while it goes on.

    \b
    Examples:
      archwright show runs/digits
      archwright show runs/digits --follow
      archwright show runs/digits --follow --json | jq -c .running

    Args:
        follow (-f): Show it live until the run has ended or stopped: in a terminal in place, with --json an object a
            line for each change, else the running trials anew with each change.
    """  # noqa: D301
    from archwright.cli.output import print_json, print_run
    from archwright.experiments import open_run

    opened = open_run(run, store=store)
    if follow:
        _follow(run, store, as_json=as_json)
        opened = open_run(run, store=store)
    if not as_json:
        print_run(opened)
    elif not follow:
        print_json(opened)


def _follow(run: str, store: str | None, *, as_json: bool) -> None:
    """Show what runs until nothing does."""
    from pathlib import Path

    from rich.console import Console
    from rich.live import Live

    from archwright.cli.output import as_dict as run_as_dict
    from archwright.cli.output import finite, running_table
    from archwright.experiments import RunConfig, load_run, open_store

    folder = Path(run)
    config = RunConfig.read(folder)
    console = Console(highlight=False)
    live = Live(console=console, auto_refresh=False) if console.is_terminal and not as_json else None
    before: object = None
    with open_store(folder, config, store) as opened:
        while True:
            now = load_run(folder, config, opened)
            told = run_as_dict(now)
            changed = (now.state, now.draining, told["trials"], told["retrained"], len(told["running"]))
            if as_json and changed != before:
                emit(json.dumps(finite(told), allow_nan=False))
            elif live is not None:
                live.start() if not live.is_started else None
                live.update(running_table(now), refresh=True)
            elif not as_json and changed != before:
                console.print(running_table(now))
            before = changed
            if now.state != "running":
                break
            time.sleep(_PAUSE)
    if live is not None and live.is_started:
        live.stop()
