"""What a search optimises, and what a network may cost."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from archwright.errors import UsageError, did_you_mean
from archwright.objectives.direction import DIRECTIONS, Direction
from archwright.objectives.meter import METERS, FunctionMeter, Meter, as_meter, direction_of
from archwright.references import absolute_reference, is_object_reference, load_object

__all__ = ["Objective", "optimized", "parse_limit", "parse_objective", "with_options"]


@dataclass(frozen=True, slots=True)
class Objective:
    """One thing to optimise, or one limit to keep, or both.

    Args:
        name: A metric's name: a key of `METERS` or `DIRECTIONS`, or any other when a direction or a meter is given.
        direction: Which way is better; None asks the meter, or looks the name up.
        limit: A bound that a network must keep: at most this where the direction is minimize, at least where
            it is maximize. None sets no bound.
        optimize: False for a limit alone, which strategies treat as a constraint only.
        meter: What measures it on a network: a `Meter`, a function from a network to a number, or a reference
            `file.py:object`. None takes the one of `METERS`; where there is none, the estimate must have a metric of
            that name.
        options: Of a meter that is given by its name or by a reference to a class: `{"batch": 8}` of `latency_ms`.

    Raises:
        UsageError: When an option does not fit, or the name is unknown and neither a direction nor a meter is given.
    """

    name: str
    direction: Direction | None = None
    limit: float | None = None
    optimize: bool = True
    meter: Meter | Callable[..., float] | str | None = field(default=None, compare=False)
    options: Mapping[str, Any] = field(default_factory=dict, compare=False)

    def __post_init__(self) -> None:
        direction: Direction | str | None = self.direction
        if direction is None:
            direction = direction_of(self.name) if self.meter is None else as_meter(self.meter).direction
        if direction is None:
            raise UsageError(
                f"unknown objective {self.name!r}.{did_you_mean(self.name, [*DIRECTIONS, *METERS])} "
                f"For a metric of your own say which way is better: 'max:{self.name}', 'min:{self.name}'"
            )
        object.__setattr__(self, "direction", Direction(direction))
        is_built_in = self.meter is None and self.has_meter and self.name in METERS.entries
        if is_built_in and self.limit is not None and self.limit < 0:
            raise UsageError(
                f"{self.name} is never below 0, so no network keeps {self.name}<={self.limit:g}; give a higher limit"
            )
        if self.options:
            if not self.has_meter:
                raise UsageError(
                    f"{self.name!r} comes from the estimate, and no meter takes the options {', '.join(self.options)}; "
                    "leave them out"
                )
            if self.meter is None:
                checked = METERS.check(self.name, self.options)
                # A file must be found from another working folder, too, and a path through JSON.
                paths = {name: str(v.resolve()) for name, v in checked.items() if isinstance(v, Path)}
                object.__setattr__(self, "options", checked | paths)
            self.load_meter()

    def load_meter(self) -> Meter | None:
        """What measures it on a network; None where it comes from the estimate.

        Raises:
            UsageError: When the meter's reference means none.
        """
        if self.meter is not None:
            return as_meter(self.meter, self.options)
        return as_meter(self.name, self.options) if self.has_meter else None

    @property
    def has_meter(self) -> bool:
        """Whether it is measured on a network, and does not come from the estimate."""
        return self.meter is not None or (self.name not in DIRECTIONS and self.name in METERS)

    def loss(self, value: float) -> float:
        """The value as something to minimise."""
        return -value if self.direction is Direction.MAXIMIZE else value

    def violation(self, value: float) -> float:
        """How far a value is over the limit, in the metric's unit; 0 where it is kept or there is none."""
        if self.limit is None:
            return 0.0
        return max(0.0, self.loss(value) - self.loss(self.limit))

    def to_json(self) -> dict[str, Any]:
        """A plain dict that `from_json` reads back."""
        return {
            "name": self.name,
            "direction": str(self.direction),
            "limit": self.limit,
            "optimize": self.optimize,
            **({} if self.meter is None else {"meter": _reference(self.meter)}),
            **({"options": dict(self.options)} if self.options else {}),
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Objective:
        """The inverse of `to_json`."""
        direction = Direction(data["direction"])
        return cls(
            data["name"],
            direction,
            data["limit"],
            data["optimize"],
            data.get("meter"),
            data.get("options", {}),
        )

    @property
    def limit_text(self) -> str:
        """The limit as the command takes it, "params<=50000"; the name alone where there is none."""
        sign = "<=" if self.direction is Direction.MINIMIZE else ">="
        return self.name if self.limit is None else f"{self.name}{sign}{self.limit:.12g}"

    def __str__(self) -> str:
        text = re.sub("[<>]=", r" \g<0> ", self.limit_text)
        return f"{self.direction} {text}" if self.optimize else text


def with_options(objectives: Sequence[Objective], options: Mapping[str, Any]) -> list[Objective]:
    """The objectives, their meters with options.

    Args:
        objectives: An objective and a limit of one name have the same meter.
        options: "NAME.OPTION", such as `latency_ms.batch`, to its value.

    Raises:
        UsageError: When a name is none of the objectives, or an option does not fit.
    """
    names = [objective.name for objective in objectives]
    taken: dict[str, dict[str, Any]] = {}
    for key, value in options.items():
        name, dot, option = key.rpartition(".")
        if not dot or name not in names:
            raise UsageError(
                f"meter option {key!r}: expected NAME.OPTION with the name of an objective or a limit, such as "
                f"latency_ms.batch.{did_you_mean(name or key, names)}"
            )
        taken.setdefault(name, {})[option] = value
    return [replace(one, options={**one.options, **taken.get(one.name, {})}) for one in objectives]


def optimized(objectives: Sequence[Objective]) -> list[Objective]:
    """Those that are optimised, not limits alone.

    Raises:
        UsageError: When there are none.
    """
    found = [objective for objective in objectives if objective.optimize]
    if not found:
        limits = ", ".join(map(str, objectives)) or "none"
        raise UsageError(f"expected an objective to optimise, got limits alone ({limits}); add one")
    return found


def _reference(meter: Meter | Callable[..., float] | str) -> str:
    """By what another process finds a meter; empty where it has no name that could be imported."""
    if isinstance(meter, str):
        return meter
    made: Any = meter.function if isinstance(meter, FunctionMeter) else meter
    named = made if hasattr(made, "__qualname__") else type(made)
    reference = f"{named.__module__}:{named.__qualname__}"
    if named.__module__ == "__main__":  # another process would have to run the script again
        return ""
    try:
        found = load_object(reference)
    except UsageError:
        return ""
    return reference if found is made else ""


def _named(text: str, direction: Direction | None, **limit: Any) -> Objective:
    """An objective by the name of a metric, or by `file.py:meter`, which is called by the object's name."""
    where, _, name = text.rpartition(":")
    if "." in where and is_object_reference(text):
        limit["meter"], text = absolute_reference(text), name
    return Objective(text, direction, **limit)


def parse_objective(text: str) -> Objective:
    """An objective as the command takes it: `accuracy`, `max:f1`, `min:energy`, `file.py:meter`, `max:file.py:meter`.

    Raises:
        UsageError: When the name is unknown, the prefix is neither `max` nor `min`, or the file has no such meter.
    """
    directions = {"max": Direction.MAXIMIZE, "min": Direction.MINIMIZE}
    prefix, colon, name = (part.strip() for part in text.partition(":"))
    if prefix in directions and name:
        return _named(name, directions[prefix])
    if not colon or "." in prefix:
        return _named(text.strip(), None)
    raise UsageError(
        f"objective {text!r}: expected NAME, 'max:NAME', 'min:NAME' or file.py:meter, got the prefix {prefix!r}"
    )


def parse_limit(text: str) -> Objective:
    """A limit as the command takes it: `params<=50000`, `flops<=2e6`, `accuracy>=0.9`, `file.py:meter<=10`.

    Raises:
        UsageError: When it has another form, or bounds the side that is better anyway.
    """
    match = re.fullmatch(r"\s*([A-Za-z_./][^<>=]*?)\s*(<=|>=)\s*([0-9._eE+-]+)\s*", text)
    try:
        number = float(match[3].replace("_", "")) if match else None
    except ValueError:
        number = None
    if match is None or number is None:
        raise UsageError(f"limit {text!r}: expected NAME<=NUMBER or NAME>=NUMBER, such as 'params<=50000'")
    direction = Direction.MINIMIZE if match[2] == "<=" else Direction.MAXIMIZE
    limit = _named(match[1], direction, limit=number, optimize=False)
    known = direction_of(limit.name) if limit.meter is None else as_meter(limit.meter).direction
    if known is not None and known != direction:
        better = "smaller" if known == Direction.MINIMIZE else "larger"
        raise UsageError(f"limit {text!r}: {better} {limit.name} is better, so bound it from the other side")
    return limit
