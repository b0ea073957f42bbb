"""The largest eigenvalue of a Hessian, from gradients alone."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

__all__ = ["largest_eigenvalue"]

_REACH = 1e-2
_EXHAUSTED = 1e-6


def largest_eigenvalue(
    gradient: Callable[[Tensor], Tensor], at: Tensor, start: Tensor, iterations: int
) -> tuple[float, Tensor]:
    """The largest eigenvalue of the Hessian of a function, and its eigenvector.

    Power iteration of which no step is thrown away: among all combinations of start, H start, H^2 start, ... the one
    with the largest Rayleigh quotient (Lanczos 1950). So it is the largest eigenvalue, not the largest absolute one,
    and closer than the last power alone. A product of the Hessian with a vector of length 1 is the difference quotient

        H v = (g(x + r v) - g(x - r v)) / 2r,    r = 0.01

    so each iteration takes two gradients, and none is differentiated again.

    Args:
        gradient: From a point, shape (n,), to the gradient there, shape (n,). The same point gives the same gradient.
        at: Where the Hessian is taken, shape (n,).
        start: A first guess of the eigenvector, not zero, shape (n,). That of a similar function saves iterations.
        iterations: At most so many, at least 1; with n of them the result is exact up to the difference quotient.

    Returns:
        The eigenvalue and the eigenvector of length 1, shape (n,), on the CPU in float64.
    """
    vector = _unit(start.detach().cpu().double())
    basis: list[Tensor] = []
    products: list[Tensor] = []
    for _ in range(min(iterations, len(vector))):
        basis.append(vector)
        step = (_REACH * vector).to(at)
        with torch.no_grad():
            ahead, behind = at + step, at - step
        product = (gradient(ahead).cpu().double() - gradient(behind).cpu().double()) / (2 * _REACH)
        products.append(product)
        rest = product
        known = torch.stack(basis)
        for _ in range(2):  # twice, since what rounding leaves of the known directions would grow
            rest = rest - known.T @ (known @ rest)
        if float(rest.norm()) <= _EXHAUSTED * float(product.norm()):
            break
        vector = _unit(rest)
    known = torch.stack(basis)
    small = known @ torch.stack(products).T
    values, vectors = torch.linalg.eigh((small + small.T) / 2)
    return float(values[-1]), _unit(known.T @ vectors[:, -1])


def _unit(vector: Tensor) -> Tensor:
    return vector.div(vector.norm())
