"""Runs of Trackio, or of any package with the calls of Weights & Biases."""

from __future__ import annotations

import contextlib
import importlib
import io
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from archwright.errors import MissingExtraError
from archwright.trackers.tracker import Parameter, Tracker
from archwright.trials import TrialState

__all__ = ["WandbStyleTracker"]

_OPTIONS: dict[str, dict[str, Any]] = {
    "trackio": {"resume": "allow", "auto_log_cpu": False, "auto_log_gpu": False, "embed": False},
}
"""What `init` is given besides, so that nothing but the trial is written, and nothing is shown."""


@dataclass(slots=True)
class _Entry:
    """What is known of an entry that is not written yet."""

    parameters: Mapping[str, Parameter]
    points: list[tuple[int, Mapping[str, float]]] = field(default_factory=list)


class WandbStyleTracker(Tracker):
    """Writes a run for each trial by `init(project=, name=, group=, config=)`, `log(metrics, step=)` and `finish()`.

    All runs of a search are of one group, its name. Such a package has one open run at a time, while several trials may
    be running: a trial is written when it ends. Last metrics are `final/NAME`, the last point of its curve.

    Args:
        project: The project.
        module: Name of the package: "trackio", or another with these three functions, such as "wandb".
        options: Further arguments of its `init`, such as `{"mode": "offline"}` of wandb.
    """

    def __init__(
        self,
        project: str = "archwright",
        *,
        module: str = "trackio",
        options: Mapping[str, Any] | None = None,
    ) -> None:
        try:
            self._module: Any = importlib.import_module(module)
        except ImportError as error:
            raise MissingExtraError(module, "tracking", f"the tracker {module!r}") from error
        self._project, self._name = project, ""
        self._options = dict(_OPTIONS.get(module, {}) if options is None else options)
        self._entries: dict[str, _Entry] = {}

    @property
    def where(self) -> str:
        """Package and project."""
        return f"{self._module.__name__}={self._project}"

    def open(self, folder: Path, name: str) -> None:
        """Note the name of the group."""
        self._name = name

    def begin(self, entry: str, parameters: Mapping[str, Parameter]) -> None:
        """Note it."""
        self._entries[entry] = _Entry(parameters)

    def log(self, entry: str, step: int, metrics: Mapping[str, float]) -> None:
        """Note it."""
        self._entries[entry].points.append((step, metrics))

    def end(self, entry: str, metrics: Mapping[str, float], state: TrialState) -> None:
        """Write all of it."""
        known = self._entries.pop(entry)
        last = known.points[-1][0] if known.points else 0
        final = {f"final/{name}": value for name, value in metrics.items()}
        config = {**known.parameters, "state": str(state)}
        name = f"{self._name}/{entry or 'run'}"
        with contextlib.redirect_stdout(io.StringIO()):  # standard output is for results
            self._module.init(
                project=self._project, name=name, group=self._name, config=config, **self._options
            )
            try:
                for step, point in [*known.points, (last + 1, final)]:
                    if point:
                        self._module.log(dict(point), step=step)
            finally:
                self._module.finish()

    def close(self) -> None:
        """Forget what was cut short: it is told anew when the run goes on."""
        self._entries.clear()
