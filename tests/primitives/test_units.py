"""Each primitive against what numpy, scipy and its formula say, and units against their formula."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy import special, stats

from archwright.primitives import BINARY, PRESETS, UNARY
from archwright.primitives.catalog import Primitive
from archwright.primitives.units import ChannelScale, CoreUnit, Standardized

Array = NDArray[np.float64]

X = np.linspace(-3.0, 3.0, 40)
Y = np.roll(X, 7) + 0.1


def _silu(x: Array) -> Array:
    return x * special.expit(x)


_SELU = 1.0507009873554805, 1.6732632423543772

REFERENCES: dict[str, Callable[[Array], Array]] = {
    "identity": lambda x: x,
    "negative": np.negative,
    "abs": np.abs,
    "square": np.square,
    "cube": lambda x: x * x * x,
    "sqrt": np.sqrt,
    "scale": lambda x: 1.0 * x,
    "shift": lambda x: x + 0.0,
    "log_abs": lambda x: np.log(np.abs(x) + 1e-3),
    "exp": np.exp,
    "sin": np.sin,
    "cos": np.cos,
    "sinh": np.sinh,
    "cosh": np.cosh,
    "tanh": np.tanh,
    "asinh": np.arcsinh,
    "atan": np.arctan,
    "sinc": lambda x: np.sin(x) / x,
    "relu": lambda x: np.maximum(x, 0),
    "min_zero": lambda x: np.minimum(x, 0),
    "sigmoid": special.expit,
    "softplus": lambda x: np.logaddexp(0, x),
    "bell": lambda x: np.exp(-x * x),
    "erf": special.erf,
    "constant": np.ones_like,
    "normal_cdf": stats.norm.cdf,
    "zero": np.zeros_like,
    "one": np.ones_like,
    "reciprocal": np.reciprocal,
    "erfc": special.erfc,
    "expm1": np.expm1,
    "log_sigmoid": lambda x: -np.logaddexp(0, -x),
    "bessel_i0e": special.i0e,
    "bessel_i1e": special.i1e,
    "elu": lambda x: np.where(x > 0, x, np.expm1(x)),
    "selu": lambda x: _SELU[0] * np.where(x > 0, x, _SELU[1] * np.expm1(x)),
    "swish": _silu,
    "softsign": lambda x: x / (1 + np.abs(x)),
    "hard_sigmoid": lambda x: np.clip(x / 6 + 0.5, 0, 1),
    "elish": lambda x: np.where(x > 0, x, np.expm1(x)) * special.expit(x),
    "leaky_relu": lambda x: np.where(x > 0, x, 0.01 * x),
    "mish": lambda x: x * np.tanh(np.logaddexp(0, x)),
    "gelu": lambda x: x * stats.norm.cdf(x),
}
PAIRS: dict[str, Callable[[Array, Array], Array]] = {
    "add": np.add,
    "multiply": np.multiply,
    "subtract": np.subtract,
    "divide": lambda x, y: x / (y + 1e-3),
    "maximum": np.maximum,
    "minimum": np.minimum,
    "gate": lambda x, y: special.expit(x) * y,
    "exp_square": lambda x, y: np.exp(-((x - y) ** 2)),
    "exp_distance": lambda x, y: np.exp(-np.abs(x - y)),
    "interpolate": lambda x, y: 0.5 * x + 0.5 * y,
    "power": np.power,
    "ratio": np.divide,
}


def _made(primitive: Primitive) -> torch.nn.Module:
    return primitive.make(*([1] if primitive.learned else primitive.arguments)).double()


def _tensor(x: Array) -> torch.Tensor:
    return torch.tensor(x)[:, None]


def test_every_primitive_has_a_reference() -> None:
    assert set(REFERENCES) == set(UNARY)
    assert set(PAIRS) == set(BINARY)


@pytest.mark.parametrize("name", UNARY)
@pytest.mark.filterwarnings("ignore:invalid value", "ignore:divide by zero")
def test_a_unary_function_is_its_reference(name: str) -> None:
    found = _made(UNARY[name])(_tensor(X))[:, 0].detach().numpy()
    np.testing.assert_allclose(found, REFERENCES[name](X), rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("name", BINARY)
@pytest.mark.filterwarnings("ignore:invalid value")
def test_a_binary_function_is_its_reference(name: str) -> None:
    found = _made(BINARY[name])(_tensor(X), _tensor(Y))[:, 0].detach().numpy()
    np.testing.assert_allclose(found, PAIRS[name](X, Y), rtol=1e-6, atol=1e-8)


def test_presets_are_of_the_published_sizes() -> None:
    sizes = {name: (len(preset.unary), len(preset.binary)) for name, preset in PRESETS.items()}
    assert sizes["ramachandran"] == (25, 10)
    assert sizes["aquasurf"] == (31, 7)


def test_a_unit_scales_its_edges_for_each_channel() -> None:
    scales = {edge: ChannelScale(2) for edge in ("in_1", "out_2", "out")}
    for number, scale in enumerate(scales.values(), 2):
        scale.value.data = torch.tensor([1.0, float(number)])
    multiply, identity = (_made(one).float() for one in (BINARY["multiply"], UNARY["identity"]))
    unit = CoreUnit(multiply, torch.nn.Tanh(), identity, scales=dict(scales))
    x = torch.randn(3, 2, 4, generator=torch.Generator().manual_seed(0))
    expected = torch.stack([x[:, 0].tanh() * x[:, 0], 4 * (x[:, 1] * 2).tanh() * 3 * x[:, 1]], 1)
    torch.testing.assert_close(unit(x), expected)


@pytest.mark.parametrize("name", ["relu", "swish", "gelu", "tanh", "square"])
def test_a_standardized_function_has_the_moments_of_scipy_s_quadrature(name: str) -> None:
    function = REFERENCES[name]
    mean = stats.norm.expect(function)
    deviation = stats.norm.expect(lambda x: (function(x) - mean) ** 2) ** 0.5
    module = Standardized(_made(UNARY[name]).float())
    assert module.mean.item() == pytest.approx(mean, abs=2e-4)
    assert module.deviation.item() == pytest.approx(deviation, abs=2e-4)
