"""What programs may hold, and the published settings of it."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archwright.errors import SpaceError, did_you_mean
from archwright.programs.operations import OPERATIONS
from archwright.spaces import Space

__all__ = ["MUTATIONS", "SETTINGS", "ProgramSettings", "program_settings", "settings_of"]

MUTATIONS = ("alter", "instruction", "function", "insert", "remove", "trade", "program", "identity")
"""Alter one parameter, randomize an instruction or a function, insert, remove, both, randomize all, change nothing."""

Three = tuple[int, int, int]
_ALL = tuple(range(1, 65))


@dataclass(frozen=True, kw_only=True)
class ProgramSettings:
    """What a program may hold. Triples are of Setup, Predict and Learn.

    Args:
        features: Numbers in a vector, F.
        memory: How many scalars, vectors and matrices there are.
        operations: Numbers of the operations that each function may hold.
        initial: Number of instructions that a random function has.
        fewest: Below which none is removed.
        most: Above which a function does not grow; where instructions are inserted, up to one less, as in the
            reference.
        mutations: Names of the allowed mutations.
        empty: Whether evolution starts from instructions that do nothing; else from random ones.
        population: Programs in the ring of regularized evolution.
        tournament: Programs that are drawn to be a parent.
        probability: Of a mutation; without one the parent is evaluated again.
        experiment: Programs after which a population that has not solved its tasks begins anew; 0 for never.
        renew: Programs after which a population goes on with other tasks of the search; 0 for never.
        examples: Examples of training that the search shows a program; 0 for all.
    """

    features: int
    memory: Three
    operations: tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]
    initial: Three
    fewest: Three
    most: Three
    mutations: tuple[str, ...]
    empty: bool = False
    population: int = 100
    tournament: int = 10
    probability: float = 0.9
    experiment: int = 0
    renew: int = 0
    examples: int = 0

    def __post_init__(self) -> None:
        if not 1 <= self.features <= 64:
            raise SpaceError(
                f"a program takes 1 to 64 features, got {self.features}; project the inputs to fewer numbers"
            )
        if self.memory[0] < 2 or self.memory[1] < 1:
            raise SpaceError(f"expected at least 2 scalars and 1 vector, got the memory {self.memory}")
        for op in {op for ops in self.operations for op in ops}:
            if not 0 <= op < len(OPERATIONS):
                raise SpaceError(f"expected operations from 0 to 64, got {op}")
            kind = OPERATIONS[op].output + OPERATIONS[op].inputs
            if ("m" in kind and self.memory[2] < 1) or (kind[:1] == "v" and self.memory[1] < 2):
                raise SpaceError(
                    f"the operation {OPERATIONS[op].text!r} needs more memory than {self.memory}"
                )
        for mutation in self.mutations:
            if mutation not in MUTATIONS:
                raise SpaceError(f"unknown mutation {mutation!r}.{did_you_mean(mutation, MUTATIONS)}")

    @property
    def longest(self) -> Three:
        """Most instructions that each function can have."""
        less = 1 if {"insert", "trade"} & {*self.mutations} else 0
        found = (max(a - less, b) for a, b in zip(self.most, self.initial, strict=True))
        return tuple(found)  # type: ignore[return-value]

    @property
    def capacity(self) -> int:
        """Instructions that every function has room for."""
        return max(self.longest) + 1

    @property
    def rows(self) -> int:
        """Rows of memory, with the room of one more matrix."""
        scalars, vectors, matrices = self.memory
        return scalars + vectors * self.features + (matrices + 1) * self.features**2

    def rules(self) -> tuple[NDArray[np.int64], ...]:
        """The same as arrays, for `archwright.programs.variation`."""
        operations = np.zeros((3, 65), np.int64)
        for row, ops in zip(operations, self.operations, strict=True):
            row[: len(ops)] = ops
        counts = np.array([len(ops) for ops in self.operations])
        kinds = np.array([MUTATIONS.index(one) for one in self.mutations])
        return operations, counts, np.array(self.fewest), np.array(self.most), kinds

    def to_json(self) -> dict[str, Any]:
        """All fields in JSON's own types."""
        return {field.name: getattr(self, field.name) for field in fields(self)}


_LINEAR: dict[str, Any] = {
    "memory": (4, 3, 1),
    "operations": ((56, 27, 2, 3, 18, 23),) * 3,
    "initial": (10, 2, 8),
    "fewest": (10, 2, 8),
    "most": (10, 2, 8),
    "mutations": ("alter", "instruction", "function"),
    "population": 1000,
    "experiment": 1_000_000,
}
_NETWORK: dict[str, Any] = {
    "memory": (5, 9, 2),
    "operations": (
        (56, 62, 59, 63, 60, 64, 61),
        (1, 31, 48, 27, 23),
        (1, 2, 3, 18, 23, 16, 25, 28, 39),
    ),
    "initial": (1, 1, 1),
    "fewest": (1, 1, 1),
    "most": (7, 11, 23),
    "mutations": ("alter", "function", "insert", "remove"),
    "empty": True,
    # Published are 100 and 10 on thousands of machines, always the same tasks and all examples; see docs/programs.md.
    "population": 1000,
    "tournament": 4,
    "renew": 20_000,
    "examples": 500,
}
_WHOLE: dict[str, Any] = {
    "memory": (20, 20, 20),
    "operations": (_ALL, _ALL, _ALL),
    "initial": (1, 1, 1),
    "fewest": (1, 1, 1),
    "most": (21, 21, 45),
    "mutations": ("alter", "function", "insert", "remove"),
    "empty": True,
}

SETTINGS: dict[str, dict[str, Any]] = {"linear": _LINEAR, "network": _NETWORK, "all": _WHOLE}
"""Settings by name: the published demonstration on linear regression, the published baseline with the operations of a
network with one hidden layer, and all operations with the published largest sizes."""


def program_settings(name: str, features: int, **changes: Any) -> ProgramSettings:
    """A published setting.

    Args:
        name: A key of `SETTINGS`.
        features: Numbers in a vector.
        changes: Fields that differ.

    Raises:
        SpaceError: When the name or a field is unknown, or does not fit.
    """
    if name not in SETTINGS:
        raise SpaceError(f"unknown setting {name!r}.{did_you_mean(name, SETTINGS)}")
    known = [field.name for field in fields(ProgramSettings)]
    for change in changes:
        if change not in known:
            raise SpaceError(f"a program has no setting {change!r}.{did_you_mean(change, known)}")
    return ProgramSettings(**{"features": features, **SETTINGS[name], **changes})


def settings_of(space: Space) -> ProgramSettings | None:
    """What the programs of a space may hold; None where it is no space of programs."""
    settings = getattr(space.decisions.get("setup"), "settings", None)
    return settings if isinstance(settings, ProgramSettings) else None
