"""The gradient of alpha through a step of the weights (Liu et al. 2019, arXiv:1806.09055, section 2.3)."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

from archwright.learning import Trainer
from archwright.learning.gradients import frozen

__all__ = ["unrolled_gradient"]

_REACH = 0.01
"""The 2-norm of the step to either side by which the mixed derivative is approximated (section 2.3, footnote 2)."""
_SMALLEST = 1e-30


def unrolled_gradient(
    trainer: Trainer,
    weights: Sequence[Tensor],
    alphas: Sequence[Tensor],
    training: Sequence[Any],
    validation: Sequence[Any],
    loss: Callable[[Any, Any], Tensor],
    prepare: Callable[[], None],
) -> list[Tensor | None]:
    """The gradient of L_val(w'(alpha), alpha), where w' is one step of the weights away from w.

    With w' = w - eta (m v + grad_w L_train(w, alpha) + decay w), v what momentum m has gathered, it is

        grad_alpha L_val(w', alpha) - eta (grad_alpha L_train(w+, alpha) - grad_alpha L_train(w-, alpha)) / (2 epsilon)

    with w+- = w +- epsilon grad_w' L_val(w', alpha) and epsilon = 0.01 / |grad_w' L_val(w', alpha)|_2, the norm over
    all weights together (eq. 7 and 8). The step is that of the present learning rate, without clipping, as in the
    paper. All losses have the same random numbers. The weights are restored to the last bit.

    Args:
        trainer: Its optimizer "weights" has the momentum.
        weights: The shared weights.
        alphas: The architecture parameters.
        training: Micro-batches of L_train.
        validation: Micro-batches of L_val.
        loss: Of L_val, with the penalties of alpha.
        prepare: Sets the gates anew, before each loss.

    Returns:
        A gradient for each of `alphas`, None where it takes no part.
    """
    seed = int(torch.randint(2**31, (1,)))
    optimizer, rate = trainer.optimizers["weights"], trainer.step.learning_rate(trainer)

    def gradients(
        batches: Sequence[Any], parameters: Sequence[Tensor], **options: Any
    ) -> list[Tensor | None]:
        return trainer.gradients(batches, parameters, draws=seed, prepare=prepare, **options)[0]

    found = gradients(training, weights)
    moving = [(w, g) for w, g in zip(weights, found, strict=True) if g is not None]
    moved = [w for w, _ in moving]
    steps = [_step_of(optimizer, w, gradient) for w, gradient in moving]
    with trainer.moved(moved, steps, -rate):
        found = gradients(validation, [*alphas, *moved], loss=loss)
    direct, directions = found[: len(alphas)], found[len(alphas) :]
    reach = _REACH / _norm(directions)
    sides = []
    with frozen(weights):
        for sign in (1.0, -1.0):
            with trainer.moved(moved, directions, sign * reach):
                sides.append(gradients(training, alphas))
    total: list[Tensor | None] = []
    for own, ahead, behind in zip(direct, *sides, strict=True):
        if ahead is not None and behind is not None:
            mixed = (ahead - behind) * (-rate / (2 * reach))
            total.append(mixed if own is None else own + mixed)
        else:
            total.append(own)
    return total


@torch.no_grad()
def _step_of(optimizer: Optimizer, weight: Tensor, gradient: Tensor) -> Tensor:
    """M v + gradient + decay w."""
    options, gathered = optimizer.param_groups[0], optimizer.state.get(weight, {}).get("momentum_buffer")
    step = gradient.add(weight, alpha=options["weight_decay"])
    return step if gathered is None else step.add_(gathered, alpha=options["momentum"])


def _norm(directions: Sequence[Tensor | None]) -> Tensor | float:
    """The 2-norm of all together, above 0; no device but the CPU is waited for."""
    squares = [direction.square().sum() for direction in directions if direction is not None]
    if all(square.device.type == "cpu" for square in squares):
        return max(math.sqrt(sum(square.item() for square in squares)), _SMALLEST)
    return torch.stack(squares).sum().sqrt().clamp_min(_SMALLEST)
