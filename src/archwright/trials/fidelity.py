"""How closely an estimate looks."""

from __future__ import annotations

from dataclasses import dataclass

from archwright.errors import UsageError

__all__ = ["FULL", "Fidelity"]


@dataclass(frozen=True, slots=True)
class Fidelity:
    """How much effort one estimate may spend.

    Args:
        epochs: Passes over the training data; None means as many as the estimator's recipe says.
        data_fraction: Share of the training split that is used, in (0, 1]; class proportions are kept.
        replicate: Which of several repetitions: another seed, or another fold.
        horizon: Epochs that schedules are made for, where training may go on later; None: as many as `epochs`.

    Raises:
        UsageError: When epochs < 1, data_fraction is outside (0, 1], replicate < 0 or horizon < epochs.
    """

    epochs: int | None = None
    data_fraction: float = 1.0
    replicate: int = 0
    horizon: int | None = None

    def __post_init__(self) -> None:
        if self.epochs is not None and self.epochs < 1:
            raise UsageError(f"fidelity: expected epochs >= 1, got {self.epochs}")
        if not 0.0 < self.data_fraction <= 1.0:
            raise UsageError(f"fidelity: expected 0 < data_fraction <= 1, got {self.data_fraction}")
        if self.replicate < 0:
            raise UsageError(f"fidelity: expected replicate >= 0, got {self.replicate}")
        if self.horizon is not None and self.horizon < (self.epochs or 1):
            raise UsageError(
                f"fidelity: expected a horizon of at least epochs={self.epochs or 1}, got {self.horizon}"
            )


FULL = Fidelity()
"""The estimator's own, full effort."""
