"""Hierarchical NAS-Bench-201: its size by hand, cells that hang together, and its supernet."""

from __future__ import annotations

import math
from itertools import product

import pytest
import torch
from torch import nn

from archwright.errors import BuildError, SpaceError
from archwright.spaces.zoo import hierarchical_grammar, hierarchical_space
from archwright.spaces.zoo.blocks import SummedCell
from archwright.supernets import Supernet


def _size(operations: int) -> int:
    """The number of derivations, from the published grammar by hand."""
    cell = operations**6
    c = cell**2 + cell**3 + cell**3
    down = cell + cell**2 + cell
    d1 = c**2 * down + c**3 * down + c**2 * down**2
    d0 = c**2 * cell + c**3 * cell + c**2 * cell**2
    return d1**2 * d0 + d0 * d1**2 + d1**2 * d0**2


def test_the_size_is_that_of_the_published_grammar() -> None:
    language = hierarchical_grammar((3, 32, 32), 10, connected=False).language("network", 10, (16, 32, 32))
    assert language.size == _size(3 + 27)
    # With the convolution block twice among the operations, as it is published: "10^446".
    assert math.floor(math.log10(_size(3 + 2 * 27))) == 446


def _is_connected(zeros: tuple[bool, ...]) -> bool:
    e10, e20, e21, e30, e31, e32 = (not zero for zero in zeros)
    return e30 or (e10 and e31) or (e20 and e32) or (e10 and e21 and e32)


def test_cells_without_a_way_through_are_left_out() -> None:
    stage = hierarchical_grammar((1, 8, 8), 10, macro="stage").language("network", 10, (16, 8, 8))
    cells = sum(
        math.prod(1 if zero else 29 for zero in zeros)
        for zeros in product([False, True], repeat=6)
        if _is_connected(zeros)
    )
    assert stage.size == cells**2


def test_two_cells_give_what_the_formula_says() -> None:
    space = hierarchical_space((1, 8, 8), 3, macro="stage", channels=4)
    block = "block(relu, conv1x1, batch)"
    cell = f"cell({block}, zero, {block}, id, zero, avg_pool)"
    text = f"output(linear2({cell}, linear2(cell(zero, zero, zero, id, zero, zero), down)))"
    network = space.build(space.architecture({"derivation": text})).eval()
    x = torch.randn(2, 4, 8, 8)
    made = network[2]
    assert isinstance(made, SummedCell)
    first, second = made.nodes[0].edges["0"], made.nodes[1].edges["1"]
    pool = nn.AvgPool2d(3, 1, 1, count_include_pad=False)
    torch.testing.assert_close(made(x), x + pool(second(first(x))))


def test_residual_blocks_add_what_stands_beside() -> None:
    space = hierarchical_space((1, 8, 8), 3, channels=4)
    cell, other = "cell(zero, zero, zero, id, zero, zero)", "cell(zero, zero, zero, avg_pool, zero, zero)"
    two = f"linear2({cell}, {cell})"
    d1 = f"linear3({two}, {two}, linear2({cell}, down))"
    d0 = f"linear3(residual2({cell}, {other}, {other}), {two}, {cell})"
    text = f"output(linear3({d0}, {d1}, {d1}))"
    network = space.build(
        space.architecture({"derivation": text.replace("linear3(" + d0, "linear3.2(" + d0)})
    ).eval()
    x = torch.randn(2, 4, 8, 8)
    pool = nn.AvgPool2d(3, 1, 1, count_include_pad=False)
    torch.testing.assert_close(network[2](x), pool(x) + pool(x))


def test_unrolled_it_has_a_supernet_and_derived_it_says_why_not() -> None:
    options = {"macro": "stage", "channels": 4}
    space = hierarchical_space((1, 8, 8), 3, connected=False, unrolled=True, **options)  # type: ignore[arg-type]
    derived = hierarchical_grammar((1, 8, 8), 3, 4, macro="stage", connected=False)
    assert space.size == derived.language("network", 10, (4, 8, 8)).size == 30**12
    x = torch.randn(2, 1, 8, 8)
    supernet = Supernet(space, x).eval()
    architecture = space.sample(0)
    extracted = supernet.extract(architecture).eval()
    with supernet.on(architecture):
        torch.testing.assert_close(supernet(x), extracted(x))
    with pytest.raises(BuildError, match="there is no supernet of what"):
        Supernet(hierarchical_space((1, 8, 8), 3, **options), x)  # type: ignore[arg-type]
    with pytest.raises(SpaceError, match="connected=False"):
        hierarchical_space((1, 8, 8), 3, unrolled=True)
    with pytest.raises(SpaceError, match="macro to be one of"):
        hierarchical_space((1, 8, 8), 3, macro="stages")
