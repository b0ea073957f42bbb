"""Programs as the arrays that compiled code works on, and back."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from archwright.programs.operations import OPERATIONS
from archwright.programs.program import Function, Instruction, Program

__all__ = ["Arrays", "from_arrays", "function_of", "to_arrays", "write_function"]

Arrays = tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.int64]]
"""Instructions (3, N, 4): operation, inputs, output; constants (3, N, 3); numbers of instructions (3,)."""


def write_function(function: Function, code: NDArray[np.int64], data: NDArray[np.float64]) -> None:
    """Write a function into arrays (N, 4) and (N, 3)."""
    code[:], data[:] = 0, 0.0
    for place, one in enumerate(function):
        code[place, 0], code[place, 3] = one.op, one.output
        code[place, 1 : 1 + len(one.inputs)] = one.inputs
        data[place, : len(one.constants)] = one.constants


def to_arrays(functions: Sequence[Function], capacity: int) -> Arrays:
    """A program's arrays.

    Args:
        functions: Setup, Predict and Learn.
        capacity: Instructions that each has room for, N.
    """
    code, data = np.zeros((3, capacity, 4), np.int64), np.zeros((3, capacity, 3))
    for f, function in enumerate(functions):
        write_function(function, code[f], data[f])
    return code, data, np.array([len(function) for function in functions])


def function_of(code: NDArray[np.int64], data: NDArray[np.float64], size: int) -> Function:
    """The inverse of `write_function`."""
    found = []
    for place in range(size):
        operation = OPERATIONS[code[place, 0]]
        inputs = tuple(int(one) for one in code[place, 1 : 1 + len(operation.inputs)])
        constants = tuple(float(one) for one in data[place, : operation.constants])
        output = int(code[place, 3]) if operation.number else 0
        found.append(Instruction(operation.number, inputs, output, constants))
    return tuple(found)


def from_arrays(code: NDArray[np.int64], data: NDArray[np.float64], size: NDArray[np.int64]) -> Program:
    """The inverse of `to_arrays`."""
    return Program(*(function_of(code[f], data[f], int(size[f])) for f in range(3)))
