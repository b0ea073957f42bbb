"""The decision for one function of a program: which instructions it holds."""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator, Sequence
from random import Random
from typing import Any

import numpy as np

from archwright.errors import SpaceError
from archwright.programs.arrays import function_of, to_arrays
from archwright.programs.compiling import quiet
from archwright.programs.operations import OPERATIONS, TYPES
from archwright.programs.program import FUNCTIONS, Function, Instruction, parse_function, print_function
from archwright.programs.settings import ProgramSettings
from archwright.programs.variation import mutate, random_function
from archwright.spaces import Decision

__all__ = ["FunctionDecision"]

_TRIES = 1000
_ADDRESSES, _CONSTANTS, _HALF = 3, 3, 2**32


class FunctionDecision(Decision):
    """A decision for a function: its text, a line an instruction.

    Args:
        place: 0 for Setup, 1 for Predict, 2 for Learn.
        settings: What it may hold.
    """

    __slots__ = ("place", "settings")

    def __init__(self, place: int, settings: ProgramSettings) -> None:
        super().__init__(FUNCTIONS[place])
        self.place, self.settings = place, settings
        self.size = math.inf
        self.columns = settings.longest[place] * (len(OPERATIONS) + 1 + _ADDRESSES + 2 * _CONSTANTS)
        self.expect(print_function((Instruction(0),) * settings.initial[place]))

    @property
    def numeric(self) -> bool:
        """A function is no number."""
        return False

    def coerce(self, value: Any) -> Any:
        """The text as this decision prints it."""
        if not isinstance(value, str):
            raise ValueError(f"expected the lines of a function, got {value!r}")
        try:
            function = parse_function(value)
        except SpaceError as error:
            raise ValueError(str(error)) from None
        self._check(function)
        return print_function(function)

    def _check(self, function: Function) -> None:
        fewest, most = self.settings.fewest[self.place], self.settings.longest[self.place]
        name = FUNCTIONS[self.place]
        if not fewest <= len(function) <= most:
            raise ValueError(f"{name}: expected {fewest} to {most} instructions, got {len(function)}")
        memory = dict(zip(TYPES, self.settings.memory, strict=True))
        for one in function:
            operation = one.operation
            if one.op and one.op not in self.settings.operations[self.place]:
                raise ValueError(f"{name}: the operation of {one} is not allowed here")
            addresses = [
                *zip(operation.inputs, one.inputs, strict=True),
                *([(operation.output, one.output)] if operation.output else []),
            ]
            if any(not 0 <= address < memory[kind] for kind, address in addresses):
                raise ValueError(f"{name}: expected addresses within the memory {memory}, got {one}")
            if one.writes in ("s0", "v0"):
                raise ValueError(f"{name}: s0, the label, and v0, the features, cannot be written, got {one}")
            shares = one.constants[: one.op - 56] if one.op in (57, 58) else ()
            if not all(map(math.isfinite, one.constants)) or any(not 0 <= share < 1 for share in shares):
                raise ValueError(f"{name}: expected finite constants and shares in [0, 1), got {one}")

    def make_prior(self, prior: Any) -> Any:
        """There is none."""
        raise ValueError("a function takes no prior")

    def uniform(self, random: Random) -> str:
        """Random instructions, as many as the settings say."""
        n = self.settings.initial[self.place]
        code, data, _ = to_arrays(((), (), ()), self.settings.capacity)
        rules = self.settings.rules()
        if rules[1][self.place] == 0:
            return str(self.default())
        memory, state = np.array(self.settings.memory), np.array([random.getrandbits(64)], np.uint64)
        with quiet():
            random_function(code[0], data[0], n, rules[0][self.place], rules[1][self.place], memory, state)
        return print_function(function_of(code[0], data[0], n))

    def values(self) -> Iterator[Any]:
        """Functions cannot be listed.

        Raises:
            SpaceError: Always.
        """
        raise SpaceError(
            f"{FUNCTIONS[self.place]}: a function holds real constants, so that they have no list"
        )

    def mutate(self, value: Any, random: Random) -> str:
        """One published mutation, repeated until the function changes."""
        functions: list[Function] = [(), (), ()]
        functions[self.place] = parse_function(value)
        rules, memory = self.settings.rules(), np.array(self.settings.memory)
        state = np.array([random.getrandbits(64)], np.uint64)
        for _ in range(_TRIES):
            code, data, size = to_arrays(functions, self.settings.capacity)
            with quiet():
                mutate(code, data, size, self.place, rules, memory, state)
            changed = function_of(code[self.place], data[self.place], int(size[self.place]))
            if changed != functions[self.place] and all(
                math.isfinite(number) for one in changed for number in one.constants
            ):
                return print_function(changed)
        raise SpaceError(f"{FUNCTIONS[self.place]}: {_TRIES} mutations in a row changed nothing")

    def neighbors(self, value: Any) -> list[str]:
        """An instruction taken out, another address in one place, or a constant of the other sign."""
        function = parse_function(value)
        found: dict[str, None] = {}
        for place, one in enumerate(function):
            changed = [(*function[:place], other, *function[place + 1 :]) for other in self._variants(one)]
            if len(function) > self.settings.fewest[self.place]:
                changed.append((*function[:place], *function[place + 1 :]))
            found |= dict.fromkeys(map(print_function, changed))
        found.pop(value, None)
        return list(found)

    def _variants(self, one: Instruction) -> Iterator[Instruction]:
        memory, operation = dict(zip(TYPES, self.settings.memory, strict=True)), one.operation
        for part, kind in enumerate(operation.inputs):
            for address in range(memory[kind]):
                inputs = (*one.inputs[:part], address, *one.inputs[part + 1 :])
                yield Instruction(one.op, inputs, one.output, one.constants)
        if operation.output:
            for address in range(operation.output in "sv", memory[operation.output]):
                yield Instruction(one.op, one.inputs, address, one.constants)
        first = one.op - 56 if one.op in (57, 58) else 0
        for part in range(first, 1 if one.op >= 62 else len(one.constants)):
            constants = (*one.constants[:part], -one.constants[part], *one.constants[part + 1 :])
            yield Instruction(one.op, one.inputs, one.output, constants)

    def encode(self, value: Any) -> Sequence[float]:
        """For each possible place: the operation one-hot, "none" last; addresses on their scale; constants in order."""
        width = self.columns // max(1, self.settings.longest[self.place])
        numbers: list[float] = []
        for one in parse_function(value):
            hot = [0.0] * (len(OPERATIONS) + 1)
            hot[one.op] = 1.0
            addresses = [address / 64 for address in (one.output, *one.inputs)]
            codes = [part for constant in one.constants for part in _halves(constant)]
            numbers += (hot + (addresses + [0.0] * 3)[:_ADDRESSES] + codes + [0.0] * 6)[:width]
        nothing = [0.0] * len(OPERATIONS) + [1.0] + [0.0] * (width - len(OPERATIONS) - 1)
        while len(numbers) < self.columns:
            numbers += nothing
        return numbers

    def decode(self, numbers: Sequence[float]) -> str:
        """The function whose code is nearest: operations that are allowed, addresses that there are."""
        place = self.place
        width = self.columns // max(1, self.settings.longest[place])
        found: list[Instruction] = []
        for start in range(0, self.columns, width):
            code = numbers[start : start + width]
            allowed = [0, *self.settings.operations[place]]
            if len(found) >= self.settings.fewest[place]:
                allowed.append(len(OPERATIONS))
            op = max(allowed, key=code.__getitem__)
            if op < len(OPERATIONS):
                found.append(self._decoded(op, code[len(OPERATIONS) + 1 :]))
        return print_function(found)

    def _decoded(self, op: int, code: Sequence[float]) -> Instruction:
        operation, memory = OPERATIONS[op], dict(zip(TYPES, self.settings.memory, strict=True))
        kinds = operation.output + operation.inputs
        addresses = [
            min(max(round(number * 64), int(part == 0 and kind in "sv")), memory[kind] - 1)
            for part, (kind, number) in enumerate(zip(kinds, code, strict=False))
        ]
        constants = []
        for part in range(operation.constants):
            constant = _joined(*code[_ADDRESSES + 2 * part : _ADDRESSES + 2 * part + 2])
            is_share = op in (57, 58) and part < op - 56
            constants.append(min(max(constant, 0.0), 1 - 2.0**-24) if is_share else constant)
        return Instruction(op, tuple(addresses[1:]), addresses[0] if addresses else 0, tuple(constants))

    def describe(self) -> dict[str, Any]:
        """Kind and settings."""
        return {"kind": "function", "place": self.place, **self.settings.to_json(), **self.expected()}

    def __repr__(self) -> str:
        return f"the function {FUNCTIONS[self.place]}"


def _halves(number: float) -> tuple[float, float]:
    """A float64 as two numbers in [0, 1), exactly; the first grows with it."""
    bits = struct.unpack("<Q", struct.pack("<d", number))[0]
    ordered = bits ^ 2**63 if bits < 2**63 else bits ^ (2**64 - 1)
    return ordered // _HALF / _HALF, ordered % _HALF / _HALF


def _joined(upper: float, lower: float) -> float:
    """The inverse of `_halves`; of numbers that are no code, the nearest finite one."""
    high, low = (min(max(round(half * _HALF), 0), _HALF - 1) for half in (upper, lower))
    ordered = high * _HALF + low
    bits = ordered ^ 2**63 if ordered >= 2**63 else ordered ^ (2**64 - 1)
    number: float = struct.unpack("<d", struct.pack("<Q", bits))[0]
    return number if math.isfinite(number) else math.copysign(1e308, upper - 0.5)
