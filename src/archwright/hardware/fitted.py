"""What networks take, predicted from their parts: the seam of tables and predictors, and their files."""

from __future__ import annotations

import json
import platform
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from scipy.optimize import linprog
from scipy.stats import spearmanr

from archwright.atomic_writing import replacing
from archwright.evaluating import evaluating
from archwright.hardware.setting import Run, Setting
from archwright.spaces.build import first_of

if TYPE_CHECKING:
    from torch import nn

__all__ = ["FORMAT", "Agreement", "Calibration", "LatencyModel", "calibrated", "device_facts"]

FORMAT = 1
"""Version of the files."""
_NEAR, _RANGE = 0.1, 1.2


@dataclass(frozen=True, slots=True)
class Calibration:
    """From the sum of what its parts take to what a network takes: `scale * sum + rest` milliseconds.

    The rest is what runs between the parts; parts that are timed alone find their data in other caches.

    Args:
        scale: A factor.
        rest: Milliseconds.
    """

    scale: float = 1.0
    rest: float = 0.0

    def __call__(self, total: float) -> float:
        """Milliseconds of a network."""
        return self.scale * total + self.rest

    @classmethod
    def fit(cls, sums: Sequence[float], measured: Sequence[float]) -> Calibration:
        """The line of the least sum of relative errors, which a few bad measurements do not move; no number is below 0.

        It is found by linear programming. With fewer than 3 networks, or all of about one size, the factor alone is
        fitted, as the median of the ratios.

        Args:
            sums: Milliseconds of the parts of each network.
            measured: Those of the network.
        """
        if len(sums) < 3 or max(sums) < _RANGE * min(sums):
            return cls(float(np.median(np.divide(measured, sums))))
        # |scale * sum + rest - measured| / measured <= error, for the least sum of the errors.
        relative = np.column_stack([np.divide(sums, measured), np.divide(1.0, measured)])
        errors, ones = np.eye(len(sums)), np.ones(len(sums))
        found = linprog(
            np.concatenate([[0.0, 0.0], ones]),
            A_ub=np.block([[relative, -errors], [-relative, -errors]]),
            b_ub=np.concatenate([ones, -ones]),
        )
        return cls(float(found.x[0]), float(found.x[1]))


@dataclass(frozen=True, slots=True)
class Agreement:
    """How well predictions agree with what was measured.

    Args:
        networks: How many networks were measured.
        within: Share of them whose prediction is within 10 % of what was measured.
        error: Median of the relative errors, without their signs.
        correlation: Spearman's rank correlation.
    """

    networks: int
    within: float
    error: float
    correlation: float

    @classmethod
    def of(cls, predicted: Sequence[float], measured: Sequence[float]) -> Agreement:
        """That of at least two networks."""
        errors = np.abs(np.divide(predicted, measured) - 1)
        return cls(
            len(errors),
            float(np.mean(errors <= _NEAR)),
            float(np.median(errors)),
            float(spearmanr(predicted, measured).statistic),
        )

    def __str__(self) -> str:
        return (
            f"{self.within:.0%} of {self.networks} networks within 10 %, median error {self.error:.1%}, "
            f"rank correlation {self.correlation:.3f}"
        )


def calibrated(
    sums: Sequence[float], measured: Sequence[float], calibrating: int
) -> tuple[Calibration, Agreement | None]:
    """A calibration by the first networks, and how well it holds for the others; None for fewer than two others.

    Args:
        sums: Milliseconds of the parts of each network.
        measured: Those of the network.
        calibrating: By how many it is calibrated.
    """
    calibration = Calibration.fit(sums[:calibrating], measured[:calibrating])
    predicted = [calibration(one) for one in sums[calibrating:]]
    return calibration, Agreement.of(predicted, measured[calibrating:]) if len(predicted) > 1 else None


class LatencyModel(ABC):
    """Predicts the milliseconds of a network from its parts; a file that travels.

    Attributes:
        kind: How its file calls it.
        setting: How the parts were run.
        device: Facts about the machine on which.
        calibration: From the sum of the parts to the network.
        agreement: With networks that it was not made from; None where none were measured.
    """

    kind: ClassVar[str]
    setting: Setting
    device: Mapping[str, str]
    calibration: Calibration
    agreement: Agreement | None

    @abstractmethod
    def adding(self, network: nn.Module) -> AbstractContextManager[Callable[[Run], float]]:
        """A function from a run of a network, or of parts of it, to the milliseconds of all parts that run in it.

        It raises a `UsageError` when a part is unknown.

        Args:
            network: The network, or a supernet; in evaluation mode, without gradients.
        """

    def total(self, network: nn.Module, example: Any) -> float:
        """The sum of what the parts of a network take, in milliseconds.

        Args:
            network: Left as it was.
            example: A batch of inputs, shape (N, ...), or a pair (args, kwargs); the first is run.

        Raises:
            UsageError: When a part is unknown.
        """
        args, kwargs = first_of(example)
        with evaluating(network), self.adding(network) as cost:
            return cost(lambda: network(*args, **kwargs))

    def predict(self, network: nn.Module, example: Any) -> float:
        """Milliseconds of one call of a network in the setting of the model. For the arguments see `total`."""
        return self.calibration(self.total(network, example))

    @property
    def notes(self) -> tuple[str, ...]:
        """What whoever measured it should know."""
        return ()

    @abstractmethod
    def parts_to_json(self) -> dict[str, Any]:
        """What it knows of parts, in JSON's own types."""

    @classmethod
    @abstractmethod
    def from_parts(cls, data: Mapping[str, Any], **known: Any) -> LatencyModel:
        """The inverse of `parts_to_json`, with setting, device, calibration and agreement."""

    def transferred(
        self,
        sums: Sequence[float],
        measured: Sequence[float],
        *,
        setting: Setting,
        device: Mapping[str, str],
        agreement: Agreement | None = None,
    ) -> LatencyModel:
        """The same for another device, from a few networks that were measured there.

        Args:
            sums: What `total` says of each.
            measured: Their milliseconds on the other device.
            setting: How they were run there.
            device: Facts about it.
            agreement: With further networks that were measured there.
        """
        return type(self).from_parts(
            self.parts_to_json(),
            setting=setting,
            device=device,
            calibration=Calibration.fit(sums, measured),
            agreement=agreement,
        )

    def save(self, path: str | Path) -> None:
        """Write the file."""
        known = {
            "kind": self.kind,
            "format": FORMAT,
            "setting": self.setting.to_json(),
            "device": dict(self.device),
            "calibration": asdict(self.calibration),
            "agreement": None if self.agreement is None else asdict(self.agreement),
        }
        with replacing(Path(path)) as part:
            part.write_text(json.dumps(known | self.parts_to_json(), indent=1))


def device_facts(setting: Setting) -> dict[str, str]:
    """What a file says of the machine it was measured on."""
    import torch

    place = setting.place
    facts = {"machine": platform.machine(), "system": platform.system(), "torch": torch.__version__}
    if place.type == "cuda":
        facts["device"] = torch.cuda.get_device_name(place)
    else:
        facts["device"] = _processor() if place.type == "cpu" else place.type
    return facts


def _processor() -> str:
    """The processor's name."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    named = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return named[0] if named else platform.processor() or platform.machine()
