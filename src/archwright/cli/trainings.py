"""Options of the commands that train networks as a search does."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from archwright.trials import FidelityRange

__all__ = ["TrainingOptions"]

_RECIPE = (
    "epochs", "batch_size", "learning_rate", "augmentation", "freeze", "layer_decay", "distillation", "temperature",
)  # fmt: skip


@dataclass(frozen=True)
class TrainingOptions:
    """How networks are trained.

    Args:
        epochs: Epochs of full training.
        fidelity (NAME=N,...): Effort of a training of the search, where it is less than full: epochs, data (a share),
            resolution, folds (the mean over all), replicates (the mean over seeds), replicate (which seed or fold
            alone), and what the space scales by (cells, channels).
        search_epochs: --fidelity epochs=N.
        search_fraction: --fidelity data=X.
        batch_size: Examples in a batch.
        learning_rate: The highest of the schedule.
        augmentation: How training inputs are varied.
        freeze (PATTERN): Parameters that are not trained, such as 'backbone.*'; may be given several times.
        layer_decay: Factor of the learning rate from each layer to the one before it.
        distillation: With --network: share, from 0 to 1, of the loss that is the distance to that network's outputs.
        temperature: What outputs are divided by before --distillation compares them, to soften them.
        device: cpu, cuda, mps or auto.
        devices (N|I,J,...): How many devices train one network together, or their numbers, such as 0,2.
        precision: 32-true, bf16-mixed, 16-mixed, ...
    """

    epochs: int | None = None
    fidelity: str | None = None
    search_epochs: int | None = None
    search_fraction: float | None = None
    batch_size: int | None = None
    learning_rate: float | None = None
    augmentation: str | None = None
    freeze: list[str] | None = None
    layer_decay: float | None = None
    distillation: float | None = None
    temperature: float | None = None
    device: str = "auto"
    devices: str = "1"
    precision: str = "32-true"

    @property
    def recipe(self) -> dict[str, Any] | None:
        """The fields of the recipe that were given; None where there are none."""
        given = {name: getattr(self, name) for name in _RECIPE if getattr(self, name) not in (None, [])}
        return given or None

    def effort(self) -> FidelityRange:
        """The fidelity of a training of the search.

        Raises:
            UsageError: When it has another form, or two options say the same.
        """
        from archwright.cli.values import effort

        return effort(self.fidelity, self.search_epochs, self.search_fraction)
