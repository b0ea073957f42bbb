"""The mixed choice and the gated edge: the two places where a gate scales what flows."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from torch import Tensor, nn

from archwright.errors import BuildError
from archwright.supernets.gates import Selector

__all__ = ["GatedEdge", "MixedOp", "Mixer", "scaled", "weighed_sum"]


class MixedOp(nn.Module):
    """All options of a switch; runs those that the gate of its decision computes, and sums them by their weights.

    Under one path it is the selected option. Under a mixture it is sum_k w_k * option_k(x), over the computed k
    (Liu et al. 2019, arXiv:1806.09055, eq. 2), or what its mixer makes of it.

    Args:
        selector: Says which options are computed.
        options: Value to module.
        place: Where the switch stands, for error texts.

    Attributes:
        mixer: How a mixture is computed, where it is not eq. 2.
    """

    mixer: Mixer | None = None

    def __init__(self, selector: Selector, options: Mapping[Any, nn.Module], place: str) -> None:
        super().__init__()
        self.selector = selector
        self.place = place
        self.names = module_names(options)
        self.options = nn.ModuleDict({self.names[value]: option for value, option in options.items()})

    def option(self, value: Any) -> nn.Module:
        """The option that a value selects.

        Raises:
            BuildError: When this supernet was built without it.
        """
        if value not in self.names:
            raise BuildError(f"{self.place}: this supernet was built without the option {value!r}")
        return self.options[self.names[value]]

    def forward(self, *inputs: Any, **named: Any) -> Any:
        """From the options' input to their output."""
        if self.mixer is not None and self.selector.mixed():
            return self.mixer.mix(self, *inputs, **named)
        return self.weighed_sum(lambda value: self.option(value)(*inputs, **named))

    def weighed_sum(self, output_of: Callable[[Any], Any]) -> Any:
        """The sum of the computed options' outputs, by their weights.

        Args:
            output_of: From a value to the output of its option.
        """
        weighed = ((output_of(value), weight) for value, weight in self.selector.weighed())
        return weighed_sum(weighed, self.place)


class Mixer(ABC):
    """Another way to compute a mixture; the switch keeps its options, their weights and its state as they are."""

    @abstractmethod
    def mix(self, switch: MixedOp, *inputs: Any, **named: Any) -> Any:
        """The output of a switch whose gate is a mixture."""


class GatedEdge(nn.Module):
    """A part that may be absent, such as an edge of a cell. Absent, it is not in its container at all.

    Args:
        selector: The condition.
        body: What is present or absent.
        place: Where it stands, for error texts.
    """

    def __init__(self, selector: Selector, body: nn.Module, place: str) -> None:
        super().__init__()
        self.selector = selector
        self.place = place
        self.body = body

    def present(self) -> bool:
        """Whether the gate lets it in."""
        return any(bool(value) for value, _ in self.selector.weighed())

    def weight(self) -> Tensor | None:
        """What scales its output; None where nothing does."""
        return next((weight for value, weight in self.selector.weighed() if value), None)

    def forward(self, *inputs: Any, **named: Any) -> Any:
        """The body's output, times the weight of its presence."""
        output = self.body(*inputs, **named)
        weight = self.weight()
        return output if weight is None else scaled(output, weight)


def module_names(values: Mapping[Any, Any]) -> dict[Any, str]:
    """A name for each value that a `ModuleDict` takes."""
    names: dict[Any, str] = {}
    for value in values:
        name = str(value).replace(".", "_") or "_"
        while name in names.values() or hasattr(nn.ModuleDict, name):
            name += "_"
        names[value] = name
    return names


def weighed_sum(outputs: Iterable[tuple[Any, Tensor | None]], place: str) -> Any:
    """The sum of outputs, each scaled by its weight where it has one.

    Raises:
        BuildError: When they differ in form or shape, or are neither tensors nor lists, tuples or dicts of these.
    """
    total: Any = None
    for output, weight in outputs:
        term = output if weight is None else scaled(output, weight)
        total = term if total is None else _sum(total, term, place)
    return total


def scaled(output: Any, weight: Tensor) -> Any:
    """An output, or each tensor in a list, tuple or dict, times a scalar."""
    if isinstance(output, Tensor):
        return output * weight
    if isinstance(output, dict):
        return {key: scaled(item, weight) for key, item in output.items()}
    if isinstance(output, list | tuple):
        return type(output)(scaled(item, weight) for item in output)
    raise BuildError(f"expected tensors to mix, got {type(output).__name__}; use a one-path method")


def _sum(first: Any, second: Any, place: str) -> Any:
    if isinstance(first, Tensor) and isinstance(second, Tensor):
        if first.shape != second.shape:
            raise BuildError(
                f"{place}: options of a mixture must give one shape, got {tuple(first.shape)} and "
                f"{tuple(second.shape)}"
            )
        return first + second
    if isinstance(first, dict) and isinstance(second, dict) and first.keys() == second.keys():
        return {key: _sum(item, second[key], place) for key, item in first.items()}
    if isinstance(first, list | tuple) and isinstance(second, list | tuple) and len(first) == len(second):
        return type(first)(_sum(a, b, place) for a, b in zip(first, second, strict=True))
    raise BuildError(
        f"{place}: options of a mixture must give outputs of one form, got {type(first).__name__} and "
        f"{type(second).__name__}"
    )
