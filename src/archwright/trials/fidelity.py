"""How closely an estimate looks."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, cast

from archwright.errors import UsageError

__all__ = ["FULL", "Fidelity"]

Scale = tuple[tuple[str, float], ...]


@dataclass(frozen=True, slots=True)
class Fidelity:
    """How much effort one estimate may spend.

    Args:
        epochs: Passes over the training data; None means as many as the estimator's recipe says.
        data_fraction: Share of the training split that is used, in (0, 1]; class proportions are kept.
        replicate: Which of several repetitions: another seed; where there are folds, another fold first.
        replicates: How many repetitions, from `replicate` on, whose mean is the estimate. As many as there are folds
            are a cross-validation.
        horizon: Epochs that schedules are made for, where training may go on later; None: as many as `epochs`.
        resolution: Points along the longer side of an input, to which it is averaged; None means those that it has.
        folds: Into how many parts training and validation data together are divided, of which one validates: part
            `replicate` modulo `folds`, under another seed each time all have been. None keeps the task's own split.
        scale: Option to number for `space.scale`: width (`channels`), number of cells (`cells`). Empty means the
            space as it is.
        proxy: Name of the estimator that looks instead of the search's own, as in the stages of a cascade; None for
            that one.

    Raises:
        UsageError: When epochs < 1, data_fraction is outside (0, 1], replicate < 0, replicates < 1, horizon < epochs,
            resolution < 1, folds < 2, or scale holds what is no positive number.
    """

    epochs: int | None = None
    data_fraction: float = 1.0
    replicate: int = 0
    horizon: int | None = None
    resolution: int | None = None
    folds: int | None = None
    scale: Mapping[str, float] | Scale = ()
    proxy: str | None = None
    replicates: int = 1

    def __post_init__(self) -> None:
        least = {"epochs": 1, "replicate": 0, "replicates": 1, "resolution": 1, "folds": 2}
        for name, low in least.items():
            value = getattr(self, name)
            if value is not None and value < low:
                raise UsageError(f"fidelity: expected {name} >= {low}, got {value}")
        if not 0.0 < self.data_fraction <= 1.0:
            raise UsageError(f"fidelity: expected 0 < data_fraction <= 1, got {self.data_fraction}")
        if self.horizon is not None and self.horizon < (self.epochs or 1):
            raise UsageError(
                f"fidelity: expected a horizon of at least epochs={self.epochs or 1}, got {self.horizon}"
            )
        scale = tuple(sorted(dict(self.scale).items()))
        for name, value in scale:
            if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < math.inf:
                raise UsageError(f"fidelity: expected a positive number for {name!r}, got {value!r}")
        object.__setattr__(self, "scale", scale)

    @property
    def scaled(self) -> dict[str, float]:
        """The options of `space.scale`."""
        return dict(self.scale)

    @property
    def fold(self) -> tuple[int, int] | None:
        """Which part validates, of how many, in the first replicate; None where the task's own split is kept."""
        return None if self.folds is None else (self.replicate % self.folds, self.folds)

    @property
    def seed(self) -> int:
        """Which of several seeds: 0 for the first."""
        return self.replicate if self.folds is None else self.replicate // self.folds

    @property
    def is_reduced(self) -> bool:
        """Whether the network, or what it is called with, is smaller than it will be in the end."""
        return self.resolution is not None or bool(self.scale)

    def cost(self, epochs: int | None = None) -> tuple[int, float]:
        """How much an estimate stands for, to compare with others; larger is more.

        Args:
            epochs: What was trained, where that is not what was to be.

        Returns:
            How many of epochs, resolution and scale are full, then the product of those that are not, of the share of
            the data, and of the replicates.
        """
        if self.proxy is not None:
            return 0, 0.0
        epochs = self.epochs if epochs is None else epochs
        points = None if self.resolution is None else self.resolution**2
        size = math.prod(self.scaled.values()) if self.scale else None
        parts = [epochs, points, size]
        given = [part for part in parts if part is not None]
        return len(parts) - len(given), math.prod(given) * self.data_fraction * self.replicates

    def to_json(self) -> dict[str, Any]:
        """A plain dict that `from_json` reads back; what came later is in it only where it was set."""
        later = {
            "resolution": self.resolution,
            "folds": self.folds,
            "scale": self.scaled,
            "proxy": self.proxy,
            "replicates": self.replicates if self.replicates > 1 else None,
        }
        return {
            **{name: value for name, value in asdict(self).items() if name not in later},
            **{name: value for name, value in later.items() if value},
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Fidelity:
        """The inverse of `to_json`."""
        return cls(**cast("dict[str, Any]", data))

    def __str__(self) -> str:
        if self.proxy is not None:
            return f"by {self.proxy}"
        parts = ["" if self.epochs is None else f"{self.epochs} epoch{'s' * (self.epochs != 1)}"]
        parts.append(f"{100 * self.data_fraction:.3g} % of data" if self.data_fraction < 1 else "")
        parts.append("" if self.resolution is None else f"resolution {self.resolution}")
        parts += [f"{name} {value:g}" for name, value in self.scaled.items()]
        if self.replicates > 1:
            kind = "replicates" if self.folds is None else f"replicates on {self.folds} folds"
            parts.append(f"mean of {self.replicates} {kind}")
            parts.append(f"from {self.replicate} on" if self.replicate else "")
        else:
            parts.append("" if self.fold is None else f"fold {self.fold[0] + 1} of {self.fold[1]}")
            parts.append(f"seed {self.seed}" if self.seed else "")
        return ", ".join(filter(None, parts)) or "full"


FULL = Fidelity()
"""The estimator's own, full effort."""
