"""A cell of mixed operations as one differentiable function (Liu et al. 2019, arXiv:1806.09055, eq. 2).

Three things make it cheap. What several edges share is done once: a state's pooling, its passage through the caches
for all its convolutions. Tensors are written only where a norm must see the whole batch: one a convolution; their
normalised values, their ReLU and the depthwise results are worked out again where they are needed. And a mixture's
weight and the norm become one factor by channel in a node's sum, so no operation has an output of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from archwright.supernets.fused.backward import Backward
from archwright.supernets.fused.forward import Forward
from archwright.supernets.fused.plan import Plan

__all__ = ["run_cell"]


def run_cell(plan: Plan, states: Sequence[Tensor], weights: Sequence[Tensor]) -> Tensor:
    """The cell's output: its nodes' states, concatenated along the channels.

    Args:
        plan: The cell.
        states: The prepared inputs, float32 on the CPU, each of shape (N, C, H, W).
        weights: Those of each edge's operations, shape (operations,).

    Returns:
        Shape (N, nodes * C, H, W), contiguous.
    """
    output: Tensor = _Cell.apply(plan, *states, *weights, *plan.parameters)  # type: ignore[no-untyped-call]
    return output


class _Cell(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, plan: Plan, *tensors: Tensor) -> Tensor:
        states, weights = _split(plan, tensors)
        run = Forward(plan, states, weights)
        output = run.output()
        ctx.plan, ctx.record = plan, run.record
        ctx.save_for_backward(*tensors, *run.kept)
        return output

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Any:
        plan: Plan = ctx.plan
        saved = ctx.saved_tensors
        count = plan.inputs + len(plan.edges) + len(plan.parameters)
        inputs, kept = saved[:count], saved[count:]
        wanted = ctx.needs_input_grad[1:]
        _, weights = _split(plan, inputs)
        if torch.is_grad_enabled():
            return (None, *_differentiable(plan, inputs, wanted, gradient))
        run = Backward(plan, ctx.record, kept, weights, wanted, gradient)
        return (None, *run.gradients())


def _split(plan: Plan, tensors: Sequence[Tensor]) -> tuple[list[Tensor], list[Tensor]]:
    edges = plan.inputs + len(plan.edges)
    return list(tensors[: plan.inputs]), list(tensors[plan.inputs : edges])


def _differentiable(
    plan: Plan, inputs: Sequence[Tensor], wanted: Sequence[bool], gradient: Tensor
) -> list[Tensor | None]:
    """Gradients that can be differentiated again, by torch's own operations."""
    states, weights = _split(plan, inputs)
    with plan.kept_statistics():
        output = plan.plain(states, weights)
    asked = [tensor for tensor, want in zip(inputs, wanted, strict=True) if want]
    found = iter(torch.autograd.grad(output, asked, gradient, create_graph=True, allow_unused=True))
    return [next(found) if want else None for want in wanted]
