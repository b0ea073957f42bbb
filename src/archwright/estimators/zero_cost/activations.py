"""Proxies of activation patterns and of the gradients by the inputs."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from archwright.errors import TrialError
from archwright.estimators.zero_cost.probe import Probe
from archwright.tasks.batches import tensors_in

__all__ = ["jacob_cov", "linear_regions", "naswot", "pattern_count", "swap"]

_EPSILON = 1e-5
_BITS = 63
"""Signs that make one whole number."""


def naswot(probe: Probe) -> float:
    """Log |det K|, K = Σ over ReLUs of X·Xᵀ + (1−X)·(1−X)ᵀ (Mellor et al. 2021, arXiv:2006.04647).

    X of the shape (examples, units) is 1 where a unit is active, so that K counts in how many units two examples agree.
    In 64 bits. Where K is singular, as when two examples have one pattern, the logarithm is −inf.

    Raises:
        TrialError: When the network has no ReLU.
    """
    kernel = probe.agreement("naswot")
    eigenvalues = torch.linalg.eigvalsh(kernel)
    if eigenvalues[0] <= len(kernel) * torch.finfo(torch.float64).eps * eigenvalues[-1]:
        return -math.inf
    return float(torch.linalg.slogdet(kernel).logabsdet)


def swap(probe: Probe, mean: float | None = None, spread: float | None = None) -> float:
    """The number of distinct patterns among the units (Peng et al. 2024, arXiv:2403.04161).

    A unit's pattern is on which of the minibatch's examples it is active.

    Args:
        probe: The network.
        mean: μ of the regularised form: the count times exp(−(P−μ)²/σ), P the parameters in thousands. None gives the
            plain count.
        spread: σ of the regularised form.

    Raises:
        TrialError: When the network has no ReLU.
    """
    count = pattern_count([pattern.T for pattern in probe.patterns("swap")])
    if mean is None or spread is None:
        return float(count)
    thousands = sum(w.numel() for w in probe.weights.values()) / 1e3
    return count * math.exp(-((thousands - mean) ** 2) / spread)


def linear_regions(probe: Probe) -> float:
    """How many of the minibatch's examples have a pattern of their own: of linear regions that they lie in.

    Chen et al. 2021, arXiv:2102.11535. It is the number of examples for all but small networks.

    Raises:
        TrialError: When the network has no ReLU.
    """
    kernel = probe.agreement("te_nas")
    same = kernel == kernel[0, 0]  # an example agrees with itself in all units
    return float(sum(not bool(same[i, :i].any()) for i in range(len(same))))


def pattern_count(patterns: list[Tensor]) -> int:
    """The number of distinct rows.

    Args:
        patterns: Of the shape (rows, signs), with as many signs each.
    """
    ids: Tensor | None = None
    for start in range(0, patterns[0].shape[1], _BITS):
        codes = torch.cat([_code(pattern[:, start : start + _BITS]) for pattern in patterns])
        if ids is not None:
            _, more = torch.unique(codes, return_inverse=True)
            codes = ids * (more.max() + 1) + more
        values, ids = torch.unique(codes, return_inverse=True)
    return len(values)


def _code(signs: Tensor) -> Tensor:
    """One whole number a row, another one for every other row of signs."""
    code = torch.zeros(len(signs), dtype=torch.int64, device=signs.device)
    for k, sign in enumerate(signs.unbind(1)):
        code |= sign.to(torch.int64) << k
    return code


def jacob_cov(probe: Probe) -> float:
    """−Σ (log(v+1e-5) + 1/(v+1e-5)), v the eigenvalues of the correlation of the gradients by the inputs.

    The gradient of the sum of an example's outputs by its inputs is a row; rows are correlated with each other, in 64
    bits (Mellor et al. 2020, arXiv:2006.04647v1). −inf where a row is constant, as where no input reaches the output.

    Raises:
        TrialError: When inputs are symbols, or codes alone.
    """
    outputs = [t for t in tensors_in(probe.outputs) if t.is_floating_point()]
    if not probe.inputs:
        raise TrialError("jacob_cov is not defined for this network: its inputs are symbols, not numbers")
    total = torch.stack([t.sum() for t in outputs]).sum()
    if not total.requires_grad:
        return -math.inf
    found = torch.autograd.grad(total, probe.inputs, retain_graph=True, allow_unused=True)
    read = [g.reshape(probe.examples, -1) for g in found if g is not None]
    if not read:
        raise TrialError(
            "jacob_cov is not defined for this network: its inputs are codes of categories, not amounts"
        )
    rows = torch.cat(read, 1).double().cpu()
    if not bool((rows.std(1, unbiased=False) > 0).all()):
        return -math.inf
    values = torch.linalg.eigvalsh(torch.corrcoef(rows)).clamp_min(0.0) + _EPSILON
    return -float((values.log() + 1 / values).sum())
