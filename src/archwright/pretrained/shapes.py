"""How views regroup dimensions."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from archwright.pretrained.dimensions import FOREIGN, Atoms, Dim

__all__ = ["regroup"]


def regroup(
    atoms: Atoms, dims: Sequence[Dim], before: Sequence[int], after: Sequence[int], *, heads: bool = False
) -> list[Dim]:
    """The dimensions after a view from shape `before` to shape `after`, which both hold the elements in one order.

    A dimension that is split shrinks in its last part, alike in every other one; where it is split into `heads`, in the
    part before the last.
    """
    made: list[Dim] = []
    start = 0
    for taken, given in _blocks(before, after):
        block = list(dims[start : start + taken])
        sizes = before[start : start + taken]
        start += taken
        out = after[len(made) : len(made) + given]
        if tuple(sizes) == tuple(out):
            made += block
        else:
            made += _block(atoms, block, sizes, out, heads)
    return made


def _blocks(before: Sequence[int], after: Sequence[int]) -> list[tuple[int, int]]:
    """How many dimensions of each side make the shortest runs of equal product."""
    blocks = []
    left = right = 0
    while left < len(before) or right < len(after):
        i, j = left, right
        one = other = 1
        if i < len(before):
            one, i = before[i], i + 1
        if j < len(after):
            other, j = after[j], j + 1
        while one != other:
            if (one < other and i < len(before)) or j == len(after):
                one, i = one * before[i], i + 1
            else:
                other, j = other * after[j], j + 1
        blocks.append((i - left, j - right))
        left, right = i, j
    return blocks


def _block(
    atoms: Atoms, dims: list[Dim], before: Sequence[int], after: Sequence[int], heads: bool
) -> list[Dim]:
    followed = [index for index, dim in enumerate(dims) if dim.labels is not None]
    foreign = [FOREIGN] * len(after)
    if not followed:
        return foreign
    if len(followed) > 1:
        atoms.fix(dims, "a view merges it with another dimension of parameters")
        return foreign
    labels = dims[followed[0]].labels
    assert labels is not None
    shape = [1] * len(before)
    shape[followed[0]] = len(labels)
    grid = np.broadcast_to(labels.reshape(shape), tuple(before)).reshape(tuple(after))
    long = [axis for axis, size in enumerate(after) if size > 1]
    if not long:
        return foreign
    rows = {axis: np.moveaxis(grid, axis, -1).reshape(-1, grid.shape[axis]) for axis in long}
    whole = [axis for axis in long if (rows[axis] == rows[axis][:1]).all()]
    split = long[-2] if heads and len(long) > 1 else long[-1]
    axis = whole[0] if whole else split
    atoms.tie_rows(rows[axis])
    if heads and not whole:
        atoms.split(rows[axis][0])
    return [Dim(rows[axis][0]) if one == axis else FOREIGN for one in range(len(after))]
