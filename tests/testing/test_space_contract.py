"""The toy spaces keep the contract of spaces, and it notices spaces that do not."""

from __future__ import annotations

from archwright.testing import SpaceContract, toy_spaces


class TestFlat(SpaceContract):
    make = toy_spaces.flat


class TestConditional(SpaceContract):
    make = toy_spaces.conditional


class TestNested(SpaceContract):
    make = toy_spaces.nested


class TestShared(SpaceContract):
    make = toy_spaces.shared


class TestSubsets(SpaceContract):
    make = toy_spaces.subsets


class TestReals(SpaceContract):
    make = toy_spaces.reals


class TestConstrained(SpaceContract):
    make = toy_spaces.constrained


class TestIsolated(SpaceContract):
    make = toy_spaces.isolated


class TestSpellings(SpaceContract):
    make = toy_spaces.spellings


class TestUneven(SpaceContract):
    make = toy_spaces.uneven


class TestTiny(SpaceContract):
    make = toy_spaces.tiny


class TestSingle(SpaceContract):
    make = toy_spaces.single
