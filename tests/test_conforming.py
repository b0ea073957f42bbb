from __future__ import annotations

from collections import Counter, deque
from collections.abc import Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Literal, Optional, TypeVar

import numpy as np
import pytest
import torch

from archwright.conforming import MismatchError, conform

T = TypeVar("T")


class Colour(StrEnum):
    RED = "red"


@pytest.mark.parametrize(
    ("value", "wanted", "expected"),
    [
        (3, int, 3),
        (3.0, int, 3),
        (10**400, int | None, 10**400),
        (3, float, 3.0),
        (True, bool, True),
        ("x", str, "x"),
        (None, int | None, None),
        (2, int | None, 2),
        (2.5, int | float, 2.5),
        (2.0, int | float, 2.0),
        ("a", Literal["a", "b"], "a"),
        ("red", Colour, Colour.RED),
        (Colour.RED, Colour, Colour.RED),
        ("here", Path, Path("here")),
        ("here", str | Path, "here"),
        ([1, 2.0], Sequence[int], (1, 2)),
        ([1, 2], tuple[int, ...], (1, 2)),
        ([1, "a"], tuple, (1, "a")),
        ([], Sequence[int], ()),
        ([1, "a"], tuple[int, str], (1, "a")),
        ((1, 2), list[int], [1, 2]),
        ({"a": 1}, Mapping[str, float], {"a": 1.0}),
        ([[1], [2]], Sequence[Sequence[int]], ((1,), (2,))),
        (object, Any, object),
        (7, T, 7),
        (7, Annotated[int, "metres"], 7),
        (None, Optional[str], None),  # noqa: UP045
    ],
)
def test_a_value_that_fits_comes_as_the_type_asks(value: Any, wanted: Any, expected: Any) -> None:
    found = conform(value, wanted)
    assert found == expected
    assert type(found) is type(expected)


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        (torch.ones(3), torch.Tensor),
        (np.ones((2, 2)), np.ndarray),
        (np.ones(2), np.ndarray | None),
        (deque([1]), deque),
        (Counter("ab"), Counter),
    ],
)
def test_an_array_stays_as_it_is(value: Any, wanted: Any) -> None:
    assert conform(value, wanted) is value


@pytest.mark.parametrize(
    ("value", "wanted", "told"),
    [
        (True, int, "a whole number"),
        ([1.0], torch.Tensor, "a value of the type torch.Tensor"),
        ([1.0], np.ndarray | None, "a value of the type numpy.ndarray or null"),
        (2.5, int, "a whole number"),
        (float("inf"), int, "a whole number"),
        ("2", float, "a number"),
        (10**400, float, "a number"),
        (1, bool, "true or false"),
        (3, str, "a word"),
        ("two", int | None, "a whole number or null"),
        ("c", Literal["a", "b"], "'a' or 'b'"),
        ("blue", Colour, "'red'"),
        ("12", Sequence[int], "a list of values, each a whole number"),
        ([1, "x"], Sequence[int], "a whole number"),
        ([1], tuple[int, int], "a list of 2 values: a whole number, a whole number"),
        ({"a": "x"}, Mapping[str, float], "a number"),
        (3, Mapping[str, int], "a mapping of names to values"),
        (3, Colour, "'red'"),
        (3, tuple, "a list"),
        (3, list, "a list"),
        (3, T | None, None),
    ],
)
def test_a_value_of_another_type_is_told_what_was_expected(value: Any, wanted: Any, told: str | None) -> None:
    if told is None:
        assert conform(value, wanted) == value
        return
    with pytest.raises(MismatchError) as raised:
        conform(value, wanted)
    assert str(raised.value) == told
