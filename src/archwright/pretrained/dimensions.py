"""Dimensions of tensors, index by index: a union-find says which indices exist only together.

Every index of a parameter's dimension is an atom. Operations join atoms: those of two summands at the same place, those
of a convolution's output and of its bias. The index lists of everything that shrinks together are then read off, also
behind a flatten (one channel is many columns), a chunk or a concatenation.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

__all__ = ["Atoms", "Dim", "Labels", "FOREIGN"]

Labels: TypeAlias = NDArray[np.int64]
"""The atom of each index of a dimension."""


class Dim(NamedTuple):
    """One dimension of a tensor in the traced graph."""

    labels: Labels | None
    """An atom per index; None for a dimension whose size no parameter gives: batch, positions, the kernel."""
    origin: tuple[str, int] | None = None
    """The tensor of the network and its dimension that this is, as long as no arithmetic has come between."""


FOREIGN = Dim(None)


class Atoms:
    """Union-find over atoms; a class is free until something fixes it, and the first reason is kept."""

    def __init__(self) -> None:
        self._parent: list[int] = []
        self._reasons: dict[int, str] = {}
        self.consumers: set[tuple[str, int]] = set()
        """Tensors and their dimensions over which a product sums: their weights can silence a channel."""
        self.normalised: set[int] = set()
        """Atoms that a norm over channels mixes, so that dropping one changes the others."""

        self.heads: set[int] = set()
        """Atoms that are whole heads of attention."""

    def new(self, count: int) -> Labels:
        """So many fresh atoms, each alone in its class."""
        first = len(self._parent)
        self._parent.extend(range(first, first + count))
        return np.arange(first, first + count)

    def find(self, atom: int) -> int:
        """The representative of this atom's class."""
        while (parent := self._parent[atom]) != atom:
            self._parent[atom] = self._parent[parent]
            atom = parent
        return atom

    def roots(self, labels: Labels) -> Labels:
        """The representative of every atom, in the same shape."""
        return np.array([self.find(int(one)) for one in labels.flat], dtype=np.int64).reshape(labels.shape)

    def _join(self, one: int, other: int) -> None:
        one, other = self.find(one), self.find(other)
        if one == other:
            return
        self._parent[other] = one
        reason = self._reasons.pop(other, None)
        if reason is not None:
            self._reasons.setdefault(one, reason)

    def tie(self, *dims: Dim, why: str) -> Dim:
        """These dimensions are one: their atoms are joined place by place; returns it.

        Where one of them has no atoms, or another length, the others are fixed for the reason `why`.
        """
        followed = [dim for dim in dims if dim.labels is not None]
        if not followed:
            return FOREIGN
        lengths = {len(dim.labels) for dim in followed if dim.labels is not None}
        if len(followed) < len(dims) or len(lengths) > 1:
            self.fix(followed, why)
        if len(lengths) == 1:
            for dim in followed[1:]:
                self.tie_rows(np.stack([_known(followed[0]), _known(dim)]))
        return Dim(max((_known(dim) for dim in followed), key=len))

    def tie_rows(self, rows: Labels) -> None:
        """Joins, in each column, the atoms of all rows. Shape (rows, columns)."""
        for row in rows[1:]:
            for one, other in zip(rows[0], row, strict=True):
                self._join(int(one), int(other))

    def fix(self, dims: Iterable[Dim], why: str) -> None:
        """What is in these dimensions stays as it is."""
        for dim in dims:
            for atom in () if dim.labels is None else dim.labels.flat:
                self._reasons.setdefault(self.find(int(atom)), why)

    def reason(self, atom: int) -> str | None:
        """Why this atom stays; None where it is free."""
        return self._reasons.get(self.find(atom))

    def split(self, labels: Labels) -> None:
        """These are heads of attention."""
        self.heads.update(int(one) for one in labels)

    def mix(self, dim: Dim) -> None:
        """A norm or a mean goes over this dimension."""
        if dim.labels is not None:
            self.normalised.update(int(one) for one in dim.labels)

    def contract(self, one: Dim, other: Dim, why: str) -> None:
        """A product sums over these two."""
        self.tie(one, other, why=why)
        self.consumers.update(dim.origin for dim in (one, other) if dim.origin)


def _known(dim: Dim) -> Any:
    assert dim.labels is not None
    return dim.labels
