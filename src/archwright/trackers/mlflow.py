"""Runs in MLflow."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from archwright.errors import MissingExtraError
from archwright.trackers.tracker import Parameter, Tracker
from archwright.trials import TrialState

__all__ = ["MLflowTracker"]

_STATUS = {TrialState.FAILED: "FAILED", TrialState.RUNNING: "KILLED"}
_LONGEST = 6000
"""Characters of a parameter, by MLflow's own limit."""


class MLflowTracker(Tracker):
    """Writes one run with a nested run for each trial.

    Decisions of the architecture are parameters, curves are metrics by step, last metrics are `final/NAME`. A run that
    goes on finds its run of MLflow again by the tag `archwright.folder`. MLflow is told to send no usage statistics.

    Args:
        uri: MLflow's tracking URI, such as `sqlite:///mlflow.db`; None takes what MLflow itself would take
            (`MLFLOW_TRACKING_URI`).
        experiment: Name of the experiment, which is made where there is none.
    """

    def __init__(self, uri: str | None = None, *, experiment: str = "archwright") -> None:
        quiet = {"MLFLOW_DISABLE_TELEMETRY": "true"}
        patience = {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1", "MLFLOW_HTTP_REQUEST_TIMEOUT": "10"}
        for name, value in {**quiet, **patience}.items():  # read when MLflow is imported
            os.environ.setdefault(name, value)
        try:
            from mlflow import MlflowClient
        except ImportError as error:
            raise MissingExtraError("mlflow-skinny", "tracking", "the tracker 'mlflow'") from error
        self._make: Any = MlflowClient
        self._uri, self._experiment_name = uri, experiment
        self._client: Any = None
        self._experiment = self._folder = self._name = ""
        self._runs: dict[str, str] = {}

    @property
    def where(self) -> str:
        """URI and experiment."""
        return f"mlflow={self._uri or os.environ.get('MLFLOW_TRACKING_URI', '')}:{self._experiment_name}"

    def open(self, folder: Path, name: str) -> None:
        """Connect, and find or make the experiment."""
        self._client = self._make(tracking_uri=self._uri)
        self._folder, self._name = str(folder.resolve()), name
        found = self._client.get_experiment_by_name(self._experiment_name)
        self._experiment = (
            found.experiment_id if found else self._client.create_experiment(self._experiment_name)
        )

    def begin(self, entry: str, parameters: Mapping[str, Parameter]) -> None:
        """Make the entry's run, or go on with the one that was cut short."""
        from mlflow.entities import Param

        tags = {"archwright.folder": self._folder, "archwright.entry": entry or "run"}
        if entry:
            tags["mlflow.parentRunId"] = self._runs[""]
        wanted = " and ".join(f"tags.`{name}` = {_quoted(value)}" for name, value in tags.items())
        known = self._client.search_runs([self._experiment], filter_string=wanted, max_results=1)
        if known:
            self._runs[entry] = known[0].info.run_id
            self._client.update_run(self._runs[entry], status="RUNNING")
            return
        made = self._client.create_run(self._experiment, run_name=entry or self._name, tags=tags)
        self._runs[entry] = made.info.run_id
        written = [Param(name, str(value)[:_LONGEST]) for name, value in parameters.items()]
        self._client.log_batch(self._runs[entry], params=written)

    def log(self, entry: str, step: int, metrics: Mapping[str, float]) -> None:
        """All metrics of a step in one request."""
        from mlflow.entities import Metric

        now = int(time.time() * 1000)
        written = [Metric(name, value, now, step) for name, value in metrics.items()]
        self._client.log_batch(self._runs[entry], metrics=written)

    def end(self, entry: str, metrics: Mapping[str, float], state: TrialState) -> None:
        """Write `final/NAME` for each metric and end the entry's run; the tag `archwright.state` says how it ended."""
        self.log(entry, 0, {f"final/{name}": value for name, value in metrics.items()})
        self._client.set_tag(self._runs[entry], "archwright.state", str(state))
        self._client.set_terminated(self._runs.pop(entry), _STATUS.get(state, "FINISHED"))

    def close(self) -> None:
        """End the runs of entries that were cut short as killed; they go on when the run does."""
        for run in self._runs.values():
            self._client.set_terminated(run, "KILLED")
        self._runs.clear()


def _quoted(value: str) -> str:
    """A text in a filter of MLflow, which knows no escape but takes either quote."""
    return f'"{value}"' if "'" in value else f"'{value}'"
