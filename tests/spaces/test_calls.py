"""An expression with all decisions made, and its graph."""

from __future__ import annotations

from typing import Any

import pytest

import archwright.spaces as aw
from archwright.errors import BuildError, SpaceError


def net(*parts: Any, **options: Any) -> Any:
    """Stands for a user's class."""


def conv(width: Any = None, kernel: Any = None, **options: Any) -> Any:
    """Stands for another."""


WIDTH = aw.integer(1, 3, name="width")


def block(i: int) -> Any:
    return aw.choice(
        {"conv": aw.layer(conv, 2 * WIDTH, aw.choice(3, 5, name="k")), "skip": aw.layer(net)}, name="op"
    )


SPACE = aw.Space(
    aw.layer(
        net,
        aw.layer(conv, WIDTH, [1, {"a": (WIDTH,)}], name="stem"),
        aw.repeat(block, aw.integer(1, 2), name="blocks"),
        aw.when(aw.boolean(), aw.layer(conv), name="extra"),
        pad=aw.switch(WIDTH, {1: 0, 2: 0, 3: aw.choice(7, 8, name="pad")}),
    ),
    training={"rate": aw.real(0, 1), "batch": aw.when(aw.boolean(), 32, name="batch"), "epochs": 3},
)
VALUES = {
    "width": 3,
    "blocks": 2,
    "extra.present": False,
    "pad.3.pad": 7,
    "blocks.0.op": "conv",
    "blocks.0.op.conv.k": 5,
    "blocks.1.op": "skip",
    "training.rate": 0.5,
    "training.batch.present": False,
}


def root() -> aw.ResolvedCall:
    call = aw.resolve(SPACE, SPACE.architecture(VALUES))
    assert isinstance(call, aw.ResolvedCall)
    return call


def test_arguments_are_plain_values_and_calls() -> None:
    stem, first, second = root().args
    assert root().fn is net
    assert root().kwargs == {"pad": 7}
    assert (stem.fn, stem.args, stem.kwargs) == (conv, [3, [1, {"a": (3,)}]], {})
    assert (first.fn, first.args) == (conv, [6, 5])
    assert (second.fn, second.args) == (net, [])


def test_places() -> None:
    assert [call.place for call in aw.walk_calls(root())] == [
        "the root",
        "stem",
        "blocks.0.op.conv",
        "blocks.1.op.skip",
    ]


def test_decisions_are_those_that_led_here_and_those_in_the_arguments() -> None:
    outer, stem, first, second = aw.walk_calls(root())
    assert outer.decisions == {
        "width": 3,
        "blocks": 2,
        "extra.present": False,
        "pad.3.pad": 7,
        "blocks.0.op": "conv",
        "blocks.1.op": "skip",
    }
    assert stem.decisions == {"width": 3}
    assert first.decisions == {"blocks": 2, "blocks.0.op": "conv", "width": 3, "blocks.0.op.conv.k": 5}
    assert second.decisions == {"blocks": 2, "blocks.1.op": "skip"}


def test_text() -> None:
    assert [str(call) for call in aw.walk_calls(root())] == [
        "net(conv(...), conv(...), net(...), pad=7)",
        "conv(3, [1, {'a': [3]}])",
        "conv(6, 5)",
        "net()",
    ]
    long = aw.resolve(aw.Space(aw.layer(net, "x" * 500, conv)), aw.Architecture({}))
    assert str(long) == f"net('{'x' * 76}..., conv)"


def test_a_tied_call_is_one_object() -> None:
    shared = aw.tied(aw.layer(conv, WIDTH))
    space = aw.Space(aw.layer(net, shared, [shared]))
    call = aw.resolve(space, space.sample(0))
    assert call.args[0] is call.args[1][0]
    assert len(list(aw.walk_calls(call))) == 2


def test_training_values() -> None:
    architecture = SPACE.architecture(VALUES)
    assert SPACE.training_values(architecture) == {"rate": 0.5, "epochs": 3}
    more = SPACE.architecture({**VALUES, "training.batch.present": True})
    assert SPACE.training_values(more) == {"rate": 0.5, "batch": 32, "epochs": 3}
    assert aw.Space(aw.layer(net)).training_values(aw.Architecture({})) == {}


def test_graph() -> None:
    graph = SPACE.graph(SPACE.architecture(VALUES))
    assert [node.label for node in graph.nodes] == ["net", "conv", "conv", "net"]
    assert [node.place for node in graph.nodes][1:] == ["stem", "blocks.0.op.conv", "blocks.1.op.skip"]
    assert graph.nodes[2].text == "conv(6, 5)"
    assert graph.contains == ((0, 1), (0, 2), (0, 3))
    assert graph.follows == ((1, 2), (2, 3))
    assert hash(graph) == hash(SPACE.graph(SPACE.architecture(VALUES)))


def test_graph_of_nested_and_tied_calls() -> None:
    shared = aw.tied(aw.layer(conv))
    space = aw.Space(aw.layer(net, aw.layer(net, shared), {"again": [shared]}))
    graph = space.graph(aw.Architecture({}))
    assert len(graph.nodes) == 3
    assert set(graph.contains) == {(0, 1), (0, 2), (1, 2)}


def test_arithmetic_that_fails_names_place_and_decisions() -> None:
    space = aw.Space(aw.layer(net, aw.layer(conv, 8 // (WIDTH - 1), name="stem")))
    assert aw.resolve(space, space.architecture({"stem.width": 3})).args[0].args == [4]
    with pytest.raises(
        BuildError, match=r"stem.width: .* cannot be worked out: .*zero; Architecture\(stem.width=1\)"
    ):
        aw.resolve(space, space.architecture({"stem.width": 1}))


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"width": 4}, r"'width' cannot be 4; it is integer\(1, 3\)"),
        ({"widht": 3}, "no decision has the address 'widht'. Did you mean 'width'"),
        ({"blocks.1.op.conv.k": 3}, "'blocks.1.op.conv.k' is not active in this architecture"),
    ],
)
def test_an_architecture_of_another_space_is_not_resolved(change: dict[str, Any], told: str) -> None:
    wrong = aw.Architecture({**VALUES, **change})
    for use in (SPACE.build, SPACE.graph, SPACE.training_values, lambda a: aw.resolve(SPACE, a)):
        with pytest.raises(SpaceError, match=told):
            use(wrong)


def test_what_gives_no_value_is_not_resolved() -> None:
    absent = aw.when(aw.boolean(name="b"), 1)
    space = aw.Space(aw.layer(net, absent))
    with pytest.raises(BuildError, match="one value, got 0"):
        aw.resolve(space, space.architecture({"b": False}), absent)
