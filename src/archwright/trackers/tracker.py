"""The seam of trackers."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path

from archwright.trials import TrialState

__all__ = ["Parameter", "Tracker"]

Parameter = str | int | float | bool


class Tracker(ABC):
    """Writes what happens in a run to where a user watches experiments.

    It is told of entries by name: "" is the run itself, "search-0012" trial 12 of the search, "retrain-0012" the same
    trained again ("retrain-0012-repeat-1" with another seed), "baseline" the hand-made network, "baseline-0001" the
    user's own. Several entries may be open at once; one that was cut short is begun again. An error that is raised
    costs the run nothing: `Tracking` warns once and leaves the tracker alone.
    """

    @property
    @abstractmethod
    def where(self) -> str:
        """Where it writes, for the record of what it has written; the same for a tracker that is made alike."""

    @abstractmethod
    def open(self, folder: Path, name: str) -> None:
        """A run begins, or goes on.

        Args:
            folder: The run's folder, the same whenever it goes on.
            name: What the run is called.
        """

    @abstractmethod
    def begin(self, entry: str, parameters: Mapping[str, Parameter]) -> None:
        """An entry begins.

        Args:
            entry: Its name.
            parameters: The run's settings; of a trial its architecture and fidelity.
        """

    @abstractmethod
    def log(self, entry: str, step: int, metrics: Mapping[str, float]) -> None:
        """A point of an entry's curve.

        Args:
            entry: Its name.
            step: Position, growing: updates of the weights of a trial, epochs of a supernet.
            metrics: Name to finite value.
        """

    @abstractmethod
    def end(self, entry: str, metrics: Mapping[str, float], state: TrialState) -> None:
        """An entry is over.

        Args:
            entry: Its name.
            metrics: What was measured in the end; of the run, the test scores.
            state: How it ended.
        """

    @abstractmethod
    def close(self) -> None:
        """The run is over, or is interrupted; what was written must be readable now."""
