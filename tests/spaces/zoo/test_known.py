from __future__ import annotations

import pytest

from archwright.spaces import Space, integer, layer
from archwright.spaces.zoo import baseline, make_space
from archwright.spaces.zoo.known import known_architectures

CASES = [
    ("chain", (1, 28, 28)),
    ("chain", (3, 8, 8)),
    ("conv1d", (1, 40)),
    ("conv1d", (2, 12)),
    ("mlp", (7,)),
    ("cell", (3, 16, 16)),
    ("nasnet", (3, 16, 16)),
    ("tabm", (7,)),
    ("enas", (3, 16, 16)),
]


@pytest.mark.parametrize(("name", "shape"), CASES)
def test_all_are_of_the_space_and_different_and_the_default_is_the_last(
    name: str, shape: tuple[int, ...]
) -> None:
    space = make_space(name, shape, 3)
    found = known_architectures(name, space, shape)
    assert [space.architecture({**one}) for one in found] == found
    assert len({space.canonical(one) for one in found}) == len(found)
    assert found[-1] == space.default
    assert (len(found) > 1) == (name not in ("tabm", "enas"))


def test_of_perceptrons_the_first_is_the_hand_made_network() -> None:
    space, counts = make_space("mlp", (3,), 2, cardinalities=[0, 5, 0]), [0, 5, 0]

    class Table:
        input_shape, outputs, cardinalities = (3,), 2, counts

    hand_made = baseline(Table())
    ours = space.build(known_architectures("mlp", space, (3,))[0])
    theirs = hand_made.build(hand_made.default)
    assert [p.shape for p in ours.parameters()] == [p.shape for p in theirs.parameters()]


def test_of_chains_the_second_is_no_larger_than_the_hand_made_network() -> None:
    space, hand_made = make_space("chain", (1, 28, 28), 10), baseline((1, 28, 28), 10)
    near, smaller, _ = known_architectures("chain", space, (1, 28, 28))
    most = sum(p.numel() for p in hand_made.build(hand_made.default).parameters())
    sizes = [sum(p.numel() for p in space.build(one).parameters()) for one in (near, smaller)]
    assert sizes[1] < most < sizes[0] < 1.5 * most


def test_what_is_held_stays_so_and_an_unknown_space_has_its_default() -> None:
    space = make_space("mlp", (4,), 2).fix({"layers.activation": "gelu", "depth": 3})
    assert all(one["layers.activation"] == "gelu" for one in known_architectures("mlp", space, (4,)))
    own = Space(layer(dict, size=integer(2, 4, name="size")))
    assert known_architectures(None, own, (4,)) == known_architectures("mlp", own, (4,)) == [own.default]
