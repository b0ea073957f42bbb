"""The space: making, varying, telling and coding architectures. Laws for all spaces are in test_laws."""

from __future__ import annotations

import copy
import functools
import json
import math
import pickle
import subprocess
import sys
from random import Random
from typing import Any

import numpy as np
import pytest

import archwright.spaces as aw
from archwright.errors import SpaceError


def part(*args: Any, **kwargs: Any) -> tuple[Any, ...]:
    """Stands for a user's class."""
    return args


def small(**options: Any) -> aw.Space:
    """12 architectures: `deep` and `k` are active under one operation only."""
    conv = aw.layer(
        part, aw.choice(3, 5, name="k"), aw.when(aw.boolean(name="deep"), aw.layer(part)), name="conv"
    )
    op = aw.switch(aw.categorical(["conv", "pool", "skip"], name="op"), {"conv": conv, "pool": 1, "skip": 2})
    return aw.Space(aw.layer(part, op, aw.subset(2, 1, name="in")), **options)


SMALL = small()
CONV = {"op": "conv", "in": (0,), "0.conv.conv.k": 5, "0.conv.conv.deep": True}


def test_what_a_space_tells_of_itself() -> None:
    assert list(SMALL.decisions) == ["op", "in", "0.conv.conv.k", "0.conv.conv.deep"]
    assert SMALL.size == SMALL.size_bound == 12
    assert SMALL.columns == 3 + 2 + 2 + 2
    assert repr(small(name="mine")) == "Space(mine: 4 decisions, 12 architectures)"
    assert (
        repr(aw.Space(aw.layer(part, aw.real(0, 1))))
        == "Space(unnamed: 1 decision, infinitely many architectures)"
    )
    assert json.loads(json.dumps(SMALL.describe())) == {
        "name": None,
        "size_bound": 12,
        "decisions": {
            "op": {"kind": "categorical", "labels": ["conv", "pool", "skip"]},
            "in": {"kind": "subset", "n": 2, "fewest": 1, "most": 1},
            "0.conv.conv.k": {"kind": "categorical", "labels": [3, 5]},
            "0.conv.conv.deep": {"kind": "boolean"},
        },
    }
    for endless in (aw.real(0, 1), aw.subset(20_000)):
        space = aw.Space(aw.layer(part, endless))
        assert json.loads(json.dumps(space.describe()))["size_bound"] is None
        assert len(space.digest) == 16
    assert repr(space) == "Space(unnamed: 1 decision, about 1e6020 architectures)"


# Making architectures


def test_values_take_the_decisions_own_form() -> None:
    made = SMALL.architecture(
        {"op": np.str_("conv"), "in": [np.int64(0)], "0.conv.conv.k": np.int64(5), "0.conv.conv.deep": 1}
    )
    assert made == aw.Architecture(CONV)
    assert [type(value) for value in made.values()] == [str, tuple, int, bool]


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({**CONV, "opp": 1}, "no decision has the address 'opp'. Did you mean 'op'\\? Known: "),
        ({**CONV, 3: 1}, "no decision has the address 3"),
        ({"op": "pool"}, r"the decision 'in' is active but has no value; it is subset\(2, 1\)"),
        ({**CONV, "op": "pool"}, "the decision '0.conv.conv.k' is not active in this architecture"),
        ({**CONV, "0.conv.conv.k": 4}, r"'0.conv.conv.k' cannot be 4; it is categorical\(\[3, 5\]\)"),
        ({**CONV, "in": (0, 1)}, r"'in' cannot be \(0, 1\); it is subset"),
        ({**CONV, "op": ["conv"]}, r"'op' cannot be \['conv'\]"),
        ({**CONV, "op": {}}, r"'op' cannot be \{\}"),
        ([("op", "conv")], "expected an architecture, or a dict of address to value, got"),
        (None, "got None"),
    ],
)
def test_what_is_no_architecture_of_the_space(values: Any, told: str) -> None:
    with pytest.raises(SpaceError, match=told):
        SMALL.architecture(values)
    if isinstance(values, dict):
        assert not SMALL.contains(values)
        assert values not in SMALL


def test_contains() -> None:
    assert SMALL.contains(CONV)
    assert aw.Architecture(CONV) in SMALL
    assert 3 not in SMALL
    assert not SMALL.contains({**CONV, "in": (1, 0)})


def test_an_architecture_equal_to_a_contained_one_is_contained() -> None:
    """As for every set; so 1 is True here as it is everywhere in Python."""
    assert aw.Architecture({**CONV, "0.conv.conv.deep": 1}) == aw.Architecture(CONV)
    assert aw.Architecture({**CONV, "0.conv.conv.deep": 1}) in SMALL
    assert SMALL.decode(SMALL.encode(aw.Architecture({**CONV, "0.conv.conv.k": 5.0}))) == aw.Architecture(
        CONV
    )


# Drawing and varying


def test_a_seed_gives_the_same_draws() -> None:
    assert SMALL.sample(3) == SMALL.sample(3) == SMALL.sample(Random(3))
    architecture, other = SMALL.sample(1), SMALL.sample(2)
    assert SMALL.mutate(architecture, 5) == SMALL.mutate(architecture, 5)
    assert SMALL.crossover(architecture, other, 5) == SMALL.crossover(architecture, other, 5)
    assert len({SMALL.sample() for _ in range(200)}) > 3


def test_each_active_decision_is_drawn_on_its_own() -> None:
    random = Random(0)
    drawn = [SMALL.sample(random) for _ in range(3_000)]
    conv = [architecture for architecture in drawn if architecture["op"] == "conv"]
    assert len(conv) == pytest.approx(1_000, rel=0.15)
    assert sum(architecture["0.conv.conv.deep"] for architecture in conv) == pytest.approx(500, rel=0.2)


def test_neighbors_in_order() -> None:
    skip = SMALL.architecture({"op": "skip", "in": (0,)})
    assert SMALL.neighbors(skip) == [
        aw.Architecture({"op": "conv", "in": (0,), "0.conv.conv.k": 3, "0.conv.conv.deep": False}),
        aw.Architecture({"op": "pool", "in": (0,)}),
        aw.Architecture({"op": "skip", "in": (1,)}),
    ]


def test_mutation_reaches_every_neighbor() -> None:
    random, architecture = Random(0), aw.Architecture(CONV)
    assert {SMALL.mutate(architecture, random) for _ in range(200)} >= set(SMALL.neighbors(architecture))


def test_crossover_of_every_gene() -> None:
    random = Random(0)
    other = {**CONV, "in": (1,), "0.conv.conv.k": 3}
    children = {SMALL.crossover(aw.Architecture(CONV), aw.Architecture(other), random) for _ in range(100)}
    assert len(children) == 4


def test_a_space_of_one_has_no_mutation() -> None:
    space = aw.Space(aw.layer(part, aw.choice("only", name="a")))
    assert list(space) == [aw.Architecture({"a": "only"})]
    assert space.neighbors(space.sample(0)) == []
    with pytest.raises(SpaceError, match="cannot be mutated: no active decision has a second value"):
        space.mutate(space.sample(0))


def test_architectures_of_another_space_are_not_varied_or_encoded() -> None:
    foreign = aw.Architecture({"other": 1})
    for use in (
        SMALL.mutate,
        SMALL.neighbors,
        SMALL.encode,
        lambda a: SMALL.crossover(a, SMALL.sample(0)),
        lambda a: SMALL.crossover(SMALL.sample(0), a),
    ):
        with pytest.raises(SpaceError, match=r"no decision .*has the address 'other'"):
            use(foreign)
    with pytest.raises(SpaceError, match=r"'0.conv.conv.k' cannot be 4; it is categorical"):
        SMALL.encode(aw.Architecture({**CONV, "0.conv.conv.k": 4}))


# Constraints and canonical forms


def never(architecture: aw.Architecture) -> bool:
    return False


def test_constraints_that_leave_nothing() -> None:
    space = small(constraints=[never])
    assert space.size == 0
    assert space.size_bound == 12
    assert list(space) == []
    architecture = aw.Architecture(CONV)
    for use in (space.sample, lambda: space.crossover(architecture, architecture)):
        with pytest.raises(SpaceError, match=r"refused|loosen"):
            use()
    with pytest.raises(SpaceError, match="the constraints refuse all mutants and neighbors"):
        space.mutate(architecture)
    with pytest.raises(SpaceError, match="the constraint never does not hold for Architecture"):
        space.architecture(CONV)
    with pytest.raises(SpaceError, match="which the constraints refuse"):
        space.decode(space.encode(architecture))
    assert space.neighbors(architecture) == []


def test_a_mutant_that_was_refused_is_not_judged_again() -> None:
    asked: list[aw.Architecture] = []

    def first_alone(architecture: aw.Architecture) -> bool:
        asked.append(architecture)
        return architecture["a"] == 0

    space = aw.Space(aw.layer(part, aw.choice(*range(5), name="a")), constraints=[first_alone])
    with pytest.raises(SpaceError, match=r"that were tried \(4\)"):
        space.mutate(aw.Architecture({"a": 0}), 3)
    assert len(asked) == 2 * 4  # the mutants, then the neighbors


def test_a_constraint_may_build_the_network() -> None:
    def two_arguments(architecture: aw.Architecture) -> bool:
        return len(space.build(architecture)[0]) == 2  # type: ignore[index, arg-type]

    conv = aw.layer(part, 1, aw.when(aw.boolean(name="more"), 2), name="conv")
    space = aw.Space(aw.layer(part, conv), constraints=[two_arguments])
    assert list(space) == [aw.Architecture({"conv.more": True})]


def test_functions_that_fail_are_named() -> None:
    def narrow(architecture: aw.Architecture) -> bool:
        return architecture["0.conv.conv.k"] == 3  # type: ignore[no-any-return]

    space = small(constraints=[narrow])
    for use in (lambda: list(space), lambda: space.contains({"op": "skip", "in": (0,)})):
        with pytest.raises(
            SpaceError, match=r"the constraint narrow failed on Architecture\(op='\w+', .*KeyError.*\.get"
        ):
            use()
    with pytest.raises(SpaceError, match=r"the canonical form <lambda> failed on .*TypeError: unhashable"):
        list(small(canonicalize=lambda architecture: [architecture]))


@pytest.mark.parametrize("options", [{"constraints": ["small"]}, {"canonicalize": 3}])
def test_rules_that_cannot_be_called(options: dict[str, Any]) -> None:
    with pytest.raises(SpaceError, match=r"expected a function of an architecture, got ('small'|3)"):
        small(**options)


def test_a_space_too_large_to_be_counted_with_constraints() -> None:
    space = aw.Space(aw.layer(part, *[aw.boolean(name=f"b{i}") for i in range(100)]), constraints=[never])
    with pytest.raises(
        SpaceError, match=r"up to 1,000,000 raw combinations; this one has about 1e30; use size_bound"
    ):
        _ = space.size
    assert space.size_bound == 2**100


# Codes


def test_codes_of_each_kind() -> None:
    assert SMALL.encode(aw.Architecture(CONV)).tolist() == [1, 0, 0, 1, 0, 0, 1, 0, 1]
    assert SMALL.encode(aw.Architecture({"op": "skip", "in": (1,)})).tolist() == [
        0,
        0,
        1,
        0,
        1,
        -1,
        -1,
        -1,
        -1,
    ]
    numbers = aw.Space(aw.layer(part, aw.integer(2, 10, step=2), aw.real(1, 100, log=True)))
    assert numbers.encode(aw.Architecture({"0": 4, "1": 10.0})).tolist() == pytest.approx([0.25, 0.5])
    assert numbers.encode(numbers.sample(0)).dtype == np.float64


@pytest.mark.parametrize(
    ("vector", "told"),
    [
        ([0.0] * 8, "expected a vector of 9 numbers, got 8"),
        ([math.nan] * 9, "expected a vector of finite numbers, got one with nan"),
        (np.full(9, np.inf), "got one with inf"),
    ],
)
def test_vectors_that_code_nothing(vector: Any, told: str) -> None:
    with pytest.raises(SpaceError, match=told):
        SMALL.decode(vector)


def test_a_space_with_a_real_can_be_coded_and_varied_but_not_listed() -> None:
    space = aw.Space(aw.layer(part, aw.real(1e-4, 1, log=True, name="rate"), aw.boolean(name="b")))
    random = Random(0)
    architecture = space.sample(random)
    assert space.size == math.inf
    assert space.decode(space.encode(architecture)) == architecture
    assert len(space.neighbors(architecture)) == 3
    assert space.mutate(architecture, random) != architecture
    with pytest.raises(SpaceError, match="infinitely many values, so the space cannot be listed"):
        next(iter(space))


# Copies and changes


def test_copies_are_whole() -> None:
    for again in (copy.deepcopy(SMALL), pickle.loads(pickle.dumps(SMALL))):
        assert again.size == 12
        assert again.digest == SMALL.digest
        assert again.build(aw.Architecture(CONV)) == SMALL.build(aw.Architecture(CONV))


@pytest.mark.parametrize(
    "changed",
    [
        lambda: aw.layer(part, 16, aw.choice(1, 2, name="a"), aw.boolean(name="b")),
        lambda: aw.layer(part, 8, aw.choice(1, 3, name="a"), aw.boolean(name="b")),
        lambda: aw.layer(part, 8, aw.choice(1, 2, name="a"), aw.boolean(name="c")),
        lambda: aw.layer(part, 8.0, aw.choice(1, 2, name="a"), aw.boolean(name="b")),
        lambda: aw.layer(part, "8", aw.choice(1, 2, name="a"), aw.boolean(name="b")),
        lambda: aw.layer(len, 8, aw.choice(1, 2, name="a"), aw.boolean(name="b")),
        lambda: aw.layer(part, 8, aw.choice(1, 2, name="a"), k=aw.boolean(name="b")),
        lambda: aw.layer(part, 8, aw.choice(1, 2, name="a"), aw.when(aw.boolean(name="b"), 1)),
        lambda: aw.layer(part, 8, 2 * aw.choice(1, 2, name="a"), aw.boolean(name="b")),
    ],
)
def test_a_changed_space_has_another_digest(changed: Any) -> None:
    digest = aw.Space(aw.layer(part, 8, aw.choice(1, 2, name="a"), aw.boolean(name="b"))).digest
    assert len(digest) == 16
    assert aw.Space(changed()).digest != digest


def test_the_digest_is_the_same_in_every_process() -> None:
    code = (
        "import functools, archwright.spaces as aw\n"
        "class Odd: pass\n"
        "print(aw.Space(aw.layer(functools.partial(dict, a=1), s={'x', 'y', 'z'}, o=Odd(),"
        " b=aw.choice('p', 'q', name='b'), f=len)).digest)"
    )
    told = {subprocess.check_output([sys.executable, "-c", code], text=True) for _ in range(3)}
    assert len(told) == 1


def test_spaces_load_no_torch() -> None:
    code = (
        "import sys, archwright.spaces as aw\n"
        "space = aw.Space(aw.layer(dict, a=aw.choice(1, 2)))\n"
        "space.encode(space.sample()), list(space), space.graph(space.sample())\n"
        "print('torch' in sys.modules)"
    )
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "False"


# Another scale


def made(width: int = 1, *, depth: int = 1, options: int = 2) -> aw.Space:
    """A space whose decisions depend on `options` only."""
    network = aw.layer(part, width, depth, aw.categorical(range(options), name="op"))
    scaled = functools.partial(made, depth=depth, options=options)
    return aw.Space(network, name="made", scaled=scaled)


def test_another_scale_has_the_same_decisions() -> None:
    space = made()
    for again in (space, pickle.loads(pickle.dumps(space)), copy.deepcopy(space)):
        large = again.scale(width=5, depth=3)
        assert large.build(space.sample(0)) == (5, 3, space.sample(0)["op"])
        assert large.scale(width=2).build({"op": 1}) == (2, 3, 1)


def test_a_scale_that_does_not_fit_is_told() -> None:
    with pytest.raises(SpaceError, match=r"the space 'unnamed' has no other scale; decorate the function"):
        SMALL.scale(width=2)
    with pytest.raises(SpaceError, match=r"has no option 'deepth' to scale. Did you mean 'depth'"):
        made().scale(deepth=2)
    with pytest.raises(SpaceError, match="options=3 changes what is decided at 'op'"):
        made().scale(options=3)


def test_a_pickle_from_before_there_was_a_scale_is_read() -> None:
    state = SMALL.__getstate__()
    del state["scaled"]
    space = aw.Space.__new__(aw.Space)
    space.__setstate__(state)
    assert space.scaled is None
    assert space.digest == SMALL.digest
