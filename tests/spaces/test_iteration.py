"""Iteration over a space from any place on."""

from __future__ import annotations

import itertools
import math

import pytest

import archwright.spaces as aw
from archwright.errors import SpaceError, UsageError
from archwright.spaces import Architecture, Space
from archwright.spaces import space as space_module
from archwright.testing import TOY_SPACES
from archwright.testing.toy_spaces import Part, constrained, flat, reals

FINITE = [name for name, make in TOY_SPACES.items() if not math.isinf(make().size_bound)]


@pytest.mark.parametrize("name", FINITE)
def test_lists_what_the_space_iterates_over_in_its_order(name: str) -> None:
    space = TOY_SPACES[name]()
    seen: dict[object, Architecture] = {}
    for architecture in space.iterate():
        seen.setdefault(space.canonical(architecture), architecture)
    assert list(seen.values()) == list(space)


@pytest.mark.parametrize("name", FINITE)
def test_goes_on_after_any_architecture(name: str) -> None:
    space = TOY_SPACES[name]()
    whole = list(space.iterate())
    for i, architecture in enumerate(whole):
        assert list(itertools.islice(space.iterate(after=architecture), 5)) == whole[i + 1 : i + 6]


def test_begins_anywhere_without_walking_there() -> None:
    space = flat(40, 10)
    last = space.architecture({f"d{i}": 9 for i in range(40)})
    middle = space.architecture({f"d{i}": 4 + (i == 39) for i in range(40)})
    assert list(space.iterate(after=last)) == []
    assert dict(next(space.iterate(after=middle))) == {**middle, "d39": 6}


def test_reals_are_taken_at_even_steps_of_their_own_scale() -> None:
    listed = list(reals().iterate(resolution=4))
    assert sorted({a["optimizer.sgd.rate"] for a in listed if "optimizer.sgd.rate" in a}) == [
        1e-4,
        1e-3,
        1e-2,
        1e-1,
    ]
    dropouts = sorted({a["training.dropout"] for a in listed})
    assert dropouts == pytest.approx([0.0, 0.5 / 3, 1.0 / 3, 0.5])
    assert len(listed) == len(set(listed)) == 4 * 4 + 4
    assert all(reals().contains(a) for a in listed)


def test_a_single_point_is_the_middle() -> None:
    space = Space(aw.layer(Part, aw.real(0.0, 1.0, name="x"), aw.real(1e-4, 1.0, log=True, name="y")))
    assert [dict(a) for a in space.iterate(resolution=1)] == [{"x": 0.5, "y": 0.01}]


def test_a_real_without_a_resolution_cannot_be_listed() -> None:
    with pytest.raises(SpaceError, match="infinitely many values"):
        next(reals().iterate())


def test_an_architecture_off_the_grid_is_refused() -> None:
    space = Space(aw.layer(Part, aw.real(0.0, 1.0, name="x")))
    with pytest.raises(UsageError, match=r"'x' is 0\.123"):
        space.iterate(resolution=3, after={"x": 0.123})
    with pytest.raises(UsageError, match="'d0' is None"):
        flat().iterate(after={"x": 0.5})


def test_constraints_that_refuse_too_many_in_a_row_end_it(monkeypatch: pytest.MonkeyPatch) -> None:
    space = Space(flat(3, 10).network, constraints=[lambda a: sum(a.values()) == 27])
    assert [dict(a) for a in space.iterate()] == [{"d0": 9, "d1": 9, "d2": 9}]
    monkeypatch.setattr(space_module, "_REFUSED", 900)
    with pytest.raises(SpaceError, match="refused 900 architectures in a row"):
        next(space.iterate())


def test_a_constraint_that_raises_is_named_with_the_cure() -> None:
    space = Space(constrained().network, constraints=[lambda a: a["gone"] > 1])
    with pytest.raises(SpaceError, match=r"KeyError: 'gone'.*architecture\.get"):
        next(space.iterate())
