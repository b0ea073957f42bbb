"""Trackers by name."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from archwright.errors import UsageError
from archwright.experiments import NamedConfig
from archwright.registry import Entry, Registry
from archwright.trackers.tracker import Tracker

__all__ = ["TRACKERS", "make_trackers", "named_trackers"]

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


_FOLDERS = ("tensorboard",)
"""Trackers whose place is a folder."""


def named_trackers(
    given: Sequence[Tracker | NamedConfig | str], options: Mapping[str, Any] | None = None
) -> tuple[Tracker | NamedConfig, ...]:
    """The trackers that a user names, each with its options; a place is one that holds in every working folder.

    Args:
        given: Objects, what this function gives, or names such as "tensorboard" and "mlflow=sqlite:///mlflow.db".
        options: Options of those that are named, as `{"mlflow.experiment": "digits"}`.

    Raises:
        UsageError: When a name or an option is unknown.
    """
    left = dict(options or {})
    found: list[Tracker | NamedConfig] = []
    for one in given:
        if isinstance(one, Tracker | NamedConfig):
            found.append(one)
            continue
        if not isinstance(one, str):
            raise UsageError(f"expected a tracker or the name of one, got {one!r}")
        name, is_placed, where = one.partition("=")
        own = {key: left.pop(key) for key in [*left] if key.partition(".")[0] == name}
        asked = {key.partition(".")[2]: value for key, value in own.items()}
        if is_placed:
            if not where:
                raise UsageError(f"expected a tracker as NAME or NAME=WHERE, got {one!r}")
            asked[next(iter(TRACKERS.options(name)))] = where
        checked = TRACKERS.check(name, asked)
        place = next(iter(TRACKERS.options(name)))
        if isinstance(checked.get(place), str):
            checked[place] = _lasting(name, checked[place])
        found.append(NamedConfig(name=name, options=checked))
    if left:
        raise UsageError(
            f"{next(iter(left))!r} is an option of a tracker that is not asked for; expected TRACKER.OPTION"
        )
    return tuple(found)


def make_trackers(
    given: Sequence[Tracker | NamedConfig | str], options: Mapping[str, Any] | None = None
) -> tuple[Tracker, ...]:
    """Trackers as objects.

    Args:
        given: As for `named_trackers`.
        options: As for `named_trackers`.

    Raises:
        UsageError: When a name or an option is unknown, a package is not installed, or one is given twice.
    """
    found: dict[str, Tracker] = {}
    for one in named_trackers(given, options):
        tracker = one if isinstance(one, Tracker) else TRACKERS.make(one.name, options=one.options)
        if tracker.where in found:
            raise UsageError(f"the tracker {tracker.where} is given twice; keep one")
        found[tracker.where] = tracker
    return tuple(found.values())


def _lasting(name: str, where: str) -> str:
    """A place under a name that does not hang on the working folder."""
    relative = re.fullmatch(r"(sqlite(?:\+\w+)?:///)(?!/|:memory:)(.+)", where)
    if relative:
        return f"{relative[1]}{Path(relative[2]).resolve()}"
    return str(Path(where).resolve()) if name in _FOLDERS else where
