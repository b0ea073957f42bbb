"""Architectures as vectors of one fixed length, and back."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

from archwright.errors import SpaceError
from archwright.spaces.decision import Decision

__all__ = ["Encoding"]


class Encoding:
    """The encoding of a space: its decisions one after the other, `columns` numbers in all.

    Args:
        decisions: Address to decision, all of the space.

    Attributes:
        columns: The length of a code.
    """

    def __init__(self, decisions: Mapping[str, Decision]) -> None:
        self._decisions = decisions
        self._parts = [(address, d.encode, (-1.0,) * d.columns) for address, d in decisions.items()]
        self.columns = sum(decision.columns for decision in decisions.values())

    def encode(self, values: Mapping[str, Any]) -> list[float]:
        """The code of an architecture's values.

        Raises:
            SpaceError: When an address is none of the space, or a value has no code.
        """
        numbers: list[float] = []
        inactive = 0
        try:
            for address, encode, nothing in self._parts:
                if address in values:
                    numbers += encode(values[address])
                else:
                    numbers += nothing
                    inactive += 1
        except (KeyError, ValueError, TypeError, ArithmeticError):
            decision = self._decisions[address]
            raise SpaceError(f"{address!r} cannot be {values[address]!r}; it is {decision!r}") from None
        if len(self._parts) - inactive < len(values):
            odd = next(address for address in values if address not in self._decisions)
            raise SpaceError(f"no decision of the space has the address {odd!r}, so it has no code")
        return numbers

    def decode(self, vector: Iterable[float]) -> dict[str, Any]:
        """Address to the value whose code is nearest, for all decisions, inactive ones too.

        Raises:
            SpaceError: When the vector is not `columns` finite numbers.
        """
        numbers = [float(number) for number in vector]
        if len(numbers) != self.columns:
            raise SpaceError(f"expected a vector of {self.columns} numbers, got {len(numbers)}")
        if odd := [number for number in numbers if not math.isfinite(number)]:
            raise SpaceError(f"expected a vector of finite numbers, got one with {odd[0]}")
        values, start = {}, 0
        for address, decision in self._decisions.items():
            values[address] = decision.decode(numbers[start : start + decision.columns])
            start += decision.columns
        return values
