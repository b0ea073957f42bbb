"""How long simulated trainings take, where a table does not say, or is not to be believed."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping
from dataclasses import dataclass, replace
from random import Random
from typing import Any

from archwright.benchmarks.table import Table
from archwright.errors import UsageError, did_you_mean
from archwright.estimators.estimator import Estimator
from archwright.estimators.tabular import TabularEstimator
from archwright.estimators.tabular_curves import CurveRow, TabularCurves

__all__ = ["DurationLaw", "has_durations", "timed_estimator"]

_LAWS = {
    "constant": ("SECONDS",),
    "uniform": ("LOWEST", "HIGHEST"),
    "exponential": ("MEAN",),
    "lognormal": ("MEDIAN", "SIGMA"),
}
"""Name to parameters: all in seconds but sigma, the standard deviation of the logarithm."""


@dataclass(frozen=True, slots=True)
class DurationLaw:
    """A distribution of the seconds that a whole training takes.

    Args:
        name: "constant", "uniform", "exponential" or "lognormal".
        parameters: The seconds; the lowest and the highest; the mean; or the median and the standard deviation of the
            logarithm.

    Raises:
        UsageError: When the law is unknown, or a parameter is out of range.
    """

    name: str
    parameters: tuple[float, ...]

    def __post_init__(self) -> None:
        if self.name not in _LAWS:
            raise UsageError(
                f"durations: expected one of {', '.join(_LAWS)}, got {self.name!r}.{did_you_mean(self.name, _LAWS)}"
            )
        wanted = _LAWS[self.name]
        is_short = len(self.parameters) != len(wanted)
        if is_short or not all(0.0 <= value < float("inf") for value in self.parameters):
            raise UsageError(
                f"durations: expected {self.name}:{','.join(wanted)}, numbers that are not negative, got {self}"
            )
        if not self.parameters[0] > 0.0 or (
            self.name == "uniform" and self.parameters[0] > self.parameters[1]
        ):
            raise UsageError(f"durations: expected seconds > 0, and no lowest above the highest, got {self}")

    @classmethod
    def parse(cls, text: str) -> DurationLaw:
        """Read `lognormal:60,0.5`, `constant:60` or a mere number of seconds.

        Raises:
            UsageError: When it is none.
        """
        name, colon, values = text.strip().partition(":")
        if not colon and name not in _LAWS:
            name, values = ("constant", name) if _is_number(name) else (name, "")
        words = [word for word in values.split(",") if word.strip()]
        if not all(map(_is_number, words)):
            raise UsageError(
                f"durations: expected numbers behind the colon, as lognormal:60,0.5, got {text!r}"
            )
        return cls(name, tuple(map(float, words)))

    def __str__(self) -> str:
        return f"{self.name}:{','.join(f'{value:g}' for value in self.parameters)}"

    def draw(self, random: Random) -> float:
        """Seconds of one training."""
        first, *rest = self.parameters
        if self.name == "uniform":
            return random.uniform(first, rest[0])
        if self.name == "exponential":
            return random.expovariate(1.0 / first)
        if self.name == "lognormal":
            return first * random.lognormvariate(0.0, rest[0])
        return first


def has_durations(table: Table) -> bool:
    """Whether a table says of every network how long its training took."""
    return all(row.seconds for row in table.rows.values())


def timed_estimator(table: Table, law: DurationLaw | None, seed: int) -> Estimator:
    """What looks up in a table, with durations by a law. A network takes the same whenever it is trained.

    A shorter training takes its share by epochs; in a table of curves the epochs keep their proportions.

    Args:
        table: The table.
        law: Of whole trainings; None takes the table's durations.
        seed: Of the draws.

    Raises:
        UsageError: When there is no law and the table has no durations.
    """
    if law is None:
        if not has_durations(table):
            raise UsageError(
                f"{table.name} does not say how long trainings took, so time cannot be simulated on it; say it by a "
                "law, such as --durations lognormal:60,0.5"
            )
        return table.estimator(seed)
    if table.curves:
        return TabularCurves(table.space, _Timed(table.curves, law, seed, 1.0))
    whole = max(table.epochs, default=1)
    return TabularEstimator(
        table.space,
        _Timed(table.rows, law, seed, 1.0),
        epochs={epochs: _Timed(rows, law, seed, epochs / whole) for epochs, rows in table.epochs.items()},
        runs=table.runs,
        seed=seed,
    )


class _Timed(Mapping[Hashable, Any]):
    """Rows whose seconds are drawn when they are looked up."""

    def __init__(self, rows: Mapping[Hashable, Any], law: DurationLaw, seed: int, share: float) -> None:
        self.rows, self.law, self.seed, self.share = rows, law, seed, share

    def __getitem__(self, key: Hashable) -> Any:
        row = self.rows[key]
        seconds = self.share * self.law.draw(Random(f"durations/{self.seed}/{key!r}"))
        if isinstance(row, CurveRow):
            before = row.seconds or (1.0,) * row.epochs
            return replace(row, seconds=tuple(seconds * one / sum(before) for one in before))
        return replace(row, seconds=(seconds,))

    def __iter__(self) -> Iterator[Hashable]:
        return iter(self.rows)

    def __len__(self) -> int:
        return len(self.rows)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
