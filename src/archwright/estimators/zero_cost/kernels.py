"""Proxies of gradients example by example: the neural tangent kernel and the Fisher information."""

from __future__ import annotations

import math
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from archwright.errors import TrialError
from archwright.estimators.zero_cost.probe import Probe
from archwright.estimators.zero_cost.recording import CONVOLUTIONS, Observer
from archwright.tasks.batches import tensors_in

__all__ = ["FirstElements", "fisher_matrix", "ntk_condition", "tangent_kernel", "vkdnw"]

_SMOOTHING = 0.05
_DECILES = 9


def ntk_condition(probe: Probe) -> float:
    """Minus the condition number λ_max/λ_min of the tangent kernel (Chen et al. 2021, arXiv:2102.11535).

    −inf where the kernel is singular.
    """
    values = torch.linalg.eigvalsh(tangent_kernel(probe))
    if values[0] <= len(values) * torch.finfo(torch.float64).eps * values[-1]:
        return -math.inf
    return -float(values[-1] / values[0])


def tangent_kernel(probe: Probe) -> Tensor:
    """Θ_ij = ⟨∂s_i/∂θ, ∂s_j/∂θ⟩ with s_i the sum of the outputs for example i; shape (examples, examples), 64 bits.

    In training mode, so that batch normalisation makes the outputs depend on the other examples, as published. One
    backward pass for each of the few examples.
    """
    outputs = [t for t in tensors_in(probe.run(probe.few)) if t.is_floating_point()]
    examples = len(outputs[0])
    sums = torch.stack([t.reshape(examples, -1).sum(1) for t in outputs]).sum(0)
    weights = [w for w in probe.weights.values() if w.requires_grad]
    if not sums.requires_grad:
        raise TrialError("the outputs do not depend on the network's weights")
    rows = []
    for score in sums:
        found = torch.autograd.grad(score, weights, retain_graph=True, allow_unused=True)
        rows.append(torch.cat([g.reshape(-1) for g in found if g is not None]))
    jacobian = torch.stack(rows).double()
    return (jacobian @ jacobian.T).cpu()


class FirstElements(Observer):
    """Reads off a backward pass the derivatives by the first element of each weight tensor, for every example.

    Convolutions, linear layers, batch and layer normalisation and embeddings are known. In evaluation mode an example's
    outputs depend on itself alone, so that the derivative is a sum over its places: of the gradient that arrives at the
    layer's first channel, times what the element is multiplied by. No gradient by a weight is computed.

    Args:
        weights: Name to value: those of which elements are taken. None of them takes gradients.
        examples: How many there are.

    Attributes:
        starts: What to differentiate by: the outputs of layers before which nothing takes gradients.
        derivatives: Name to the sum of what arrived, shape (examples,), for the tensors that were used; zero it before
            each pass.
    """

    def __init__(self, weights: dict[str, Tensor], examples: int) -> None:
        super().__init__({*CONVOLUTIONS, F.linear, F.batch_norm, F.layer_norm, F.embedding})
        self.names = {id(weight): name for name, weight in weights.items()}
        self.examples = examples
        self.starts: list[Tensor] = []
        self.derivatives: dict[str, Tensor] = {}

    def _seen(self, function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        output = function(*args, **kwargs)
        if not output.requires_grad:
            self.starts.append(output.requires_grad_())
            output = output.clone()  # a leaf could not be written to in place
        given = {**dict(zip(_PARAMETERS.get(function, _CONVOLUTION), args, strict=False)), **kwargs}
        with torch.no_grad():
            factor, first = _factor(function, given)
        names = [self.names.get(id(given.get(kind))) for kind in ("weight", "bias")]
        used = [(name, value) for name, value in zip(names, (factor, None), strict=True) if name is not None]
        if not used:
            return output
        if output.shape[0] != self.examples:
            raise TrialError(
                f"vkdnw is told apart by example, but a layer has {output.shape[0]} rows for {self.examples} examples"
            )
        for name, _ in used:
            self.derivatives.setdefault(name, output.new_zeros(self.examples).detach())

        def arrive(gradient: Tensor) -> None:
            channel = gradient[first].detach()
            for name, value in used:
                product = channel if value is None else channel * value
                self.derivatives[name] += product.reshape(self.examples, -1).sum(1)

        output.register_hook(arrive)
        return output


_CONVOLUTION = ("input", "weight", "bias", "stride", "padding", "dilation")
_PARAMETERS: dict[Any, tuple[str, ...]] = {
    F.linear: ("input", "weight", "bias"),
    F.embedding: ("input", "weight"),
    F.layer_norm: ("input", "normalized_shape", "weight", "bias", "eps"),
    F.batch_norm: ("input", "running_mean", "running_var", "weight", "bias", "training", "momentum", "eps"),
}


def _factor(function: Any, given: dict[str, Any]) -> tuple[Tensor, Any]:
    """What the first element of a layer's weight is multiplied by, and where in its output that goes."""
    x = given["input"]
    if function in CONVOLUTIONS:
        one = torch.zeros_like(given["weight"][:1, :1])
        one[(0,) * one.ndim] = 1.0
        read = {name: given[name] for name in _CONVOLUTION[3:] if name in given}
        return function(x[:, :1], one, **read)[:, 0], (slice(None), 0)
    if function is F.linear:
        return x[..., 0], (..., 0)
    if function is F.embedding:
        return (x == 0).to(given["weight"]), (..., 0)
    if function is F.batch_norm:
        part = {name: v[:1] for name in ("running_mean", "running_var") if (v := given.get(name)) is not None}
        return function(**{**given, **part, "input": x[:, :1], "weight": None, "bias": None})[:, 0], (
            slice(None),
            0,
        )
    inner = len(given["normalized_shape"])
    return function(**{**given, "weight": None, "bias": None}).flatten(-inner)[..., 0], (..., *[0] * inner)


def fisher_matrix(probe: Probe) -> tuple[Tensor, int]:
    """The empirical Fisher information of the first element of each weight tensor, and the number of those tensors.

    F = mean over examples of Jᵀ Σ J, J the derivatives of an example's outputs, Σ the covariance of the label:
    diag(p) − p·pᵀ for a classification, p the softmax mixed with a share of .05 of the uniform distribution, and the
    identity for amounts. In evaluation mode, with weights by `Probe.drawn("kaiming")` and normal inputs.

    Raises:
        TrialError: When outputs are not of the shape (examples, outputs), or a weight is used in a way not known.
    """
    weights = {name: w.detach() for name, w in probe.drawn("kaiming").items()}
    wanted = {name: weights[name] for name, w in probe.weights.items() if w.requires_grad}
    elements = FirstElements(wanted, probe.examples)
    with torch.enable_grad():
        outputs = probe.run(probe.batches[0], weights, elements, training=False, inputs=probe.noise(1))
    if not isinstance(outputs, Tensor) or outputs.ndim != 2:
        told = tuple(outputs.shape) if isinstance(outputs, Tensor) else type(outputs).__name__
        raise TrialError(f"vkdnw is defined for outputs of the shape (examples, outputs), got {told}")
    if not any(name in elements.derivatives for name in probe.matrices):
        raise TrialError(f"vkdnw does not know how the network uses {', '.join(probe.matrices)}")
    is_classification = probe.task.kind == "classification"
    # A softmax is the same when all outputs grow alike: the last class stands for the common growth.
    scores = (outputs[:, :-1] - outputs[:, -1:]) if is_classification else outputs
    rows = []
    for k in range(scores.shape[1] if outputs.requires_grad else 0):
        for value in elements.derivatives.values():
            value.zero_()
        torch.autograd.grad(scores[:, k].sum(), elements.starts, retain_graph=True, allow_unused=True)
        rows.append(torch.stack(list(elements.derivatives.values()), 1))
    if is_classification and rows:
        rows.append(torch.zeros_like(rows[0]))
    count = len(elements.derivatives)
    if not rows:
        return torch.zeros(count, count, dtype=torch.float64), count
    jacobian = torch.stack(rows, 1).double()  # (examples, outputs, elements)
    if is_classification:
        chance = outputs.detach().double().softmax(1) * (1 - _SMOOTHING) + _SMOOTHING / outputs.shape[1]
        mean = torch.einsum("nk,nkp->np", chance, jacobian)
        information = torch.einsum("nk,nkp,nkq->pq", chance, jacobian, jacobian) - mean.T @ mean
    else:
        information = torch.einsum("nkp,nkq->pq", jacobian, jacobian)
    return (information / len(outputs)).cpu(), count


def vkdnw(probe: Probe) -> float:
    """The number of weight tensors, plus the entropy of the Fisher information's eigenvalues as a share.

    Tybl & Neumann 2025, arXiv:2502.04975: −Σ λ·log λ over the nine deciles of the eigenvalues, divided by their sum;
    here as a share of its largest value, log 9, so that networks are ordered by the number of tensors first and by the
    entropy among equals, as published.

    Raises:
        TrialError: See `fisher_matrix`.
    """
    information, count = fisher_matrix(probe)
    values = torch.linalg.eigvalsh(information).clamp_min(0.0)
    deciles = torch.quantile(values, torch.arange(1, _DECILES + 1, dtype=torch.float64) / (_DECILES + 1))
    share = deciles / deciles.sum().clamp_min(1e-300)
    return count - float((share * (share + 1e-10).log()).sum()) / math.log(_DECILES)
