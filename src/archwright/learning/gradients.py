"""Losses and gradients of a network on micro-batches: what steps are made of."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from archwright.learning.randomness import forked_rng
from archwright.learning.ranks import Ranks
from archwright.tasks.task import Task

if TYPE_CHECKING:
    from lightning_fabric.plugins import Precision

__all__ = ["Gradients", "frozen", "preserved"]

Loss = Callable[[Any, Any], Tensor]
"""From outputs and batch to a scalar."""


class Gradients:
    """Losses and gradients on micro-batches of a task. None of its methods waits for the device.

    Attributes:
        task: Says how a network runs on a batch, and what the loss is.
        network: What is trained, plain.
        module: What to call in its place, so that it runs in the precision.
        precision: Lightning Fabric's plugin.
        ranks: The processes that train the network together.
    """

    task: Task
    network: nn.Module
    module: nn.Module
    precision: Precision
    ranks: Ranks

    def weight(self, batches: Sequence[Any]) -> Tensor | float:
        """What the mean loss of some micro-batches is a mean over: the sum of the task's weights, over all ranks."""
        return self.ranks.total(_sum([self.task.weight(batch) for batch in batches]))

    def mean(self, batches: Sequence[Any], values: Sequence[Tensor]) -> Tensor:
        """The mean over some micro-batches, and all ranks, of a number of each, weighed as their losses are.

        Args:
            batches: Of `pull`.
            values: A scalar of each.
        """
        pairs = zip(values, self._shares(batches), strict=True)
        return self._total([v.detach() if share is None else v.detach() * share for v, share in pairs])

    def loss(self, batch: Any, function: Loss | None = None) -> Tensor:
        """The loss of the network on one micro-batch, with gradients.

        Args:
            batch: Of `pull`.
            function: From outputs and batch to a scalar; None means the task's loss.
        """
        outputs = self.task.forward(self.module, batch)
        return (function or self.task.loss)(outputs, batch)

    def accumulate(
        self,
        batches: Sequence[Any],
        *,
        loss: Loss | None = None,
        parameters: Sequence[Tensor] | None = None,
        factor: float | None = None,
        prepare: Callable[[], None] | None = None,
    ) -> Tensor:
        """Add the gradient of the mean loss of some micro-batches to `.grad`; `update` sums it over ranks.

        The mean is over examples, or whatever `task.weight` counts, so micro-batches give the gradient of one batch.

        Args:
            batches: Of `pull`.
            loss: From outputs and batch to a scalar; None means the task's loss.
            parameters: Whose gradients; None means all.
            factor: What the loss is multiplied by, None for nothing: a term of a sum, say.
            prepare: Called before each micro-batch: sets gates through which gradients flow, say.

        Returns:
            The mean loss over all ranks, before the factor, detached.
        """
        means = []
        for value in self._terms(batches, loss, prepare):
            means.append(value.detach())
            value = value if factor is None else factor * value
            self.precision.backward(
                value, None, **({} if parameters is None else {"inputs": list(parameters)})
            )
        return self._total(means)

    def gradients(
        self,
        batches: Sequence[Any],
        parameters: Sequence[Tensor],
        *,
        loss: Loss | None = None,
        draws: int | None = None,
        prepare: Callable[[], None] | None = None,
    ) -> tuple[list[Tensor | None], Tensor]:
        """The gradient of the mean loss of some micro-batches; `.grad` is left alone.

        It is not scaled as "16-mixed" needs; a step that uses it should refuse "autocast".

        Args:
            batches: Of `pull`.
            parameters: Whose gradients.
            loss: From outputs and batch to a scalar; None means the task's loss.
            draws: A seed of what layers draw at random. With one the look leaves no trace: buffers of the network,
                such as the statistics of norms, and random numbers are as before, and the same seed gives the same.
            prepare: Called before each micro-batch.

        Returns:
            A gradient for each parameter, None where it takes no part; and the mean loss, detached.
        """
        found: list[Tensor | None] = [None] * len(parameters)
        means = []
        with ExitStack() as stack:
            if draws is not None:
                stack.enter_context(forked_rng(self.network, draws))
                stack.enter_context(preserved(list(self.network.buffers())))
            for value in self._terms(batches, loss, prepare):
                means.append(value.detach())
                each = torch.autograd.grad(value, list(parameters), allow_unused=True)
                found = [
                    b if a is None else a if b is None else a + b for a, b in zip(found, each, strict=True)
                ]
        return self.ranks.reduce(found, parameters), self._total(means)

    @contextmanager
    def moved(
        self, parameters: Sequence[Tensor], directions: Sequence[Tensor | None], scale: Tensor | float
    ) -> Iterator[None]:
        """While a block runs, each parameter is `scale` times its direction away; afterwards as before, to the bit.

        Args:
            parameters: What is moved, in place.
            directions: A tensor of the same shape for each, or None.
            scale: A number, or a scalar tensor, for which the device need not be waited for.
        """
        with preserved(parameters):
            with torch.no_grad():
                for parameter, direction in zip(parameters, directions, strict=True):
                    if direction is not None:
                        if isinstance(scale, Tensor):
                            parameter.add_(direction * scale)
                        else:
                            parameter.add_(direction, alpha=scale)
            yield

    def _terms(
        self, batches: Sequence[Any], loss: Loss | None, prepare: Callable[[], None] | None
    ) -> Iterator[Tensor]:
        """What each micro-batch adds to the mean loss over all of them and all ranks."""
        for batch, share in zip(batches, self._shares(batches), strict=True):
            if prepare is not None:
                prepare()
            value = self.loss(batch, loss)
            yield value if share is None else value * share

    def _shares(self, batches: Sequence[Any]) -> list[Tensor | float | None]:
        """What part of the mean over all micro-batches and ranks each is; None where one is all."""
        if len(batches) == 1 and self.ranks.count == 1:
            return [None]
        weights = [self.task.weight(batch) for batch in batches]
        total = self.ranks.total(_sum(weights))
        total = total + (total == 0)  # where nothing counts, the mean is 0
        return [weight / total for weight in weights]

    def _total(self, means: Sequence[Tensor]) -> Tensor:
        total: Tensor = _sum(means)
        return total if self.ranks.count == 1 else torch.as_tensor(self.ranks.total(total)).to(total.dtype)


@contextmanager
def frozen(parameters: Sequence[Tensor]) -> Iterator[None]:
    """While a block runs, no gradient of these parameters is worked out; they have gradients otherwise."""
    for parameter in parameters:
        parameter.requires_grad_(False)
    try:
        yield
    finally:
        for parameter in parameters:
            parameter.requires_grad_(True)


@contextmanager
def preserved(tensors: Sequence[Tensor]) -> Iterator[None]:
    """A block may change these tensors in place; afterwards they are as before, to the last bit."""
    copies = [tensor.detach().clone() for tensor in tensors]
    try:
        yield
    finally:
        with torch.no_grad():
            for tensor, copy in zip(tensors, copies, strict=True):
                tensor.copy_(copy)


def _sum(terms: Sequence[Any]) -> Any:
    """The sum, without a zero to begin with."""
    total = terms[0]
    for term in terms[1:]:
        total = total + term
    return total
