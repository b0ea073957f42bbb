"""What a user expects of decisions: defaults, priors, and decisions held."""

from __future__ import annotations

import itertools
import math
import pickle
from collections import Counter
from random import Random
from typing import Any

import pytest

import archwright.spaces as aw
from archwright.errors import SpaceError
from archwright.testing import TOY_SPACES


def part(*args: Any, **kwargs: Any) -> tuple[Any, ...]:
    """Stands for a user's class."""
    return args


def shares(decision: aw.Decision, draws: int = 4_000) -> dict[Any, float]:
    random = Random(0)
    counts = Counter(decision.sample(random) for _ in range(draws))
    return {value: count / draws for value, count in counts.items()}


def small(**options: Any) -> aw.Space:
    deep = aw.when(aw.boolean(name="deep"), aw.layer(part, aw.integer(1, 3, name="width")))
    return aw.Space(
        aw.layer(part, aw.choice({"conv": aw.layer(part, deep), "pool": 1}, name="op"), aw.boolean(name="b")),
        **options,
    )


WIDTH = next(address for address in small().decisions if address.endswith("width"))


# Defaults


def test_defaults_are_first_values_and_the_middle_of_a_real_unless_given() -> None:
    decisions: list[Any] = [
        aw.categorical(["a", "b"]),
        aw.categorical([None, 1], default=None),
        aw.categorical(["a", "b"], default="b"),
        aw.boolean(),
        aw.boolean(default=True),
        aw.integer(2, 8),
        aw.integer(2, 8, default=5.0),
        aw.real(0, 1),
        aw.real(1e-4, 1e-2, log=True),
        aw.real(0, 1, default=0.25),
        aw.subset(3, 2),
        aw.subset(3, 2, default=[1, 2]),
    ]
    expected = ["a", None, "b", False, True, 2, 5, 0.5, 1e-3, 0.25, (0, 1), (1, 2)]
    assert [decision.default() for decision in decisions] == expected
    space = aw.Space(aw.layer(part, *decisions))
    assert list(space.default.values()) == expected


def test_a_default_says_what_else_is_active() -> None:
    width = aw.integer(1, 9, name="width", default=7)
    options = {"pool": 1, "conv": aw.layer(part, width)}
    space = aw.Space(aw.layer(part, aw.choice(options, name="op", default="conv")))
    assert dict(space.default) == {"op": "conv", "op.conv.width": 7}
    assert space.default in space.neighbors(space.architecture({"op": "pool"}))


def test_a_default_that_the_constraints_refuse_gives_way_to_a_sample() -> None:
    space = small(constraints=[lambda a: a["op"] == "pool"])
    assert space.default == space.sample(0)


@pytest.mark.parametrize("name", list(TOY_SPACES))
def test_every_space_has_a_default(name: str) -> None:
    space = TOY_SPACES[name]()
    assert space.contains(space.default)


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda: aw.categorical(["a"], default="b"), r"categorical: the default: expected one of \['a'\]"),
        (lambda: aw.integer(1, 3, name="n", default=7), r"integer 'n': the default: expected a number of"),
        (lambda: aw.subset(3, 1, default=(0, 1)), "subset: the default"),
        (lambda: aw.boolean(default=None), "boolean: the default"),
        (lambda: aw.categorical(["a", "b"], prior=[1]), "the prior: expected 2 numbers"),
        (lambda: aw.categorical(["a", "b"], prior=[0, 0]), "the prior: expected weights of at least 0, and not"),
        (lambda: aw.categorical(["a", "b"], prior=[1, -1]), "the prior: expected weights of at least 0"),
        (lambda: aw.choice("a", "b", prior={"c": 1}), "the prior: a weight for 'c', which is none"),
        (lambda: aw.integer(1, 3, prior=aw.normal(9, 1)), "the prior: expected a number of"),
        (lambda: aw.integer(1, 3, prior=aw.normal(2, 0)), "the prior: expected a deviation > 0"),
        (lambda: aw.real(0, 1, prior=[1, 2]), r"the prior: expected aw.normal\(mean, deviation\)"),
        (lambda: aw.subset(3, prior=[1, 2, 0]), r"the prior: expected a chance in \[0, 1\]"),
        (lambda: aw.subset(3, 2, prior=[1, 0, 0]), "allow no subset of 2 to 2 items"),
    ],
)  # fmt: skip
def test_expectations_that_do_not_fit_are_told(make: Any, told: str) -> None:
    with pytest.raises(SpaceError, match=told):
        make()


# Priors


def test_weights_are_followed() -> None:
    assert shares(aw.categorical(["a", "b", "c"], prior=[1, 0, 3])) == pytest.approx(
        {"a": 0.25, "c": 0.75}, abs=0.03
    )
    assert shares(aw.boolean(prior={True: 4, False: 1}))[True] == pytest.approx(0.8, abs=0.03)
    assert shares(aw.integer(2, 6, step=2, prior={4: 1})) == {4: 1.0}


def test_a_normal_prior_is_cut_off_and_lies_where_it_says() -> None:
    found = shares(aw.integer(0, 10, prior=aw.normal(5, 1)), 10_000)
    exact = [math.exp(-((i - 5) ** 2) / 2) for i in range(11)]
    for i in (3, 4, 5, 6, 7):
        assert found[i] == pytest.approx(exact[i] / sum(exact), abs=0.03)
    ends = shares(aw.integer(0, 1, prior=aw.normal(0, 1e6)))
    assert ends[0] == pytest.approx(0.5, abs=0.05)
    random, decision = Random(0), aw.real(1e-4, 1.0, log=True, prior=aw.normal(1e-2, math.log(10)))
    drawn = sorted(decision.sample(random) for _ in range(4_001))
    assert drawn[2_000] == pytest.approx(1e-2, rel=0.1)
    assert drawn[round(0.16 * 4_001)] == pytest.approx(1e-3, rel=0.35)
    assert all(decision.contains(value) for value in drawn)
    edge = aw.real(0, 1, prior=aw.normal(1.0, 1e-9))
    assert edge.sample(random) == pytest.approx(1.0, abs=1e-7)


def test_chances_of_items_are_those_of_the_subsets_that_are_allowed() -> None:
    chances = [0.9, 0.5, 0.2, 0.0]
    decision = aw.subset(4, (1, 2), prior=chances)
    exact = {
        items: math.prod(chances[i] if i in items else 1 - chances[i] for i in range(4))
        for count in (1, 2)
        for items in itertools.combinations(range(4), count)
    }
    total = sum(exact.values())
    found = shares(decision, 10_000)
    for items, weight in exact.items():
        assert found.get(items, 0.0) == pytest.approx(weight / total, abs=0.03)
    assert shares(aw.subset(4, 2, prior=[1, 1, 0.5, 0.5])) == {(0, 1): 1.0}


def test_a_space_samples_by_its_priors_and_tells_of_them() -> None:
    space = aw.Space(aw.layer(part, aw.choice("a", "b", name="c", prior={"b": 1})))
    assert all(space.sample(seed)["c"] == "b" for seed in range(20))
    assert space.describe()["decisions"]["c"]["prior"] == [0.0, 1.0]
    plain = aw.Space(aw.layer(part, aw.choice("a", "b", name="c")))
    assert plain.digest != space.digest
    assert space.architecture({"c": "a"}) in space
    assert space.size == 2


# Held decisions


@pytest.mark.parametrize("name", list(TOY_SPACES))
def test_a_space_with_decisions_held_holds_those_of_the_space_that_have_the_values(name: str) -> None:
    space = TOY_SPACES[name]()
    wanted = space.sample(3)
    for address in list(wanted):
        fixed = space.fix({address: wanted[address]})
        assert list(fixed.decisions) == list(space.decisions)
        assert wanted in fixed
        assert (fixed.encode(wanted) == space.encode(wanted)).all()
        assert fixed.decode(fixed.encode(wanted)) == wanted
        assert fixed.digest != space.digest
        for seed in range(10):
            drawn = fixed.sample(seed)
            assert drawn.get(address, wanted[address]) == wanted[address]
            assert drawn in space
            assert all(n.get(address, wanted[address]) == wanted[address] for n in fixed.neighbors(drawn))
        if space.size < 5_000:
            kept = [a for a in space if a.get(address, wanted[address]) == wanted[address]]
            if space.canonicalize is None:
                assert list(fixed) == kept
                assert fixed.size == len(kept)
            again = pickle.loads(pickle.dumps(fixed)) if not space.constraints else fixed
            assert list(again) == list(fixed)
    whole = space.fix(wanted)
    assert list(whole.iterate(resolution=2)) == [wanted]
    assert whole.default == wanted


def test_decisions_are_held_one_after_the_other() -> None:
    space = small().fix({"op": "conv"}).fix({"b": 1})
    assert space.held == {"op": "conv", "b": True}
    assert space.size == 4
    assert space.describe()["decisions"]["op"]["held"] == "conv"
    assert isinstance(space.decisions["op"], aw.Categorical)
    with pytest.raises(SpaceError, match=r"'op' cannot be held at 'pool': it is held at 'conv'"):
        space.fix({"op": "pool"})


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"opp": "conv"}, "no decision has the address 'opp'. Did you mean 'op'"),
        ({"op": "skip"}, r"'op' cannot be held at 'skip': expected one of \['conv', 'pool'\]"),
        ({"op": "pool", WIDTH: 1}, "never active with op='pool'"),
    ],
)
def test_what_cannot_be_held_is_told(values: dict[str, Any], told: str) -> None:
    space = small()
    with pytest.raises(SpaceError, match=told):
        space.fix(values)


def test_values_that_the_constraints_refuse_are_told() -> None:
    space = small(constraints=[lambda a: a["op"] == "pool"])
    with pytest.raises(SpaceError, match="refused 10,000"):
        space.fix({"op": "conv"})
    assert space.fix({"op": "pool"}).size == 2


def test_a_held_decision_stays_held_at_another_scale() -> None:
    def make(width: int) -> aw.Space:
        return aw.Space(aw.layer(part, width, aw.choice("a", "b", name="c")), scaled=make)

    assert make(1).fix({"c": "b"}).scale(width=3).held == {"c": "b"}


def test_held_items_of_a_subset_keep_what_depends_on_them() -> None:
    space = TOY_SPACES["subsets"]()
    assert space.fix({"chosen": (0, 1)}).size == 2
    assert space.fix({"chosen": (1, 2)}).size == 1
