"""An expression with all decisions made: a tree of calls. Networks, source code and drawings come from it."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from archwright.errors import BuildError
from archwright.spaces.architecture import Architecture
from archwright.spaces.decision import Decision
from archwright.spaces.expression import Arithmetic, Expression, Value, compile_value, rebuilt
from archwright.spaces.fold import Fold
from archwright.spaces.nodes import DeferredCall, Generated, Repeat, Switch, Tied, When
from archwright.spaces.place import Place, arguments
from archwright.spaces.values import decisions_of

__all__ = ["ExpressionReader", "Resolvable", "ResolvedCall", "Written", "calls_in", "resolve", "walk_calls"]

_LONGEST = 80
"""Characters of one plain argument in a call's text."""


@dataclass(eq=False, slots=True)
class ResolvedCall:
    """One call to be made: `fn(*args, **kwargs)`. Compared by identity: the same object twice is a tied one.

    Args:
        fn: What is called.
        args: Plain values, other calls, and lists, tuples and dicts of these.
        kwargs: The same by keyword.
        place: Where the layer stands, as a dotted path.
        structural_key: Where it stands without names: the same in every architecture, and another for every other call.
        decisions: Address to value of the decisions that led here or stand in the arguments.
    """

    fn: Callable[..., Any]
    args: list[Any]
    kwargs: dict[str, Any]
    place: str
    structural_key: tuple[Any, ...] = ()
    decisions: dict[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The called function's name."""
        return getattr(self.fn, "__name__", None) or type(self.fn).__name__

    def __str__(self) -> str:
        shown = [_brief(a) for a in self.args] + [f"{k}={_brief(v)}" for k, v in self.kwargs.items()]
        return f"{self.name}({', '.join(shown)})"


def _brief(value: Any) -> str:
    if isinstance(value, ResolvedCall):
        return f"{value.name}(...)"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{k!r}: {_brief(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_brief, value))}]"
    text = getattr(value, "__name__", None) or repr(value)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."


def calls_in(value: Any) -> Iterator[ResolvedCall]:
    """The calls that stand in a value, without those in their arguments."""
    if isinstance(value, ResolvedCall):
        yield value
    elif isinstance(value, list | tuple | dict):
        for item in value.values() if isinstance(value, dict) else value:
            yield from calls_in(item)


def walk_calls(value: Any) -> Iterator[ResolvedCall]:
    """Every call in a tree, each once, a caller before the calls in its arguments."""
    seen: set[int] = set()

    def visit(node: Any) -> Iterator[ResolvedCall]:
        for call in calls_in(node):
            if id(call) not in seen:
                seen.add(id(call))
                yield call
                yield from visit([call.args, call.kwargs])

    return visit(value)


class Written(str):
    """The step of a structural key that says for which arguments a part was generated."""

    __slots__ = ()


class Resolvable(Protocol):
    """The part of a space that interpreters need."""

    network: Any
    reader: ExpressionReader

    def validate(self, values: Mapping[str, Any]) -> Architecture:
        """The architecture with these values. See `Space.validate`."""


def resolve(
    space: Resolvable, architecture: Mapping[str, Any], expression: Any = None, prefix: tuple[str, ...] = ()
) -> Any:
    """The expression under an architecture: a `ResolvedCall`, or whatever plain value the expression stands for.

    Args:
        space: The space, for the addresses of its decisions.
        architecture: One of its architectures.
        expression: What to resolve, of the space's own expressions; None means the space's network.
        prefix: Where it stands.

    Raises:
        SpaceError: When the architecture is none of the space (constraints aside).
        BuildError: When arithmetic fails, such as a division by zero, or the expression gives not one value.
    """
    values = space.validate(architecture)
    expression = space.network if expression is None else expression
    found = _Resolver(space.reader, values).visit(expression, Place(prefix, prefix), _Trail({}, {}))
    if len(found) != 1:
        raise BuildError(f"expected an expression that gives one value, got {len(found)} from {expression!r}")
    return found[0]


class ExpressionReader:
    """Evaluates the expressions of one space; each is compiled once.

    Args:
        addresses: The address of each decision by the `id` of its object.
    """

    def __init__(self, addresses: Mapping[int, str]) -> None:
        self._addresses = addresses
        self._known: dict[int, tuple[Any, Value, tuple[str, ...]]] = {}

    def __call__(self, node: Any) -> tuple[Value, tuple[str, ...]]:
        """The function from an architecture's values to the node's value, and the addresses it reads."""
        known = self._known.get(id(node))
        if known is None or known[0] is not node:
            value = compile_value(node, lambda decision: self._addresses[id(decision)])
            read = tuple(self._addresses[id(decision)] for decision in decisions_of(node))
            known = self._known[id(node)] = (node, value, read)
        return known[1:]


@dataclass(slots=True)
class _Trail:
    """Decisions met on the way: those that led here, and those in the arguments of the current call."""

    led: dict[str, Any]
    own: dict[str, Any]


class _Resolver(Fold[_Trail, list[Any]]):
    """Maps a node to its values: one, none (when) or several (repeat)."""

    def __init__(self, reader: ExpressionReader, architecture: Architecture) -> None:
        self.reader, self.architecture = reader, architecture
        self._tied: dict[int, list[Any]] = {}

    def value(self, node: Decision | Arithmetic, place: Place, context: _Trail) -> list[Any]:
        """Its value."""
        return [self._value(node, place, context)[0]]

    def switch(self, node: Switch, place: Place, context: _Trail) -> list[Any]:
        """What the selected option gives."""
        selected, inner = self._value(node.selector, place, context)
        return self.visit(node.options[selected], place.named(node.name).part(selected), inner)

    def when(self, node: When, place: Place, context: _Trail) -> list[Any]:
        """What the body gives, or nothing."""
        present, inner = self._value(node.condition, place, context)
        return self.visit(node.body, place.named(node.name), inner) if present else []

    def repeat(self, node: Repeat, place: Place, context: _Trail) -> list[Any]:
        """What the first bodies give."""
        times, inner = self._value(node.times, place, context)
        place = place.named(node.name)
        bodies = (self.visit(body, place.part(i), inner) for i, body in enumerate(node.bodies[:times]))
        return [value for given in bodies for value in given]

    def tied(self, node: Tied, place: Place, context: _Trail) -> list[Any]:
        """What the body gave where it was met first."""
        if id(node) not in self._tied:
            self._tied[id(node)] = self.visit(node.body, place.named(node.name).tied(node), context)
        return list(self._tied[id(node)])

    def sequence(self, node: list[Any] | tuple[Any, ...], place: Place, context: _Trail) -> list[Any]:
        """One list or tuple of the same type."""
        given = (self.visit(item, place.argument(str(i)), context) for i, item in enumerate(node))
        return [rebuilt(node, [value for values in given for value in values])]

    def mapping(self, node: dict[Any, Any], place: Place, context: _Trail) -> list[Any]:
        """One dict of the same type, without the keys whose value is absent."""
        made = copy.copy(node)
        made.clear()
        for key, item in node.items():
            if given := self.visit(item, place.argument(str(key)), context):
                made[key] = given[0]
        return [made]

    def plain(self, node: Any, place: Place, context: _Trail) -> list[Any]:
        """Itself."""
        return [node]

    def call(self, node: DeferredCall, place: Place, context: _Trail) -> list[Any]:
        """The call, with its arguments resolved."""
        place = place.named(node.name)
        args, kwargs, decided = self._arguments(node, place, context)
        return [ResolvedCall(node.fn, args, kwargs, str(place), place.structural_key, decided)]

    def generated(self, node: Generated, place: Place, context: _Trail) -> list[Any]:
        """What the function writes."""
        place = place.named(node.name)
        args, kwargs, decided = self._arguments(node, place, context)
        try:
            written = node.fn(*args, **kwargs)
        except Exception as error:
            raise BuildError(
                f"{place}: {node!r} wrote nothing: {type(error).__name__}: {error}; {self.architecture!r}"
            ) from error
        if next(iter(decisions_of(written)), None) is not None:
            raise BuildError(
                f"{place}: {node!r} wrote {written!r}, which holds a decision; decide in its arguments instead"
            )
        # What was written for other arguments is another part, with weights of its own.
        key = (*place.structural_key, Written(repr((args, kwargs))))
        return self.visit(written, replace(place, structural_key=key), _Trail(decided, {}))

    def _arguments(
        self, node: DeferredCall, place: Place, context: _Trail
    ) -> tuple[list[Any], dict[str, Any], dict[str, Any]]:
        """The arguments of a call, resolved, and the decisions that led there or stand in them."""
        trail = _Trail(context.led, {})
        args: list[Any] = []
        kwargs: dict[str, Any] = {}
        for keyword, value, at in arguments(node, place):
            given = self.visit(value, at, trail)
            if keyword is None:
                args += given
            elif given:
                kwargs[keyword] = given[0]
        return args, kwargs, {**context.led, **trail.own}

    def _value(self, node: Any, place: Place, trail: _Trail) -> tuple[Any, _Trail]:
        """What a node is worth, and the trail that goes on below it; its decisions join the call's own."""
        if not isinstance(node, Expression):
            return node, trail
        value, read = self.reader(node)
        decided = {a: self.architecture[a] for a in read if a in self.architecture}
        trail.own.update(decided)
        try:
            return value(self.architecture), _Trail({**trail.led, **decided}, trail.own)
        except (TypeError, ValueError, ArithmeticError) as error:
            raise BuildError(
                f"{place}: {node!r} cannot be worked out: {error}; {self.architecture!r}"
            ) from error
