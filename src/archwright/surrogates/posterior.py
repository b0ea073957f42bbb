"""A Gaussian process that goes on from row to row: what it said of the pool is updated, not worked out anew."""

from __future__ import annotations

import math
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from archwright.surrogates.kernel import MixedKernel

__all__ = ["NOISE_MEAN", "Posterior", "prior_hyperparameters"]

Matrix = NDArray[np.float64]

_AT_ONCE = 2048
_TOGETHER = 128

NOISE_MEAN = -3.0
"""A priori, of the logarithm of the noise's variance as a share of the signal's."""


def prior_hyperparameters(kernel: MixedKernel) -> Matrix:
    """Their most likely values before anything is known: the logarithms of the kernel's weights, then of the noise.

    The noise's variance is a share of the signal's. Shape (groups + 1,).
    """
    return np.append(kernel.prior_means(), NOISE_MEAN)


class Posterior:
    """The Cholesky factor L of the rows' kernel matrix, and V = L⁻¹ K(rows, pool), each grown by one row at a time.

    A new row costs O(rows² + rows · pool). Nothing here depends on the values that were measured, so that these may be
    scaled, imputed and scalarised at will: `predict` and `predict_at` take them. The order of all calls is the order in
    which a saved search makes them again, so that its numbers are the same to the last bit.

    Args:
        kernel: The kernel.
        hyperparameters: Logarithms of its weights and of the noise, see `prior_hyperparameters`.
        rows: Shape (rows, columns): features of what is known.
    """

    def __init__(self, kernel: MixedKernel, hyperparameters: Matrix, rows: Matrix) -> None:
        from scipy.linalg import cholesky

        self._kernel, self._weights = kernel, hyperparameters[:-1]
        self._diagonal = 1.0 + math.exp(hyperparameters[-1]) + 1e-10
        self._rows = kernel.scaled(rows, self._weights)
        self._count = len(rows)
        noisy = kernel.between(self._rows, self._rows)
        noisy[np.diag_indices_from(noisy)] = self._diagonal
        room = 2 * self._count + 16
        self._factor = _grown(cholesky(noisy, lower=True, check_finite=False), room, room, "F")
        self.set_pool(rows[:0])

    @property
    def _lower(self) -> Matrix:
        return self._factor[: self._count, : self._count]

    @property
    def _known(self) -> Matrix:
        return self._solved[: self._count]

    def set_pool(self, pool: Matrix) -> None:
        """Let the pool be these candidates; shape (candidates, columns)."""
        self._pool = self._kernel.scaled(pool, self._weights)
        self._solved = np.zeros((len(self._factor), len(pool)))
        if len(pool):
            cross = self._kernel.between(self._rows, self._pool)
            self._known[:] = self._solve(cross)
        self._explained = np.einsum("ij,ij->j", self._known, self._known)

    def add_row(self, row: Matrix) -> None:
        """Condition on one more architecture; shape (1, columns)."""
        scaled = self._kernel.scaled(row, self._weights)
        count = self._count
        if count == len(self._factor):
            self._factor = _grown(self._factor, 2 * count, 2 * count, "F")
            self._solved = _grown(self._solved, 2 * count, self._solved.shape[1])
        below = self._solve(self._kernel.between(self._rows, scaled)[:, 0])
        corner = math.sqrt(max(self._diagonal - float(below @ below), 1e-10))
        fresh = (self._kernel.between(scaled, self._pool)[0] - below @ self._known) / corner
        self._factor[count, :count], self._factor[count, count] = below, corner
        self._solved[count] = fresh
        self._explained += fresh * fresh
        self._rows = self._rows.joined(scaled)
        self._count += 1

    def impute_pending(self, values: Matrix) -> Matrix:
        """The values with what is expected of the rows that have none (Kriging believer, Ginsbourger et al. 2010).

        Args:
            values: Shape (rows,), NaN where there is none; not all are.
        """
        from scipy.linalg import cho_factor, cho_solve

        missing = np.isnan(values)
        if not missing.any():
            return values
        # y = L w with w white noise. Up to the first that is missing w is certain; after it, it is the shortest w that
        # gives the known values, w_k = L_kk⁻¹ (y_k - L_km w_m), so that (I + AᵀA) w_m = Aᵀ L_kk⁻¹ y_k, A = L_kk⁻¹ L_km.
        first = int(missing.argmax())
        before, tail = self._factor[first : self._count, :first], self._lower[first:, first:]
        shift = before @ _solved_lower(self._factor[:, :first], values[:first])
        kept, gone = np.flatnonzero(~missing[first:]), np.flatnonzero(missing[first:])
        lower = np.asfortranarray(tail[np.ix_(kept, kept)])
        certain = _solved_lower(lower, (values[first:] - shift)[kept])
        shares = np.zeros((len(kept), len(gone)))
        for begin in range(0, len(gone), _TOGETHER):
            part = gone[begin : begin + _TOGETHER]
            start = int(np.searchsorted(kept, part[0]))  # what was before it does not depend on it
            below = tail[np.ix_(kept[start:], part)]
            shares[start:, begin : begin + _TOGETHER] = _solved_lower(lower[start:, start:], below)
        inner = shares.T @ shares
        inner[np.diag_indices_from(inner)] += 1.0
        white = np.zeros(len(tail))
        white[gone] = cho_solve(
            cho_factor(inner, lower=True, overwrite_a=True, check_finite=False), shares.T @ certain
        )
        white[kept] = certain - shares @ white[gone]
        filled = values.copy()
        filled[missing] = (shift + tail @ white)[gone]
        return filled

    def predict(self, values: Matrix) -> tuple[Matrix, Matrix]:
        """Mean and standard deviation of the pool, each of the shape (pool,).

        Args:
            values: Shape (rows,), of about mean 0; the signal's variance is their best.
        """
        white, signal = self._white(values)
        return white @ self._known, _deviation(signal, self._explained)

    def predict_at(self, values: Matrix, candidates: Matrix, noise: float = 0.0) -> tuple[Matrix, Matrix]:
        """Mean and standard deviation of others than the pool, each of the shape (candidates,).

        Args:
            values: As of `predict`.
            candidates: Shape (candidates, columns).
            noise: Variance of a measurement, as a share of the signal's, to be predicted too.
        """
        white, signal = self._white(values)
        cross = self._kernel.between(self._rows, self._kernel.scaled(candidates, self._weights))
        solved = self._solve(cross)
        return white @ solved, _deviation(signal, np.einsum("ij,ij->j", solved, solved) - noise)

    def optimistic_bound(self, values: Matrix, candidates: NDArray[np.float32]) -> tuple[Matrix, Matrix]:
        """The mean, and what the standard deviation is at most: that given the most similar row alone.

        In single precision, and in a time that grows with rows · candidates, of `predict_at` with rows² · candidates.

        Args:
            values: As of `predict`.
            candidates: Shape (candidates, columns).
        """
        white, signal = self._white(values)
        solved = self._solve(white, transposed=True)
        shares, rows = solved.astype(np.float32), self._rows.single()
        mean, nearest = np.zeros(len(candidates)), np.zeros(len(candidates))
        for begin in range(0, len(candidates), _AT_ONCE):
            part = slice(begin, begin + _AT_ONCE)
            cross = self._kernel.between(rows, self._kernel.scaled(candidates[part], self._weights))
            mean[part], nearest[part] = shares @ cross, cross.max(0)
        return mean, _deviation(signal, nearest * nearest / self._diagonal)

    def _solve(self, values: NDArray[np.floating[Any]], *, transposed: bool = False) -> Matrix:
        """L⁻¹ values, or L⁻ᵀ values."""
        return _solved_lower(self._factor[:, : self._count], values, transposed=transposed)

    def _white(self, values: Matrix) -> tuple[Matrix, float]:
        """L⁻¹ values, and the signal's variance."""
        white = self._solve(values)
        return white, max(float(white @ white) / len(values), 1e-12)


def _deviation(signal: float, explained: Matrix) -> Matrix:
    made: Matrix = np.sqrt(signal * np.maximum(1.0 - explained, 1e-9))
    return made


def _solved_lower(factor: Matrix, values: NDArray[np.floating[Any]], *, transposed: bool = False) -> Matrix:
    """L⁻¹ values, or L⁻ᵀ values, of the lower triangle L of as many of the factor's rows as it has columns.

    In Fortran's order the columns of a larger factor are used where they are; all else is copied.
    """
    from scipy.linalg.lapack import dtrtrs

    if not factor.shape[1]:
        return values.astype(np.float64)
    solved: Matrix = dtrtrs(factor, values, lower=True, trans=transposed)[0]
    return solved.reshape(values.shape)


def _grown(array: Matrix, rows: int, columns: int, order: Literal["C", "F"] = "C") -> Matrix:
    made = np.zeros((rows, columns), order=order)
    made[: array.shape[0], : array.shape[1]] = array
    return made
