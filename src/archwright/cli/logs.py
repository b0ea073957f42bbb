"""`archwright logs`."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from archwright.cli.described import described
from archwright.cli.options import AsJson, RunFolder, StoreURL
from archwright.cli.streams import emit

if TYPE_CHECKING:
    from archwright.experiments import Stage, Store
    from archwright.trials import Trial

__all__ = ["logs"]

_PAUSE = 0.5

_Stage = Literal["search", "retrain", "baseline", "refit", "judge"]


@described
def logs(
    run: RunFolder,
    trial: Annotated[
        int | None, typer.Argument(metavar="[TRIAL]", help="The trial's number; left out, the run's own log.")
    ] = None,
    stage: _Stage = "search",
    follow: bool = False,
    store: StoreURL = None,
    as_json: AsJson = False,
) -> None:
    """Say what a trial printed, where it ran and how it ended; without TRIAL, what the run said. Also live.

    \b
    Examples:
      archwright logs runs/digits
      archwright logs runs/digits 12
      archwright logs runs/digits 12 --follow
      archwright logs runs/digits 3 --stage retrain --json

    Args:
        stage: What the trial was run for.
        follow (-f): Go on with what comes, until the trial, or the run, has ended.
    """  # noqa: D301
    from archwright.errors import UsageError
    from archwright.experiments import RunConfig, Stage, open_store

    if follow and as_json:
        raise UsageError(
            "logs: expected --follow or --json, got both: an object is printed once, when all is there"
        )
    folder = Path(run)
    with open_store(folder, RunConfig.read(folder), store) as opened:
        if trial is None:
            _tell_run(opened, follow=follow, as_json=as_json)
        elif as_json:
            emit(json.dumps(_as_dict(opened, _known(opened, trial, Stage(stage)), Stage(stage)), indent=2))
        else:
            for text in _told(opened, trial, Stage(stage), follow=follow):
                emit(text)


def _known(store: Store, number: int, stage: Stage) -> Trial:
    """A trial of a stage.

    Raises:
        RunError: When there is none of this number; the message says which there are.
    """
    from archwright.errors import RunError

    trials = store.trials(stage)
    for trial in trials:
        if trial.number == number:
            return trial
    numbers = [trial.number for trial in trials]
    there = f"there are {numbers[0]} to {numbers[-1]}" if numbers else "there is none"
    raise RunError(f"no trial {number} of the stage {stage.value!r}; {there}")


def _messages(store: Store, number: int, stage: Stage) -> list[tuple[float, str]]:
    """What the run said of a trial."""
    return [
        (when, text) for when, text in store.messages() if text.startswith(f"{stage.value} trial {number} ")
    ]


def _as_dict(store: Store, trial: Trial, stage: Stage) -> dict[str, Any]:
    attempts: dict[int, dict[str, Any]] = {}
    for piece in store.outputs(trial.number, stage):
        known = attempts.setdefault(
            piece.attempt, {"attempt": piece.attempt, "place": None, "began": None, "text": ""}
        )
        if piece.place is not None:
            known |= {"place": piece.place, "began": piece.time}
        known["text"] += piece.text
    return {
        "stage": stage.value,
        "number": trial.number,
        "state": str(trial.state),
        "error": trial.error,
        "seconds": trial.seconds,
        "attempts": list(attempts.values()),
        "messages": [{"time": when, "text": text} for when, text in _messages(store, trial.number, stage)],
    }


def _told(store: Store, number: int, stage: Stage, *, follow: bool) -> Iterator[str]:
    """The lines of a trial, in the order of time, as they come."""
    from archwright.durations import duration

    trial = _known(store, number, stage)
    last, rest = 0, ""
    while True:
        running = str(trial.state) == "running"
        for piece in store.outputs(number, stage, after=last):
            last = piece.id
            if piece.place is not None:
                yield from filter(None, [rest])
                rest = ""
                yield f"[{_clock(piece.time)}] attempt {piece.attempt} begins on {piece.place}"
            *lines, rest = (rest + piece.text).split("\n")
            yield from lines
        if not (follow and running):
            break
        time.sleep(_PAUSE)
        trial = _known(store, number, stage)
    yield from filter(None, [rest])
    for when, text in _messages(store, number, stage):
        yield f"[{_clock(when)}] {text}"
    if running:
        yield f"[now] {stage.value} trial {number} is running"
    else:
        told = ", ".join(f"{name} {value:.6g}" for name, value in trial.metrics.items())
        error = f": {trial.error}" if trial.error else f", {told}" if told else ""
        ended = _clock(trial.finished) if trial.finished else ""
        yield f"[{ended}] {stage.value} trial {number} {trial.state} after {duration(trial.seconds)}{error}"


def _tell_run(store: Store, *, follow: bool, as_json: bool) -> None:
    """The run's own log."""
    from archwright.experiments.interrupts import is_worked_on

    if as_json:
        emit(json.dumps([{"time": when, "text": text} for when, text in store.messages()], indent=2))
        return
    said = 0
    while True:
        is_running = follow and is_worked_on(store)
        messages = store.messages()
        for when, text in messages[said:]:
            emit(f"[{_clock(when)}] {text}")
        said = len(messages)
        if not is_running:
            return
        time.sleep(_PAUSE)


def _clock(when: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(when))
