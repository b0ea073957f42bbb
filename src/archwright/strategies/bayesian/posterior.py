"""A Gaussian process that goes on from row to row: what it said of the pool is updated, not worked out anew."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from archwright.surrogates import Hyperparameters, MixedKernel

__all__ = ["Posterior"]

Matrix = NDArray[np.float64]


class Posterior:
    """The Cholesky factor L of the rows' kernel matrix, and V = L⁻¹ K(rows, pool), each grown by one row at a time.

    A new row costs O(rows² + rows · pool). Nothing here depends on the values that were measured, so that these may be
    scaled, imputed and scalarised at will: `mean` takes them. The order of all calls is the order in which a
    saved search makes them again, so that its numbers are the same to the last bit.

    Args:
        kernel: The kernel.
        hyperparameters: Its hyperparameters.
        rows: Shape (rows, columns): features of what is known.
        pool: Shape (pool, columns): features of the candidates.
    """

    def __init__(
        self, kernel: MixedKernel, hyperparameters: Hyperparameters, rows: Matrix, pool: Matrix
    ) -> None:
        from scipy.linalg import cholesky, solve_triangular

        self._kernel, self._weights = kernel, hyperparameters.log_weights
        self._diagonal = 1.0 + math.exp(hyperparameters.log_noise) + 1e-10
        self._rows = kernel.scaled(rows, self._weights)
        self._pool = kernel.scaled(pool, self._weights)
        self._count, self._width = len(rows), len(pool)
        noisy = kernel.between(self._rows, self._rows)
        noisy[np.diag_indices_from(noisy)] = self._diagonal
        self._factor = np.zeros((2 * self._count + 16,) * 2)
        self._factor[: self._count, : self._count] = cholesky(noisy, lower=True)
        self._solved = np.zeros((len(self._factor), self._width + self._width // 2 + 64))
        if self._width:
            cross = kernel.between(self._rows, self._pool)
            self._solved[: self._count, : self._width] = solve_triangular(self._lower, cross, lower=True)
        self._explained = np.einsum("ij,ij->j", self._known, self._known)

    @property
    def _lower(self) -> Matrix:
        return self._factor[: self._count, : self._count]

    @property
    def _known(self) -> Matrix:
        return self._solved[: self._count, : self._width]

    def add_row(self, row: Matrix) -> None:
        """Condition on one more architecture; shape (1, columns)."""
        from scipy.linalg import solve_triangular

        scaled = self._kernel.scaled(row, self._weights)
        count = self._count
        if count == len(self._factor):
            self._grow(2 * count, self._solved.shape[1])
        below = solve_triangular(
            self._lower, self._kernel.between(self._rows, scaled)[:, 0], lower=True, check_finite=False
        )
        corner = math.sqrt(max(self._diagonal - float(below @ below), 1e-10))
        fresh = (self._kernel.between(scaled, self._pool)[0] - below @ self._known) / corner
        self._factor[count, :count], self._factor[count, count] = below, corner
        self._solved[count, : self._width] = fresh
        self._explained += fresh * fresh
        self._rows = self._rows.joined(scaled)
        self._count += 1

    def add_pool(self, pool: Matrix) -> None:
        """More candidates, behind the others; shape (candidates, columns)."""
        from scipy.linalg import solve_triangular

        scaled = self._kernel.scaled(pool, self._weights)
        width = self._width + len(pool)
        if width > self._solved.shape[1]:
            self._grow(len(self._factor), width + width // 2)
        cross = self._kernel.between(self._rows, scaled)
        fresh = solve_triangular(self._lower, cross, lower=True, check_finite=False)
        self._solved[: self._count, self._width : width] = fresh
        self._explained = np.append(self._explained, np.einsum("ij,ij->j", fresh, fresh))
        self._pool = self._pool.joined(scaled)
        self._width = width

    def _grow(self, rows: int, width: int) -> None:
        factor, solved = np.zeros((rows, rows)), np.zeros((rows, width))
        factor[: self._count, : self._count] = self._lower
        solved[: self._count, : self._width] = self._known
        self._factor, self._solved = factor, solved

    def believed(self, values: Matrix) -> Matrix:
        """The values with what is expected of the rows that have none (Kriging believer, Ginsbourger et al. 2010).

        Args:
            values: Shape (rows,), NaN where there is none; not all are.
        """
        from scipy.linalg import cho_solve

        missing = np.flatnonzero(np.isnan(values))
        if not missing.size:
            return values
        units = np.zeros((len(values), len(missing) + 1))
        units[missing, np.arange(len(missing))] = 1.0
        units[:, -1] = np.nan_to_num(values)
        solved = cho_solve((self._lower, True), units, check_finite=False)
        # The likelihood of the whole is largest at the mean of the missing given the others.
        filled = values.copy()
        filled[missing] = -np.linalg.solve(solved[missing, :-1], solved[missing, -1])
        return filled

    def predict(self, values: Matrix) -> tuple[Matrix, Matrix]:
        """Mean and standard deviation of the pool, each of the shape (pool,).

        Args:
            values: Shape (rows,), of about mean 0; the signal's variance is their best.
        """
        from scipy.linalg import solve_triangular

        white = solve_triangular(self._lower, values, lower=True, check_finite=False)
        signal = max(float(white @ white) / len(values), 1e-12)
        variance = signal * np.maximum(1.0 - self._explained, 1e-9)
        return white @ self._known, np.sqrt(variance)
