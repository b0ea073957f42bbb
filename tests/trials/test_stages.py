"""Shares of the stages of a cascade."""

from __future__ import annotations

from fractions import Fraction

import pytest

from archwright.errors import UsageError
from archwright.trials import stage_shares

STAGES = ["naswot", "the short training"]


@pytest.mark.parametrize(
    ("keep", "expected"),
    [
        (0.25, ("1/4", "1/4")),
        ("0.1, .5", ("1/10", "1/2")),  # exactly, which floats are not
        ("1/3", ("1/3", "1/3")),
        ([0.5, 0.2], ("1/2", "1/5")),
    ],
)
def test_a_share_for_each_stage(keep: object, expected: tuple[str, str]) -> None:
    assert stage_shares(keep, "it", STAGES) == tuple(map(Fraction, expected))  # type: ignore[arg-type]


def test_where_stages_are_not_known_there_are_as_many_as_were_given() -> None:
    assert stage_shares("0.5,0.25,0.1", "it") == (Fraction(1, 2), Fraction(1, 4), Fraction(1, 10))
    assert stage_shares(0.5, "it") == (Fraction(1, 2),)


@pytest.mark.parametrize("keep", [0, 1, -0.5, "", "a", "1/0", "nan", [0.5, 1.0], [], "0.1,0.1,0.1"])
def test_what_does_not_fit_is_told_with_what_would(keep: object) -> None:
    with pytest.raises(
        UsageError, match=r"it: keep: .* each of 2: naswot, the short training; as keep=0.5,0.25; got"
    ):
        stage_shares(keep, "it", STAGES)  # type: ignore[arg-type]
