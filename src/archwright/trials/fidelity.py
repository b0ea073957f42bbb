"""How closely an estimate looks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from archwright.errors import UsageError

__all__ = ["FULL", "Fidelity"]


@dataclass(frozen=True, slots=True)
class Fidelity:
    """How much effort one estimate may spend.

    Args:
        epochs: Passes over the training data; None means as many as the estimator's recipe says.
        data_fraction: Share of the training split that is used, in (0, 1]; class proportions are kept.

    Raises:
        UsageError: When epochs < 1 or data_fraction is outside (0, 1].
    """

    epochs: int | None = None
    data_fraction: float = 1.0

    def __post_init__(self) -> None:
        if self.epochs is not None and self.epochs < 1:
            raise UsageError(f"fidelity: expected epochs >= 1, got {self.epochs}")
        if not 0.0 < self.data_fraction <= 1.0:
            raise UsageError(f"fidelity: expected 0 < data_fraction <= 1, got {self.data_fraction}")

    def to_json(self) -> dict[str, Any]:
        """A plain dict that `from_json` reads back."""
        return {"epochs": self.epochs, "data_fraction": self.data_fraction}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Fidelity:
        """The inverse of `to_json`."""
        return cls(epochs=data["epochs"], data_fraction=data["data_fraction"])


FULL = Fidelity()
"""The estimator's own, full effort."""
