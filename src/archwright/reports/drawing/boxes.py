"""From a tree of calls to nested boxes: what is drawn, before it is known where."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from archwright.reports.drawing.cells import Cell, cell_of, chain_of, flows, given, shortcut_of
from archwright.reports.wording import value_text
from archwright.spaces import Call, walk_calls

__all__ = ["Arc", "Box", "box_of"]


@dataclass(frozen=True, slots=True)
class Arc:
    """Data that passes by some of a box's children.

    Args:
        start: Number of the child whose output it carries; -1 for the box's own input.
        end: Number of the child that reads it; the number of children for the box's own output.
        text: What it does on the way; empty when it only carries.
    """

    start: int
    end: int
    text: str = ""


@dataclass(frozen=True, slots=True)
class Box:
    """One call, or several like it in a row.

    Args:
        title: The called function's name; empty for a group of boxes that is repeated as a whole.
        detail: Its plain arguments.
        label: The argument it is given as, where that says something.
        decided: Address to value of the decisions that enter here.
        touched: Whether any decision led here or stands in its arguments.
        children: The calls in its arguments.
        flows: Whether data goes from child to child, in their order.
        arcs: What passes by them.
        cell: The graph of nodes and operations it stands for, where it is one.
        count: How many like it follow each other.
        tied: Whether it is the same object, and so the same weights, as a box drawn before.
        tooltip: The call in full, with its place.
        hidden: How many calls inside it are not drawn.
    """

    title: str
    detail: str = ""
    label: str = ""
    decided: Mapping[str, Any] = field(default_factory=dict)
    touched: bool = False
    children: tuple[Box, ...] = ()
    flows: bool = False
    arcs: tuple[Arc, ...] = ()
    cell: Cell | None = None
    count: int = 1
    tied: bool = False
    tooltip: str = ""
    hidden: int = 0

    @property
    def leaves(self) -> int:
        """How many innermost boxes are drawn for it."""
        return sum(child.leaves for child in self.children) or 1

    @property
    def depth(self) -> int:
        """How many boxes stand inside each other, this one counted."""
        return 1 + max((child.depth for child in self.children), default=0)

    @property
    def calls(self) -> int:
        """How many calls it stands for."""
        return self.count * (self.hidden + bool(self.title) + sum(child.calls for child in self.children))

    @property
    def likeness(self) -> Any:
        """Equal for two boxes that are drawn alike, their place aside; cells may differ in their channels."""
        if self.cell is not None:
            return (self.title, self.label, self.count, self.cell.likeness)
        inner = tuple(child.likeness for child in self.children)
        decided = tuple((address.rpartition(".")[2], value_text(v)) for address, v in self.decided.items())
        return (self.title, self.detail, self.label, decided, inner, self.arcs, self.count, self.tied)


def box_of(call: Call) -> Box:
    """The box of a call, with those of the calls in its arguments."""
    return _Maker().box(call, "")


class _Maker:
    def __init__(self) -> None:
        self.drawn: set[int] = set()
        self.told: set[str] = set()

    def box(self, call: Call, label: str, besides: Mapping[str, Any] | None = None) -> Box:
        """A box. A decision is told at the first box where it enters, and not again."""
        tied = id(call) in self.drawn
        self.drawn.add(id(call))
        decisions = {**(besides or {}), **call.decisions}
        cell = cell_of(call)
        if cell is not None:
            for inner in walk_calls(call):
                decisions.update(inner.decisions)
        decided = {address: value for address, value in decisions.items() if address not in self.told}
        self.told |= decided.keys()
        children: list[Box] = []
        arcs: list[Arc] = []
        if cell is None and not tied:
            children, arcs = self._inside(call)
        chained = chain_of(call) is not None
        return Box(
            title=call.name,
            detail=_plain_arguments(call),
            label=label,
            decided=decided,
            touched=bool(decisions),
            children=tuple(children),
            flows=flows(call) or chained or bool(arcs),
            arcs=tuple(arcs),
            cell=cell,
            tied=tied,
            tooltip=f"{call}\nat {call.place}",
        )

    def _inside(self, call: Call) -> tuple[list[Box], list[Arc]]:
        if (layers := chain_of(call)) is not None:
            return self._chain(layers)
        if (parts := shortcut_of(call)) is not None:
            body, shortcut = parts
            label = "" if shortcut.name == "Identity" else str(shortcut)
            return [self.box(body, "")], [Arc(-1, 1, label)]
        return [self.box(child, name) for name, child in _inner_calls(call)], []

    def _chain(
        self, layers: list[tuple[Call, Call, tuple[int, ...], Call | None]]
    ) -> tuple[list[Box], list[Arc]]:
        children: list[Box] = []
        arcs: list[Arc] = []
        output_of: list[int] = []
        for layer, operation, skips, pool in layers:
            arcs += [Arc(output_of[skip], len(children)) for skip in skips if skip < len(output_of) - 1]
            output_of.append(len(children))
            children.append(self.box(operation, "", layer.decisions))
            if pool is not None:
                children.append(self.box(pool, "all outputs"))
        return children, arcs


def _inner_calls(call: Call) -> Iterator[tuple[str, Call]]:
    """The calls in the arguments, with the names of the arguments; a number is no name."""
    for name, value in given(call).items():
        yield from _calls_in(value, "" if name.isdigit() else name)


def _calls_in(value: Any, name: str) -> Iterator[tuple[str, Call]]:
    if isinstance(value, Call):
        yield name, value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _calls_in(item, f"{name}.{key}" if name else str(key))
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _calls_in(item, name)


def _plain_arguments(call: Call) -> str:
    """The arguments that hold no calls, as they are written in Python."""
    shown = [_brief(value) for value in call.args if not _holds_call(value)]
    shown += [f"{name}={_brief(value)}" for name, value in call.kwargs.items() if not _holds_call(value)]
    return ", ".join(shown)


def _holds_call(value: Any) -> bool:
    return next(walk_calls(value), None) is not None


def _brief(value: Any) -> str:
    return getattr(value, "__name__", None) or repr(value)
