"""A run's settings, kept in its folder as `experiment.json`: what is needed to go on with it."""

from __future__ import annotations

import json
import os
import platform
import time
from dataclasses import asdict, dataclass, field, replace
from importlib import metadata
from pathlib import Path
from typing import Any

from archwright.errors import RunError

__all__ = ["FILE", "FORMAT", "Settings", "versions"]

FILE = "experiment.json"
FORMAT = 1
"""Version of a run's folder; one of another version is refused."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What a search was asked to do, in JSON's own types.

    Args:
        name: The run's name.
        task: "reference" (as the command takes it, or None for a Python object), "options", "describe".
        space: "reference", "name", "digest", "describe".
        strategy: "name", "options", "one_shot" (whether it trains a supernet), "epochs" (of the supernet, in all).
        seed: Of the strategy and of the training.
        objectives: As `Objective.to_json` gives them.
        budget: As `Budget.to_json` gives it.
        recipe: As `Recipe.to_json` gives it, for full fidelity.
        fidelity: As `Fidelity.to_json` gives it, for the search.
        executor: "workers", "time_limit" (seconds), "memory_limit" (bytes).
        training: "accelerator", "precision".
        retrain: How many of the best are retrained.
        baseline: Whether a hand-made network is trained for comparison.
        estimator: The class of what measured the search's trials.
        store: URL of the store without password; None for the file in the run's folder.
        command: The command line that began the run, None when Python did.
        created: Unix time in seconds.
        versions: Of Archwright, Python and the packages that matter.
        format: Version of the folder.
    """

    name: str
    task: dict[str, Any]
    space: dict[str, Any]
    strategy: dict[str, Any]
    seed: int
    objectives: list[dict[str, Any]]
    budget: dict[str, Any]
    recipe: dict[str, Any]
    fidelity: dict[str, Any]
    executor: dict[str, Any]
    training: dict[str, Any]
    retrain: int
    baseline: bool
    estimator: str = "Training"
    store: str | None = None
    command: str | None = None
    created: float = field(default_factory=time.time)
    versions: dict[str, str] = field(default_factory=lambda: versions())
    format: int = FORMAT

    def to_json(self) -> dict[str, Any]:
        """A plain dict."""
        return asdict(self)

    def write(self, folder: Path) -> None:
        """Write `experiment.json`, all or nothing."""
        part = folder / f"{FILE}.part"
        part.write_text(json.dumps(self.to_json(), indent=2) + "\n", encoding="utf-8")
        os.replace(part, folder / FILE)

    def store_url(self, folder: Path) -> str:
        """Where the store is."""
        return self.store or f"sqlite:///{folder / 'trials.sqlite'}"

    def changed(self, **changes: Any) -> Settings:
        """A copy with other values."""
        return replace(self, **changes)

    @classmethod
    def read(cls, folder: Path) -> Settings:
        """Read the settings of a run.

        Raises:
            RunError: When the folder is no run's, of another version, or corrupt.
        """
        path = folder / FILE
        if not folder.is_dir():
            raise RunError(f"there is no folder {folder}; expected a run's folder, such as runs/digits")
        if not path.is_file():
            runs = sorted(p.parent.name for p in folder.glob(f"*/{FILE}"))
            hint = f"; it holds the runs {', '.join(runs)}: name one of them" if runs else ""
            raise RunError(f"{folder} is not a run's folder: it has no {FILE}{hint}")
        try:
            data = json.loads(path.read_text(encoding="utf-8"))
            if not isinstance(data, dict):
                raise ValueError(f"expected an object, got {type(data).__name__}")
        except (ValueError, OSError) as error:
            raise RunError(f"{path} is corrupt: {error}; restore it from a copy or search anew") from error
        if data.get("format") != FORMAT:
            raise RunError(
                f"{path} has format {data.get('format')}, this version of Archwright reads format {FORMAT}; it was "
                f"written by archwright {data.get('versions', {}).get('archwright', 'of an unknown version')}: use that"
            )
        try:
            return cls(**data)
        except TypeError as error:
            reason = str(error).replace("Settings.__init__() ", "")
            raise RunError(f"{path} is corrupt: {reason}; restore it from a copy or search anew") from error


def versions() -> dict[str, str]:
    """Versions of Archwright, Python and the packages that a result depends on."""
    found = {"archwright": _version("archwright"), "python": platform.python_version()}
    for package in ("torch", "numpy", "lightning-fabric", "scikit-learn"):
        found[package] = _version(package)
    return found


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "unknown"
