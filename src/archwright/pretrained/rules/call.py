"""A call in the traced graph, as the rules see it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from archwright.pretrained.dimensions import FOREIGN, Atoms, Dim

__all__ = ["MEETS", "Call", "Dims", "Rule", "copied", "unknown"]

Dims: TypeAlias = list[Dim]

MEETS = "it meets a dimension that no parameter gives, such as one of the input"


@dataclass
class Call:
    """One call of the graph: `args` holds the `Dims` of a tensor, or None and plain values, where the call has them."""

    atoms: Atoms
    name: str
    args: list[Any]
    raw: list[Any]
    """The arguments as numbers; of a tensor its stand-in in the trace."""
    shapes: list[Sequence[int] | None]
    """The shape of each argument that is a tensor."""
    out: Any
    """The shape of the result, or the shapes of its parts."""
    heads: bool = False
    """Whether what a view splits are heads of attention, which go as a whole."""

    @property
    def why(self) -> str:
        """The reason for which this call fixes something."""
        return f"{self.name} does not follow it"

    def get(self, index: int, default: Any = None) -> Any:
        """The argument at this place."""
        return self.args[index] if index < len(self.args) else default

    def number(self, index: int, default: Any = None) -> Any:
        """The plain value at this place."""
        return self.raw[index] if index < len(self.raw) else default

    def tensors(self) -> list[Dims]:
        """The dimensions of all arguments that are tensors."""
        flat: list[Dims] = []
        for one in self.args:
            if _is_dims(one):
                flat.append(one)
            elif isinstance(one, list):
                flat += [part for part in one if _is_dims(part)]
        return flat

    def over(self, dims: Dims) -> Dims:
        """These dimensions, over which the call goes and which therefore stay, after it."""
        self.atoms.fix(dims, f"{self.name} goes over it")
        return [FOREIGN] * len(dims)


Rule: TypeAlias = Callable[[Call], Any]


def _is_dims(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(one, Dim) for one in value)


def copied(dims: Dims) -> Dims:
    """The dimensions after arithmetic: they are no tensor of the network's any more."""
    return [Dim(one.labels) for one in dims]


def unknown(call: Call) -> Any:
    """Without a rule, everything that the operation touches stays."""
    for dims in call.tensors():
        call.atoms.fix(dims, f"no rule for {call.name}")
    if call.out and not isinstance(call.out[0], int):
        return [[FOREIGN] * len(shape) for shape in call.out]
    return [FOREIGN] * len(call.out or ())
