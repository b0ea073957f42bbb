"""Parts that a function writes once the decisions are made."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import pytest
import torch
from torch import Tensor, nn

import archwright as aw
from archwright.errors import BuildError
from archwright.spaces import resolve, walk_calls
from archwright.supernets import Supernet
from archwright.testing import NetworkSpaceContract


def _stack(depth: int, width: int, activation: str) -> Any:
    call = {"relu": nn.ReLU, "tanh": nn.Tanh}[activation]
    return aw.layer(
        nn.Sequential,
        *[part for _ in range(depth) for part in (aw.layer(nn.Linear, width, width), aw.layer(call))],
    )


def _space() -> aw.Space:
    width = aw.integer(2, 4, name="width")
    stack = aw.generated(
        _stack, aw.integer(1, 3, name="depth"), width, activation=aw.choice("relu", "tanh", name="activation")
    )
    return aw.Space(
        aw.layer(nn.Sequential, aw.layer(nn.Linear, 5, width), stack, aw.layer(nn.Linear, width, 2))
    )


class TestContract(NetworkSpaceContract):
    make: ClassVar[Callable[[], aw.Space]] = _space
    example: ClassVar[Callable[[], Tensor]] = lambda: torch.randn(3, 5)
    outputs: ClassVar[tuple[int, ...]] = (3, 2)


def test_what_is_written_stands_in_its_place() -> None:
    space = _space()
    architecture = space.architecture({"width": 3, "depth": 2, "activation": "tanh"})
    assert str(space.build(architecture)[1]) == str(
        nn.Sequential(nn.Linear(3, 3), nn.Tanh(), nn.Linear(3, 3), nn.Tanh())
    )
    assert [node.label for node in space.graph(architecture).nodes].count("Tanh") == 2


def test_calls_know_the_decisions_that_they_were_written_from() -> None:
    space = _space()
    architecture = space.sample(0)
    inner = [call for call in walk_calls(resolve(space, architecture)) if call.name in ("ReLU", "Tanh")]
    assert inner
    assert all(call.decisions == dict(architecture) for call in inner)


def test_what_is_written_for_other_arguments_is_another_part() -> None:
    space = _space()
    keys = [
        {
            call.structural_key
            for call in walk_calls(resolve(space, {"width": 3, "depth": depth, "activation": "relu"}))
        }
        for depth in (1, 2)
    ]
    assert len(keys[0] & keys[1]) == 3  # the root, the first and the last linear layer


def test_failures_are_told() -> None:
    def fails(number: int) -> Any:
        raise ValueError(f"no {number}")

    space = aw.Space(aw.layer(nn.Sequential, aw.generated(fails, aw.integer(1, 2, name="n"))))
    with pytest.raises(BuildError, match=r"wrote nothing: ValueError: no 1; .*n=1"):
        space.build(space.architecture({"n": 1}))

    def decides(number: int) -> Any:
        return aw.layer(nn.Linear, number, aw.integer(1, 2))

    space = aw.Space(aw.layer(nn.Sequential, aw.generated(decides, aw.integer(1, 2, name="n"))))
    with pytest.raises(BuildError, match="holds a decision; decide in its arguments"):
        space.build(space.sample(0))


def test_there_is_no_supernet_of_it() -> None:
    with pytest.raises(BuildError, match=r"there is no supernet of what .* search this space by a strategy"):
        Supernet(_space())
