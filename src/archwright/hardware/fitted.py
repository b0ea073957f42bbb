"""What networks take, predicted from their parts: the seam of tables and predictors, and their files."""

from __future__ import annotations

import json
import math
import platform
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linprog, lsq_linear
from scipy.stats import spearmanr

from archwright.atomic_writing import replacing
from archwright.evaluating import evaluating
from archwright.hardware.setting import Run, Setting
from archwright.spaces.build import first_of

if TYPE_CHECKING:
    from torch import nn

__all__ = [
    "CALLS",
    "FORMAT",
    "Agreement",
    "Calibration",
    "LatencyModel",
    "Parts",
    "Provenance",
    "calibrated",
    "device_facts",
]

FORMAT = 2
"""Version of the files."""
_NEAR, _RANGE = 0.1, 1.2
_STRENGTHS = (1e-4, 1e-3, 1e-2, 1e-1, 1.0, 10.0)

CALLS = "calls"
"""Among the parts, the time in which a runtime gets from one kernel to the next; it has a factor of its own."""

Parts = Mapping[str, float]
"""Kind of part to the milliseconds that all parts of this kind take together."""


@dataclass(frozen=True, slots=True)
class Calibration:
    """From what the parts of a network take to what it takes: `sum over kinds of factor * parts + rest` milliseconds.

    The rest is what runs between the parts; parts that are timed alone find their data in other caches.

    Args:
        scale: The factor of kinds of parts that have none of their own.
        rest: Milliseconds.
        factors: Kind of part to factor.
    """

    scale: float = 1.0
    rest: float = 0.0
    factors: Mapping[str, float] = field(default_factory=dict)

    def __call__(self, parts: Parts) -> float:
        """Milliseconds of a network."""
        return self.sum(parts) + self.rest

    def sum(self, parts: Parts) -> float:
        """Milliseconds of parts alone."""
        return sum(self.factors.get(kind, self.scale) * ms for kind, ms in parts.items())

    @classmethod
    def fit(cls, parts: Sequence[Parts], measured: Sequence[float]) -> Calibration:
        """The line of the least sum of relative errors, which a few bad measurements do not move.

        It is found by linear programming, with no factor and no rest below 0. With fewer than 3 networks, or all of
        about one size, the factor alone is fitted, as the median of the ratios.

        Args:
            parts: Kind of part to milliseconds, of each network.
            measured: The milliseconds of each.
        """
        calls = [one.get(CALLS, 0.0) for one in parts]
        sums = [sum(one.values()) - call for one, call in zip(parts, calls, strict=True)]
        if len(sums) < 3 or max(sums) < _RANGE * min(sums):
            return cls(float(np.median(np.divide(measured, [sum(one.values()) for one in parts]))))
        # |scale * sum + rest - measured| / measured <= error, for the least sum of the errors.
        relative = np.column_stack([np.divide(one, measured) for one in (sums, np.ones(len(sums)), calls)])
        errors, ones = np.eye(len(sums)), np.ones(len(sums))
        found = linprog(
            np.concatenate([np.zeros(3), ones]),
            A_ub=np.block([[relative, -errors], [-relative, -errors]]),
            b_ub=np.concatenate([ones, -ones]),
            # In older files kernels are timed with what an empty call takes, which may have to be taken off.
            bounds=[(0, None), (0, None), (None, None), *[(0, None)] * len(sums)],
        )
        return cls(float(found.x[0]), float(found.x[1]), {CALLS: float(found.x[2])} if any(calls) else {})

    @classmethod
    def fit_kinds(cls, parts: Sequence[Parts], measured: Sequence[float]) -> Calibration:
        """A factor for each kind of part, from a few networks.

        A device needs them that is not the one of the parts; and where it is, parts of some kinds are timed alone in
        other caches than they have in a network, and others are not.

        Ridge regression of the relative errors: factors are drawn to those of `fit`, as strongly as predicts best
        when each network in turn is left out.

        Args:
            parts: As in `fit`.
            measured: As in `fit`.
        """
        line = cls.fit(parts, measured)
        kinds = sorted({kind for one in parts for kind in one})
        # What each kind, and the rest, would be of each network by the line; the factors are relative to that.
        lined = [
            [line.factors.get(kind, line.scale) * one.get(kind, 0.0) for kind in kinds] + [line.rest]
            for one in parts
        ]
        shares = np.array(lined) / np.asarray(measured)[:, None]

        def fitted(rows: NDArray[np.bool_], strength: float) -> NDArray[np.float64]:
            pull = math.sqrt(strength) * np.eye(len(kinds) + 1)
            left = np.concatenate([np.ones(int(rows.sum())), np.diag(pull)])
            return np.array(lsq_linear(np.vstack([shares[rows], pull]), left, bounds=(0, np.inf)).x)

        def error(strength: float) -> float:
            kept = ~np.eye(len(parts), dtype=bool)
            return sum(abs(float(shares[i] @ fitted(kept[i], strength)) - 1) for i in range(len(parts)))

        everything = np.ones(len(parts), dtype=bool)
        *relative, rest = fitted(everything, min(_STRENGTHS, key=error)).tolist()
        factors = {
            kind: one * line.factors.get(kind, line.scale) for kind, one in zip(kinds, relative, strict=True)
        }
        return cls(line.scale, line.rest * rest, factors)


@dataclass(frozen=True, slots=True)
class Agreement:
    """How well predictions agree with what was measured.

    Args:
        networks: How many networks were measured.
        within: Share of them whose prediction is within 10 % of what was measured.
        error: Median of the relative errors, without their signs.
        correlation: Spearman's rank correlation; 0 where all predictions are one number.
    """

    networks: int
    within: float
    error: float
    correlation: float

    @classmethod
    def of(cls, predicted: Sequence[float], measured: Sequence[float]) -> Agreement:
        """That of at least two networks."""
        errors = np.abs(np.divide(predicted, measured) - 1)
        ranks = len(set(predicted)) > 1 and len(set(measured)) > 1
        return cls(
            len(errors),
            float(np.mean(errors <= _NEAR)),
            float(np.median(errors)),
            float(spearmanr(predicted, measured).statistic) if ranks else 0.0,
        )

    def __str__(self) -> str:
        return (
            f"{self.within:.0%} of {self.networks} networks within 10 %, median error {self.error:.1%}, "
            f"rank correlation {self.correlation:.3f}"
        )


def calibrated(
    parts: Sequence[Parts], measured: Sequence[float], calibrating: int
) -> tuple[Calibration, Agreement | None]:
    """A calibration by the first networks, and how well it holds for the others; None for fewer than two others.

    Args:
        parts: Kind of part to milliseconds, of each network.
        measured: The milliseconds of each.
        calibrating: By how many it is calibrated.
    """
    calibration = Calibration.fit_kinds(parts[:calibrating], measured[:calibrating])
    predicted = [calibration(one) for one in parts[calibrating:]]
    return calibration, Agreement.of(predicted, measured[calibrating:]) if len(predicted) > 1 else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Provenance:
    """Where and how parts were measured, and how their sums agree with whole networks.

    Args:
        setting: How the parts were run.
        device: Facts about the machine on which.
        reference: Milliseconds of the shortest run of the reference call meanwhile; it tells how busy the machine was.
            None in files of older versions.
        calibration: From the sum of the parts to the network.
        agreement: With networks that the model was not made from; None where none were measured.
        space: Name of the space whose parts they are.
        drifting: How many measurements come from a round in which the reference call took over 10 % longer than in the
            quietest, three times in a row.
    """

    setting: Setting
    device: Mapping[str, str]
    reference: float | None
    calibration: Calibration = Calibration()
    agreement: Agreement | None = None
    space: str = ""
    drifting: int = 0

    @property
    def notes(self) -> tuple[str, ...]:
        """Says where the machine was not quiet."""
        if not self.drifting:
            return ()
        return (
            f"{self.drifting} of the measurements come from rounds in which the machine was over 10 % slower than in "
            "the quietest, three times in a row; measure again when it is quiet",
        )

    def to_json(self) -> dict[str, Any]:
        """The fields by name, in JSON's own types."""
        return {**asdict(self), "setting": self.setting.to_json(), "device": dict(self.device)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Provenance:
        """The inverse of `to_json`; other keys are left alone."""
        known = {one.name: data[one.name] for one in fields(cls)}
        agreement = known["agreement"]
        return cls(
            **{
                **known,
                "setting": Setting(**known["setting"]),
                "calibration": Calibration(**known["calibration"]),
                "agreement": None if agreement is None else Agreement(**agreement),
            }
        )


class LatencyModel(ABC):
    """Predicts the milliseconds of a network from its parts; a file that travels.

    Args:
        provenance: Where and how the parts were measured.

    Attributes:
        kind: How its file calls it.
    """

    kind: ClassVar[str]

    def __init__(self, provenance: Provenance) -> None:
        self.provenance = provenance

    @abstractmethod
    def adding(self, network: nn.Module) -> AbstractContextManager[Callable[[Run], Parts]]:
        """A function from a run of a network, or of parts of it, to the milliseconds of all parts that run in it.

        It raises a `UsageError` when a part is unknown.

        Args:
            network: The network, or a supernet; in evaluation mode, without gradients.
        """

    def parts(self, network: nn.Module, example: Any) -> Parts:
        """What the parts of a network take: kind to milliseconds, before calibration.

        Args:
            network: Left as it was.
            example: A batch of inputs, shape (N, ...), or a pair (args, kwargs); the first is run.

        Raises:
            UsageError: When a part is unknown.
        """
        args, kwargs = first_of(example)
        with evaluating(network), self.adding(network) as parts:
            return parts(lambda: network(*args, **kwargs))

    def predict(self, network: nn.Module, example: Any) -> float:
        """Milliseconds of one call of a network in the setting of the model. For the arguments see `parts`."""
        return self.provenance.calibration(self.parts(network, example))

    @abstractmethod
    def parts_to_json(self) -> dict[str, Any]:
        """What it knows of parts, in JSON's own types."""

    @classmethod
    @abstractmethod
    def from_parts(cls, data: Mapping[str, Any], provenance: Provenance) -> Self:
        """The inverse of `parts_to_json`."""

    def moved(self, provenance: Provenance) -> Self:
        """The same parts, as they were measured elsewhere."""
        return type(self).from_parts(self.parts_to_json(), provenance)

    def save(self, path: str | Path) -> None:
        """Write the file."""
        known = {"kind": self.kind, "format": FORMAT, **self.provenance.to_json(), **self.parts_to_json()}
        with replacing(Path(path)) as part:
            part.write_text(json.dumps(known, indent=1))


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
