"""Small search spaces, one for each thing that can make a space difficult. They build no network."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any

import archwright.spaces as aw
from archwright.spaces import Architecture, Space
from archwright.spaces.grammars import CanonicalDerivation, Grammar, Parallel

__all__ = [
    "TOY_SPACES",
    "Part",
    "conditional",
    "constrained",
    "derived",
    "flat",
    "isolated",
    "nested",
    "reals",
    "shared",
    "single",
    "spellings",
    "subsets",
    "tiny",
    "uneven",
]


class Part:
    """Stands in for a layer: keeps its arguments."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.args, self.kwargs = args, kwargs


def flat(decisions: int = 4, options: int = 3) -> Space:
    """Independent decisions `d0`, `d1`, ...; each has the labels 0, 1, ... up to the number of options."""
    chosen = [aw.categorical(range(options), name=f"d{i}") for i in range(decisions)]
    return Space(aw.layer(Part, *chosen), name="flat")


def conditional() -> Space:
    """Options that hold decisions of their own; 40 architectures."""
    width = aw.integer(8, 32, step=8, name="width")
    operation = aw.choice(
        {
            "convolution": aw.layer(Part, width, kernel=aw.choice(3, 5, 7, name="kernel"), bias=aw.boolean()),
            "pooling": aw.layer(Part, kind=aw.choice("max", "mean", name="kind")),
            "identity": aw.layer(Part),
            "zero": aw.layer(Part),
        },
        name="operation",
    )
    return Space(aw.layer(Part, operation, width), name="conditional")


def nested() -> Space:
    """A repeat of choices, one of which holds a repeat; positions decide on their own."""

    def inner(i: int) -> Any:
        return aw.layer(Part, aw.choice(1, 2, name="rate"))

    def block(i: int) -> Any:
        stack = aw.layer(Part, aw.repeat(inner, times=aw.integer(0, 2, name="depth"), name="inner"))
        return aw.choice({"stack": stack, "skip": aw.layer(Part)}, name="op")

    return Space(aw.layer(Part, aw.repeat(block, times=aw.integer(1, 2), name="blocks")), name="nested")


def shared() -> Space:
    """Decisions that are active in several branches, and a part that is present under a comparison."""
    kernel = aw.choice(3, 5, name="kernel")
    depth = aw.integer(1, 4, name="depth")
    first = aw.choice({"a": aw.layer(Part, kernel), "b": aw.layer(Part)}, name="first")
    second = aw.choice(
        {"a": aw.layer(Part, kernel), "b": aw.layer(Part, aw.boolean(name="bias"))}, name="second"
    )
    head = aw.when(depth > 2, aw.layer(Part, aw.choice("x", "y", "z", name="head")))
    return Space(aw.layer(Part, first, second, 2 * depth, head), name="shared")


def subsets() -> Space:
    """Two or three of five items; item 0 brings a decision along."""
    chosen = aw.subset(5, (2, 3), name="chosen")
    extra = aw.when(chosen.has(0), aw.layer(Part, aw.boolean(name="extra")))
    return Space(aw.layer(Part, [extra], chosen), name="subsets")


def reals() -> Space:
    """Two reals, one of them logarithmic and not always active: infinitely many architectures."""
    rate = aw.real(1e-4, 1e-1, log=True, name="rate")
    optimizer = aw.choice({"sgd": aw.layer(Part, rate), "none": aw.layer(Part)}, name="optimizer")
    return Space(
        aw.layer(Part, optimizer), training={"dropout": aw.real(0.0, 0.5, name="dropout")}, name="reals"
    )


def _is_light(architecture: Architecture) -> bool:
    return bool(sum(architecture.values()) <= 4)


def constrained() -> Space:
    """Four by four by four, of which the sums up to 4 are allowed: 32 architectures."""
    chosen = [aw.integer(0, 3, name=f"d{i}") for i in range(3)]
    return Space(aw.layer(Part, *chosen), constraints=[_is_light], name="constrained")


def _all_equal(architecture: Architecture) -> bool:
    return len(set(architecture.values())) == 1


def isolated() -> Space:
    """Five architectures of 125 are allowed, and no two of them differ in one decision alone."""
    chosen = [aw.integer(0, 4, name=f"d{i}") for i in range(3)]
    return Space(aw.layer(Part, *chosen), constraints=[_all_equal], name="isolated")


def _sorted_values(architecture: Architecture) -> Hashable:
    return ",".join(map(str, sorted(architecture.values())))


def spellings() -> Space:
    """The order of three equal branches does not matter: 64 spellings of 20 networks."""
    chosen = [aw.integer(0, 3, name=f"d{i}") for i in range(3)]
    return Space(aw.layer(Part, *chosen), canonicalize=_sorted_values, name="spellings")


def derived() -> Space:
    """What a recursive grammar derives, beside a decision: 2 times 38 spellings of 2 times 17 networks."""
    rules = "row -> pair(row, row) [2] | a | b"
    grammar = Grammar.parse(rules, {"pair": Parallel(_pair, commutes=True), "a": _leaf("a"), "b": _leaf("b")})
    made = grammar.derive("row", 3)
    network = aw.layer(Part, made, aw.boolean(name="wide"))
    return Space(network, canonicalize=CanonicalDerivation(made), name="derived")


def _pair(first: Any, second: Any) -> Any:
    return aw.layer(Part, first, second)


def _leaf(label: str) -> Any:
    return aw.layer(Part, label)


def uneven() -> Space:
    """Nine of ten samples are one of nine single architectures, the tenth is one of 81 others."""
    deep = aw.layer(Part, *(aw.categorical(range(3), name=f"d{i}") for i in range(4)))
    options = {"deep": deep, **{f"plain{i}": aw.layer(Part) for i in range(9)}}
    return Space(aw.choice(options, name="kind"), name="uneven")


def tiny() -> Space:
    """Two architectures."""
    return Space(aw.layer(Part, aw.boolean(name="yes")), name="tiny")


def single() -> Space:
    """One architecture, with one decision that has one value."""
    return Space(aw.layer(Part, aw.choice("only", name="d")), name="single")


_MADE = (
    flat,
    conditional,
    nested,
    shared,
    subsets,
    reals,
    constrained,
    isolated,
    spellings,
    derived,
    uneven,
    tiny,
    single,
)

TOY_SPACES: dict[str, Callable[..., Space]] = {make.__name__: make for make in _MADE}
"""All of them by name."""
