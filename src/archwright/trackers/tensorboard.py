"""Event files for TensorBoard."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from archwright.errors import MissingExtraError
from archwright.trackers.tracker import Parameter, Tracker
from archwright.trials import TrialState

__all__ = ["TensorBoardTracker"]


class TensorBoardTracker(Tracker):
    """Writes a folder of event files for each trial.

    The curve of a trial is in scalars, its architecture and last metrics are its hyperparameters (the tab HPARAMS). In
    the folder itself stand a supernet's curves and, in the end, the test scores.

    Args:
        directory: Where to write: a folder with the run's name in it. None means `tensorboard` in the run's folder.
    """

    def __init__(self, directory: str | None = None) -> None:
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError as error:
            raise MissingExtraError("tensorboard", "tracking", "the tracker 'tensorboard'") from error
        self._make: Any = SummaryWriter
        self._directory = directory
        self._writers: dict[str, Any] = {}
        self._parameters: dict[str, Mapping[str, Parameter]] = {}
        self._root = Path()

    @property
    def where(self) -> str:
        """The directory."""
        return "tensorboard" if self._directory is None else f"tensorboard={Path(self._directory).resolve()}"

    def open(self, folder: Path, name: str) -> None:
        """Choose the folder; files come with the entries."""
        self._root = folder / "tensorboard" if self._directory is None else Path(self._directory) / name

    def begin(self, entry: str, parameters: Mapping[str, Parameter]) -> None:
        """Open a file; that of an entry which was cut short goes on."""
        self._parameters[entry] = parameters
        self._writers[entry] = self._make(str(self._root / entry))

    def log(self, entry: str, step: int, metrics: Mapping[str, float]) -> None:
        """One scalar per metric, on the disk at once."""
        for name, value in metrics.items():
            self._writers[entry].add_scalar(name, value, step)
        self._writers[entry].flush()

    def end(self, entry: str, metrics: Mapping[str, float], state: TrialState) -> None:
        """Write the hyperparameters with `final/NAME` for each metric, and close the file."""
        writer, parameters = self._writers.pop(entry), self._parameters.pop(entry)
        final = {f"final/{name}": value for name, value in metrics.items()}
        # "." keeps them in the entry's own folder, where torch would make one named by the time.
        writer.add_hparams({**parameters, "state": str(state)}, final, run_name=".")
        writer.close()

    def close(self) -> None:
        """Close the files of entries that were cut short."""
        for writer in self._writers.values():
            writer.close()
        self._writers.clear()
