"""Strides and poolings by size."""

from __future__ import annotations

import pytest

from archwright.errors import SpaceError
from archwright.spaces.zoo.shapes import check_labels, check_numbers, check_shape, halvings, stem_stride


@pytest.mark.parametrize(
    ("side", "stride"), [(1, 1), (56, 1), (57, 2), (112, 2), (113, 4), (224, 4), (225, 8)]
)
def test_stem_stride(side: int, stride: int) -> None:
    assert stem_stride(side, 56) == stride


@pytest.mark.parametrize(
    ("side", "times"), [(1, 0), (7, 0), (8, 1), (15, 1), (16, 2), (28, 2), (32, 3), (56, 3)]
)
def test_halvings(side: int, times: int) -> None:
    assert halvings(side, 4) == times


def test_a_shape_may_be_any_sequence() -> None:
    assert check_shape("chain", [1, 8, 8], 10, [3]) == (1, 8, 8)


@pytest.mark.parametrize(("shape", "outputs"), [((0,), 1), ((2.5,), 1), ((True,), 1), ((3,), 0), ((3,), 1.0)])
def test_sizes_must_be_whole_and_positive(shape: tuple[int, ...], outputs: int) -> None:
    with pytest.raises(SpaceError, match="whole numbers >= 1"):
        check_shape("mlp", shape, outputs, [1])


def test_numbers() -> None:
    assert check_numbers("chain", "depth", [2, 3], ["fewest", "most"]) == (2, 3)
    assert check_numbers("chain", "sizes", [3, 5, 7], ["size", "..."]) == (3, 5, 7)
    for given in ([1], [1, 2, 3], [0, 1], [1.0, 2], [True, 2], 3):
        with pytest.raises(SpaceError, match=r"depth to be \(fewest, most\)"):
            check_numbers("chain", "depth", given, ["fewest", "most"])  # type: ignore[arg-type]


def test_a_list_as_text_and_a_single_number_are_told_how_to_be_written() -> None:
    with pytest.raises(SpaceError, match=r'got the text \'conv, skip\'; write \["conv", "skip"\]'):
        check_labels("chain", "operation", "conv, skip", ["conv", "skip"])
    with pytest.raises(SpaceError, match="expected nodes to be a whole number >= 1, got -2"):
        check_numbers("cell", "nodes", (-2,), ["nodes"])
