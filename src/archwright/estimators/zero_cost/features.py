"""Proxies of what layers and blocks make of normal inputs: Zen and AZ-NAS."""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import cached_property
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from archwright.errors import TrialError
from archwright.estimators.zero_cost.probe import Probe, amounts
from archwright.estimators.zero_cost.recording import Features, NormVariances
from archwright.tasks.batches import tensors_in

__all__ = ["BlockFeatures", "blocks", "expressivity", "progressivity", "spread", "trainability", "zen"]

_STEP = 0.01


def zen(probe: Probe) -> float:
    """Log E‖f(x) − f(x + .01·ε)‖₁ + Σ over batch norms of log √(mean over channels of the variance).

    Lin et al. 2021, arXiv:2102.01063: weights and inputs are normal, variances are those of what enters the norm on the
    batch, and f gives what the head reads: what is last pooled to one place, or what enters the last linear layer, or
    the outputs. A norm that is given a constant, as on a branch without input, scales nothing and is left out. −inf
    where the inputs do not reach what the head reads.

    Raises:
        TrialError: When the network has no batch normalisation, or inputs are symbols.
    """
    weights, batch = probe.drawn("normal"), probe.batches[0]
    first, second, variances = Features(), Features(), NormVariances()
    drawn, again, step = probe.noise(1), probe.noise(1), probe.noise(2)
    with torch.no_grad():
        before = probe.run(batch, weights, first, variances, inputs=amounts("zen", drawn))
        after = probe.run(
            batch,
            weights,
            second,
            inputs=amounts("zen", lambda t: again(t) + _STEP * step(t)),
        )
    if not variances.found:
        raise TrialError("zen is not defined for this network: it has no batch normalisation")
    pair = _read(first, before), _read(second, after)
    difference = float((pair[0] - pair[1]).double().abs().reshape(len(pair[0]), -1).sum(1).mean())
    if difference == 0:
        return -math.inf
    return math.log(difference) + math.fsum(0.5 * math.log(v) for v in map(float, variances.found) if v > 0)


def _read(features: Features, outputs: Any) -> Tensor:
    """What the head reads."""
    if features.pooled is not None:
        return features.pooled
    return features.entering if features.entering is not None else next(tensors_in(outputs))


def blocks(network: nn.Module) -> list[nn.Module]:
    """The modules along a network, from its input on: its cells, or its layers where it has no parts.

    Sequences and lists are looked into, and whatever is the only part that has parts; norms, activations, pooling and
    the like, which have no parts, are none, and neither is the layer at the end that gives the outputs.
    """
    found = list(_parts(network))
    while len(composed := [m for m in found if any(True for _ in m.children())]) == 1:
        inner = list(_parts(composed[0]))
        if not inner:
            break
        place = found.index(composed[0])
        found[place : place + 1] = inner
    kept = [m for m in found if any(True for _ in m.children()) or _connects(m)]
    return kept[:-1] if kept and _connects(kept[-1]) and isinstance(kept[-1], nn.Linear) else kept


def _parts(module: nn.Module) -> Iterator[nn.Module]:
    for child in module.children():
        if isinstance(child, nn.Sequential | nn.ModuleList | nn.ModuleDict):
            yield from _parts(child)
        else:
            yield child


def _connects(module: nn.Module) -> bool:
    return isinstance(module, nn.Linear | nn.Embedding | nn.modules.conv._ConvNd)


class BlockFeatures:
    """What each call of a block gives for normal inputs, with weights by `Probe.drawn("kaiming")`.

    Lee & Ham 2024, arXiv:2403.19232. A block's result is copied before the network goes on, so that nothing writes into
    it. Of a result with several tensors the last is taken.

    Args:
        probe: The network.
    """

    def __init__(self, probe: Probe) -> None:
        self.probe = probe
        self.found: list[Tensor] = []
        self.last: list[bool] = []
        """Whether the channels of a feature are its last dimension, rather than its second."""
        weights = {n: w.detach() for n, w in probe.drawn("kaiming").items()}
        hooks = [block.register_forward_hook(self._keep) for block in blocks(probe.network)]
        try:
            with torch.enable_grad():
                probe.run(probe.batches[0], weights, inputs=probe.noise(1))
        finally:
            for hook in hooks:
                hook.remove()
        if len(self.found) < 2:
            raise TrialError(
                f"az_nas compares the blocks of a network with each other, and this one has {len(self.found)}"
            )

    def _keep(self, module: nn.Module, args: Any, result: Any) -> Any:
        tensors = [t for t in tensors_in(result) if t.is_floating_point() and t.ndim > 1]
        if not tensors:
            return None
        given, kept = tensors[-1], tensors[-1]
        if not kept.requires_grad:  # the first block: nothing before it takes gradients
            kept = kept.detach().requires_grad_()
        self.found.append(kept)
        convolves = any(isinstance(m, nn.modules.conv._ConvNd) for m in module.modules())
        self.last.append(kept.ndim == 2 or (kept.ndim == 3 and not convolves))
        return _replaced(result, given, kept.clone())

    @cached_property
    def entropies(self) -> list[float]:
        """The expressivity of each block: the entropy of the spectrum of its features' covariance."""
        return [spread(self._rows(i, f.detach())) for i, f in enumerate(self.found)]

    @cached_property
    def gains(self) -> list[float]:
        """Of each pair of neighbours: 2 − σ − 1/(σ + 1e-6), σ the largest singular value of the Jacobian's estimate."""
        generator = torch.Generator().manual_seed(self.probe.seed + 3)
        scores = []
        for i in reversed(range(1, len(self.found))):
            before, after = self.found[i - 1], self.found[i]
            signs = torch.randint(0, 2, after.shape, generator=generator).to(after) * 2 - 1
            given = (
                torch.autograd.grad(after, before, signs, retain_graph=True, allow_unused=True)[0]
                if after.requires_grad
                else None
            )
            if given is None:  # the blocks stand beside each other
                continue
            if given.shape == signs.shape and bool((given == signs).all()):
                scores.append(-math.inf)
                continue
            arriving = self._aligned(i, given, after)
            if arriving is None:
                continue
            rows = self._rows(i, signs)
            estimate = arriving.double().T @ rows.double() / len(rows)
            largest = float(torch.linalg.matrix_norm(estimate, 2))
            scores.append(2 - largest - 1 / (largest + 1e-6))
        return scores

    def _rows(self, i: int, feature: Tensor) -> Tensor:
        """A feature as rows of channels: of all examples and places."""
        moved = feature if self.last[i] else feature.movedim(1, -1)
        return moved.reshape(-1, moved.shape[-1])

    def _aligned(self, i: int, given: Tensor, after: Tensor) -> Tensor | None:
        """The gradient by the block before as rows at the places of the block after; None where they do not fit."""
        if not self.last[i - 1] and not self.last[i]:
            if given.shape[2:] != after.shape[2:]:
                steps = {a / b for a, b in zip(given.shape[2:], after.shape[2:], strict=False)}
                if given.ndim != 4 or len(steps) != 1 or not (step := steps.pop()).is_integer():
                    return None
                given = functional.pixel_unshuffle(given, int(step))
            return given.movedim(1, -1).flatten(0, -2)
        rows = self._rows(i - 1, given)
        return rows if len(rows) == len(self._rows(i, after)) else None


def _replaced(value: Any, old: Tensor, new: Tensor) -> Any:
    """With one tensor in lists and dicts exchanged."""
    if value is old:
        return new
    if isinstance(value, tuple | list):
        items = [_replaced(item, old, new) for item in value]
        return type(value)(*items) if hasattr(value, "_fields") else type(value)(items)
    if isinstance(value, dict):
        return {name: _replaced(item, old, new) for name, item in value.items()}
    return value


def spread(rows: Tensor) -> float:
    """−Σ p·log p, p the eigenvalues of the rows' covariance divided by their sum; −inf where all rows are equal."""
    centred = rows.double() - rows.double().mean(0)
    values = torch.linalg.eigvalsh(centred.T @ centred / len(rows)).clamp_min(0.0)
    total = values.sum()
    if total <= 0:
        return -math.inf
    share = values / total
    return -float((share * (share + 1e-8).log()).sum())


def expressivity(features: BlockFeatures) -> float:
    """Σ over blocks of the entropy."""
    return sum(features.entropies)


def progressivity(features: BlockFeatures) -> float:
    """The least growth of the entropy from a block to the next; −inf where one has none."""
    pairs = zip(features.entropies[1:], features.entropies, strict=False)
    growth = [after - before for after, before in pairs]
    return min(growth) if all(map(math.isfinite, growth)) else -math.inf


def trainability(features: BlockFeatures) -> float:
    """The mean over neighbours of how near the Jacobian's norm is to one; −inf where a block changes nothing.

    Raises:
        TrialError: When no block reads the one before.
    """
    if not features.gains:
        raise TrialError("az_nas is not defined for this network: no block reads the one before it")
    return sum(features.gains) / len(features.gains)
