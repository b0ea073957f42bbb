"""What is decided about an activation function, wherever a network uses it, and what is rejected before training."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from archwright.primitives.catalog import BINARY, UNARY, Primitive, chosen_functions
from archwright.primitives.searched import Profile, SearchedModule
from archwright.primitives.units import ChannelScale, CoreUnit, Standardized
from archwright.spaces.decisions import Categorical, Subset, boolean, categorical, subset
from archwright.spaces.expression import Expression
from archwright.spaces.nodes import DeferredCall, layer, switch, when
from archwright.spaces.zoo.shapes import check_numbers

__all__ = ["PointwiseFunction", "profile_of", "standard_values"]

_EDGES = ("in_1", "in_2", "out_1", "out_2", "out")
_MOST_SCALES = 3
_POINTS = 64
_DIGITS = 6


@dataclass(frozen=True, slots=True)
class _Unit:
    """The decisions of one core unit, and the units inside it."""

    binary: Categorical
    unary: tuple[Categorical, Categorical]
    nested: tuple[tuple[Any, _Unit], ...]
    scaled: Subset | None


@dataclass(eq=False)
class PointwiseFunction(SearchedModule):
    """A pointwise function that is searched: one decision for all the places where a network uses it.

    A core unit is b(u1(x1), u2(x2)) with unary u and a binary b; x1 and x2 are the input or the output of a unit
    (Ramachandran et al. 2017, arXiv:1710.05941). Give `constraints` and `canonicalize` to the space, so that what
    cannot be trained is rejected, see `profile_of`, and no function is tried twice.

    Args:
        name: Begins the addresses: `NAME.binary`, `NAME.unary_1`, `NAME.unary_2`, and with units in units
            `NAME.nested_1` and `NAME.1.binary`.
        functions: Of `PRESETS`: "ramachandran", "aquasurf", or "all".
        unary: Some of `UNARY` instead.
        binary: Some of `BINARY` instead.
        depth: How many units are in one another at most; 1 is a single one.
        edge_scales: Whether up to three edges of a unit have a learned factor for each channel (PANGAEA, Bingham &
            Miikkulainen 2022, arXiv:2006.03179).
        standardized: Whether functions are brought to mean 0 and variance 1 on normal inputs, see `Standardized`.

    Raises:
        SpaceError: When an option is unknown or out of range.

    Example:
        >>> function = PointwiseFunction(unary=["identity", "sigmoid"], binary=["multiply"])
        >>> hidden = layer(nn.Sequential, layer(nn.Linear, 8, 16), function.layer(16), layer(nn.Linear, 16, 2))
        >>> space = Space(hidden, constraints=function.constraints, canonicalize=function.canonicalize)
        >>> space.size
        3
    """

    name: str = "activation"
    functions: str = "ramachandran"
    unary: Sequence[str] | None = None
    binary: Sequence[str] | None = None
    depth: int = 1
    edge_scales: bool = False
    standardized: bool = False
    _root: _Unit = field(init=False, repr=False)
    root: ClassVar[str] = "binary"

    def __post_init__(self) -> None:
        self.unary, self.binary = chosen_functions(self.name, self.functions, self.unary, self.binary)
        (self.depth,) = check_numbers(self.name, "depth", (self.depth,), ["depth"])
        self._root = self._decide(self.name, self.depth)

    def _decide(self, name: str, depth: int) -> _Unit:
        def choose(what: str, labels: Sequence[str] | None, preferred: str) -> Categorical:
            assert labels is not None
            usual = preferred if preferred in labels else labels[0]
            return categorical(labels, name=f"{name}.{what}", default=usual)

        return _Unit(
            choose("binary", self.binary, "multiply"),
            (choose("unary_1", self.unary, "identity"), choose("unary_2", self.unary, "sigmoid")),
            tuple(
                (boolean(name=f"{name}.nested_{i}"), self._decide(f"{name}.{i}", depth - 1)) for i in (1, 2)
            )
            if depth > 1
            else (),
            subset(len(_EDGES), (0, _MOST_SCALES), name=f"{name}.scaled") if self.edge_scales else None,
        )

    # In a network

    def layer(self, channels: Any = 1) -> Expression:
        """The function at one place of a network. What is learned is learned there; what is decided, for all places.

        Args:
            channels: Of its input, along axis 1, an expression or a number; 1 learns one number for all channels.
        """
        unit = self._unit(self._root, channels)
        return layer(Standardized, unit) if self.standardized else unit

    def _unit(self, unit: _Unit, channels: Any) -> DeferredCall:
        more: dict[str, Any] = {
            f"inner_{i}": when(is_nested, self._unit(inner, channels))
            for i, (is_nested, inner) in enumerate(unit.nested, 1)
        }
        if unit.scaled is not None:
            more["scales"] = {
                edge: when(unit.scaled.has(i), layer(ChannelScale, channels)) for i, edge in enumerate(_EDGES)
            }
        first, second = (_options(one, UNARY, channels) for one in unit.unary)
        return layer(CoreUnit, _options(unit.binary, BINARY, channels), first, second, **more)

    def look(self, module: nn.Module) -> Profile:
        """What a function does on fixed points. See `profile_of`."""
        return profile_of(module)


def _options(decision: Categorical, known: Mapping[str, Primitive], channels: Any) -> Expression:
    made = {}
    for label in decision.labels:
        primitive = known[label]
        made[label] = layer(primitive.make, *([channels] if primitive.learned else primitive.arguments))
    return switch(decision, made)


def _grid() -> Tensor:
    dense, wide = torch.linspace(-5.0, 5.0, 101), torch.linspace(-1000.0, 1000.0, 201)
    return torch.cat([dense, wide])[:, None]


_GRID = _grid()


def profile_of(function: nn.Module) -> Profile:
    """What a function does on fixed points.

    Values and derivatives are to be finite on [-1000, 1000], in 32 bits. Two functions have the same key where their
    values at 64 quantiles of the normal distribution are the same up to a factor above 0 and a constant, rounded to
    10^-6, so that the standardised functions are the same.

    Args:
        function: From (N, 1) to (N, 1), with whatever is learned at its value before training.
    """
    x = _GRID.clone().requires_grad_()
    y = function(x)
    finite = bool(torch.isfinite(y).all())
    if finite and y.requires_grad:
        wanted = [x, *function.parameters()]
        slopes = torch.autograd.grad(y.sum(), wanted, allow_unused=True)
        finite = all(one is None or bool(torch.isfinite(one).all()) for one in slopes)
    with torch.no_grad():
        function = function.double()
        varies = (
            not function(_GRID.double()).std() <= 10.0**-_DIGITS
        )  # where infinite values make it NaN, too
        key = [_rounded(function)]
        learned = list(function.parameters())
        for parameter in learned:  # two that differ in what is learned differ at other values of it
            parameter.mul_(1.37).add_(0.11)
        if learned:
            key.append(_rounded(function))
    return Profile(finite, varies, (len(learned), *key))


def standard_values(function: nn.Module, points: int) -> Tensor:
    """Values of a function at normal quantiles, with mean 0 and variance 1; shape (points,), 64 bits.

    Args:
        function: From (N, C) to (N, C); the mean over its channels is taken. Left as it is.
        points: How many.
    """
    shares = (torch.arange(points, dtype=torch.float64) + 0.5) / points
    quantiles: Tensor = torch.special.ndtri(shares)
    with torch.no_grad():
        values: Tensor = copy.deepcopy(function).double()(quantiles[:, None]).mean(1)
    return (values - values.mean()) / values.std(correction=0).clamp(min=1e-12)


def _rounded(function: nn.Module) -> tuple[float, ...]:
    values = standard_values(function, _POINTS)
    rounded = torch.round(values, decimals=_DIGITS).nan_to_num(
        nan=torch.inf
    )  # since no NaN is equal to another
    return tuple((rounded + 0.0).tolist())  # no -0
