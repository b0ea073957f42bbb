"""Spaces that were written for NNI 3.0 (`nni.nas.nn.pytorch`) as spaces of Archwright.

Nothing here imports NNI: its classes are known by their names, and whoever has a model space has NNI installed.
"""

from __future__ import annotations

import copy
import inspect
import math
import operator
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from torch import Tensor, cat, nn

from archwright.errors import SpaceError
from archwright.spaces import Space, categorical, integer, layer, normal, real, repeat, subset, switch
from archwright.spaces.decisions import Integer
from archwright.spaces.expression import Expression

__all__ = ["ChosenInputs", "translate"]

_ARITHMETIC: tuple[Callable[..., Any], ...] = (
    operator.add,
    operator.sub,
    operator.mul,
    operator.floordiv,
)
"""What NNI and Archwright both compute lazily with decisions; everything else is called with their values."""

_PLAIN_FREEZE = ("MutableModule", "ModelSpace", "BaseModelSpace", "Mutable")
"""Classes of NNI whose `freeze` replaces the children and nothing else."""


def translate(model_space: nn.Module, *, name: str | None = None) -> Space:
    """A space that was written for NNI 3.0 as a space of Archwright.

    - `LayerChoice`: a `switch` on a `categorical`, whose labels are the names or positions of the candidates.
    - `InputChoice`: `ChosenInputs` with a `subset`, of one input with a `categorical`.
    - `Repeat`: `repeat` in an `nn.Sequential`.
    - `nni.choice`, `ValueChoice`, `nni.uniform` and so on as arguments of `MutableLinear` and its like: decisions, sums
      and products of them, in a `layer` of `torch.nn`'s class.
    - A module around these: a copy of it, whose children are decided.
    - What decides in its own `freeze` (`Cell`, `add_mutable`, a `ParametrizedModule` of the user's): one `layer` that
      has NNI freeze it, with its decisions.

    A label is the decision's name, so that equal labels are one decision, as in NNI. Layers of `torch.nn` are made anew
    with the arguments that they had; other modules are copied and their parameters drawn anew by `reset_parameters`.

    Args:
        model_space: An instance of a `ModelSpace`, or any module that holds mutables.
        name: The space's name; None takes that of the class.

    Raises:
        SpaceError: When the module has no mutables, or one that cannot be translated.
    """
    translation = _Translation()
    network = translation.module(model_space)
    if not translation.decisions:
        raise SpaceError(
            f"expected a model space of NNI with mutables, got a {type(model_space).__name__} without any; give an "
            "instance of a ModelSpace of nni.nas.nn.pytorch"
        )
    return Space(network, name=name or type(model_space).__name__)


class ChosenInputs(nn.Module):
    """Takes some of several inputs, and reduces them to one. What NNI's `InputChoice` becomes.

    Args:
        chosen: Positions of the inputs.
        reduction: "sum", "mean", "concat" (along dimension 1), or "none", which gives the list.
    """

    def __init__(self, chosen: int | Iterable[int], reduction: str = "sum") -> None:
        super().__init__()
        self.chosen = [chosen] if isinstance(chosen, int) else list(chosen)
        self.reduction = reduction

    def forward(self, inputs: list[Tensor]) -> Any:
        """Reduce the chosen inputs.

        Args:
            inputs: All of them.
        """
        found = [inputs[position] for position in self.chosen]
        if self.reduction == "none":
            return found
        if len(found) == 1:
            return found[0]
        if self.reduction == "concat":
            return cat(found, dim=1)
        total: Any = sum(found)
        return total / len(found) if self.reduction == "mean" else total

    def extra_repr(self) -> str:
        """What is chosen."""
        return f"{self.chosen}, reduction={self.reduction!r}"


class _Copy:
    """Makes copies of a module with new parameters and, in them, other children."""

    def __init__(self, module: nn.Module) -> None:
        self.module = module

    def __call__(self, children: Mapping[str, nn.Module] | None = None) -> nn.Module:
        replaced = {id(self.module.get_submodule(name)): None for name in children or ()}
        made = _drawn_anew(copy.deepcopy(self.module, dict(replaced)))
        for name, child in (children or {}).items():
            setattr(made, name, child)
        return made

    def __repr__(self) -> str:
        return f"a copy of {self.module!r}"


class _Frozen:
    """Has NNI freeze a module by its own rules."""

    def __init__(self, module: Any, values: Mapping[str, list[Any] | None]) -> None:
        self.module, self.values = module, dict(values)

    def __call__(self, chosen: Mapping[str, Any]) -> nn.Module:
        sample = {}
        for label, value in chosen.items():
            known = self.values[label]
            positions = value if isinstance(value, tuple) else (value,)
            sample[label] = value if known is None else [known[position] for position in positions]
        return _drawn_anew(copy.deepcopy(self.module.freeze(sample)))

    def __repr__(self) -> str:
        return f"NNI's {self.module!r}"


class _Translation:
    """What was translated so far.

    Attributes:
        decisions: Label to decision.
    """

    def __init__(self) -> None:
        self.decisions: dict[str, Expression] = {}

    def module(self, module: Any) -> Expression:
        """A module of NNI or torch."""
        if _is(module, "LayerChoice"):
            options = {label: self.module(module[label]) for label in module.names}
            return switch(self.value(module.choice), options)
        if _is(module, "InputChoice"):
            return layer(ChosenInputs, self._several(module.choice), reduction=module.reduction)
        if _is(module, "Repeat"):
            bodies = [self.module(block) for block in module.blocks]
            return layer(nn.Sequential, repeat(bodies.__getitem__, times=self.value(module.depth_choice)))
        if not _has_mutables(module):
            return _fixed(module)
        if (called := getattr(module, "_bound_type", None)) is not None:
            arguments = [self.value(value) for value in module.trace_args]
            return layer(called, *arguments, **{key: self.value(v) for key, v in module.trace_kwargs.items()})
        if getattr(module, "_mutables", None) or not _freezes_plainly(module):
            return self._frozen(module)
        children = {key: child for key, child in module.named_children() if _has_mutables(child)}
        if type(module) in (nn.Sequential, nn.ModuleList) or _is(module, "ModuleList"):
            every = [self.module(child) for child in module.children()]
            return (
                layer(nn.Sequential, *every) if type(module) is nn.Sequential else layer(nn.ModuleList, every)
            )
        return layer(_Copy(module), {key: self.module(child) for key, child in children.items()})

    def value(self, value: Any) -> Any:
        """An argument, whatever of it is decided."""
        if _is(value, "MutableSymbol"):
            return self._decision(value)
        if _is(value, "MutableExpression"):
            arguments = [self.value(argument) for argument in value.arguments]
            if value.function is int and isinstance(arguments[0], Integer):
                return arguments[0]
            if value.function in _ARITHMETIC:
                return value.function(*arguments)
            return layer(value.function, *arguments)
        if _is(value, "Mutable") and not isinstance(value, nn.Module):
            raise SpaceError(f"{value!r} has no counterpart here; write this part by hand")
        if isinstance(value, nn.Module):
            return self.module(value)
        if isinstance(value, list | tuple):
            return type(value)(map(self.value, value))
        if isinstance(value, dict):
            return {key: self.value(inner) for key, inner in value.items()}
        return value

    def _frozen(self, module: Any) -> Expression:
        """A module that NNI freezes by itself, with all decisions in it."""
        known = module.simplify()
        values = {
            label: list(m.values) if _is(m, "CategoricalMultiple") else None for label, m in known.items()
        }
        chosen = {
            label: self.value(m) if values[label] is None else self._several(m) for label, m in known.items()
        }
        return layer(_Frozen(module, values), chosen)

    def _decision(self, symbol: Any) -> Any:
        """A decision by its label; the same for the same label."""
        if _is(symbol, "CategoricalMultiple"):
            values = list(symbol.values)
            return layer(_picked, values, self._several(symbol))
        if _is(symbol, "Numerical"):
            return self._known(symbol.label, lambda: _number(symbol))
        if not _is(symbol, "Categorical"):
            raise SpaceError(f"{symbol!r} has no counterpart here; write this part by hand")
        values = list(symbol.values)
        weights = _weights(symbol)
        if all(value is None or isinstance(value, bool | int | float | str) for value in values):
            return self._known(symbol.label, lambda: categorical(values, name=symbol.label, prior=weights))
        position = self._known(
            symbol.label, lambda: categorical(range(len(values)), name=symbol.label, prior=weights)
        )
        return switch(position, {place: self.value(value) for place, value in enumerate(values)})

    def _several(self, symbol: Any) -> Expression:
        """Positions of the values that are taken; of exactly one, the position."""
        count, taken = len(symbol.values), symbol.n_chosen
        if taken == 1:
            return self._known(
                symbol.label, lambda: categorical(range(count), name=symbol.label, prior=_weights(symbol))
            )
        least = 1 if taken is None else taken
        most = count if taken is None else taken
        return self._known(symbol.label, lambda: subset(count, (least, most), name=symbol.label))

    def _known(self, label: str, make: Callable[[], Expression]) -> Expression:
        if label not in self.decisions:
            self.decisions[label] = make()
        return self.decisions[label]


def _is(value: Any, name: str) -> bool:
    """Whether something is of a class of NNI, by its name."""
    return any(
        kind.__name__ == name and kind.__module__.partition(".")[0] == "nni" for kind in type(value).__mro__
    )


def _has_mutables(module: nn.Module) -> bool:
    """Whether something in a module is decided."""
    return any(
        getattr(inner, "_mutables", None) or _is(inner, "LayerChoice") or _is(inner, "InputChoice")
        for inner in module.modules()
    )


def _freezes_plainly(module: Any) -> bool:
    """Whether freezing a module is freezing its children, so that these can be translated one by one."""
    if _is(module, "ParametrizedModule"):
        return False
    freeze = getattr(type(module), "freeze", None)
    return freeze is None or freeze.__qualname__.partition(".")[0] in _PLAIN_FREEZE


def _fixed(module: Any) -> Expression:
    """A module without decisions: made anew where its arguments are known, else copied."""
    if (called := getattr(module, "_bound_type", None)) is not None:
        return layer(called, *module.trace_args, **module.trace_kwargs)
    if type(module) is nn.Sequential:
        return layer(nn.Sequential, *map(_fixed, module))
    if type(module).__module__.startswith("torch.nn.") and (known := _arguments(module)) is not None:
        return layer(type(module), **known)
    return layer(_Copy(module))


def _arguments(module: nn.Module) -> dict[str, Any] | None:
    """The arguments that make a module of torch like this one; None where it does not tell them."""
    known: dict[str, Any] = {}
    for name, parameter in inspect.signature(type(module).__init__).parameters.items():
        if name in ("self", "device", "dtype") or not hasattr(module, name):
            continue
        value = getattr(module, name)
        if isinstance(value, nn.Parameter) or (value is None and isinstance(parameter.default, bool)):
            value = value is not None
        if isinstance(value, nn.Module | Tensor):
            return None
        if value != parameter.default:
            known[name] = value
    try:
        made = type(module)(**known)
    except (TypeError, ValueError):
        return None
    shapes = [{key: tensor.shape for key, tensor in m.state_dict().items()} for m in (made, module)]
    return known if repr(made) == repr(module) and shapes[0] == shapes[1] else None


def _drawn_anew(module: nn.Module) -> nn.Module:
    for inner in module.modules():
        if callable(reset := getattr(inner, "reset_parameters", None)):
            reset()
    return module


def _picked(values: list[Any], chosen: int | Iterable[int]) -> list[Any]:
    """The values at some positions."""
    return [values[position] for position in ([chosen] if isinstance(chosen, int) else chosen)]


def _weights(symbol: Any) -> list[float] | None:
    """The prior of the values, where it is not the same for all."""
    weights = list(symbol.weights)
    return None if len(set(weights)) == 1 else weights


def _number(symbol: Any) -> Expression:
    """A number in a range.

    Raises:
        SpaceError: When the range is open, or has a distribution that has no counterpart.
    """
    low, high, step, label = symbol.low, symbol.high, symbol.quantize, symbol.label
    if not (math.isfinite(low) and math.isfinite(high)):
        raise SpaceError(
            f"the number {label!r} of NNI has no bounds; give it low= and high=, which are searched"
        )
    is_normal = symbol.mu is not None
    if symbol.log_distributed and (is_normal or step is not None):
        raise SpaceError(
            f"the number {label!r} of NNI has a distribution that has no counterpart; use nni.loguniform"
        )
    prior = normal(symbol.mu, symbol.sigma) if is_normal else None
    if step is None:
        return real(low, high, log=symbol.log_distributed, name=label, prior=prior)
    multiples = range(math.ceil(low / step), math.floor(high / step) + 1)
    if all(float(number).is_integer() for number in (low, step, high)) and low % step == 0 == high % step:
        return integer(int(low), int(high), step=int(step), name=label, prior=prior)
    return categorical([min(max(low, step * multiple), high) for multiple in multiples], name=label)
