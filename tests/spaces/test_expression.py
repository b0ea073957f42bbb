"""Arithmetic and conditions over decisions."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import archwright.spaces as aw
from archwright.errors import SpaceError


def part(*args: Any, **kwargs: Any) -> tuple[Any, ...]:
    """Stands for a user's class."""
    return args


N, M, YES, OP, IN = (
    aw.integer(0, 9, name="n"),
    aw.integer(0, 9, name="m"),
    aw.boolean(name="yes"),
    aw.categorical(["conv", "pool"], name="op"),
    aw.subset(4, name="in"),
)
VALUES = {"n": 7, "m": 2, "yes": True, "op": "conv", "in": (1, 3)}


def worth(expression: Any, **values: Any) -> Any:
    """What an expression becomes as an argument."""
    space = aw.Space(aw.layer(part, N, M, YES, OP, IN, expression))
    return space.build(space.architecture({**VALUES, **values}))[-1]  # type: ignore[index]


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        (N + 1, 8),
        (1 + N, 8),
        (N - M, 5),
        (10 - N, 3),
        (2 * N, 14),
        (N * M, 14),
        (N // M, 3),
        (15 // N, 2),
        (N / M, 3.5),
        (14 / N, 2.0),
        (N % 4, 3),
        (10 % N, 3),
        (N**M, 49),
        (2**M, 4),
        (-N, -7),
        (N < M, False),
        (N <= 7, True),
        (N > M, True),
        (N >= 8, False),
        (3 < N, True),  # noqa: SIM300
        (YES & (N > 8), False),
        (YES | (N > 8), True),
        (True & YES, True),
        (False | ~YES, False),
        (~YES, False),
        (N.equals(7), True),
        (N.equals(M + 5), True),
        (OP.equals("pool"), False),
        (OP.is_in(["pool", "conv"]), True),
        (N.is_in([M, M + 5]), True),
        (IN.has(3), True),
        (IN.has(0), False),
        (IN.equals((1, 3)), True),
        (YES * N, 7),
        (aw.maximum(N, M, 8), 8),
        (aw.minimum(N, M), 2),
        (aw.maximum(N), 7),
        (aw.switch(OP, {"conv": N, "pool": 1}) + 1, 8),
        (np.int64(2) * N, 14),
        (N + np.float32(0.5), 7.5),
        ([N, (M, {"k": N + M})], [7, (2, {"k": 9})]),
    ],
)
def test_worth(expression: Any, expected: Any) -> None:
    assert worth(expression) == expected
    assert type(worth(expression)) is type(expected)


@pytest.mark.parametrize(
    ("expression", "shown"),
    [
        (2 * N + 1, "((2 * integer(0, 9)) + 1)"),
        (-N, "-integer(0, 9)"),
        (~YES & (N > 3), "(~boolean() & (integer(0, 9) > 3))"),
        (IN.has(2), "subset(4, (0, 4)).has(2)"),
        (OP.is_in(["a"]), "categorical(['conv', 'pool']).is_in(('a',))"),
        (aw.maximum(N, 3), "maximum(integer(0, 9), 3)"),
    ],
)
def test_is_shown_as_it_is_written(expression: Any, shown: str) -> None:
    assert repr(expression) == shown


@pytest.mark.parametrize(
    ("use", "told"),
    [
        (lambda: bool(N > 3), r"so `if`, `and`, `or`, `not` and `==` cannot look at it; use aw\.when"),
        (lambda: 2 < N < 5, "cannot look at it"),
        (lambda: [x for x in N], r"cannot be iterated over; use aw\.repeat"),  # noqa: C416
        (lambda: range(N), r"range\(\) and indexing cannot take it; use aw\.repeat"),  # type: ignore[call-overload]
        (lambda: [1, 2][N], "indexing cannot take it"),  # type: ignore[call-overload]
        (lambda: int(N), "has no value while the space is written"),  # type: ignore[call-overload]
        (lambda: aw.maximum(), "maximum: expected at least one number, got none"),
        (lambda: aw.minimum(), "minimum: expected at least one number, got none"),
    ],
)
def test_a_decision_is_not_looked_at_while_the_space_is_written(use: Any, told: str) -> None:
    with pytest.raises(SpaceError, match=told) as raised:
        use()
    assert str(raised.value).startswith("test_expression.py:")


@pytest.mark.parametrize(
    ("expression", "told"),
    [
        (
            OP + 1,
            r"x: '\+' needs numbers, but categorical\(\['conv', 'pool'\]\) is not always one; use .equals",
        ),
        (IN > 2, "x: '>' needs numbers, but subset"),
        (N + "1", r"x: '\+' needs numbers, but '1' is not always one"),
        (2 * aw.layer(part), r"x: '\*' needs numbers, but part\(\) is not always one"),
        (aw.switch(OP, {"conv": 1, "pool": "a"}) * 2, r"x: '\*' needs numbers, but switch"),
        (aw.layer(part).equals(3), r"x: expected a number or a label, got part\(\), which is built"),
        (N.equals(aw.when(YES, 3)), "x: an optional part"),
    ],
)
def test_arithmetic_with_what_is_no_number(expression: Any, told: str) -> None:
    with pytest.raises(SpaceError, match=told):
        aw.Space(aw.layer(part, x=expression))


def test_equality_of_expressions_is_identity() -> None:
    """Since one object in two places is one decision: two that look alike are two."""
    assert aw.integer(1, 2) != aw.integer(1, 2)
    assert N == N
    assert len({N, M, aw.integer(0, 9)}) == 3
