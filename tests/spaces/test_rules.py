"""Rules of a file: what they refuse, against conditions written in Python, and how weights bias."""

from __future__ import annotations

import pickle
from collections import Counter
from collections.abc import Callable
from random import Random

import pytest

from archwright.errors import SpaceError
from archwright.spaces import Architecture, Space, boolean, categorical, integer, layer, repeat, subset
from archwright.spaces.rules import bind_rules, parse_rules
from archwright.testing import SpaceContract


def _space() -> Space:
    def block(i: int) -> object:
        return layer(
            dict, operation=categorical(["conv", "pool"], name="operation"), width=integer(1, 3, name="width")
        )

    return Space(
        layer(
            dict,
            blocks=[repeat(block, integer(1, 2, name="depth"), name="blocks")],
            deep=boolean(name="deep"),
            items=subset(2, name="items"),
        )
    )


def _widths(a: Architecture) -> list[int]:
    return [value for address, value in a.items() if address.endswith("width")]


CASES: dict[str, Callable[[Architecture], bool]] = {
    'forbid deep and blocks.0.operation == "pool"': lambda a: (
        not (a["deep"] and a["blocks.0.operation"] == "pool")
    ),
    "require blocks.*.width <= 2": lambda a: all(w <= 2 for w in _widths(a)),
    "require sum(blocks.*.width) == 3 or not deep": lambda a: sum(_widths(a)) == 3 or not a["deep"],
    'require count(blocks.*.operation, "conv") >= 1': lambda a: (
        "conv" in [v for k, v in a.items() if k.endswith("operation")]
    ),
    "forbid blocks.1.width == 3": lambda a: a.get("blocks.1.width") != 3,
    "require blocks.0.width * 2 - 1 in [1, 5]": lambda a: a["blocks.0.width"] in (1, 3),
    "require 1 in items": lambda a: 1 in a["items"],
    "require max(blocks.*.width) > min(blocks.*.width) or blocks.depth == 1": lambda a: (
        max(_widths(a)) > min(_widths(a)) or a["blocks.depth"] == 1
    ),
}


@pytest.mark.parametrize("rule", CASES)
def test_a_rule_leaves_what_a_condition_in_python_does(rule: str) -> None:
    space = _space()
    expected = {a for a in space if CASES[rule](a)}
    ruled = space.obey([rule])
    assert set(ruled) == expected
    assert 0 < ruled.size == len(expected) < space.size
    assert all(ruled.sample(seed) in ruled for seed in range(20))


def test_weights_bias_samples_and_mutations() -> None:
    ruled = _space().obey(["weight blocks.*.width 3=8  # wide", "weight deep True=3"])
    random = Random(0)
    drawn = [ruled.sample(random) for _ in range(3_000)]
    assert abs(sum(a["blocks.0.width"] == 3 for a in drawn) / 3_000 - 0.8) < 0.03
    assert abs(sum(a["deep"] for a in drawn) / 3_000 - 0.75) < 0.03
    start = next(a for a in drawn if a["blocks.0.width"] == 1)
    moved = Counter(ruled.mutate(start, random)["blocks.0.width"] for _ in range(3_000))
    assert abs(moved[3] / (moved[2] + moved[3]) - 8 / 9) < 0.05
    assert ruled.size == _space().size


def test_an_option_of_weight_0_is_never_drawn_and_rules_multiply() -> None:
    ruled = _space().obey(["weight blocks.*.width 1=0 2=3", "weight blocks.0.width 2=2"])
    drawn = Counter(ruled.sample(seed)["blocks.0.width"] for seed in range(2_000))
    assert drawn[1] == 0
    assert abs(drawn[2] / 2_000 - 6 / 7) < 0.03


def test_rules_last_through_pickling_fixing_and_can_be_taken_away() -> None:
    space = _space()
    ruled = space.obey(["forbid deep"]).fix({"blocks.depth": 2})
    copy = pickle.loads(pickle.dumps(ruled))
    assert copy.digest == ruled.digest != space.digest
    assert set(copy) == set(ruled)
    assert ruled.free_of_rules().digest == space.fix({"blocks.depth": 2}).digest
    assert space.fix({"blocks.depth": 2}).obey(["weight blocks.depth 1=5"]).sample(0)["blocks.depth"] == 2


class TestContract(SpaceContract):
    make = staticmethod(
        lambda: _space().obey(["forbid deep and blocks.depth == 2", "weight blocks.*.width 3=4"])
    )


@pytest.mark.parametrize(
    ("rule", "told"),
    [
        ("forbit deep", "expected a rule 'require EXPRESSION'.*Did you mean 'forbid'"),
        ("forbid dep == 2", "no decision has the address 'dep'.*Did you mean 'dee?p"),
        ("forbid deep ==", "cannot be read"),
        ("require __import__('os')", "cannot be read|no decision"),
        ("require [w for w in (1, 2)]", "cannot be read"),
        ("weight deep Fals=2", "'Fals' is no option of the decision.*Did you mean 'False'"),
        ("weight deep True=much", "expected a number for a weight, such as 3, got 'much'"),
        ("weight deep", "expected OPTION=NUMBER"),
        ("weight items 1=2", "weights are for options"),
        ("require deep and not deep", "refused 10,000 random architectures"),
        ('require blocks.0.width < "a"', "does not fit"),
    ],
)
def test_what_is_wrong_with_a_rule_is_told(rule: str, told: str) -> None:
    with pytest.raises(SpaceError, match=told):
        _space().obey([rule])


def test_predicates_are_named_by_their_rules() -> None:
    space = _space()
    bound = bind_rules(parse_rules(["forbid deep", "", "# nothing"]), space.decisions)
    assert [str(rule) for rule in bound.predicates] == ["forbid deep"]
    ruled, broken = space.obey(["forbid deep"]), next(a for a in space if a["deep"])
    with pytest.raises(SpaceError, match="the constraint forbid deep does not hold"):
        ruled.architecture(broken)
