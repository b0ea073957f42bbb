"""The unary and binary functions that units are made of, each as a module and as a formula."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from archwright.primitives.units import (
    ChannelConstant,
    ChannelScale,
    ChannelShift,
    ExpDistance,
    ExpSquare,
    Interpolation,
    Pairwise,
    Pointwise,
)
from archwright.spaces.zoo.shapes import check_labels

__all__ = [
    "AQUASURF",
    "BINARY",
    "PANGAEA",
    "PRESETS",
    "chosen_functions",
    "RAMACHANDRAN",
    "UNARY",
    "Preset",
    "Primitive",
    "key_of",
]


@dataclass(frozen=True)
class Primitive:
    """A function that units may hold.

    Args:
        make: A class of module.
        formula: In sympy's spelling, of x, y (for two operands) and b (learned).
        arguments: Of the class.
        learned: Whether it has a learned b for each channel: the class then takes the number of channels.
    """

    make: Callable[..., nn.Module]
    formula: str
    arguments: tuple[Any, ...] = ()
    learned: bool = False


def negated(x: Tensor) -> Tensor:
    """-x."""
    return -x


def cubed(x: Tensor) -> Tensor:
    """x^3."""
    return x**3


def log_abs(x: Tensor) -> Tensor:
    """ln(|x| + 1e-3)."""
    return torch.log(x.abs() + 1e-3)


def clipped_above(x: Tensor) -> Tensor:
    """min(x, 0)."""
    return torch.clamp(x, max=0.0)


def bell(x: Tensor) -> Tensor:
    """exp(-x^2)."""
    return torch.exp(-(x**2))


def sinc(x: Tensor) -> Tensor:
    """sin(x) / x, 1 at 0."""
    return torch.sinc(x / torch.pi)


def normal_cdf(x: Tensor) -> Tensor:
    """The share of the standard normal distribution below x."""
    y: Tensor = torch.special.ndtr(x)
    return y


def elish(x: Tensor) -> Tensor:
    """Elish: x sigmoid(x) above 0, (e^x - 1) sigmoid(x) below (Basirat & Roth 2018, arXiv:1808.00783)."""
    return torch.where(x > 0, x, torch.expm1(torch.clamp(x, max=0.0))) * torch.sigmoid(x)


def guarded_ratio(a: Tensor, b: Tensor) -> Tensor:
    """Divide a by b + 1e-3."""
    return a / (b + 1e-3)


def gated(a: Tensor, b: Tensor) -> Tensor:
    """sigmoid(a) b."""
    return torch.sigmoid(a) * b


def _one(function: Callable[[Tensor], Tensor], formula: str) -> Primitive:
    return Primitive(Pointwise, formula, (function,))


def _two(function: Callable[[Tensor, Tensor], Tensor], formula: str) -> Primitive:
    return Primitive(Pairwise, formula, (function,))


UNARY: Mapping[str, Primitive] = {
    "identity": Primitive(nn.Identity, "x"),
    "negative": _one(negated, "-x"),
    "abs": _one(torch.abs, "Abs(x)"),
    "square": _one(torch.square, "x**2"),
    "cube": _one(cubed, "x**3"),
    "sqrt": _one(torch.sqrt, "sqrt(x)"),
    "scale": Primitive(ChannelScale, "b*x", learned=True),
    "shift": Primitive(ChannelShift, "x + b", learned=True),
    "log_abs": _one(log_abs, "log(Abs(x) + 0.001)"),
    "exp": _one(torch.exp, "exp(x)"),
    "sin": _one(torch.sin, "sin(x)"),
    "cos": _one(torch.cos, "cos(x)"),
    "sinh": _one(torch.sinh, "sinh(x)"),
    "cosh": _one(torch.cosh, "cosh(x)"),
    "tanh": Primitive(nn.Tanh, "tanh(x)"),
    "asinh": _one(torch.asinh, "asinh(x)"),
    "atan": _one(torch.atan, "atan(x)"),
    "sinc": _one(sinc, "sinc(x)"),
    "relu": Primitive(nn.ReLU, "Max(x, 0)"),
    "min_zero": _one(clipped_above, "Min(x, 0)"),
    "sigmoid": Primitive(nn.Sigmoid, "sigmoid(x)"),
    "softplus": Primitive(nn.Softplus, "softplus(x)"),
    "bell": _one(bell, "exp(-x**2)"),
    "erf": _one(torch.erf, "erf(x)"),
    "constant": Primitive(ChannelConstant, "b", learned=True),
    "normal_cdf": _one(normal_cdf, "ndtr(x)"),
    "zero": _one(torch.zeros_like, "0"),
    "one": _one(torch.ones_like, "1"),
    "reciprocal": _one(torch.reciprocal, "1/x"),
    "erfc": _one(torch.erfc, "erfc(x)"),
    "expm1": _one(torch.expm1, "expm1(x)"),
    "log_sigmoid": Primitive(nn.LogSigmoid, "logsigmoid(x)"),
    "bessel_i0e": _one(torch.special.i0e, "i0e(x)"),
    "bessel_i1e": _one(torch.special.i1e, "i1e(x)"),
    "elu": Primitive(nn.ELU, "elu(x)"),
    "selu": Primitive(nn.SELU, "selu(x)"),
    "swish": Primitive(nn.SiLU, "silu(x)"),
    "softsign": Primitive(nn.Softsign, "softsign(x)"),
    "hard_sigmoid": Primitive(nn.Hardsigmoid, "hardsigmoid(x)"),
    "elish": _one(elish, "sigmoid(x)*(Max(x, 0) + expm1(Min(x, 0)))"),
    "leaky_relu": Primitive(nn.LeakyReLU, "leaky_relu(x)"),
    "mish": Primitive(nn.Mish, "mish(x)"),
    "gelu": Primitive(nn.GELU, "gelu(x)"),
}
"""Label to a function of one operand."""

BINARY: Mapping[str, Primitive] = {
    "add": _two(torch.add, "x + y"),
    "multiply": _two(torch.mul, "x*y"),
    "subtract": _two(torch.sub, "x - y"),
    "divide": _two(guarded_ratio, "x/(y + 0.001)"),
    "maximum": _two(torch.maximum, "Max(x, y)"),
    "minimum": _two(torch.minimum, "Min(x, y)"),
    "gate": _two(gated, "sigmoid(x)*y"),
    "exp_square": Primitive(ExpSquare, "exp(-b*(x - y)**2)", learned=True),
    "exp_distance": Primitive(ExpDistance, "exp(-b*Abs(x - y))", learned=True),
    "interpolate": Primitive(Interpolation, "b*x + (1 - b)*y", learned=True),
    "power": _two(torch.pow, "x**y"),
    "ratio": _two(torch.div, "x/y"),
}
"""Label to a function of two operands."""


@dataclass(frozen=True)
class Preset:
    """The functions of a published space.

    Args:
        unary: Keys of `UNARY`.
        binary: Keys of `BINARY`.
    """

    unary: tuple[str, ...]
    binary: tuple[str, ...]


_UNARY, _BINARY = tuple(UNARY), tuple(BINARY)

RAMACHANDRAN = Preset(_UNARY[: _UNARY.index("normal_cdf")], _BINARY[: _BINARY.index("power")])
"""The 25 unary and 10 binary functions of Ramachandran et al. 2017, arXiv:1710.05941, Table 1."""

# fmt: off
AQUASURF = Preset(
    (
        "zero", "one", "identity", "negative", "abs", "reciprocal", "square", "exp", "erf", "erfc", "sinh", "cosh",
        "tanh", "expm1", "sigmoid", "log_sigmoid", "asinh", "atan", "bessel_i0e", "bessel_i1e", "relu", "elu", "selu",
        "swish", "softplus", "softsign", "hard_sigmoid", "elish", "leaky_relu", "mish", "gelu",
    ),
    ("add", "subtract", "multiply", "ratio", "power", "maximum", "minimum"),
)
# fmt: on
"""The 31 unary and 7 binary functions of Bingham & Miikkulainen 2023, arXiv:2301.05785; its sums, products, maxima and
minima of more operands are units in units."""

PANGAEA = Preset(AQUASURF.unary[: AQUASURF.unary.index("elish")], AQUASURF.binary)
"""The 27 unary and 7 binary operators of Bingham & Miikkulainen 2022, arXiv:2006.03179, Table 1."""

PRESETS: Mapping[str, Preset] = {
    "ramachandran": RAMACHANDRAN,
    "aquasurf": AQUASURF,
    "pangaea": PANGAEA,
    "all": Preset(_UNARY, _BINARY),
}
"""The functions of published spaces by name."""


def chosen_functions(
    name: str, preset: str, unary: Sequence[str] | None, binary: Sequence[str] | None
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The unary and the binary functions of a space: those that were named, else those of the preset.

    Args:
        name: Of the space, for errors.
        preset: A key of `PRESETS`.
        unary: Keys of `UNARY`; None takes the preset's.
        binary: Keys of `BINARY`; None takes the preset's.

    Raises:
        SpaceError: When one is unknown.
    """
    (known,) = check_labels(name, "set of functions", [preset], PRESETS)
    usual = PRESETS[known]
    return (
        check_labels(name, "unary function", unary or usual.unary, UNARY),
        check_labels(name, "binary function", binary or usual.binary, BINARY),
    )


def key_of(module: nn.Module) -> Any:
    """What tells the primitive that a module is: its function, or its class."""
    return module.function if isinstance(module, Pointwise | Pairwise) else type(module)
