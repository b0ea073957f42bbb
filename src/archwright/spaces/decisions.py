"""Decisions for labels, and the functions that make every kind of decision."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from random import Random
from typing import Any

from archwright.spaces.decision import UNSET, Decision
from archwright.spaces.expression import Expression, plain
from archwright.spaces.numbers import Integer, Real
from archwright.spaces.priors import Prior, Weights
from archwright.spaces.subsets import Subset

__all__ = [
    "Boolean",
    "Categorical",
    "Decision",
    "Integer",
    "Real",
    "Subset",
    "boolean",
    "categorical",
    "integer",
    "real",
    "subset",
]


class Categorical(Decision):
    """A decision for one of several labels.

    Args:
        labels: Strings, finite numbers, booleans or None, all different.
        name: Its address, or the last part of it.
        default: What it takes in `Space.default`; the first label when left out.
        prior: Weights of the labels, in order or by label, that sampling follows; None means equal ones.

    Raises:
        SpaceError: When there is no label, one stands twice, or one is of another type; when the default is no label,
            or the prior does not fit the labels.
    """

    __slots__ = ("_codes", "_own", "labels")

    def __init__(
        self,
        labels: Iterable[Any],
        *,
        name: str | None = None,
        default: Any = UNSET,
        prior: Mapping[Any, float] | Sequence[float] | None = None,
    ) -> None:
        super().__init__(name)
        if isinstance(labels, str | set | frozenset | Expression) or not isinstance(labels, Iterable):
            raise self.error(f"expected a list of labels, got {labels!r}")
        self.labels = tuple(map(plain, labels))
        if not self.labels:
            raise self.error("expected at least one label, got none; list what may be chosen")
        self._own: dict[Any, Any] = {}
        for label in self.labels:
            if not (label is None or type(label) in (str, int, float, bool)):
                raise self.error(
                    f"expected labels that are strings, numbers, booleans or "
                    f"None, got {label!r}; give it a name: aw.choice({{'name': ...}})"
                )
            if isinstance(label, float) and not math.isfinite(label):
                raise self.error(f"expected finite numbers, got {label!r}")
            if isinstance(label, int) and not -(2**63) <= label < 2**63:
                raise self.error(f"expected whole numbers of at most 64 bits, got {label}")
            if label in self._own:
                same = self._own[label]
                twice = f"{label!r} stands twice" if same is label else f"{label!r} equals {same!r}"
                raise self.error(f"the label {twice}; each label must differ")
            self._own[label] = label
        self.size = self.columns = len(self.labels)
        self._codes = {
            label: tuple(float(i == j) for j in range(self.columns)) for i, label in enumerate(self.labels)
        }
        self.expect(default, prior)

    @property
    def numeric(self) -> bool:
        """True if every label is a number."""
        return all(isinstance(label, int | float) for label in self.labels)

    def coerce(self, value: Any) -> Any:
        """The label that the value equals."""
        try:
            return self._own[plain(value)]
        except (KeyError, TypeError):
            raise ValueError(f"expected one of {list(self.labels)!r}, got {value!r}") from None

    def make_prior(self, prior: Any) -> Prior:
        """One weight per label."""
        return Weights(self.labels, prior)

    def uniform(self, random: Random) -> Any:
        """A label, each equally likely."""
        return self.labels[int(random.random() * self.columns)]

    def values(self) -> Iterator[Any]:
        """The labels."""
        return iter(self.labels)

    def neighbors(self, value: Any) -> list[Any]:
        """All other labels."""
        return [label for label in self.labels if label != value]

    def mutate(self, value: Any, random: Random) -> Any:
        """Another label, each equally likely."""
        other = self.labels[int(random.random() * (self.columns - 1))]
        return self.labels[-1] if other == value else other

    def encode(self, value: Any) -> Sequence[float]:
        """One-hot."""
        return self._codes[value]

    def decode(self, numbers: Sequence[float]) -> Any:
        """The label with the largest number, the first of several."""
        return self.labels[max(range(self.columns), key=numbers.__getitem__)]

    def describe(self) -> dict[str, Any]:
        """Kind and labels."""
        return {"kind": "categorical", "labels": list(self.labels), **self.expected()}

    def __repr__(self) -> str:
        return f"categorical({list(self.labels)!r})"


class Boolean(Categorical):
    """A decision for yes or no; counts as 1 or 0 in arithmetic.

    Args:
        name: Its address, or the last part of it.
        default: What it takes in `Space.default`; False when left out.
        prior: Weights of no and yes that sampling follows; None means equal ones.

    Raises:
        SpaceError: When the default is no boolean, or the prior is no pair of weights.
    """

    __slots__ = ()

    def __init__(
        self,
        *,
        name: str | None = None,
        default: Any = UNSET,
        prior: Mapping[Any, float] | Sequence[float] | None = None,
    ) -> None:
        super().__init__((False, True), name=name, default=default, prior=prior)

    def describe(self) -> dict[str, Any]:
        """Kind."""
        return {"kind": "boolean", **self.expected()}

    def __repr__(self) -> str:
        return "boolean()"


boolean = Boolean
"""Decide for yes or no. See `Boolean`."""
categorical = Categorical
"""Decide for one of several labels. See `Categorical`."""
integer = Integer
"""Decide for a whole number. See `Integer`."""
real = Real
"""Decide for a real number. See `Real`."""
subset = Subset
"""Decide for several of some items. See `Subset`."""
