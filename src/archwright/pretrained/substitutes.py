"""Standard blocks that stand in for another: cheaper ones for maps and for features, of the same output shape."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

__all__ = ["Constant", "Substitute", "substitutes"]

_STRIDES = range(1, 9)


class Substitute(nn.Module):
    """A body in the place of a block; what else the block is called with does not matter to it.

    Args:
        body: From the block's input to its output's shape.
        adds_input: Whether the input is added, where both have one shape.
        rectified: Whether a ReLU ends it, as of a block that gives no negative numbers.
    """

    def __init__(self, body: nn.Module, *, adds_input: bool = False, rectified: bool = False) -> None:
        super().__init__()
        self.body = body
        self.adds_input, self.rectified = adds_input, rectified

    def forward(self, x: Tensor, *_: Any, **__: Any) -> Tensor:
        """From the block's input to its output's shape."""
        y: Tensor = self.body(x)
        if self.adds_input:
            y = x + y
        return functional.relu(y) if self.rectified else y


class Constant(nn.Module):
    """The same numbers whatever the input is, of its shape.

    Args:
        channels: How many.
        axis: Along which they stand.
    """

    def __init__(self, channels: int, axis: int) -> None:
        super().__init__()
        self.channels, self.axis = channels, axis
        self.values = nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor, *_: Any, **__: Any) -> Tensor:
        """From (N, ...) to the same shape."""
        shape = [1] * x.ndim
        shape[self.axis] = -1
        return self.values.view(shape).expand_as(x)


def substitutes(inputs: Tensor, outputs: Tensor, *, is_map: bool) -> dict[str, Callable[[], nn.Module]]:
    """What may stand in for a block, by name; each is made when it is called.

    Of maps (N, C, H, W): "projection" (1x1 convolution), "separable" (depthwise, then 1x1: Howard et al. 2017,
    arXiv:1704.04861), "inverted_residual" (Sandler et al. 2018, arXiv:1801.04381, twice as wide inside), "bottleneck"
    (He et al. 2016, arXiv:1512.03385, a quarter as wide inside). Of features (N, ..., C): "linear", "rank_half",
    "rank_quarter" and "rank_eighth" of the smaller width, and of sequences "feed_forward" (norm, twice as wide, GELU).
    Where both shapes are one, "identity", and "constant", a number for each channel, which of a branch that is added to
    something leaves that something. The input is added where it can be.

    Args:
        inputs: What the block gets, shape (N, ...).
        outputs: What it gives.
        is_map: Whether it is a convolution's; else features stand along the last axis.
    """
    alike = inputs.shape == outputs.shape
    ends = {"adds_input": alike, "rectified": bool((outputs >= 0).all())}
    made: dict[str, Callable[[], nn.Module]] = {}
    if alike:
        plain = {"rectified": ends["rectified"] and not bool((inputs >= 0).all())}
        made["identity"] = lambda: Substitute(nn.Identity(), **plain)
        made["constant"] = lambda: Constant(outputs.shape[1 if is_map else -1], 1 if is_map else -1)
    bodies = _maps(inputs, outputs) if is_map else _features(inputs, outputs)
    for name, body in bodies.items():
        made[name] = lambda body=body: Substitute(body(), **ends)  # type: ignore[misc]
    return made


def _maps(inputs: Tensor, outputs: Tensor) -> dict[str, Callable[[], nn.Module]]:
    if inputs.ndim != 4 or outputs.ndim != 4:
        return {}
    sides = list(zip(inputs.shape[2:], outputs.shape[2:], strict=True))
    stride = next((s for s in _STRIDES if all(-(-before // s) == after for before, after in sides)), None)
    if stride is None:
        return {}
    a, b = inputs.shape[1], outputs.shape[1]
    inner = max(1, b // 4)
    return {
        "projection": lambda: nn.Sequential(*_layers(a, b, 1, stride, relu=False)),
        "separable": lambda: nn.Sequential(
            *_layers(a, a, 3, stride, groups=a), *_layers(a, b, 1, relu=False)
        ),
        "inverted_residual": lambda: nn.Sequential(
            *_layers(a, 2 * a, 1),
            *_layers(2 * a, 2 * a, 3, stride, groups=2 * a),
            *_layers(2 * a, b, 1, relu=False),
        ),
        "bottleneck": lambda: nn.Sequential(
            *_layers(a, inner, 1), *_layers(inner, inner, 3, stride), *_layers(inner, b, 1, relu=False)
        ),
    }


def _layers(
    before: int, after: int, side: int, stride: int = 1, *, groups: int = 1, relu: bool = True
) -> list[nn.Module]:
    """Convolution and norm, and a ReLU6: of torch's own, so that they print as they are."""
    convolution = nn.Conv2d(before, after, side, stride, side // 2, groups=groups, bias=False)
    return [convolution, nn.BatchNorm2d(after), *([nn.ReLU6()] if relu else [])]


def _features(inputs: Tensor, outputs: Tensor) -> dict[str, Callable[[], nn.Module]]:
    if inputs.shape[:-1] != outputs.shape[:-1]:
        return {}
    a, b = inputs.shape[-1], outputs.shape[-1]

    def low_rank(rank: int) -> Callable[[], nn.Module]:
        return lambda: nn.Sequential(nn.Linear(a, rank, bias=False), nn.Linear(rank, b))

    made: dict[str, Callable[[], nn.Module]] = {"linear": lambda: nn.Linear(a, b)}
    for name, part in (("rank_half", 2), ("rank_quarter", 4), ("rank_eighth", 8)):
        if min(a, b) >= part:
            made[name] = low_rank(min(a, b) // part)
    if inputs.ndim > 2:
        made["feed_forward"] = lambda: nn.Sequential(
            nn.LayerNorm(a), nn.Linear(a, 2 * a), nn.GELU(), nn.Linear(2 * a, b)
        )
    return made
