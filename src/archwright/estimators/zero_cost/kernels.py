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
    """Lets each example have a first element of each weight tensor of its own, which is added to the common one.

    Convolutions, linear layers, batch and layer normalisation and embeddings are known. What is added is zero, and
    one backward pass to it gives the derivatives of all examples at once, without one by the weights.

    Args:
        weights: Name to value: those of which elements are taken.
        examples: How many there are.

    Attributes:
        elements: Name to zeros of the shape (examples,), for the tensors that were used.
    """

    def __init__(self, weights: dict[str, Tensor], examples: int) -> None:
        super().__init__({*CONVOLUTIONS, F.linear, F.batch_norm, F.layer_norm, F.embedding})
        self.names = {id(weight): name for name, weight in weights.items()}
        self.examples = examples
        self.elements: dict[str, Tensor] = {}

    def _seen(self, function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        output = function(*args, **kwargs)
        if function in CONVOLUTIONS:
            names = ("input", "weight", "bias", "stride", "padding", "dilation")
            given = {**dict(zip(names, args, strict=False)), **kwargs}
            read = {n: given[n] for n in names[3:] if n in given}
            first = torch.zeros_like(given["weight"][:1, :1])
            first.view(-1)[0] = 1.0
            self._add(
                output[:, 0], given["weight"], lambda: function(given["input"][:, :1], first, **read)[:, 0]
            )
            self._add(output[:, 0], given.get("bias"), lambda: 1.0)
        elif function is F.linear:
            given = {**dict(zip(("input", "weight", "bias"), args, strict=False)), **kwargs}
            self._add(output[..., 0], given["weight"], lambda: given["input"][..., 0])
            self._add(output[..., 0], given.get("bias"), lambda: 1.0)
        elif function is F.embedding:
            given = {**dict(zip(("input", "weight"), args, strict=False)), **kwargs}
            self._add(output[..., 0], given["weight"], lambda: (given["input"] == 0).to(output))
        else:
            self._add_norm(function, output, args, kwargs)
        return output

    def _add_norm(self, function: Any, output: Tensor, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        is_batch = function is F.batch_norm
        batch_names = "input running_mean running_var weight bias training momentum eps"
        names = (batch_names if is_batch else "input normalized_shape weight bias eps").split()
        given = {**dict(zip(names, args, strict=False)), **kwargs}
        axes = slice(None), 0
        channel = output[axes] if is_batch else output.flatten(-len(given["normalized_shape"]))[..., 0]
        plain = {**given, "weight": None, "bias": None}

        def normal() -> Tensor:
            whole: Tensor = function(**plain)
            return whole[axes] if is_batch else whole.flatten(-len(given["normalized_shape"]))[..., 0]

        self._add(channel, given.get("weight"), normal)
        self._add(channel, given.get("bias"), lambda: 1.0)

    def _add(self, channel: Tensor, weight: Tensor | None, factor: Any) -> None:
        """Add to a channel of an output, where the weight is one of those asked for."""
        name = None if weight is None else self.names.get(id(weight))
        if name is None:
            return
        if channel.shape[0] != self.examples:
            raise TrialError(
                f"vkdnw is told apart by example, but a layer has {channel.shape[0]} rows for {self.examples} examples"
            )
        if name not in self.elements:
            self.elements[name] = channel.new_zeros(self.examples).requires_grad_()
        element = self.elements[name].reshape(-1, *[1] * (channel.ndim - 1))
        channel += element * factor()


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
    unknown = sorted(name for name in probe.matrices if name not in elements.elements)
    if unknown and len(unknown) == len(probe.matrices):
        raise TrialError(f"vkdnw does not know how the network uses {', '.join(unknown)}")
    rows = []
    for k in range(outputs.shape[1] if outputs.requires_grad else 0):
        found = torch.autograd.grad(
            outputs[:, k].sum(), list(elements.elements.values()), retain_graph=True, allow_unused=True
        )
        zeros = outputs.new_zeros(len(outputs))
        rows.append(torch.stack([zeros if g is None else g for g in found], 1))
    count = len(elements.elements)
    if not rows:
        return torch.zeros(count, count, dtype=torch.float64), count
    jacobian = torch.stack(rows, 1).double()  # (examples, outputs, elements)
    if probe.task.kind == "classification":
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
