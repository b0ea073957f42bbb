"""The values of conditions, against trying every combination of decisions."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

import archwright.spaces as aw
from archwright.spaces.expression import compile_value
from archwright.spaces.values import decisions_of, possible_values

OP = aw.categorical(["a", "b", "c"], name="op")
MIXED = aw.categorical([1, "a", None], name="mixed")
N = aw.integer(0, 3, name="n")
SET = aw.subset(4, (1, 2), name="set")
YES = aw.boolean(name="yes")


@pytest.mark.parametrize(
    "expression",
    [
        OP.equals("a"),
        OP.equals("z"),
        MIXED.equals(None) | MIXED.equals("a"),
        MIXED.is_in([1, "a", None]),
        OP.is_in(["a", "b", "z"]) & ~OP.equals("b"),
        OP.equals("a") & OP.equals("b"),
        N.equals(1) + N.equals(2) + N.is_in([2, 3]),
        N.equals(2.0),
        N.equals(1) & (N > 2),
        OP.equals("a") | SET.has(1) | SET.has(3),
        SET.equals((0, 1)) | SET.has(2),
        SET.is_in([(0,), (3,)]),
        YES.equals(True) & ~YES,
        N.equals(aw.integer(2, 5)),
        aw.switch(OP.equals("c"), {True: N, False: 7}),
    ],
    ids=repr,
)
def test_as_many_as_all_combinations_give(expression: aw.Expression) -> None:
    decisions = decisions_of(expression)
    value = compile_value(expression, id)
    brute: set[Any] = set()
    for combination in itertools.product(*[list(decision.values()) for decision in decisions]):
        brute.add(value({id(d): v for d, v in zip(decisions, combination, strict=True)}))
    found = possible_values(expression, "here")
    assert len(found) == len(set(found))
    assert set(found) == brute


def test_a_question_to_many_large_decisions_is_answered() -> None:
    states = [aw.integer(0, 10**12, name=f"state {i}") for i in range(8)]
    read = states[0].equals(3)
    for state in states[1:]:
        read = read | state.equals(3)
    assert set(possible_values(~read, "here")) == {True, False}
