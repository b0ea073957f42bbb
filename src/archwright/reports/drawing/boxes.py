"""From a tree of calls to nested boxes: what is drawn, before it is known where."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from archwright.reports.drawing.cells import Cell, cell_of
from archwright.reports.drawing.flow import Flow
from archwright.reports.wording import value_text
from archwright.spaces import ResolvedCall, walk_calls

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


def box_of(call: ResolvedCall, flows: Mapping[int, Flow] | None = None) -> Box:
    """The box of a call, with those of the calls in its arguments.

    Args:
        call: The call.
        flows: What flows inside each call, see `trace`; without it only a Sequential is known to be in order.
    """
    return _Maker(flows or {}).box(call, "")


class _Maker:
    def __init__(self, flows: Mapping[int, Flow]) -> None:
        self.flows = flows
        self.drawn: set[int] = set()
        self.told: set[str] = set()

    def box(self, call: ResolvedCall, label: str) -> Box:
        """A box. A decision is told at the first box where it enters, and not again."""
        tied = id(call) in self.drawn
        self.drawn.add(id(call))
        decisions = dict(call.decisions)
        cell = cell_of(call, self.flows)
        if cell is not None:
            for inner in walk_calls(call):
                decisions.update(inner.decisions)
        decided = {address: value for address, value in decisions.items() if address not in self.told}
        self.told |= decided.keys()
        inside = [] if cell is not None or tied else list(_inner_calls(call))
        flow = self.flows.get(id(call))
        chain = None if flow is None else _chain(inside, flow)
        inside, arcs = chain or (inside, ())
        children = tuple(self.box(child, name) for name, child in inside)
        if all(children[arc.end].cell for arc in arcs if arc.end < len(children)) and arcs[1:]:
            arcs = ()  # each cell says which cells it reads
        return Box(
            title=call.name,
            detail=_plain_arguments(call),
            label=label,
            decided=decided,
            touched=bool(decisions),
            children=children,
            flows=chain is not None or (flow is None and _is_sequential(call)),
            arcs=arcs,
            cell=cell,
            tied=tied,
            tooltip=f"{call}\nat {call.place}",
        )


def _chain(
    inside: list[tuple[str, ResolvedCall]], flow: Flow
) -> tuple[list[tuple[str, ResolvedCall]], tuple[Arc, ...]] | None:
    """The calls inside a call in the order of the data, where each reads the one before, and what is read besides.

    One that stands beside the others, as a shortcut does, is an arc that is labelled.

    Args:
        inside: The calls in the arguments, with the names of the arguments.
        flow: What flows inside.

    Returns:
        The calls and the arcs; None where the data flow has another form.
    """
    names = {id(call): name for name, call in inside}
    order = [call for call in flow.order if id(call) in names]
    if not order:
        return None
    rest = [(name, call) for name, call in inside if id(call) not in {id(other) for other in order}]
    arcs = _arcs(order, flow, None)
    if arcs is not None:
        return [(names[id(call)], call) for call in order] + rest, arcs
    last_first = order[::-1]  # the shortcut is what a sum names last
    for beside in sorted(last_first, key=lambda call: call.name != "Identity"):
        left = [call for call in order if call is not beside]
        if left and not rest and (arcs := _arcs(left, flow, beside)) is not None:
            return [(names[id(call)], call) for call in left], arcs
    return None


def _arcs(order: list[ResolvedCall], flow: Flow, beside: ResolvedCall | None) -> tuple[Arc, ...] | None:
    """What is read besides the one before, with one call taken as an arc; None where one reads not that one."""
    place = {id(call): i for i, call in enumerate(order)}
    arcs: list[Arc] = []
    ends = [flow.reads[id(call)] for call in order] + [flow.gives]
    for end, reads in enumerate(ends):
        starts = {place.get(read, -1) for read in reads if beside is None or read != id(beside)}
        if end - 1 not in starts:
            return None
        arcs += [Arc(start, end) for start in sorted(starts) if start != end - 1]
        if beside is not None and id(beside) in reads:
            sources = {place.get(read, -1) for read in flow.reads[id(beside)]}
            text = "" if beside.name == "Identity" else str(beside)
            arcs += [Arc(start, end, text) for start in sorted(sources)]
    return tuple(arcs)


def _is_sequential(call: ResolvedCall) -> bool:
    return any(base.__name__ == "Sequential" for base in getattr(call.fn, "__mro__", ()))


def _given(call: ResolvedCall) -> dict[str, Any]:
    """A call's arguments by the names of the parameters; those without a name (`*args`) by their number."""
    try:
        parameters = inspect.signature(call.fn).parameters.values()
    except (TypeError, ValueError):
        parameters = ()  # type: ignore[assignment]
    names = [p.name for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    named = {names[i] if i < len(names) else str(i): value for i, value in enumerate(call.args)}
    return {**named, **call.kwargs}


def _inner_calls(call: ResolvedCall) -> Iterator[tuple[str, ResolvedCall]]:
    """The calls in the arguments, with the names of the arguments; a number is no name."""
    for name, value in _given(call).items():
        yield from _calls_in(value, "" if name.isdigit() else name)


def _calls_in(value: Any, name: str) -> Iterator[tuple[str, ResolvedCall]]:
    if isinstance(value, ResolvedCall):
        yield name, value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _calls_in(item, f"{name}.{key}" if name else str(key))
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _calls_in(item, name)


def _plain_arguments(call: ResolvedCall) -> str:
    """The arguments that hold no calls, as they are written in Python."""
    shown = [_brief(value) for value in call.args if not _holds_call(value)]
    shown += [f"{name}={_brief(value)}" for name, value in call.kwargs.items() if not _holds_call(value)]
    return ", ".join(shown)


def _holds_call(value: Any) -> bool:
    return next(walk_calls(value), None) is not None


def _brief(value: Any) -> str:
    return getattr(value, "__name__", None) or repr(value)
