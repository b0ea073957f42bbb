"""Where decisions stand: their addresses, and places that cannot take them."""

from __future__ import annotations

import functools
from collections import namedtuple
from typing import Any

import pytest
from torch import nn

import archwright.spaces as aw
from archwright.errors import SpaceError

Pair = namedtuple("Pair", "left right")


def conv(channels: Any = None, kernel: Any = None, *rest: Any, **options: Any) -> Any:
    """Stands for a user's class, whose arguments have names."""
    return channels, kernel, rest, options


def sequential(*parts: Any) -> Any:
    """Stands for a class whose arguments have none."""
    return parts


def addresses(*parts: Any, **training: Any) -> list[str]:
    return list(aw.Space(aw.layer(sequential, *parts), training=training).decisions)


# Without names


def test_an_unnamed_decision_is_called_by_the_path_of_its_first_place() -> None:
    width = aw.integer(1, 2)
    assert addresses(
        aw.layer(conv, 3, width),
        aw.layer(conv, width, aw.choice(3, 5), "x", aw.boolean(), dilation=aw.choice(1, 2)),
        [0, {"k": aw.subset(2)}],
    ) == ["0.kernel", "1.kernel", "1.3", "1.dilation", "2.1.k"]


def test_a_label_and_a_position_are_part_of_the_path() -> None:
    block = aw.choice({"a": aw.layer(conv, aw.choice(1, 2)), "b": aw.choice(3, 4)})
    found = addresses(aw.repeat(lambda i: aw.layer(conv, aw.choice(1, 2)), aw.integer(1, 2)), block)
    assert found == ["0", "0.0.channels", "1", "0.1.channels", "1.a.channels", "1.b"]


def test_what_selects_is_beside_what_it_selects() -> None:
    skip = aw.when(aw.boolean(), aw.choice(3, 5))
    edge = aw.switch(aw.categorical(["a", "b"]), {"a": aw.choice(1, 2), "b": 0})
    assert addresses(skip, edge) == ["0.present", "1", "0", "1.a"]


def test_the_root_decision() -> None:
    assert list(aw.Space(aw.choice({"a": aw.layer(conv, aw.choice(1, 2)), "b": 0})).decisions) == [
        "categorical",
        "a.channels",
    ]


# With names


def test_a_name_is_an_address() -> None:
    assert addresses(aw.layer(conv, aw.integer(1, 2, name="width"), [aw.choice(3, 5, name="kernel")])) == [
        "width",
        "kernel",
    ]


def test_a_named_node_is_part_of_the_addresses_below_it() -> None:
    def block(i: int) -> Any:
        return aw.choice(
            {"conv": aw.layer(conv, aw.choice(1, 2), aw.choice(3, 5, name="k")), "skip": 0}, name="op"
        )

    assert addresses(aw.repeat(block, aw.integer(1, 2), name="blocks")) == [
        "blocks",
        "blocks.0.op",
        "blocks.0.op.conv.channels",
        "blocks.0.op.conv.k",
        "blocks.1.op",
        "blocks.1.op.conv.channels",
        "blocks.1.op.conv.k",
    ]
    stem = aw.layer(conv, aw.choice(1, 2), aw.choice(3, 5, name="k"), name="stem")
    assert addresses(stem) == ["stem.channels", "stem.k"]
    skip = aw.when(aw.boolean(), aw.layer(conv, aw.choice(1, 2)), name="skip")
    assert addresses(skip) == ["skip.present", "skip.channels"]
    edge = aw.switch(aw.categorical(["a", "b"]), {"a": aw.choice(1, 2), "b": 0}, name="edge")
    assert addresses(edge) == ["edge", "edge.a"]
    assert addresses(aw.tied(aw.layer(conv, aw.choice(1, 2)), name="shared")) == ["shared.channels"]


def test_a_shared_decision_belongs_to_what_holds_all_its_places() -> None:
    def of(*names: str) -> str:
        width = aw.integer(1, 2, name="width")
        parts = [
            functools.reduce(lambda part, n: aw.layer(conv, part, name=n), path.split("."), width)
            for path in names
        ]
        [address] = addresses(*parts)
        return address

    assert of("stem") == "stem.width"
    assert of("stem", "stem") == "stem.width"
    assert of("stem", "head") == "width"
    # the inner name comes first in this spelling
    assert of("a.body", "b.body") == "body.width"
    assert of("a.body", "body") == "body.width"
    assert of("a.body", "b.tail") == "width"


def test_a_decision_shared_by_all_positions_is_not_called_by_one_of_them() -> None:
    assert addresses(aw.repeat(aw.layer(conv, aw.choice(1, 2, name="width")), 3, name="blocks")) == [
        "blocks.width"
    ]


def test_training_decisions() -> None:
    rate, width = aw.real(0, 1), aw.integer(1, 2, name="width")
    assert addresses(
        aw.layer(conv, width), rate=rate, batch=aw.choice(32, 64, name="batch"), width=width
    ) == [
        "width",
        "training.rate",
        "training.batch",
    ]


def test_the_address_of_an_object() -> None:
    width = aw.integer(1, 2, name="width")
    space = aw.Space(aw.layer(conv, aw.layer(conv, width, name="stem")))
    assert space.address_of(width) == "stem.width"
    with pytest.raises(SpaceError, match=r"integer\(1, 2\) is not a decision of this space"):
        space.address_of(aw.integer(1, 2, name="width"))


@pytest.mark.parametrize(
    "parts",
    [
        (aw.layer(conv, aw.choice(1, 2, name="width")), aw.layer(conv, aw.choice(3, 4, name="width"))),
        (aw.choice(1, 2, name="width"), aw.choice(1, 2, name="width")),
        (aw.layer(conv, aw.choice(1, 2, name="y"), name="x"), aw.choice(1, 2, name="x.y")),
        (aw.integer(1, 2, name="width") + aw.integer(1, 2, name="width"),),
    ],
)
def test_two_decisions_with_one_address(parts: tuple[Any, ...]) -> None:
    with pytest.raises(
        SpaceError, match=r"two decisions have the address '(width|x\.y)': .*different names"
    ) as told:
        aw.Space(aw.layer(sequential, *parts))
    assert "use one object in both places" in str(told.value)


def test_two_unnamed_decisions_in_one_place() -> None:
    with pytest.raises(SpaceError, match=r"the address '0.channels': integer\(1, 2\) and integer\(3, 4\)"):
        addresses(aw.layer(conv, aw.integer(1, 2) + aw.integer(3, 4)))


# Places that cannot take a node

YES, N = aw.boolean(name="yes"), aw.integer(1, 2, name="n")


@pytest.mark.parametrize(
    ("network", "told"),
    [
        (aw.when(YES, aw.layer(conv)), "the root: an optional part .when. cannot stand here"),
        (aw.repeat(aw.layer(conv), 2), "the root: a repeat .* cannot stand here"),
        (aw.choice({"a": aw.when(YES, 1), "b": 2}), "a: an optional part"),
        (aw.layer(conv, kernel=aw.repeat(1, 2)), "kernel: a repeat .* positional arguments"),
        (aw.layer(conv, x={"k": aw.repeat(1, 2, name="blocks")}), "x.blocks: a repeat"),
        (aw.layer(conv, aw.tied(aw.when(YES, aw.layer(conv)))), "channels: an optional part"),
        (aw.layer(conv, aw.tied(aw.repeat(1, 2))), "channels: a repeat"),
        (aw.layer(conv, Pair(aw.when(YES, 1), 2)), "channels.0: an optional part"),
        (
            aw.layer(conv, [aw.layer(conv, {N: 1})], name="stem"),
            r"stem.channels.0.channels: .* key of a dict, got integer",
        ),
        (aw.layer(conv, {N, 3}), "channels: a decision cannot stand in a set, .* use a list"),
        (
            aw.layer(sequential, nn.ReLU()),
            r"0: expected a deferred call, got a ReLU .* write aw.layer\(ReLU, ...\)",
        ),
        (aw.layer(sequential, [nn.Linear(1, 2)]), "0.0: expected a deferred call, got a Linear"),
        (aw.layer(sequential, aw.repeat(nn.ReLU, 2)), "0.0: expected a deferred call, got a ReLU"),
        (aw.choice({"a": nn.ReLU(), "b": 1}), "a: expected a deferred call"),
        (aw.layer(functools.partial(conv, N)), r"the root: integer\(1, 2\) is hidden in a functools.partial"),
        (aw.layer(functools.partial(conv, kernel=[YES])), r"boolean\(\)\] is hidden in a functools.partial"),
        (
            aw.layer(lambda: conv(N)),
            "the root: the function <lambda> uses N = integer.* has no value inside a function",
        ),
    ],
)
def test_a_place_that_cannot_take_it(network: aw.Expression, told: str) -> None:
    with pytest.raises(SpaceError, match=told):
        aw.Space(network)


def test_decisions_hidden_in_a_function() -> None:
    width = aw.integer(1, 2, name="width")

    def from_closure() -> Any:
        return conv(width)

    def from_default(channels: Any, kernel: Any = width) -> Any:
        return conv(channels, kernel)

    def from_keyword(*, kernel: Any = width) -> Any:
        return conv(kernel)

    for hiding in (from_closure, from_default, from_keyword, functools.partial(from_closure)):
        with pytest.raises(SpaceError, match=r"stem: the function .* = integer\(1, 2\), which has no value"):
            aw.Space(aw.layer(hiding, name="stem"))


def test_functions_that_hide_nothing() -> None:
    width = 3

    def uses_others(kernel: Any = 5) -> Any:
        return conv(width, kernel) if YES_IS_ABOUT else later

    YES_IS_ABOUT = True  # noqa: N806
    if width > 3:
        later = 1
    for fn in (
        uses_others,
        functools.partial(conv, 3),
        len,
        str.join,
        nn.ReLU,
        functools.partial(nn.Linear, 3),
    ):
        assert aw.Space(aw.layer(fn)).size == 1


def test_a_callable_that_cannot_be_hashed() -> None:
    class Maker:
        __hash__ = None  # type: ignore[assignment]

        def __call__(self, width: int) -> int:
            return width

    space = aw.Space(aw.layer(Maker(), aw.choice(1, 2)))
    assert list(space.decisions) == ["width"]
    assert space.build(space.architecture({"width": 2})) == 2


def test_an_expression_too_deep_to_walk() -> None:
    network, loop = aw.layer(conv), [1]
    for _ in range(3_000):
        network = aw.layer(conv, network)
    loop.append(loop)  # type: ignore[arg-type]
    for deep in (network, aw.layer(conv, loop)):
        with pytest.raises(SpaceError, match="nested too deeply"):
            aw.Space(deep)


def test_layers_inside_layers_in_two_places_each() -> None:
    """Written as if a value were passed on twice, this asks for 2^40 layers."""
    network = aw.layer(conv)
    for _ in range(40):
        network = aw.layer(sequential, network, network)
    with pytest.raises(
        SpaceError, match="more than 100,000 layers, each counted at every place where it stands"
    ):
        aw.Space(network)


@pytest.mark.parametrize("network", [None, 3, [aw.layer(conv)], nn.ReLU, "layer"])
def test_a_network_that_is_no_expression(network: Any) -> None:
    with pytest.raises(
        SpaceError, match=r"test_analysis.py:\d+: Space: expected an expression for the network"
    ):
        aw.Space(network)
