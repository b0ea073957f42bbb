"""The 65 operations of AutoML-Zero (Real et al. 2020, arXiv:2003.03384): numbers, types and printed forms.

Memory holds scalars s, vectors v of F numbers and matrices m of F x F numbers, all float64. An instruction is an
operation, up to two addresses that it reads, the one that it writes, and up to three constants. What each operation
computes stands in `archwright.programs.interpreter`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

__all__ = ["OPERATIONS", "Operation", "TYPES", "operation_of"]

TYPES = "svm"
"""Scalars, vectors, matrices."""


@dataclass(frozen=True, slots=True)
class Operation:
    """One of the 65 operations.

    Args:
        number: Its number in the reference implementation, 0 to 64.
        text: How an instruction is printed: `s`, `v` and `m` stand for addresses, the written one first, `#` for
            constants.
    """

    number: int
    text: str

    @property
    def output(self) -> str:
        """Type of what is written: "s", "v", "m", or "" of the operation that does nothing."""
        return self.text[0] if self.number else ""

    @property
    def inputs(self) -> str:
        """Types of what is read, a letter each."""
        return "".join(re.findall(r"\b[svm]\b", self.text.partition("=")[2]))

    @property
    def constants(self) -> int:
        """How many constants it has."""
        return self.text.count("#")

    @property
    def draws(self) -> bool:
        """Whether it draws random numbers."""
        return self.number >= 59


_TEXTS = """
pass
s = s + s
s = s - s
s = s * s
s = s / s
s = abs(s)
s = inverse(s)
s = sin(s)
s = cos(s)
s = tan(s)
s = arcsin(s)
s = arccos(s)
s = arctan(s)
s = exp(s)
s = log(s)
s = heaviside(s)
v = heaviside(v)
m = heaviside(m)
v = s * v
v = broadcast(s)
v = inverse(v)
s = norm(v)
v = abs(v)
v = v + v
v = v - v
v = v * v
v = v / v
s = dot(v, v)
m = outer(v, v)
m = s * m
m = inverse(m)
v = dot(m, v)
m = column_broadcast(v)
m = row_broadcast(v)
s = norm(m)
v = column_norms(m)
v = row_norms(m)
m = transpose(m)
m = abs(m)
m = m + m
m = m - m
m = m * m
m = m / m
m = matmul(m, m)
s = minimum(s, s)
v = minimum(v, v)
m = minimum(m, m)
s = maximum(s, s)
v = maximum(v, v)
m = maximum(m, m)
s = mean(v)
s = mean(m)
v = row_means(m)
v = row_stds(m)
s = std(v)
s = std(m)
s = #
v[#] = #
m[#, #] = #
s = uniform(#, #)
v = uniform(#, #)
m = uniform(#, #)
s = gaussian(#, #)
v = gaussian(#, #)
m = gaussian(#, #)
"""

OPERATIONS: tuple[Operation, ...] = tuple(
    Operation(number, text) for number, text in enumerate(_TEXTS.split("\n")[1:-1])
)
"""All operations; each stands at its number."""

_BY_TEXT = {operation.text: operation for operation in OPERATIONS}


def operation_of(skeleton: str) -> Operation | None:
    """The operation that is printed so, with `s`, `v`, `m` for addresses and `#` for constants; None where none is."""
    return _BY_TEXT.get(skeleton)
