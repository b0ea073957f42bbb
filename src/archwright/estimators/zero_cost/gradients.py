"""Proxies of gradients of the loss on one minibatch; `w` are the weights of `Probe.matrices`, `g` their gradients."""

from __future__ import annotations

import math

import torch

from archwright.errors import TrialError
from archwright.estimators.zero_cost.probe import Probe, amounts, product
from archwright.estimators.zero_cost.recording import WithoutNorms
from archwright.tasks.batches import tensors_in

__all__ = ["fisher", "grad_norm", "grasp", "plain", "snip", "synflow", "zico"]


def grad_norm(probe: Probe) -> float:
    """Σ over the weights' tensors of ‖g‖₂ (Abdelfattah et al. 2021, arXiv:2101.08134)."""
    return float(sum(g.detach().double().norm() for g in probe.gradients.values()))


def plain(probe: Probe) -> float:
    """Σ w·g (Mozer & Smolensky 1988, as in Abdelfattah et al. 2021, arXiv:2101.08134)."""
    return float(sum(p.sum() for p in product(probe.weights, probe.gradients)))


def snip(probe: Probe) -> float:
    """Σ |w·g| (Lee et al. 2019, arXiv:1810.02340)."""
    return float(sum(p.abs().sum() for p in product(probe.weights, probe.gradients)))


def grasp(probe: Probe) -> float:
    """−Σ w·(Hg), with the Hessian H of the loss (Wang et al. 2020, arXiv:2002.07376), by differentiating g·stop(g)."""
    weights, gradients = probe.twice_differentiable()
    gradients = {name: g for name, g in gradients.items() if g.requires_grad}
    if not gradients:
        return 0.0  # the loss is linear in the weights
    inner = torch.stack([(g.detach() * g).sum() for g in gradients.values()]).sum()
    found = torch.autograd.grad(inner, list(weights.values()), allow_unused=True)
    curved = {name: g for name, g in zip(weights, found, strict=True) if g is not None}
    return -float(sum(p.sum() for p in product(weights, curved)))


def fisher(probe: Probe) -> float:
    """Σ over layers and their channels of ½·mean over examples of (Σ over places of a·∂L/∂a)².

    a is the output of a convolution or linear layer (Turner et al. 2020, arXiv:1906.04113; Theis et al. 2018,
    arXiv:1801.05787). The inner sum is the derivative by a factor on the channel, so that of a layer that is called
    several times the calls are added before squaring.

    Raises:
        TrialError: When the network has neither.
    """
    total = 0.0
    for layer, gradients in probe.layers:
        by_factor: torch.Tensor | None = None
        for output, gradient in zip(layer.outputs, gradients, strict=True):
            saliency = (output.detach().double() * gradient.detach().double()).movedim(layer.channels, -1)
            if saliency.shape[0] % probe.examples:
                raise TrialError(
                    f"fisher is told apart by example, but a layer has the output shape {tuple(output.shape)} for "
                    f"{probe.examples} examples"
                )
            summed = saliency.reshape(probe.examples, -1, saliency.shape[-1]).sum(1)
            by_factor = summed if by_factor is None else by_factor + summed
        assert by_factor is not None
        total += 0.5 * float(by_factor.square().mean(0).sum())
    if not probe.layers:
        raise TrialError(
            "fisher is not defined for this network: it calls no convolution and no linear layer"
        )
    return total


def zico(probe: Probe) -> float:
    """Σ over tensors of log Σ over weights of E|g| / std(g), over two minibatches (Li et al. 2023, arXiv:2301.11300).

    Weights whose gradient is the same in both are left out, and tensors of which none is left; −inf where none is at
    all.

    Raises:
        TrialError: When there is no second batch.
    """
    second, scores = probe.second_gradients(), []
    for name, first in probe.gradients.items():
        pair = torch.stack([first.detach().double(), second[name].double()])
        deviation = pair.std(0, unbiased=False)
        varies = deviation > 0
        total = float((pair.abs().mean(0)[varies] / deviation[varies]).sum())
        if total > 0:
            scores.append(math.log(total))
    return math.fsum(scores) if scores else -math.inf


def synflow(probe: Probe) -> float:
    """Log Σ |w·∂R/∂w| with R the sum of the outputs (Tanaka et al. 2020, arXiv:2006.05467).

    For inputs of ones, parameters by their magnitude, normalisation switched off, in 64 bits: the sum itself goes
    beyond 1e60. −inf where nothing of the input and no bias arrives at the output.

    Raises:
        TrialError: When inputs are symbols, or the sum overflows.
    """
    weights = {
        name: w.detach().double().abs().requires_grad_(w.requires_grad) for name, w in probe.weights.items()
    }
    matrices = {name: weights[name] for name in probe.matrices}

    ones = amounts("synflow", lambda tensor: torch.ones_like(tensor, dtype=torch.float64))
    outputs = probe.run(
        probe.batches[0], weights, WithoutNorms(), training=False, double=True, inputs=lambda t: ones(t[:1])
    )
    flow = torch.stack([t.sum() for t in tensors_in(outputs) if t.is_floating_point()]).sum()
    if not flow.requires_grad:
        return -math.inf
    found = torch.autograd.grad(flow, list(matrices.values()), allow_unused=True)
    reached = {name: g for name, g in zip(matrices, found, strict=True) if g is not None}
    total = float(sum(p.abs().sum() for p in product(matrices, reached)))
    if not math.isfinite(total):
        raise TrialError(
            "synflow: the sum is beyond what 64 bits hold; the network is too deep or too wide for it"
        )
    return math.log(total) if total > 0 else -math.inf
