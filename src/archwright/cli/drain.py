"""`archwright drain`."""

from __future__ import annotations

import json
import time

from archwright.cli.described import described
from archwright.cli.options import AsJson, RunFolder, StoreURL

__all__ = ["drain"]

_PAUSE = 0.5


@described
def drain(run: RunFolder, wait: bool = False, store: StoreURL = None, as_json: AsJson = False) -> None:
    """Stop a run gracefully, from any terminal: trials that run end, no new one begins, and `resume` goes on.

    Nothing is lost and nothing is trained twice, unlike with a kill, after which running trials go on from their last
    checkpoint. A supernet stops within its epoch, and goes on there. The run sees it within half a second.

    \b
    Examples:
      archwright drain runs/digits
      archwright drain runs/digits --wait && sudo shutdown now
      archwright resume runs/digits

    Args:
        wait: Return when the last trial has ended and the run can be resumed; by default at once.
    """  # noqa: D301
    from pathlib import Path

    from archwright.cli.streams import emit
    from archwright.durations import count_of
    from archwright.experiments import RunConfig, ask_to_drain, load_run, open_store
    from archwright.experiments.interrupts import is_worked_on

    folder = Path(run)
    config = RunConfig.read(folder)
    with open_store(folder, config, store) as opened:
        ask_to_drain(opened)
        while wait and is_worked_on(opened):
            time.sleep(_PAUSE)
        now = load_run(folder, config, opened)
    running = [{"stage": one.stage.value, "number": one.trial.number} for one in now.running]
    if as_json:
        emit(json.dumps({"name": now.name, "state": now.state, "running": running}, indent=2))
        return
    if now.state == "running":
        print(f"{now.name} drains: {count_of(len(running), 'trial')} still to end")
    else:
        print(f"{now.name}: {now.state}")
    print(f"go on with: archwright resume {run}" if now.state != "completed" else "nothing is left to resume")
