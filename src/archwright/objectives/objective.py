"""What a search optimises, and what a network may cost."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from archwright.errors import UsageError, did_you_mean

__all__ = ["CHEAP", "DIRECTIONS", "Direction", "Objective", "parse_limit", "parse_objective"]


class Direction(StrEnum):
    """Which way is better."""

    MAXIMIZE = "maximize"
    MINIMIZE = "minimize"


DIRECTIONS: dict[str, Direction] = {
    "accuracy": Direction.MAXIMIZE,
    "balanced_accuracy": Direction.MAXIMIZE,
    "f1": Direction.MAXIMIZE,
    "r2": Direction.MAXIMIZE,
    "loss": Direction.MINIMIZE,
    "perplexity": Direction.MINIMIZE,
    "bits_per_character": Direction.MINIMIZE,
    "mae": Direction.MINIMIZE,
    "mse": Direction.MINIMIZE,
    "rmse": Direction.MINIMIZE,
    "params": Direction.MINIMIZE,
    "flops": Direction.MINIMIZE,
    "seconds": Direction.MINIMIZE,
}
"""The metrics known by name, with their direction."""

CHEAP = ("params", "flops")
"""The metrics that are read off the built network, without any training."""


@dataclass(frozen=True, slots=True)
class Objective:
    """One thing to optimise, or one limit to keep, or both.

    Args:
        name: A metric's name: a key of `DIRECTIONS`, or any metric of an estimator when a direction is given.
        direction: Which way is better; None looks the name up.
        limit: A bound that a network must keep: at most this where the direction is minimize, at least where
            it is maximize. None sets no bound.
        optimize: False for a limit alone, which strategies treat as a constraint only.

    Raises:
        UsageError: When the name is unknown and no direction is given.
    """

    name: str
    direction: Direction | None = None
    limit: float | None = None
    optimize: bool = True

    def __post_init__(self) -> None:
        if self.direction is None:
            if self.name not in DIRECTIONS:
                raise UsageError(
                    f"unknown objective {self.name!r}.{did_you_mean(self.name, DIRECTIONS)} "
                    f"For a metric of your own say which way is better: 'max:{self.name}', 'min:{self.name}'"
                )
            object.__setattr__(self, "direction", DIRECTIONS[self.name])
        else:
            object.__setattr__(self, "direction", Direction(self.direction))

    @property
    def is_cheap(self) -> bool:
        """Whether it is read off the built network."""
        return self.name in CHEAP

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
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Objective:
        """The inverse of `to_json`."""
        return cls(data["name"], Direction(data["direction"]), data["limit"], data["optimize"])

    def __str__(self) -> str:
        sign = "<=" if self.direction is Direction.MINIMIZE else ">="
        limit = "" if self.limit is None else f" {sign} {self.limit:.12g}"
        return f"{self.direction} {self.name}{limit}" if self.optimize else f"{self.name}{limit}"


def parse_objective(text: str) -> Objective:
    """An objective as the command takes it: `accuracy`, `params`, `max:f1`, `min:energy`.

    Raises:
        UsageError: When the name is unknown or the prefix is neither `max` nor `min`.
    """
    prefix, colon, name = text.rpartition(":")
    if not colon:
        return Objective(name.strip())
    directions = {"max": Direction.MAXIMIZE, "min": Direction.MINIMIZE}
    if prefix.strip() not in directions or not name.strip():
        raise UsageError(f"objective {text!r}: expected 'max:NAME' or 'min:NAME', got the prefix {prefix!r}")
    return Objective(name.strip(), directions[prefix.strip()])


def parse_limit(text: str) -> Objective:
    """A limit as the command takes it: `params<=50000`, `flops<=2e6`, `accuracy>=0.9`.

    Raises:
        UsageError: When it has another form, or bounds the side that is better anyway.
    """
    match = re.fullmatch(r"\s*([A-Za-z_][\w.]*)\s*(<=|>=)\s*([0-9._eE+-]+)\s*", text)
    try:
        number = float(match[3].replace("_", "")) if match else None
    except ValueError:
        number = None
    if match is None or number is None:
        raise UsageError(f"limit {text!r}: expected NAME<=NUMBER or NAME>=NUMBER, such as 'params<=50000'")
    direction = Direction.MINIMIZE if match[2] == "<=" else Direction.MAXIMIZE
    known = DIRECTIONS.get(match[1])
    if known is not None and known is not direction:
        better = "smaller" if known is Direction.MINIMIZE else "larger"
        raise UsageError(f"limit {text!r}: {better} {match[1]} is better, so bound it from the other side")
    return Objective(match[1], direction, number, optimize=False)
