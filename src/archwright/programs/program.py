"""Programs of AutoML-Zero: three straight-line functions, as text, and without what has no effect."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from archwright.errors import SpaceError
from archwright.programs.operations import OPERATIONS, Operation, operation_of

__all__ = [
    "FUNCTIONS",
    "Function",
    "Instruction",
    "Program",
    "live_instructions",
    "parse_function",
    "print_function",
]

FUNCTIONS = ("setup", "predict", "learn")
"""Setup runs once, Predict for every example, Learn for every example of training."""

_ADDRESS = re.compile(r"\b([svm])(\d+)\b")
_NUMBER = re.compile(r"(?<![\w.])[-+]?(?:\d+\.?\d*(?:e[-+]?\d+)?|inf|nan)(?![\w.])")


@dataclass(frozen=True, slots=True)
class Instruction:
    """One step of a program.

    Args:
        op: Number of its operation.
        inputs: Addresses that it reads, one for each letter of `Operation.inputs`.
        output: Address that it writes; 0 where it writes none.
        constants: Its constants, in the order in which they are printed.
    """

    op: int
    inputs: tuple[int, ...] = ()
    output: int = 0
    constants: tuple[float, ...] = ()

    @property
    def operation(self) -> Operation:
        """What it does."""
        return OPERATIONS[self.op]

    @property
    def reads(self) -> set[str]:
        """Names of what it reads; setting an element keeps the others."""
        read = {f"{kind}{number}" for kind, number in zip(self.operation.inputs, self.inputs, strict=True)}
        return read | {self.writes} if self.op in (57, 58) else read

    @property
    def writes(self) -> str:
        """Name of what it writes; empty where it writes nothing."""
        kind = self.operation.output
        return f"{kind}{self.output}" if kind else ""

    def __str__(self) -> str:
        """As it is printed, with every digit of its constants."""
        addresses = iter((self.output, *self.inputs))
        constants = iter(self.constants)

        def filled(match: re.Match[str]) -> str:
            return repr(next(constants)) if match[0] == "#" else f"{match[0]}{next(addresses)}"

        return re.sub(r"\b[svm]\b|#", filled, self.operation.text)

    @classmethod
    def parse(cls, line: str) -> Instruction:
        """The inverse of `str`.

        Raises:
            SpaceError: When no operation is printed so.
        """
        addresses = [int(number) for _, number in _ADDRESS.findall(line)]
        bare = _ADDRESS.sub(r"\1", line.strip())
        constants = tuple(float(number) for number in _NUMBER.findall(bare))
        operation = operation_of(_NUMBER.sub("#", bare))
        if operation is None:
            raise SpaceError(
                f"expected an instruction such as 's3 = s0 - s1' or 's2 = 0.001', got {line!r}; see "
                "archwright.programs.OPERATIONS"
            )
        return cls(operation.number, tuple(addresses[1:]), addresses[0] if addresses else 0, constants)


Function = tuple[Instruction, ...]
"""Instructions in the order in which they run."""


def print_function(function: Iterable[Instruction]) -> str:
    """A function as text, a line an instruction."""
    return "\n".join(map(str, function))


def parse_function(text: str) -> Function:
    """The inverse of `print_function`.

    Raises:
        SpaceError: When a line is no instruction.
    """
    return tuple(Instruction.parse(line) for line in text.splitlines() if line.strip())


@dataclass(frozen=True, slots=True)
class Program:
    """A learning algorithm.

    s0 is the label, s1 the prediction, v0 the features.

    Args:
        setup: Runs once, on zeroed memory.
        predict: Leaves the prediction in s1.
        learn: Reads the label.
    """

    setup: Function = ()
    predict: Function = ()
    learn: Function = ()

    @property
    def functions(self) -> tuple[Function, Function, Function]:
        """Setup, Predict and Learn."""
        return self.setup, self.predict, self.learn

    def __len__(self) -> int:
        """Number of instructions."""
        return sum(map(len, self.functions))

    def __str__(self) -> str:
        """All three functions, indented under their names."""
        lines = []
        for name, function in zip(FUNCTIONS, self.functions, strict=True):
            lines += [f"{name}:", *(f"  {one}" for one in function)]
        return "\n".join(lines)

    @classmethod
    def parse(cls, text: str) -> Program:
        """The inverse of `str`.

        Raises:
            SpaceError: When a line is no instruction, or stands under no function.
        """
        found: dict[str, list[Instruction]] = {name: [] for name in FUNCTIONS}
        name = ""
        for line in filter(str.strip, text.splitlines()):
            if line.strip().rstrip(":").lower() in FUNCTIONS:
                name = line.strip().rstrip(":").lower()
            elif not name:
                raise SpaceError(f"expected 'setup:', 'predict:' or 'learn:' before {line!r}")
            else:
                found[name].append(Instruction.parse(line))
        return cls(*(tuple(found[name]) for name in FUNCTIONS))

    def simplified(self) -> Program:
        """The program without instructions that can have no effect on a prediction. See `live_instructions`.

        It predicts the same, bit by bit, but for instructions that draw random numbers, whose numbers depend on
        their places.
        """
        kept = live_instructions(self.functions)
        pairs = zip(self.functions, kept, strict=True)
        return Program(*(tuple(function[place] for place in places) for function, places in pairs))


def live_instructions(functions: Sequence[Function]) -> list[list[int]]:
    """Places, in Setup, Predict and Learn, of the instructions that can have an effect on a prediction.

    Learn and Predict are walked backwards from s1 until nothing is added, since memory lasts from example to example;
    then Setup.
    """
    setup, predict, learn = functions
    wanted: frozenset[str] = frozenset()
    while True:
        # What must be there when Predict begins comes from Learn, or from Predict itself in validation.
        after_learn, in_learn = _walked(learn, wanted)
        before, in_predict = _walked(predict, after_learn | wanted | {"s1"})
        grown = wanted | before
        if grown == wanted:
            break
        wanted = grown
    in_setup = _walked(setup, wanted)[1]
    return [in_setup, in_predict, in_learn]


def _walked(function: Function, wanted: frozenset[str]) -> tuple[frozenset[str], list[int]]:
    """What must be known before a function so that `wanted` is right after it, and which instructions that takes."""
    needed, kept = set(wanted), []
    for place in reversed(range(len(function))):
        one = function[place]
        if one.writes in needed and one.op != 0:
            needed.discard(one.writes)
            needed |= one.reads
            kept.append(place)
    return frozenset(needed), kept[::-1]
