"""Every decision: values, codes, variation, and what it accepts."""

from __future__ import annotations

import enum
import math
from random import Random
from typing import Any

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import assume, given

import archwright.spaces as aw
from archwright.errors import SpaceError

LABELS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text()
)
BOUNDS = st.floats(-1e300, 1e300)
POSITIVE = st.floats(1e-300, 1e300)


@st.composite
def decisions(draw: st.DrawFn) -> aw.Decision:
    """Any decision with at least two values."""
    kind = draw(st.sampled_from(["categorical", "boolean", "integer", "real", "log", "subset"]))
    if kind == "categorical":
        return aw.categorical(draw(st.lists(LABELS, min_size=2, max_size=6, unique=True)))
    if kind == "boolean":
        return aw.boolean()
    if kind == "integer":
        low, steps, step = (
            draw(st.integers(-(2**40), 2**40)),
            draw(st.integers(1, 10**12)),
            draw(st.integers(1, 10**6)),
        )
        return aw.integer(low, low + steps * step, step=step)
    if kind == "subset":
        n = draw(st.integers(2, 7))
        low = draw(st.integers(0, n))
        high = draw(st.integers(low, n))
        assume((low, high) not in ((0, 0), (n, n)))
        return aw.subset(n, (low, high))
    low, high = sorted(draw(st.tuples(*[POSITIVE if kind == "log" else BOUNDS] * 2)))
    try:
        return aw.real(low, high, log=kind == "log")
    except SpaceError:
        assume(False)
        raise


@given(decisions(), st.integers(0, 2**32))
def test_values_codes_and_variation_agree(decision: aw.Decision, seed: int) -> None:
    random = Random(seed)
    for value in [decision.sample(random) for _ in range(5)] + [decision.default()]:
        assert decision.contains(value)
        assert decision.coerce(value) == value
        code = decision.encode(value)
        assert len(code) == decision.columns
        assert all(0 <= number <= 1 for number in code)
        assert decision.decode(code) == value
        for other in [*decision.neighbors(value)[:20], decision.mutate(value, random)]:
            assert other != value
            assert decision.contains(other)
            assert decision.decode(decision.encode(other)) == other


@given(decisions(), st.data())
def test_any_finite_numbers_decode_to_a_value(decision: aw.Decision, data: st.DataObject) -> None:
    finite = st.floats(allow_nan=False, allow_infinity=False)
    numbers = data.draw(st.lists(finite, min_size=decision.columns, max_size=decision.columns))
    assert decision.contains(decision.decode(numbers))


@pytest.mark.parametrize(
    ("decision", "values"),
    [
        (aw.categorical(["a", 2, None, True]), ["a", 2, None, True]),
        (aw.boolean(), [False, True]),
        (aw.integer(-2, 4, step=3), [-2, 1, 4]),
        (aw.integer(7, 7), [7]),
        (aw.subset(3, 2), [(0, 1), (0, 2), (1, 2)]),
        (aw.subset(2), [(), (0,), (1,), (0, 1)]),
        (aw.subset(3, (2, 3)), [(0, 1), (0, 2), (1, 2), (0, 1, 2)]),
    ],
)
def test_values_in_order(decision: aw.Decision, values: list[Any]) -> None:
    assert list(decision.values()) == values
    assert decision.size == len(values)
    assert decision.default() == values[0]


def test_neighbors_are_the_next_values() -> None:
    assert aw.integer(0, 6, step=2).neighbors(2) == [0, 4]
    assert aw.integer(0, 6, step=2).neighbors(6) == [4]
    assert aw.categorical(["a", "b", "c"]).neighbors("b") == ["a", "c"]
    assert set(aw.subset(3, (1, 2)).neighbors((0,))) == {(0, 1), (0, 2), (1,), (2,)}
    assert aw.real(0, 1).neighbors(0.95) == [0.85, 1.0]
    assert aw.real(1e-4, 1, log=True).neighbors(1e-2) == pytest.approx([10**-2.4, 10**-1.6])


@pytest.mark.parametrize(("n", "k"), [(5, (1, 3)), (4, None), (6, 2), (3, 1)])
def test_a_varied_subset_is_any_neighbor(n: int, k: Any) -> None:
    decision, random = aw.subset(n, k), Random(0)
    for value in decision.values():
        neighbors = decision.neighbors(value)
        assert len(set(neighbors)) == len(neighbors)
        assert {decision.mutate(value, random) for _ in range(60 * len(neighbors))} == set(neighbors)


def test_a_subset_of_very_many_items() -> None:
    decision = aw.subset(3_000, name="columns")
    value = decision.sample(Random(0))
    assert decision.size == 2**3_000
    assert 1_200 < len(value) < 1_800
    assert decision.contains(decision.mutate(value, Random(0)))


@pytest.mark.parametrize("low", [-1.0, -1e-9, 0.0, 1 / 3, 1e6])
def test_reals_near_zero_and_far_from_it_decode_to_themselves(low: float) -> None:
    decision = aw.real(low, low + 1)
    for exponent in range(-20, 0):
        value = decision.decode((-low + 10.0**exponent,))
        assert decision.decode(decision.encode(value)) == value


def test_a_logarithmic_real_is_uniform_on_its_scale() -> None:
    decision, random = aw.real(1e-4, 1, log=True), Random(0)
    drawn = sorted(decision.sample(random) for _ in range(2_001))
    assert drawn[1_000] == pytest.approx(1e-2, rel=0.4)
    assert decision.default() == 1e-2


@pytest.mark.parametrize(
    ("decision", "given", "own"),
    [
        (aw.integer(0, 64), np.int64(16), 16),
        (aw.integer(0, 64), 16.0, 16),
        (aw.integer(0, 64), True, 1),
        (aw.boolean(), np.True_, True),
        (aw.boolean(), 1, True),
        (aw.categorical([1.5, "a"]), np.float32(1.5), 1.5),
        (aw.categorical([1, 2]), 1.0, 1),
        (aw.real(0, 2), 1, 1.0),
        (aw.real(0, 2), np.float64(1 / 3), 0.33333333333),
        (aw.subset(4), [2, 0], (0, 2)),
        (aw.subset(4), {3, 1}, (1, 3)),
        (aw.subset(4), np.array([1, 3]), (1, 3)),
    ],
)
def test_a_value_takes_the_decisions_own_form(decision: aw.Decision, given: Any, own: Any) -> None:
    assert decision.coerce(given) == own
    assert type(decision.coerce(given)) is type(own)


@pytest.mark.parametrize(
    ("decision", "value"),
    [
        (aw.integer(0, 64, step=16), 17),
        (aw.integer(0, 64), 16.5),
        (aw.integer(0, 64), "16"),
        (aw.integer(0, 64), None),
        (aw.integer(0, 64), math.nan),
        (aw.integer(0, 10**15 - 1), 10**400),
        (aw.boolean(), 2),
        (aw.boolean(), "True"),
        (aw.categorical(["a"]), "b"),
        (aw.categorical(["a"]), ["a"]),
        (aw.real(0, 1), 1.01),
        (aw.real(0, 1), math.nan),
        (aw.real(0, 1), 10**400),
        (aw.real(0, 1), "0.5"),
        (aw.subset(4, 2), (0,)),
        (aw.subset(4, 2), (0, 0)),
        (aw.subset(4, 2), (0, 4)),
        (aw.subset(4, 2), (0.0, 1.0)),
        (aw.subset(4, 2), "01"),
    ],
)
def test_what_is_no_value(decision: aw.Decision, value: Any) -> None:
    assert not decision.contains(value)
    with pytest.raises(ValueError, match="expected"):
        decision.coerce(value)


def test_contains_goes_by_equality() -> None:
    assert aw.boolean().contains(1)  # 1 == True, so sets and dicts take them for one
    assert aw.real(0, 1).contains(0.5)
    assert not aw.real(0, 1).contains(1 / 3)  # has more digits than a value carries
    assert not aw.subset(3).contains([0, 1])  # a list is not a tuple


class Size(enum.Enum):
    SMALL = "small"


@pytest.mark.parametrize(
    ("write", "told"),
    [
        (lambda: aw.categorical([], name="op"), "categorical 'op': expected at least one label"),
        (lambda: aw.categorical("abc"), "expected a list of labels, got 'abc'"),
        (lambda: aw.categorical({"a", "b"}), "expected a list of labels"),
        (lambda: aw.categorical(3), "expected a list of labels, got 3"),
        (lambda: aw.categorical(aw.integer(1, 2)), "expected a list of labels, got integer"),
        (lambda: aw.categorical(["a", "b", "a"]), "label 'a' stands twice"),
        (lambda: aw.categorical([1, True]), "label True equals 1"),
        (lambda: aw.categorical([1, 1.0]), r"label 1\.0 equals 1"),
        (lambda: aw.categorical([math.nan]), "finite numbers, got nan"),
        (lambda: aw.categorical([[3, 5]]), r"got \[3, 5\]; give it a name"),
        (lambda: aw.categorical([Size.SMALL]), "got <Size.SMALL"),
        (lambda: aw.categorical([aw.integer(1, 2)]), r"got integer\(1, 2\)"),
        (
            lambda: aw.integer(3, 1, name="width"),
            "integer 'width': expected low <= high, got low=3, high=1; swap",
        ),
        (lambda: aw.integer(1, 9, step=0), "expected step >= 1, got 0"),
        (lambda: aw.integer(1, 10, step=4), "the last value would be 9"),
        (lambda: aw.integer(True, 3), "expected low to be a whole number, got True"),
        (lambda: aw.integer(1, 3.0), r"expected high to be a whole number, got 3\.0"),
        (lambda: aw.integer(1, 3, step="1"), "expected step to be a whole number, got '1'"),
        (lambda: aw.integer(1, aw.integer(2, 3)), r"expected high to be a whole number, got integer\(2, 3\)"),
        (lambda: aw.integer(0, 10**15), "at most 1,000,000,000,000,000 values"),
        (lambda: aw.real(1, 1), "expected low < high"),
        (lambda: aw.real(0, math.inf), "expected high to be a finite number"),
        (lambda: aw.real(0, "1"), "expected high to be a finite number, got '1'"),
        (lambda: aw.real(True, 2), "expected low to be a finite number, got True"),
        (lambda: aw.real(0, 1, log=True), r"logarithmic scale needs low > 0, got 0\.0"),
        (lambda: aw.real(1, 1 + 1e-14), "12 digits"),
        (lambda: aw.real(-1.7e308, 1.7e308), "12 digits"),
        (lambda: aw.subset(0), "expected n >= 1 items, got 0"),
        (lambda: aw.subset(True), "expected n >= 1 items, got True"),
        (lambda: aw.subset(2.0), r"expected n >= 1 items, got 2\.0"),
        (lambda: aw.subset(3, 4), "0 <= fewest <= most <= n=3, got 4"),
        (lambda: aw.subset(3, (2, 1)), r"got \(2, 1\)"),
        (lambda: aw.subset(3, (0, 1, 2)), r"got \(0, 1, 2\)"),
        (lambda: aw.subset(3, 1.5), r"got 1\.5"),
        (lambda: aw.subset(3, "12"), "got '12'"),
        (lambda: aw.subset(3, name="in").has(3), "subset 'in': expected an item from 0 to 2, got 3"),
        (lambda: aw.subset(3).has(True), "got True"),
        (lambda: aw.boolean(name=""), "name that is a non-empty string, got ''"),
        (lambda: aw.boolean(name=" "), "non-empty string"),
        (lambda: aw.boolean(name=3), "non-empty string, got 3"),
    ],
)
def test_wrong_decisions_are_told_where_they_are_written(write: Any, told: str) -> None:
    with pytest.raises(SpaceError, match=told) as raised:
        write()
    assert str(raised.value).startswith("test_decisions.py:")


@pytest.mark.parametrize(
    ("written", "plain"),
    [
        (aw.integer(np.int64(1), np.int32(5), step=np.int8(2)), aw.integer(1, 5, step=2)),
        (aw.real(np.float32(0.5), np.int64(2)), aw.real(0.5, 2)),
        (aw.categorical(np.array([3, 5])), aw.categorical([3, 5])),
        (aw.categorical([np.float64(0.5), np.str_("a"), np.True_]), aw.categorical([0.5, "a", True])),
        (aw.subset(np.int64(3), (np.int64(1), 2)), aw.subset(3, (1, 2))),
    ],
)
def test_numbers_of_numpy_become_pythons_own(written: aw.Decision, plain: aw.Decision) -> None:
    assert written.describe() == plain.describe()
    value = written.sample(Random(0))
    assert type(value) is type(plain.sample(Random(0)))
    assert type(value).__module__ == "builtins"


def test_values_of_a_real_cannot_be_listed() -> None:
    with pytest.raises(SpaceError, match=r"real\(0\.0, 1\.0\) \(named 'rate'\) has infinitely many values"):
        aw.real(0, 1, name="rate").values()


def test_a_vector_for_a_subset_keeps_its_bounds() -> None:
    assert aw.subset(4, (1, 2)).decode([0.1, 0.3, 0.2, 0.1]) == (1,)
    assert aw.subset(4, (1, 2)).decode([0.9, 0.6, 0.7, 0.8]) == (0, 3)
    assert aw.subset(4).decode([0.9, 0.4, 0.5, 0.0]) == (0, 2)


@pytest.mark.parametrize("make", [lambda: aw.categorical([1, 2**63]), lambda: aw.integer(0, 2**63)])
def test_whole_numbers_that_a_store_cannot_hold_are_refused(make: Any) -> None:
    with pytest.raises(SpaceError, match="64 bits"):
        make()


@given(decisions(), st.integers(1, 40))
def test_alternatives_are_values_as_many_as_are_asked_for(decision: aw.Decision, limit: int) -> None:
    found = decision.alternatives(limit)
    assert len(set(found)) == len(found) <= limit
    assert all(decision.contains(value) for value in found)
    if decision.size <= limit:
        assert found == list(decision.values())
    elif decision.ordered:
        ends = [0.5] if limit == 1 else [0.0, 1.0]
        assert [found[0], found[-1]][: len(ends)] == [decision.decode([end]) for end in ends]


def test_alternatives_of_a_number_are_evenly_spaced_on_its_scale() -> None:
    assert aw.integer(0, 1000).alternatives(5) == [0, 250, 500, 750, 1000]
    assert aw.real(1e-4, 1, log=True).alternatives(3) == [1e-4, 1e-2, 1.0]
    assert aw.categorical(list("abcdef")).alternatives(2) == ["a", "b"]


@given(decisions(), st.integers(0, 2**32))
def test_a_value_is_made_of_the_labels_that_are_hot(decision: aw.Decision, seed: int) -> None:
    if not math.isfinite(decision.size) or decision.size > 1000:
        return
    relaxed, value = decision.relaxed(), decision.sample(Random(seed))
    hot = relaxed.hot(value)
    chosen = [label for label, weight in zip(relaxed.labels, hot, strict=True) if weight]
    assert relaxed.fewest <= len(chosen) <= relaxed.most
    assert relaxed.value(chosen) == value
    assert relaxed.several == decision.several == isinstance(value, tuple)


def test_a_real_has_no_weights() -> None:
    with pytest.raises(SpaceError, match="infinitely many values"):
        aw.real(0, 1).relaxed()
