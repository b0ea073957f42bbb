"""A pointwise function as a formula, and as a module of a few lines that needs torch alone."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import torch
from torch import nn

from archwright.errors import MissingExtraError, UsageError
from archwright.primitives.catalog import BINARY, UNARY, Primitive, key_of
from archwright.primitives.units import CoreUnit, OperatorNode, Standardized, searched_functions
from archwright.spaces import Architecture, Space, resolve, walk_calls
from archwright.spaces.build import construct

__all__ = [
    "Formula",
    "formula_of",
    "formulas_in",
    "functions_script",
    "sympy_module",
    "untrained_functions_script",
]

_TORCH = {
    "Abs": "torch.abs",
    "elu": "nn.functional.elu",
    "gelu": "nn.functional.gelu",
    "hardsigmoid": "nn.functional.hardsigmoid",
    "i0e": "torch.special.i0e",
    "i1e": "torch.special.i1e",
    "leaky_relu": "nn.functional.leaky_relu",
    "logsigmoid": "nn.functional.logsigmoid",
    "mish": "nn.functional.mish",
    "ndtr": "torch.special.ndtr",
    "selu": "nn.functional.selu",
    "silu": "nn.functional.silu",
    "softplus": "nn.functional.softplus",
    "softsign": "nn.functional.softsign",
}
"""Names of torch for functions that are called otherwise in formulas."""

_QUOTES = '"' * 3

_HEAD = "import torch\nfrom torch import nn\n"


@dataclass(frozen=True)
class Formula:
    """A pointwise function of x and of what is learned.

    Args:
        expression: Of sympy, simplified: constants folded, no factor 1 and no summand 0, operands in one order.
        learned: Name of each learned number to the parameter that holds it, for each channel.
    """

    expression: Any
    learned: Mapping[str, nn.Parameter] = field(default_factory=dict)

    def __str__(self) -> str:
        return _printed(self.expression, {})

    def latex(self) -> str:
        """The formula in LaTeX."""
        found: str = sympy_module().latex(self.expression)
        return found

    def source(self, name: str = "Activation") -> str:
        """A class of module that computes it, as text: torch alone, with what is learned at its present mean.

        Args:
            name: Of the class.
        """
        begun = [
            f"        self.{one} = nn.Parameter(torch.full((channels,), {value.detach().mean().item()!r}))"
            for one, value in self.learned.items()
        ]
        read = [f"        {one} = self.{one}.view(-1, *[1] * (x.ndim - 2))" for one in self.learned]
        expression = _printed(self.expression, _TORCH)
        return "\n".join(
            [
                f"class {name}(nn.Module):",
                f'    """f(x) = {self}, on inputs of shape (N, C, ...).{"" if begun else _QUOTES}',
                *(
                    [
                        "",
                        "    Args:",
                        "        channels: C, or 1 for one number for all channels.",
                        f"    {_QUOTES}",
                    ]
                )
                * bool(begun),
                "",
                *(
                    [
                        "    def __init__(self, channels: int = 1) -> None:",
                        "        super().__init__()",
                        *begun,
                        "",
                    ]
                )
                * bool(begun),
                "    def forward(self, x: torch.Tensor) -> torch.Tensor:",
                '        """The same shape."""',
                *read,
                f"        return {expression}",
                "",
            ]
        )

    def script(self, name: str = "Activation") -> str:
        """`source` as a file that runs."""
        return f"{_HEAD}\n\n{self.source(name)}"

    def module(self, name: str = "Activation") -> nn.Module:
        """The module of `source`, with a copy of each learned number."""
        made: dict[str, Any] = {}
        exec(self.script(name), made)
        module: nn.Module = made[name]()
        for one, value in self.learned.items():
            setattr(module, one, nn.Parameter(value.detach().clone()))
        return module


def formula_of(function: nn.Module) -> Formula:
    """The formula of a module that is made of units.

    Args:
        function: A `CoreUnit` or an `OperatorNode`, a `Standardized` one, or a primitive.

    Raises:
        UsageError: When it holds a module that is no primitive.
        MissingExtraError: When sympy is not installed.
    """
    reader = _Reader()
    return Formula(reader.read(function, reader.x), reader.learned)


def formulas_in(network: nn.Module) -> dict[str, Formula]:
    """The formulas of all pointwise functions that a network holds, by the names of their modules."""
    return {name: formula_of(module) for name, module in searched_functions(network).items()}


def functions_script(network: nn.Module) -> str:
    """The searched functions of a network as a file that runs, each once; empty where it has none.

    What is learned stands there with the mean over the channels of the first place that has the function.
    """
    return _script(formulas_in(network).values())


def untrained_functions_script(space: Space, architecture: Architecture) -> str:
    """The same of an architecture, with what is learned at its value before training; no network is built for it."""
    outer = (CoreUnit, OperatorNode, Standardized)
    calls = [call for call in walk_calls(resolve(space, architecture)) if call.fn in outer]
    inside = {id(inner) for call in calls for inner in walk_calls([call.args, call.kwargs])}
    return _script(formula_of(construct(call)[0]) for call in calls if id(call) not in inside)


def _script(formulas: Iterable[Formula]) -> str:
    classes = {str(formula): formula for formula in reversed(list(formulas))}
    names = ["Activation", *(f"Activation{i}" for i in range(2, len(classes) + 1))]
    parts = [
        formula.source(name) for name, formula in zip(names, reversed(list(classes.values())), strict=False)
    ]
    return "\n\n".join([_HEAD, *parts]) if parts else ""


class _Reader:
    """Reads modules as expressions of sympy, and gives each learned number a name."""

    def __init__(self) -> None:
        sympy = sympy_module()
        self._symbol: Callable[[str], Any] = partial(sympy.Symbol, real=True)
        self._parse: Any = sympy.sympify
        self._undefined = type(sympy.Function("f"))
        self._functions = {name: sympy.Function(name) for name in _written()}
        self.x = self._symbol("x")
        self.learned: dict[str, nn.Parameter] = {}

    def read(self, module: nn.Module, x: Any) -> Any:
        """What a module makes of x."""
        if isinstance(module, Standardized):
            return (self.read(module.body, x) - module.mean.item()) / module.deviation.item()
        if isinstance(module, OperatorNode):
            operands = [self.read(inner, x) for inner in module.inner]
            known = UNARY if len(operands) == 1 else BINARY
            return self._primitive(module.operator, known, dict(zip("xy", operands, strict=False)))
        if not isinstance(module, CoreUnit):
            return self._primitive(module, UNARY, {"x": x})
        operands = []
        for i, inner in enumerate((module.inner_1, module.inner_2), 1):
            operand = self._scaled(module, f"in_{i}", x if inner is None else self.read(inner, x))
            unary = self._primitive(getattr(module, f"unary_{i}"), UNARY, {"x": operand})
            operands.append(self._scaled(module, f"out_{i}", unary))
        joined = self._primitive(module.binary, BINARY, dict(zip("xy", operands, strict=True)))
        return self._scaled(module, "out", joined)

    def _scaled(self, unit: CoreUnit, edge: str, x: Any) -> Any:
        return self._learned(unit.scales[edge]) * x if edge in unit.scales else x

    def _learned(self, module: nn.Module) -> Any:
        (value,) = module.parameters()
        name = f"b{len(self.learned) + 1}"
        self.learned[name] = value
        return self._symbol(name)

    def _primitive(self, module: nn.Module, known: Mapping[str, Primitive], operands: dict[str, Any]) -> Any:
        primitive = _by_key(known).get(key_of(module))
        if primitive is None:
            raise UsageError(
                f"expected a module made of units, got a {type(module).__name__}; a formula is known of the functions "
                "in archwright.primitives.UNARY and BINARY"
            )
        names = dict(operands)
        if primitive.learned:
            names["b"] = self._learned(module)
        stand_ins = {name: self._symbol(f"_{name}") for name in names}
        parsed = self._parse(primitive.formula, locals={**self._functions, **stand_ins})
        found = parsed.subs({stand_ins[name]: value for name, value in names.items()}, simultaneous=True)
        return found.replace(lambda one: type(one.func) is self._undefined and not one.free_symbols, _folded)


def _folded(constant: Any) -> Any:
    """A function that sympy does not know, of a number, as a number."""
    (primitive,) = (one for one in UNARY.values() if one.formula == f"{constant.func.__name__}(x)")
    number = torch.tensor([[float(constant.args[0])]], dtype=torch.float64)
    return sympy_module().Float(primitive.make(*primitive.arguments)(number).item())


def _by_key(known: Mapping[str, Primitive]) -> dict[Any, Primitive]:
    return {(one.arguments or (one.make,))[0]: one for one in known.values()}


def _written() -> Iterator[str]:
    """The functions of formulas that sympy does not know."""
    yield from ("sigmoid", "expm1", *(name for name in _TORCH if name != "Abs"))


def sympy_module() -> Any:
    """The package sympy.

    Raises:
        MissingExtraError: When it is not installed.
    """
    try:
        import sympy
    except ImportError as error:
        raise MissingExtraError("sympy", "primitives", "a formula") from error
    return sympy


def _printed(expression: Any, names: Mapping[str, str]) -> str:
    """An expression as text of Python; with names of torch where some are given."""
    from sympy.printing.str import StrPrinter

    is_torch = bool(names)

    class Printer(StrPrinter):  # type: ignore[misc]
        """Calls functions by the names of torch."""

        def _print_Function(self, expr: Any) -> str:  # noqa: N802 - the name that sympy calls
            name = expr.func.__name__
            if is_torch and expr.is_number:
                return repr(float(expr))
            called = names.get(name, f"torch.{name}") if is_torch else name
            argument = self._print(expr.args[0])
            return f"{called}({argument} / torch.pi)" if called == "torch.sinc" else f"{called}({argument})"

        def _print_Pow(self, expr: Any, rational: bool = False) -> str:  # noqa: N802
            text: str = super()._print_Pow(expr, rational)
            return text.replace("sqrt(", "torch.sqrt(", 1) if is_torch and "sqrt(" in text[:7] else text

        def _print_Max(self, expr: Any) -> str:  # noqa: N802
            return self._extreme(expr, "maximum", "min") if is_torch else super()._print_LatticeOp(expr)

        def _print_Min(self, expr: Any) -> str:  # noqa: N802
            return self._extreme(expr, "minimum", "max") if is_torch else super()._print_LatticeOp(expr)

        def _extreme(self, expr: Any, function: str, bound: str) -> str:
            numbers = [one for one in expr.args if one.is_number]
            first, *others = (self._print(one) for one in sorted(expr.args, key=str) if not one.is_number)
            for other in others:
                first = f"torch.{function}({first}, {other})"
            for number in numbers:
                first = f"torch.clamp({first}, {bound}={float(number)})"
            return str(first)

        def _print_NumberSymbol(self, expr: Any) -> str:  # noqa: N802
            return repr(float(expr)) if is_torch else super()._print_NumberSymbol(expr)

        def _print_Exp1(self, expr: Any) -> str:  # noqa: N802
            return self._print_NumberSymbol(expr) if is_torch else "E"

    text: str = Printer({"full_prec": False}).doprint(expression)
    is_constant = "x" not in {one.name for one in expression.free_symbols}
    return f"torch.zeros_like(x) + {text}" if is_torch and is_constant else text
