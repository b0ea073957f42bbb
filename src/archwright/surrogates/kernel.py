"""A kernel on architectures: exponential in the Hamming distance of categoricals, Matérn in numbers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archwright.surrogates.features import Group

__all__ = ["MixedKernel", "Scaled"]

Matrix = NDArray[np.floating[Any]]


@dataclass(frozen=True, slots=True)
class Scaled:
    """Rows whose squared distances are what the kernel is a function of.

    Args:
        others: Shape (rows, columns that are no numbers), times the roots of the weights.
        ordered: Shape (rows, columns that are numbers), likewise.
        norms: The rows' squared lengths in both; shape (2, rows).
    """

    others: Matrix
    ordered: Matrix
    norms: Matrix

    @classmethod
    def of(cls, others: Matrix, ordered: Matrix) -> Scaled:
        """Work the lengths out."""
        return cls(others, ordered, np.stack([(part * part).sum(1) for part in (others, ordered)]))

    def single(self) -> Scaled:
        """The same in single precision."""
        return Scaled(*(part.astype(np.float32) for part in (self.others, self.ordered, self.norms)))

    def joined(self, more: Scaled) -> Scaled:
        """These rows, then the others."""
        return Scaled(
            np.vstack([self.others, more.others]),
            np.vstack([self.ordered, more.ordered]),
            np.hstack([self.norms, more.norms]),
        )


class MixedKernel:
    """k(x, y) = exp(-Σ_c w_c d_c(x, y)) · M(Σ_o w_o d_o(x, y)), a weight w a group (automatic relevance determination).

    d is the squared distance of two rows in the columns of a group: for a categorical 1 where they differ (the Hamming
    kernel of Ru et al. 2020, arXiv:1906.08878, in the product form of BoTorch's `CategoricalKernel`). Numbers
    are under the Matérn function M(u) = (1 + √(5u) + 5u/3) exp(-√(5u)), with lengthscale 1/√w. k(x, x) = 1.

    Args:
        groups: What the columns of the rows are, see `Features`.
    """

    def __init__(self, groups: Sequence[Group]) -> None:
        self.groups = tuple(groups)
        self._group = np.repeat(np.arange(len(groups)), [g.stop - g.start for g in groups])
        is_ordered = np.array([g.ordered for g in groups], dtype=bool)
        self._ordered = np.flatnonzero(is_ordered[self._group]) if groups else np.zeros(0, np.intp)
        self._others = np.flatnonzero(~is_ordered[self._group]) if groups else np.zeros(0, np.intp)

    def prior_means(self) -> NDArray[np.float64]:
        """Log weights for which two random architectures are about as much alike however many decisions there are.

        As Hvarfner et al. 2024, arXiv:2402.02229, scale lengthscales; shape (groups,).
        """
        share = math.log(2.0 / max(1, len(self.groups)))
        # Uniform numbers differ by 1/6 in the mean square.
        return np.array([share + (math.log(6.0) if g.ordered else 0.0) for g in self.groups])

    def scaled(self, rows: Matrix, log_weights: Matrix) -> Scaled:
        """The rows' two parts, unordered and ordered, weighted: the kernel is a function of their squared distances."""
        scale = np.exp(0.5 * log_weights).astype(rows.dtype)[self._group]
        return Scaled.of(
            rows[:, self._others] * scale[self._others], rows[:, self._ordered] * scale[self._ordered]
        )

    def between(self, first: Scaled, second: Scaled) -> Matrix:
        """The kernel of scaled rows, shape (first, second)."""
        made = _squared(first.others, first.norms[0], second.others, second.norms[0])
        np.negative(made, out=made)
        np.exp(made, out=made)
        if self._ordered.size:
            made *= _matern(_squared(first.ordered, first.norms[1], second.ordered, second.norms[1]))
        return made

    def gradient(self, scaled: Scaled, kernel: Matrix, outer: Matrix) -> Matrix:
        """Σ_ij outer_ij ∂k_ij/∂(log weight), shape (groups,).

        Args:
            scaled: The rows.
            kernel: Their kernel matrix.
            outer: Symmetric, shape (rows, rows).
        """
        columns = np.zeros(len(self._group))
        columns[self._others] = -_distances_under(outer * kernel, scaled.others)
        if self._ordered.size:
            squared = _squared(scaled.ordered, scaled.norms[1], scaled.ordered, scaled.norms[1])
            root = np.sqrt(5.0 * squared)
            # ∂M/∂u over M.
            slope = -(5.0 / 6.0) * (1.0 + root) / (1.0 + root + 5.0 / 3.0 * squared)
            columns[self._ordered] = _distances_under(outer * kernel * slope, scaled.ordered)
        made: Matrix = np.bincount(self._group, columns, minlength=len(self.groups)).astype(np.float64)
        return made


def _squared(first: Matrix, norms: Matrix, second: Matrix, others: Matrix) -> Matrix:
    """Squared distances, shape (first, second)."""
    made = first @ (-2.0 * second.T) if len(first) > len(second) else (-2.0 * first) @ second.T
    made += norms[:, None]
    made += others
    np.maximum(made, 0.0, out=made)
    return made


def _matern(squared: Matrix) -> Matrix:
    root = np.sqrt(5.0 * squared)
    made: Matrix = (1.0 + root + 5.0 / 3.0 * squared) * np.exp(-root)
    return made


def _distances_under(outer: Matrix, rows: Matrix) -> Matrix:
    """For each column c: Σ_ij outer_ij (x_ic - x_jc)², with outer symmetric."""
    own = outer.sum(1) @ (rows * rows)
    made: Matrix = 2.0 * (own - np.einsum("ic,ic->c", rows, outer @ rows))
    return made
