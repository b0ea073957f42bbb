"""The base class of decisions."""

from __future__ import annotations

import copy
import functools
import itertools
import math
import operator
from abc import abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from random import Random
from typing import Any, ClassVar

from archwright.spaces.expression import Expression
from archwright.spaces.priors import Prior

__all__ = ["UNSET", "Decision", "Relaxed"]


class _Unset(Enum):
    UNSET = "unset"


_MANY = 64
"""Numbers of which it is not worth looking at each."""

UNSET: Any = _Unset.UNSET
"""Stands for "no default was given", where None may be one."""


@dataclass(frozen=True, slots=True)
class Relaxed:
    """The labels that carry weights when a decision is relaxed, and how a value consists of them.

    Args:
        labels: The values, in order; the items where a value takes several of them.
        fewest: How many labels a value takes at least.
        most: How many at most.
        several: Whether a value is the tuple of its labels; else it is its one label.
    """

    labels: Sequence[Any]
    fewest: int = 1
    most: int = 1
    several: bool = False

    def value(self, labels: Iterable[Any]) -> Any:
        """The value that takes these labels."""
        return tuple(sorted(labels)) if self.several else next(iter(labels))

    def hot(self, value: Any) -> list[float]:
        """1 for each label that the value takes, else 0."""
        return [float(label in value if self.several else label == value) for label in self.labels]


class Decision(Expression):
    """Something a strategy decides.

    Attributes:
        several: Whether a value takes several labels at once, as a subset does. See `relaxed`.
        ordered: Whether the values are numbers on a scale.
        size: How many values it can take; `math.inf` for a real.
        columns: How many numbers encode it.
        prior: What `sample` draws from; None means uniformly.
        held: The value that it is held at, as a tuple of one; None where it is free.
    """

    __slots__ = ("_default", "columns", "held", "prior", "size")
    several: ClassVar[bool] = False
    ordered: ClassVar[bool] = False
    size: float
    columns: int

    def __init__(self, name: str | None = None) -> None:
        super().__init__(name)
        self.prior: Prior | None = None
        self.held: tuple[Any, ...] = ()
        self._default = UNSET

    def expect(self, default: Any = UNSET, prior: Any = None) -> None:
        """Set the default and the prior, once the values are known.

        Raises:
            SpaceError: When the default is none of its values, or the prior does not fit them.
        """
        try:
            self._default = default if default is UNSET else self.coerce(default)
        except ValueError as error:
            raise self.error(f"the default: {error}") from None
        try:
            self.prior = None if prior is None else self.make_prior(prior)
        except ValueError as error:
            raise self.error(f"the prior: {error}") from None

    @property
    def numeric(self) -> bool:
        """True if every value is a number, so that arithmetic can take it."""
        return True

    def compile(self, key: Callable[[Any], Any]) -> Callable[[Mapping[Any, Any]], Any]:
        """The decided value."""
        return operator.itemgetter(key(self))

    def contains(self, value: Any) -> bool:
        """True if the value equals one that this decision can take (so `1` is `True`, as for Python)."""
        try:
            return bool(self.coerce(value) == value)
        except ValueError:
            return False

    def default(self) -> Any:
        """The default that was given; else the first value, of a real the middle of its scale.

        It is what a decision takes in `Space.default`, and when it becomes active in a neighbour.
        """
        return next(self.values()) if self._default is UNSET else self._default

    def sample(self, random: Random) -> Any:
        """A value from the prior; without one each is equally likely."""
        return self.uniform(random) if self.prior is None else self.prior.sample(random)

    def density(self, value: Any) -> float:
        """How likely `sample` gives a value: its probability; of a real the density on its scale from 0 to 1."""
        if self.prior is not None:
            return self.prior.density(value, self.encode(value)[0])
        return 1.0 if self.size == math.inf else 1.0 / self.size

    @property
    def varies(self) -> bool:
        """True if it has a second value."""
        return self.size > 1

    def crossover(self, first: Any, second: Any, random: Random) -> Any:
        """A value for a child of two architectures: either's, with equal chance."""
        return first if random.random() < 0.5 else second

    def hold(self, value: Any) -> Decision:
        """This decision with one value left: the same kind, with the same code.

        Raises:
            ValueError: When it cannot take the value.
        """
        kind: Any = type(self)
        held = copy.copy(self)
        held.held, held.size, held.prior = (self.coerce(value),), 1, None
        held.__class__ = _held_kind(kind)
        return held

    def alternatives(self, limit: int) -> list[Any]:
        """All values where they are at most `limit`; else that many of them, in order.

        Numbers are evenly spaced on their scale with both ends, a single one is the middle; of anything else these
        are the first values.
        """
        return list(itertools.islice(self.values(), limit))

    def relaxed(self) -> Relaxed:
        """The labels that carry weights in a continuous relaxation: the values, of a subset the items.

        Raises:
            SpaceError: For a real, which has infinitely many values.
        """
        return Relaxed(tuple(self.values()))

    def covering(self) -> Relaxed:
        """The labels that between them show all that this decision can put into a network.

        The ends and the middle of numbers that are many, else all.
        """
        return Relaxed(self.alternatives(3)) if self.ordered and self.size > _MANY else self.relaxed()

    @abstractmethod
    def coerce(self, value: Any) -> Any:
        """Convert a value: a NumPy number to Python's, a list to a tuple, a real to 12 digits.

        Raises:
            ValueError: When this decision cannot take the value.
        """

    @abstractmethod
    def make_prior(self, prior: Any) -> Prior:
        """The prior that a user described.

        Raises:
            ValueError: When it does not fit this decision.
        """

    @abstractmethod
    def uniform(self, random: Random) -> Any:
        """A value, each equally likely (for a real: uniform on its scale)."""

    @abstractmethod
    def values(self) -> Iterator[Any]:
        """All values, in order.

        Raises:
            SpaceError: For a real, which has infinitely many.
        """

    @abstractmethod
    def neighbors(self, value: Any) -> list[Any]:
        """The values next to this one, without it: all others where there is no order."""

    @abstractmethod
    def mutate(self, value: Any, random: Random) -> Any:
        """A random other value. Only called where `size > 1`."""

    @abstractmethod
    def encode(self, value: Any) -> Sequence[float]:
        """The value as `columns` numbers in [0, 1]."""

    @abstractmethod
    def decode(self, numbers: Sequence[float]) -> Any:
        """The value whose code is nearest, for any finite numbers; the inverse of `encode` on codes."""

    @abstractmethod
    def describe(self) -> dict[str, Any]:
        """Kind and values as a plain dict, for reports and for the digest."""

    def expected(self) -> dict[str, Any]:
        """The default, prior and held value for `describe`, where there are any."""
        known = {"default": self._default} if self._default is not UNSET else {}
        known |= {"prior": self.prior.describe()} if self.prior is not None else {}
        known |= {"held": self.held[0]} if self.held else {}
        return {key: list(value) if isinstance(value, tuple) else value for key, value in known.items()}


class _Held(Decision):
    """A decision that is held at one value."""

    __slots__ = ()

    def default(self) -> Any:
        return self.held[0]

    def values(self) -> Iterator[Any]:
        return iter(self.held)

    def relaxed(self) -> Relaxed:
        value = self.held[0]
        return Relaxed(value, len(value), len(value), several=True) if self.several else Relaxed((value,))

    def coerce(self, value: Any) -> Any:
        coerced = super().coerce(value)  # type: ignore[safe-super]  # the kind's own
        if coerced != self.held[0]:
            raise ValueError(f"it is held at {self.held[0]!r}, got {value!r}")
        return coerced

    def uniform(self, random: Random) -> Any:
        return self.held[0]

    def neighbors(self, value: Any) -> list[Any]:
        return []

    def decode(self, numbers: Sequence[float]) -> Any:
        return self.held[0]

    def __repr__(self) -> str:
        return f"{super().__repr__()} held at {self.held[0]!r}"


@functools.cache
def _held_kind(kind: Any) -> type[Decision]:
    """That kind with one value left, which is still the kind for `isinstance`."""
    return kind if issubclass(kind, _Held) else type(kind.__name__, (_Held, kind), {"__slots__": ()})
