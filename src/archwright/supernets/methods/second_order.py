"""The gradient of alpha through a step of the weights (Liu et al. 2019, arXiv:1806.09055, section 2.3)."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from archwright.supernets.methods.weights import WeightOptimizer
from archwright.supernets.untouched import kept, still

__all__ = ["unrolled_gradient"]

_REACH = 0.01
"""The 2-norm of the step to either side by which the mixed derivative is approximated (section 2.3, footnote 2)."""


def unrolled_gradient(
    weights: WeightOptimizer,
    alphas: Sequence[Tensor],
    training_loss: Callable[[], Tensor],
    validation_loss: Callable[[], Tensor],
) -> list[Tensor | None]:
    """The gradient of L_val(w'(alpha), alpha), where w' is one step of the weights away from w.

    With w' = w - eta (m v + grad_w L_train(w, alpha) + decay w), v what momentum m has gathered, it is

        grad_alpha L_val(w', alpha) - eta (grad_alpha L_train(w+, alpha) - grad_alpha L_train(w-, alpha)) / (2 epsilon)

    with w+- = w +- epsilon grad_w' L_val(w', alpha) and epsilon = 0.01 / |grad_w' L_val(w', alpha)|_2, the norm over
    all weights together (eq. 7 and 8). The step is that of the present learning rate, without clipping, as in the
    paper. The weights are changed in place meanwhile, and are restored to the last bit.

    Args:
        weights: The weights' optimiser: their learning rate, momentum and decay.
        alphas: The architecture parameters.
        training_loss: Works out L_train anew, at the present weights and alphas.
        validation_loss: The same for L_val, and the penalties of alpha.

    Returns:
        A gradient for each of `alphas`, None where it takes no part.
    """
    rate = weights.rate
    gradients = torch.autograd.grad(training_loss(), weights.parameters, allow_unused=True)
    moving = [(w, g) for w, g in zip(weights.parameters, gradients, strict=True) if g is not None]
    moved = [w for w, _ in moving]
    with kept(moved) as before:
        with torch.no_grad():
            for w, gradient in moving:
                step = gradient.add(w, alpha=weights.weight_decay)
                if (gathered := weights.momentum_of(w)) is not None:
                    step.add_(gathered, alpha=weights.momentum)
                w.sub_(step, alpha=rate)
        found = torch.autograd.grad(validation_loss(), [*alphas, *moved], allow_unused=True)
        direct, directions = found[: len(alphas)], found[len(alphas) :]
        norm = math.sqrt(sum(float(d.square().sum()) for d in directions if d is not None))
        if norm == 0.0:
            return list(direct)
        reach = _REACH / norm
        sides = []
        with still(weights.parameters):
            for sign in (1.0, -1.0):
                with torch.no_grad():
                    for w, start, direction in zip(moved, before, directions, strict=True):
                        w.copy_(start)
                        if direction is not None:
                            w.add_(direction, alpha=sign * reach)
                sides.append(torch.autograd.grad(training_loss(), alphas, allow_unused=True))
    total: list[Tensor | None] = []
    for own, ahead, behind in zip(direct, *sides, strict=True):
        if ahead is not None and behind is not None:
            mixed = (ahead - behind).mul_(-rate / (2 * reach))
            total.append(mixed if own is None else own + mixed)
        else:
            total.append(own)
    return total
