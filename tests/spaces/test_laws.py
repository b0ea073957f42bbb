"""Laws that hold for every space, on random expressions, against an interpreter written apart for this test."""

from __future__ import annotations

import itertools
import json
import math
import operator
import pickle
from random import Random
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import given

import archwright.spaces as aw

MOST = 2_000
"""Combinations of all decisions, active or not: what the test is willing to enumerate."""


def first(*args: Any, **kwargs: Any) -> Any:
    """Stands for a user's class."""
    return ("first", args, kwargs)


def second(*args: Any, **kwargs: Any) -> Any:
    """Stands for another."""
    return ("second", args, kwargs)


class Writer:
    """Writes a random expression with hypothesis' choices."""

    def __init__(self, draw: st.DrawFn) -> None:
        self.pick = lambda options: draw(st.sampled_from(options))
        self.number_of = lambda low, high: draw(st.integers(low, high))
        self.combinations = 1
        kinds = [
            self.decision(self.pick(["boolean", "labels", "integer", "subset"]), f"d{i}") for i in range(3)
        ]
        self.booleans = [aw.boolean(name="yes")]
        self.labels = [aw.categorical(["a", "b", "c"], name="label")]
        self.integers = [aw.integer(0, 2, name="count")]
        self.subsets = [aw.subset(3, (1, 2), name="items")]
        for kind in kinds:
            for pool, member in (
                (self.booleans, aw.Boolean),
                (self.labels, aw.Categorical),
                (self.integers, aw.Integer),
                (self.subsets, aw.Subset),
            ):
                if isinstance(kind, member):
                    pool.append(kind)
                    break

    def decision(self, kind: str, name: str | None) -> aw.Decision:
        if kind == "boolean":
            return aw.boolean(name=name)
        if kind == "labels":
            return aw.categorical(self.pick([["a", "b"], [3, 5, "a"], [None, True]]), name=name)
        if kind == "integer":
            return aw.integer(*self.pick([(0, 1), (1, 3)]), name=name)
        return aw.subset(3, self.pick([1, 2, (0, 2)]), name=name)

    def number(self) -> Any:
        one, other = self.pick(self.integers), self.pick(self.integers)
        return self.pick(
            [
                one,
                one,
                2 * one,
                one + other,
                one * self.pick(self.booleans),
                aw.minimum(one, 1),
                aw.maximum(one, other, 1),
                4 - one,
                aw.switch(self.pick(self.labels[:1]), {"a": one, "b": 0, "c": other}),
            ]
        )

    def condition(self, depth: int = 1) -> Any:
        label = self.pick(self.labels)
        found = self.pick(
            [
                self.pick(self.booleans),
                ~self.pick(self.booleans),
                self.pick(self.subsets).has(self.number_of(0, 2)),
                self.pick(self.subsets).has(self.number_of(0, 2)),
                self.pick(self.subsets).is_in([(0,), (1,), (0, 2)]),
                self.pick(self.integers) > self.number_of(0, 1),
                label.equals(label.labels[0]),
                label.is_in(label.labels[1:]),
                self.number() >= 2,
            ]
        )
        if depth and self.number_of(0, 3) == 0:
            other = self.condition(depth - 1)
            return self.pick([found & other, found | other])
        return found

    def options(self, depth: int, holds: str) -> dict[str, Any]:
        return {label: self.part(depth - 1, holds) for label in ("x", "y")}

    def part(self, depth: int, holds: str) -> Any:
        """An expression or a plain value, for a place that holds "one", "optional" or "many"."""
        kinds = ["plain", "decision", "number"]
        if depth:
            kinds += ["layer", "layer", "switch", "choice", "list", "dict", "tied", "selector"]
            kinds += ["when", "when"] if holds != "one" else []
            kinds += ["repeat", "repeat"] if holds == "many" else []
        kind = self.pick(kinds)
        if kind == "plain":
            return self.pick([7, "text", None, 0.5, (1, 2)])
        if kind == "decision":
            return self.pick([*self.booleans, *self.labels, *self.integers, *self.subsets])
        if kind == "number":
            return self.number()
        if kind == "layer":
            return self.layer(depth - 1)
        if kind == "switch":
            label = self.pick(self.labels)
            return aw.switch(label, {value: self.part(depth - 1, holds) for value in label.labels})
        if kind == "selector":
            one, other = self.pick(self.integers), self.pick(self.booleans)
            values = range(7)
            options = {value: self.part(depth - 1, holds) for value in values}
            reached = {a + b for a in one.values() for b in other.values()}
            return aw.switch(one + other, {value: options[value] for value in reached})
        if kind == "choice":
            return aw.choice(self.options(depth, holds))
        if kind == "list":
            return self.pick([list, tuple])(self.part(depth - 1, "many") for _ in range(self.number_of(0, 3)))
        if kind == "dict":
            return {key: self.part(depth - 1, "optional") for key in ("p", "q")}
        if kind == "tied":
            return aw.tied(self.layer(depth - 1))
        if kind == "when":
            return aw.when(self.condition(), self.part(depth - 1, holds))
        times = self.pick([self.number(), self.number_of(0, 2)])
        body = self.pick([self.part(depth - 1, "many"), lambda i: [self.part(depth - 1, "many")]])
        return aw.repeat(body, times)

    def layer(self, depth: int) -> Any:
        arguments = [self.part(depth, "many") for _ in range(self.number_of(0, 3))]
        keywords = {key: self.part(depth, "optional") for key in ("u", "v")[: self.number_of(0, 2)]}
        return aw.layer(self.pick([first, second]), *arguments, **keywords)


def inside(node: Any, found: dict[int, aw.Decision]) -> dict[int, aw.Decision]:
    """All decisions of an expression by identity."""
    if isinstance(node, aw.Decision):
        found[id(node)] = node
    parts: Any = ()
    if isinstance(node, aw.DeferredCall):
        parts = [*node.args, *node.kwargs.values()]
    elif isinstance(node, aw.Switch):
        parts = [node.selector, *node.options.values()]
    elif isinstance(node, aw.When):
        parts = [node.condition, node.body]
    elif isinstance(node, aw.Repeat):
        parts = [node.times, *node.bodies]
    elif isinstance(node, aw.Tied):
        parts = [node.body]
    elif isinstance(node, aw.Arithmetic):
        parts = node.operands
    elif isinstance(node, list | tuple):
        parts = node
    elif isinstance(node, dict):
        parts = node.values()
    for part in parts:
        inside(part, found)
    return found


OPERATORS = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    ">": operator.gt,
    ">=": operator.ge,
    "not": lambda a: not a,
    "and": lambda a, b: a and b,
    "or": lambda a, b: a or b,
    "equals": lambda a, b: a == b,
    "is in": lambda a, b: a in b,
    "has": lambda a, b: b in a,
    "maximum": lambda *numbers: sorted(numbers)[-1],
    "minimum": lambda *numbers: sorted(numbers)[0],
}


class Naive:
    """What an expression stands for when every decision has a value, and which decisions were asked for it."""

    def __init__(self, values: dict[int, Any]) -> None:
        self.values, self.asked = values, set[int]()

    def one(self, node: Any) -> Any:
        (value,) = self.all(node)
        return value

    def all(self, node: Any) -> list[Any]:
        if isinstance(node, aw.Decision):
            self.asked.add(id(node))
            return [self.values[id(node)]]
        if isinstance(node, aw.Arithmetic):
            return [OPERATORS[node.operation](*map(self.one, node.operands))]
        if isinstance(node, aw.DeferredCall):
            given = {key: self.all(value) for key, value in node.kwargs.items()}
            args = tuple(value for argument in node.args for value in self.all(argument))
            return [(node.fn.__name__, args, {key: value[0] for key, value in given.items() if value})]
        if isinstance(node, aw.Switch):
            return self.all(node.options[self.one(node.selector)])
        if isinstance(node, aw.When):
            return self.all(node.body) if self.one(node.condition) else []
        if isinstance(node, aw.Repeat):
            return [value for body in node.bodies[: self.one(node.times)] for value in self.all(body)]
        if isinstance(node, aw.Tied):
            return self.all(node.body)
        if isinstance(node, list | tuple):
            return [type(node)(value for item in node for value in self.all(item))]
        if isinstance(node, dict):
            given = {key: self.all(value) for key, value in node.items()}
            return [{key: value[0] for key, value in given.items() if value}]
        return [node]


def called(value: Any) -> Any:
    """A tree of calls as the naive interpreter tells it."""
    if isinstance(value, aw.ResolvedCall):
        arguments = tuple(map(called, value.args))
        return (value.name, arguments, {key: called(v) for key, v in value.kwargs.items()})
    if isinstance(value, list | tuple):
        return type(value)(map(called, value))
    if isinstance(value, dict):
        return {key: called(v) for key, v in value.items()}
    return value


@st.composite
def networks(draw: st.DrawFn) -> aw.Expression:
    """A random expression with few enough decisions to enumerate."""
    for _ in range(20):
        network = Writer(draw).layer(3)
        if math.prod(int(decision.size) for decision in inside(network, {}).values()) <= MOST:
            return network
    return aw.layer(first)


def expected(space: aw.Space) -> dict[aw.Architecture, Any]:
    """Every architecture and what it stands for, by brute force."""
    decisions = inside(space.network, {})
    found: dict[aw.Architecture, Any] = {}
    for combination in itertools.product(*(decision.values() for decision in decisions.values())):
        naive = Naive(dict(zip(decisions, combination, strict=True)))
        value = naive.one(space.network)
        active = {space.address_of(decisions[key]): naive.values[key] for key in naive.asked}
        assert found.setdefault(aw.Architecture(active), value) == value
    return found


@given(networks())
def test_size_iteration_and_networks_equal_brute_force(network: aw.Expression) -> None:
    space = aw.Space(network)
    told = expected(space)
    listed = list(space)
    assert space.size == len(listed) == len(told)
    assert set(listed) == set(told)
    for architecture in listed[:100]:
        assert space.contains(architecture)
        assert called(aw.resolve(space, architecture)) == told[architecture]


@given(networks(), st.integers(0, 2**32))
def test_whatever_is_drawn_or_varied_is_in_the_space(network: aw.Expression, seed: int) -> None:
    space = aw.Space(network)
    random = Random(seed)
    everything = set(space)
    for _ in range(10):
        one, other = space.sample(random), space.sample(random)
        assert one in everything
        assert space.crossover(one, other, random) in everything
        assert space.crossover(one, one, random) == one
        neighbors = space.neighbors(one)
        assert len(set(neighbors)) == len(neighbors)
        assert set(neighbors) <= everything - {one}
        if any(space.decisions[address].size > 1 for address in one):
            mutant = space.mutate(one, random)
            assert mutant in everything
            assert mutant != one
            assert any(mutant.get(a) != value for a, value in one.items())


@given(networks(), st.integers(0, 2**32))
def test_crossover_takes_every_value_from_a_parent_that_has_one(network: aw.Expression, seed: int) -> None:
    space = aw.Space(network)
    random = Random(seed)
    one, other = space.sample(random), space.sample(random)
    child = space.crossover(one, other, random)
    for address, value in child.items():
        if address in one or address in other:
            assert value in {parent[address] for parent in (one, other) if address in parent}


@given(networks(), st.data())
def test_codes(network: aw.Expression, data: st.DataObject) -> None:
    space = aw.Space(network)
    codes = {}
    for architecture in itertools.islice(space, 200):
        code = space.encode(architecture)
        assert code.shape == (space.columns,)
        assert space.decode(code) == architecture
        codes[tuple(code)] = architecture
    assert len(codes) == min(200, space.size)
    vector = data.draw(st.lists(st.floats(-2, 2), min_size=space.columns, max_size=space.columns))
    assert space.contains(space.decode(vector))


@given(networks(), st.integers(0, 2**32))
def test_text_and_bytes_keep_everything(network: aw.Expression, seed: int) -> None:
    space = aw.Space(network)
    again = pickle.loads(pickle.dumps(space))
    assert again.digest == space.digest
    assert list(again.decisions) == list(space.decisions)
    assert again.size == space.size
    for architecture in (space.sample(seed), *itertools.islice(space, 20)):
        told = json.loads(json.dumps(architecture.to_json()))
        for same in (
            aw.Architecture.from_json(told),
            pickle.loads(pickle.dumps(architecture)),
            space.architecture(told),
        ):
            assert same == architecture
            assert hash(same) == hash(architecture)
            assert space.contains(same)
        assert again.sample(seed) == space.sample(seed)
        assert called(aw.resolve(again, architecture)) == called(aw.resolve(space, architecture))


@given(networks(), st.data())
def test_a_constraint_holds_for_all_that_comes_out(network: aw.Expression, data: st.DataObject) -> None:
    everything = list(aw.Space(network))
    kept = set(data.draw(st.lists(st.sampled_from(everything), min_size=1, unique=True)))
    if len(kept) * 50 < len(everything):
        return  # so rare that sampling rightly gives up at times
    space = aw.Space(network, constraints=[kept.__contains__])
    random = Random(0)
    assert space.size == len(kept)
    assert set(space) == kept
    assert {space.sample(random) for _ in range(20)} <= kept
    assert all(set(space.neighbors(architecture)) <= kept for architecture in kept)
    assert [space.contains(architecture) for architecture in everything] == [a in kept for a in everything]


@given(networks(), st.data())
def test_spellings_of_one_network_are_one(network: aw.Expression, data: st.DataObject) -> None:
    everything = list(aw.Space(network))
    groups = data.draw(st.lists(st.integers(0, 3), min_size=len(everything), max_size=len(everything)))
    group_of = dict(zip(everything, groups, strict=True))
    space = aw.Space(network, canonicalize=group_of.__getitem__)
    assert space.size == len(set(groups))
    assert [space.canonical(architecture) for architecture in space] == list(dict.fromkeys(groups))
    architecture = space.sample(0)
    found = [space.canonical(neighbor) for neighbor in space.neighbors(architecture)]
    assert len(set(found)) == len(found)
    assert space.canonical(architecture) not in found


@pytest.mark.parametrize(
    "decision",
    [
        aw.boolean(name="d"),
        aw.choice(3, 5, "a", None, name="d"),
        aw.integer(0, 4, name="d"),
        aw.subset(4, 2, name="d"),
        aw.subset(3, (0, 2), name="d"),
        aw.subset(4, name="d"),
    ],
)
def test_every_value_is_equally_likely(decision: aw.Decision) -> None:
    space, random = aw.Space(aw.layer(first, decision)), Random(1)
    counts = dict.fromkeys(decision.values(), 0)
    for _ in range(4_000):
        counts[space.sample(random)["d"]] += 1
    mean = 4_000 / decision.size
    chi_square = sum((count - mean) ** 2 / mean for count in counts.values())
    freedom = (
        decision.size - 1
    )  # chi-square has mean `freedom` and variance `2 freedom`: 5 deviations are far out
    assert chi_square < freedom + 5 * math.sqrt(2 * freedom)
