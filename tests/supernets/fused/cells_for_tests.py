"""Cells of the zoo's operations, and how the kernels' gradients are compared with torch's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from archwright.spaces.zoo.blocks import (
    DartsDilatedConv,
    DartsSeparableConv,
    FactorizedReduce,
    PoolNorm,
    ReLUConvNorm,
    Zero,
)
from archwright.supernets.fused.cell import run_cell
from archwright.supernets.fused.operations import recognise
from archwright.supernets.fused.plan import Edge, Plan

LABELS = ("none", "max_pool", "avg_pool", "skip", "sep_3", "sep_5", "dil_3", "dil_5")


def operation(label: str, channels: int, stride: int) -> nn.Module:
    match label:
        case "none":
            return Zero(stride)
        case "max_pool":
            return PoolNorm(nn.MaxPool2d(3, stride, 1), channels)
        case "avg_pool":
            return PoolNorm(nn.AvgPool2d(3, stride, 1, count_include_pad=False), channels)
        case "padded_avg_pool":
            return nn.AvgPool2d(3, stride, 1)
        case "skip":
            return nn.Identity() if stride == 1 else FactorizedReduce(channels, channels)
        case "sep_3" | "sep_5":
            return DartsSeparableConv(channels, int(label[-1]), stride)
        case "dil_3" | "dil_5":
            return DartsDilatedConv(channels, int(label[-1]), stride)
        case "point":
            return ReLUConvNorm(channels, channels, stride)
        case "oblong":
            depthwise = nn.Conv2d(channels, channels, (1, 5), stride, (0, 2), groups=channels, bias=False)
            point = nn.Conv2d(channels, channels, 1, bias=False)
            return nn.Sequential(nn.ReLU(), depthwise, point, nn.BatchNorm2d(channels))
        case _:  # nothing that the kernels know
            return nn.Sequential(nn.Conv2d(channels, channels, 3, stride, 1), nn.Tanh())


def cell(
    channels: int, *, nodes: int = 2, reduces: bool = False, labels: Sequence[str] = LABELS, seed: int = 0
) -> Plan:
    """A cell of two inputs; its norms' weights are random."""
    torch.manual_seed(seed)
    edges = []
    for node in range(nodes):
        for state in range(2 + node):
            modules = tuple(operation(label, channels, 2 if reduces and state < 2 else 1) for label in labels)
            edges.append(Edge(node, state, modules, tuple(map(recognise, modules))))
    for norm in norms_of(edges):
        if norm.affine:
            nn.init.uniform_(norm.weight, 0.5, 1.5)
            nn.init.uniform_(norm.bias, -0.5, 0.5)
    return Plan(2, edges)


def norms_of(edges: Sequence[Edge]) -> list[nn.BatchNorm2d]:
    modules = [part for edge in edges for module in edge.modules for part in module.modules()]
    return [module for module in modules if isinstance(module, nn.BatchNorm2d)]


@dataclass
class Result:
    """Of a forward and a backward pass."""

    output: Tensor
    states: list[Tensor]
    weights: Tensor
    parameters: Tensor
    buffers: Tensor


def both(plan: Plan, size: tuple[int, int], channels: int, batch: int = 3) -> tuple[Result, Result]:
    """What torch gives, and what the kernels give, from the same beginning."""
    torch.manual_seed(1)
    inputs = [torch.randn(batch, channels, *size) for _ in range(2)]
    alphas = [torch.randn(len(edge.modules)) for edge in plan.edges]
    buffers = [buffer for norm in norms_of(plan.edges) for buffer in norm.buffers()]
    before = [buffer.clone() for buffer in buffers]
    results = []
    for run in (plan.plain, lambda states, weights: run_cell(plan, states, weights)):
        states = [x.clone().requires_grad_() for x in inputs]
        weights = [alpha.clone().requires_grad_() for alpha in alphas]
        output = run(states, [weight.softmax(0) for weight in weights])
        asked = [*states, *weights, *plan.parameters]
        upstream = torch.randn(output.shape, generator=torch.Generator().manual_seed(2))
        gradients = torch.autograd.grad(output, asked, upstream, allow_unused=True)
        found = [torch.zeros_like(a) if g is None else g for g, a in zip(gradients, asked, strict=True)]
        count = 2 + len(weights)
        updated = torch.cat([torch.zeros(1), *(buffer.float().flatten() for buffer in buffers)])
        results.append(
            Result(
                output.detach(),
                found[:2],
                torch.cat(found[2:count]),
                torch.cat([torch.zeros(1), *(g.flatten() for g in found[count:])]),
                updated,
            )
        )
        for buffer, value in zip(buffers, before, strict=True):
            buffer.copy_(value)
    return results[0], results[1]


def distance(found: Tensor, expected: Tensor) -> float:
    """Relative, in the 2-norm."""
    return ((found - expected).norm() / (expected.norm() + 1e-12)).item()


def assert_same(found: Result, expected: Result, tolerance: float = 1e-4) -> None:
    assert found.output.shape == expected.output.shape
    assert distance(found.output, expected.output) < tolerance
    for own, theirs in zip(found.states, expected.states, strict=True):
        assert distance(own, theirs) < tolerance
    assert distance(found.weights, expected.weights) < tolerance
    assert distance(found.parameters, expected.parameters) < tolerance
    assert distance(found.buffers, expected.buffers) < tolerance
