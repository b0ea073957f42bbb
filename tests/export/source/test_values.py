"""Values as source: what is printed must give an equal value when it is executed."""

import collections
import dataclasses
import enum
import functools
import math
import pathlib
import typing

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from archwright.errors import ExportError
from archwright.export.source.layout import lay_out
from archwright.export.source.values import Values

SCOPE = {
    "torch": torch,
    "nn": nn,
    "partial": functools.partial,
    "OrderedDict": collections.OrderedDict,
    "array": np.array,
    "Path": pathlib.Path,
}


class Color(enum.Enum):
    RED = 1


class Level(enum.IntEnum):
    LOW = 3


class Flags(enum.Flag):
    A = enum.auto()
    B = enum.auto()


class Point(typing.NamedTuple):
    x: int
    y: int = 2


@dataclasses.dataclass(frozen=True)
class Config:
    width: int
    sizes: tuple[int, ...] = (1,)
    area: int = dataclasses.field(init=False, default=0)


def printed(value):
    def reference(target):
        name = getattr(target, "__name__", "").rpartition(".")[2]
        return f"nn.{name}" if getattr(target, "__module__", "").startswith("torch.nn") else name

    return lay_out(Values(reference, lambda value: None).document(value), str, width=60)


def evaluated(value):
    return eval(printed(value), {**SCOPE, **globals()})


plain = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text()
    | st.binary()
    | st.complex_numbers(allow_nan=False),
    lambda inner: (
        st.lists(inner)
        | st.tuples(inner)
        | st.tuples(inner, inner)
        | st.dictionaries(st.text() | st.integers(), inner)
        | st.frozensets(st.integers() | st.text()).map(set)
    ),
    max_leaves=20,
)


@given(plain)
def test_plain_values(value):
    again = evaluated(value)
    assert again == value
    assert repr(type(again)) == repr(type(value))


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (math.inf, 'float("inf")'),
        (-math.inf, 'float("-inf")'),
        ("it", '"it"'),
        ('"', "'\"'"),
        (True, "True"),
        (..., "..."),
        (range(1, 9, 2), "range(1, 9, 2)"),
        (slice(None, 3), "slice(None, 3, None)"),
        (set(), "set()"),
        (frozenset(), "frozenset()"),
        (frozenset({1}), "frozenset({1})"),
        (Color.RED, "Color.RED"),
        (Level.LOW, "Level.LOW"),
        (Flags.A | Flags.B, "Flags(3)"),
        (Point(1), "Point(x=1, y=2)"),
        (Config(3), "Config(width=3, sizes=(1,))"),
        (torch.bfloat16, "torch.bfloat16"),
        (torch.channels_last, "torch.channels_last"),
        (torch.device("cpu"), 'torch.device("cpu")'),
        (torch.Size([1, 2]), "torch.Size([1, 2])"),
        (np.float32(0.5), "0.5"),
        (np.int64(3), "3"),
        (nn.Conv2d, "nn.Conv2d"),
        ({nn.ReLU: Color.RED}, "{nn.ReLU: Color.RED}"),
        (collections.OrderedDict(a=(1,)), 'OrderedDict({"a": (1,)})'),
        (pathlib.Path("a/b"), 'Path("a/b")'),
    ],
)
def test_other_values(value, text):
    assert printed(value) == text
    assert evaluated(value) == value


def test_not_a_number():
    assert printed(math.nan) == 'float("nan")'
    assert math.isnan(evaluated(math.nan))


def test_partial():
    value = functools.partial(nn.BatchNorm2d, eps=1e-3)
    assert printed(value) == "partial(nn.BatchNorm2d, eps=0.001)"
    again = evaluated(value)
    assert (again.func, again.args, again.keywords) == (value.func, value.args, value.keywords)


@pytest.mark.parametrize(
    "value",
    [
        torch.tensor([[1.5, math.inf], [0.1, -2]]),
        torch.tensor(3),
        torch.tensor([True]),
        torch.tensor([1.1], dtype=torch.float64),
    ],
)
def test_small_tensors(value):
    torch.testing.assert_close(evaluated(value), value, rtol=0, atol=0)


def test_small_arrays():
    value = np.array([[1, 2]], dtype=np.int16)
    again = evaluated(value)
    assert (again == value).all()
    assert again.dtype == value.dtype


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (nn.ReLU(), r"finished object.*aw\.layer\(ReLU"),
        (torch.zeros(1001), "1,001 numbers.*buffer"),
        (nn.Parameter(torch.zeros(2)), "a parameter or a buffer"),
        (object(), "cannot be written as source"),
        ([{"a": object()}], "cannot be written as source"),
    ],
)
def test_what_cannot_be_written_says_so_with_a_cure(value, expected):
    with pytest.raises(ExportError, match=expected):
        printed(value)
