"""Architectures as rows of numbers in which an inactive decision is a level of its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from archwright.spaces import Architecture, Space
from archwright.surrogates.columns import Columns, more_columns

__all__ = ["Features", "Group"]


@dataclass(frozen=True, slots=True)
class Group:
    """The columns of one decision, or of one kind of counts.

    Args:
        address: The decision's, or the kind.
        start: Its first column.
        stop: The column after its last.
        ordered: Whether the decision is a number, in a single column.
    """

    address: str
    start: int
    stop: int
    ordered: bool


class Features:
    """`Space.encode`, whose -1 for "inactive" is no number to compare others with, made fit for surrogates.

    A categorical that can be inactive has one more column, which is 1 where it is; a number or a subset that can be
    inactive is 0 there and has a further group of one column that says so. Two architectures that differ in a
    categorical are at the squared distance 1 in its group (its 1 is √½), as are subsets for each item of difference.

    Args:
        space: The space.
        graph: Whether to add two groups of what the networks' graphs are made of, see `GraphCounts`.
        graf: Whether to add counts, path lengths and degrees of the networks' graphs, see `GRAF`.
        columns: Others to add, such as proxies' scores.

    Attributes:
        groups: One or two a decision, in the order of the columns.
        columns: How many columns there are.
    """

    def __init__(
        self, space: Space, *, graph: bool = False, graf: bool = False, columns: Columns | None = None
    ) -> None:
        self.space = space
        self._more = more_columns(space, graph, graf, columns)
        # What stands under every option of another decision is not found out to be always active.
        always = space.plan.decisions
        self.groups: list[Group] = []
        taken: list[int] = []
        flags: list[tuple[int, int]] = []
        scale: list[float] = []
        start = 0
        for address, decision in space.decisions.items():
            ordered = decision.ordered
            begin = len(scale)
            taken += range(begin, begin + decision.columns)
            is_one_hot = not (decision.ordered or decision.several)
            scale += [0.5**0.5 if is_one_hot else 1.0] * decision.columns
            if address not in always:
                flags.append((len(scale), start))
                if is_one_hot:
                    scale.append(0.5**0.5)
                else:
                    self.groups.append(Group(address, begin, len(scale), ordered))
                    begin, ordered = len(scale), False
                    scale.append(1.0)
            self.groups.append(Group(address, begin, len(scale), ordered))
            start += decision.columns
        self._decided = self.columns = len(scale)
        for name, width in (group for one in self._more for group in one.groups):
            self.groups.append(Group(name, self.columns, self.columns + width, False))
            self.columns += width
        self._taken = np.array(taken, dtype=np.intp)
        self._scale = np.array(scale)
        self._flag_columns = np.array([to for to, _ in flags], dtype=np.intp)
        self._flag_sources = np.array([source for _, source in flags], dtype=np.intp)

    def __call__(self, architectures: Sequence[Architecture]) -> NDArray[np.float64]:
        """Shape (architectures, columns).

        Raises:
            SpaceError: When one is not of the space.
        """
        rows = np.zeros((len(architectures), self._decided))
        if architectures:
            codes = np.stack([self.space.encode(architecture) for architecture in architectures])
            rows[:, self._flag_columns] = codes[:, self._flag_sources] < 0.0
            rows[:, self._taken] = np.maximum(codes, 0.0)
        rows *= self._scale
        return np.hstack([rows, *(one(architectures) for one in self._more)]) if self._more else rows
