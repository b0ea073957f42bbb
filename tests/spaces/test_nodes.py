"""What uses decisions: how it is written, what it refuses, and what it stands for."""

from __future__ import annotations

from collections import OrderedDict, defaultdict, namedtuple
from typing import Any

import numpy as np
import pytest

import archwright.spaces as aw
from archwright.errors import SpaceError

Pair = namedtuple("Pair", "left right")


class Part:
    """Stands for a user's class."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.args, self.kwargs = args, kwargs


class Other(Part):
    """Stands for another."""


OP = aw.categorical(["a", "b"], name="op")
N = aw.integer(1, 3, name="n")
YES = aw.boolean(name="yes")


def built(*args: Any, values: dict[str, Any], **kwargs: Any) -> Part:
    """The user's object for an architecture."""
    space = aw.Space(aw.layer(Part, *args, **kwargs))
    made = space.build(space.architecture(values))
    assert isinstance(made, Part)
    return made


def test_switch_gives_the_option_of_its_value() -> None:
    option = aw.switch(OP, {"a": 1, "b": aw.layer(Other)})
    assert built(option, values={"op": "a"}).args == (1,)
    assert isinstance(built(option, values={"op": "b"}).args[0], Other)


def test_switch_takes_what_equals_a_value() -> None:
    assert built(aw.switch(YES, {0: "no", 1: "yes"}), values={"yes": True}).args == ("yes",)
    assert list(aw.switch(YES, {1: "yes", 0: "no"}).options) == [True, False]


def test_switch_on_arithmetic_between_lists() -> None:
    option = aw.switch(N % 2, {0: ["even", N], 1: ["odd", N]})
    assert [built(option, values={"n": n}).args[0] for n in (1, 2)] == [["odd", 1], ["even", 2]]


def test_when_vanishes_from_a_list_a_dict_and_a_call() -> None:
    def parts(there: bool) -> Part:
        return built(
            [1, aw.when(YES, 2), 3],
            (aw.when(YES, 4),),
            aw.when(~YES, 5),
            {"k": aw.when(YES, 6), "l": 7},
            option=aw.when(YES, 8),
            values={"yes": there},
        )

    assert parts(True).args == ([1, 2, 3], (4,), {"k": 6, "l": 7})
    assert parts(True).kwargs == {"option": 8}
    assert parts(False).args == ([1, 3], (), 5, {"l": 7})
    assert parts(False).kwargs == {}


def test_repeat_is_spliced_and_each_position_decides_for_itself() -> None:
    blocks = aw.repeat(lambda i: aw.choice(10 * i, 10 * i + 1, name="op"), N, name="blocks")
    made = built(
        "first", blocks, [blocks], "last", values={"blocks.n": 2, "blocks.0.op": 1, "blocks.1.op": 10}
    )
    assert made.args == ("first", 1, 10, [1, 10], "last")


def test_repeat_of_one_expression_shares_its_decisions_not_its_layers() -> None:
    made = built(aw.repeat(aw.layer(Other, N), 3, name="blocks"), values={"blocks.n": 2})
    assert [other.args for other in made.args] == [(2,), (2,), (2,)]
    assert len(set(made.args)) == 3


@pytest.mark.parametrize("times", [0, np.int64(2), True * 2])
def test_repeat_takes_any_whole_number(times: Any) -> None:
    assert built(aw.repeat(7, times), values={}).args == (7,) * int(times)


def test_repeat_may_hold_nothing() -> None:
    blocks = aw.repeat(lambda i: aw.choice(1, 2, name="op"), N - 1, name="blocks")
    assert built(blocks, values={"blocks.n": 1}).args == ()


def test_an_option_may_be_a_repeat_and_a_repeat_an_option() -> None:
    inner = aw.switch(OP, {"a": aw.repeat(lambda i: i, 3), "b": aw.when(YES, "b")}, name="edge")
    assert built(inner, values={"op": "a"}).args == (0, 1, 2)
    assert built(inner, values={"op": "b", "edge.b.yes": False}).args == ()


def test_tied_is_one_object_everywhere() -> None:
    shared = aw.tied(aw.layer(Other, N))
    made = built(
        shared,
        [shared],
        aw.repeat(shared, 2),
        aw.switch(OP, {"a": shared, "b": 0}),
        values={"n": 1, "op": "a"},
    )
    objects = [made.args[0], made.args[1][0], *made.args[2:]]
    assert len(objects) == 5
    assert all(one is objects[0] for one in objects)


def test_a_layer_is_made_anew_at_each_place() -> None:
    one = aw.layer(Other)
    made = built(one, one, values={})
    assert made.args[0] is not made.args[1]


def test_choice_labels_options_by_their_classes_where_these_differ() -> None:
    assert aw.choice(3, 5).describe()["labels"] == [3, 5]  # type: ignore[union-attr]
    assert list(aw.choice(aw.layer(Part), aw.layer(Other)).options) == ["Part", "Other"]  # type: ignore[union-attr]
    assert list(aw.choice(Part, Other).options) == ["Part", "Other"]  # type: ignore[union-attr]
    assert list(aw.choice(aw.layer(Part), aw.layer(Part)).options) == [0, 1]  # type: ignore[union-attr]
    assert list(aw.choice(aw.layer(Part), None).options) == [0, 1]  # type: ignore[union-attr]
    assert list(aw.choice(lambda: 1, lambda: 2).options) == [0, 1]  # type: ignore[union-attr]
    assert list(aw.choice({np.int64(3): 1}).options) == [3]  # type: ignore[union-attr]


def test_a_choice_between_classes_gives_the_class() -> None:
    made = built(aw.choice(Part, Other, name="kind"), values={"kind": "Other"})
    assert made.args == (Other,)


def test_containers_keep_their_type() -> None:
    ordered = OrderedDict(z=aw.layer(Other), a=1)
    default = defaultdict(list, k=N)
    made = built(ordered, default, Pair(N, 2), values={"n": 3})
    assert type(made.args[0]) is OrderedDict
    assert list(made.args[0]) == ["z", "a"]
    assert isinstance(made.args[0]["z"], Other)
    assert made.args[1:] == ({"k": 3}, Pair(3, 2))
    assert made.args[1]["new"] == []
    assert isinstance(made.args[2], Pair)


def test_what_is_built_does_not_share_lists_with_the_space() -> None:
    space = aw.Space(aw.layer(Part, [1], {"k": []}))
    first, second = (space.build(space.sample(0)) for _ in range(2))
    first.args[0].append(2)  # type: ignore[union-attr, operator, index]
    first.args[1]["k"].append(2)  # type: ignore[union-attr, operator, index]
    assert second.args == ([1], {"k": []})


def test_an_argument_called_fn_is_the_users() -> None:
    assert built(fn=3, values={}).kwargs == {"fn": 3}


WRONG = [
    (lambda: aw.layer(3), "layer: expected a class or function to call, got 3"),
    (lambda: aw.layer(aw.choice(Part, Other)), "to choose between classes use aw.choice"),
    (lambda: aw.layer(aw.layer(Part), name="stem"), "layer 'stem': expected a class or function"),
    (lambda: aw.choice(), "choice: expected at least one option, got none"),
    (lambda: aw.choice({}, name="op"), "choice 'op': expected at least one option"),
    (lambda: aw.choice([aw.layer(Part), aw.layer(Other)]), r"as the only one; write aw.choice\(\*options\)"),
    (lambda: aw.choice([3, 5]), r"got \[3, 5\] as the only one"),
    (lambda: aw.choice(3, [5, 7]), r"got \[5, 7\]; give it a name: aw.choice\(\{'name': ...\}\)"),
    (lambda: aw.choice(1, True), "True equals 1"),
    (lambda: aw.choice({1: "x", N: "y"}), r"got integer\(1, 3\)"),
    (lambda: aw.choice({Part: 1}), "expected labels that are strings"),
    (lambda: aw.choice({float("nan"): 1}), "expected finite numbers, got nan"),
    (lambda: aw.switch("a", {"a": 1}), "switch: expected a decision, got 'a'; make one with aw.categorical"),
    (lambda: aw.switch(OP, [1, 2]), "expected a dict of value to option"),
    (
        lambda: aw.switch(OP, {"a": 1}, name="edge"),
        "switch 'edge': no option for the value 'b' of categorical",
    ),
    (lambda: aw.switch(N, {1: 1}), "no option for the values 2, 3 of integer"),
    (lambda: aw.switch(OP, {"a": 1, "b": 2, "c": 3}), "'c' is never taken by"),
    (lambda: aw.switch(aw.real(0, 1, name="rate"), {0: 1}), r"named 'rate'\) has infinitely many values"),
    (lambda: aw.switch(aw.layer(Part), {}), "expected a number or a label, got Part"),
    (lambda: aw.when(True, aw.layer(Part)), r"got True \(`==` compares identity"),
    (lambda: aw.when(OP == "a", aw.layer(Part)), r"write decision.equals\(value\)"),
    (
        lambda: aw.when(N, aw.layer(Part), name="skip"),
        r"when 'skip': .* true or false, but integer\(1, 3\) can be 1",
    ),
    (lambda: aw.when(OP, 1), "can be 'a'"),
    (lambda: aw.when(aw.real(0, 1) > 0.5, 1), "has infinitely many values"),
    (lambda: aw.when(6 // (N - 1) > 2, 1), r"cannot be worked out for n=1: integer .*by zero"),
    (lambda: aw.when(OP > 1, 1), r"cannot be worked out for op='a': '>' needs numbers, got 'a'"),
    (lambda: aw.when(aw.integer(1, 10**6) > 5, 1), "more than 100,000 combinations"),
    (lambda: aw.repeat(aw.layer(Part), -1), "repeat: expected times to be a whole number >= 0, got -1"),
    (lambda: aw.repeat(aw.layer(Part), 2.0), r"got 2\.0"),
    (lambda: aw.repeat(aw.layer(Part), True), "got True"),
    (lambda: aw.repeat(aw.layer(Part), "3"), "got '3'"),
    (
        lambda: aw.repeat(aw.layer(Part), aw.integer(-1, 2), name="blocks"),
        r"repeat 'blocks': .* got -1 from integer",
    ),
    (lambda: aw.repeat(aw.layer(Part), N / 2), r"got 0\.5 from .* use aw.integer\(low, high\)"),
    (lambda: aw.repeat(aw.layer(Part), YES), "got False from boolean"),
    (lambda: aw.repeat(aw.layer(Part), aw.real(0, 3)), "infinitely many values"),
    (lambda: aw.repeat(aw.layer(Part), aw.layer(Part)), "expected a number or a label, got Part"),
    (lambda: aw.repeat(lambda i: None, 2), "returned None for position 0; return an expression"),
    (lambda: aw.tied(Part), "tied: expected an expression such as"),
    (lambda: aw.layer(Part, name=""), "expected a name that is a non-empty string, got ''"),
    (lambda: aw.layer(Part, name=3), "got 3"),
]


@pytest.mark.parametrize(("write", "told"), WRONG)
def test_wrong_nodes_are_told_where_they_are_written(write: Any, told: str) -> None:
    with pytest.raises(SpaceError, match=told) as raised:
        write()
    assert str(raised.value).startswith("test_nodes.py:")
