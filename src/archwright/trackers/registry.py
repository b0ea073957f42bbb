"""Trackers by name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from archwright.errors import UsageError
from archwright.registry import Entry, Registry
from archwright.trackers.tracker import Tracker

__all__ = ["TRACKERS", "make_trackers"]

_HERE = "archwright.trackers"

TRACKERS = Registry[Tracker, Entry](
    "tracker",
    "archwright.trackers",
    {
        "tensorboard": Entry(
            f"{_HERE}.tensorboard:TensorBoardTracker",
            "event files for TensorBoard: curves by trial, architectures as hyperparameters; =DIR",
        ),
        "mlflow": Entry(
            f"{_HERE}.mlflow:MLflowTracker",
            "an MLflow run with a nested run for each trial; =URI, such as sqlite:///mlflow.db",
        ),
        "trackio": Entry(
            f"{_HERE}.wandb_style:WandbStyleTracker",
            "a Trackio run for each trial, by the calls of Weights & Biases; =PROJECT",
        ),
    },
)
"""The trackers known by name. The first option of each says where it writes."""


def make_trackers(
    given: Sequence[Tracker | str], options: Mapping[str, Any] | None = None
) -> tuple[Tracker, ...]:
    """The trackers that a user names.

    Args:
        given: Objects, or names such as "tensorboard" and "mlflow=sqlite:///mlflow.db".
        options: Options of those that are named, as `{"mlflow.experiment": "digits"}`.

    Raises:
        UsageError: When a name or an option is unknown, a package is not installed, or one is given twice.
    """
    left = dict(options or {})
    found: dict[str, Tracker] = {}
    for one in given:
        if isinstance(one, str):
            name, is_placed, where = one.partition("=")
            own = {key: left.pop(key) for key in [*left] if key.partition(".")[0] == name}
            asked = {key.partition(".")[2]: value for key, value in own.items()}
            if is_placed:
                if not where:
                    raise UsageError(f"expected a tracker as NAME or NAME=WHERE, got {one!r}")
                asked[next(iter(TRACKERS.options(name)))] = where
            tracker = TRACKERS.make(name, options=asked)
        elif isinstance(one, Tracker):
            tracker = one
        else:
            raise UsageError(f"expected a tracker or the name of one, got {one!r}")
        if tracker.where in found:
            raise UsageError(f"the tracker {tracker.where} is given twice; keep one")
        found[tracker.where] = tracker
    if left:
        raise UsageError(
            f"{next(iter(left))!r} is an option of a tracker that is not asked for; expected TRACKER.OPTION"
        )
    return tuple(found.values())
