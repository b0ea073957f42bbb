"""An expression with all decisions made: a tree of calls. Networks, source code and drawings come from it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from archwright.errors import BuildError
from archwright.spaces.architecture import Architecture
from archwright.spaces.decisions import Decision
from archwright.spaces.expression import Arithmetic, compile_value
from archwright.spaces.nodes import Layer, Repeat, Switch, Tied, When
from archwright.spaces.place import Place, arguments
from archwright.spaces.values import decisions_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from archwright.spaces.space import Space

__all__ = ["Call", "resolve", "walk_calls"]


@dataclass(eq=False, slots=True)
class Call:
    """One call to be made: `fn(*args, **kwargs)`. Compared by identity: the same object twice is a tied one.

    Args:
        fn: What is called.
        args: Plain values, other calls, and lists, tuples and dicts of these.
        kwargs: The same by keyword.
        place: Where the layer stands, as a dotted path.
        decisions: Address to value of the decisions that led here or stand in the arguments.
    """

    fn: Callable[..., Any]
    args: list[Any]
    kwargs: dict[str, Any]
    place: str
    decisions: dict[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The called function's name."""
        return getattr(self.fn, "__name__", None) or type(self.fn).__name__

    def __str__(self) -> str:
        shown = [_brief(a) for a in self.args] + [f"{k}={_brief(v)}" for k, v in self.kwargs.items()]
        return f"{self.name}({', '.join(shown)})"


def _brief(value: Any) -> str:
    if isinstance(value, Call):
        return f"{value.name}(...)"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{k!r}: {_brief(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_brief, value))}]"
    return getattr(value, "__name__", None) or repr(value)


def walk_calls(value: Any) -> Iterator[Call]:
    """Every call in a tree, each once, a caller before the calls in its arguments."""
    seen: set[int] = set()

    def visit(node: Any) -> Iterator[Call]:
        if isinstance(node, Call):
            if id(node) not in seen:
                seen.add(id(node))
                yield node
                yield from visit(node.args)
                yield from visit(node.kwargs)
        elif isinstance(node, list | tuple):
            for item in node:
                yield from visit(item)
        elif isinstance(node, dict):
            yield from visit(list(node.values()))

    return visit(value)


def resolve(
    space: Space, architecture: Architecture, expression: Any = None, prefix: tuple[str, ...] = ()
) -> Any:
    """The expression under an architecture: a `Call`, or whatever plain value the expression stands for.

    Args:
        space: The space, for the addresses of its decisions.
        architecture: One of its architectures.
        expression: What to resolve; None means the space's network.
        prefix: Where it stands.

    Raises:
        BuildError: When the architecture lacks a decision that is needed, or arithmetic fails.
    """
    expression = space.network if expression is None else expression
    values = _Resolver(space, architecture).visit(expression, Place(prefix, prefix), {})
    if len(values) != 1:
        raise BuildError(f"expected the space's expression to give one value, got {len(values)}")
    return values[0]


class _Resolver:
    def __init__(self, space: Space, architecture: Architecture) -> None:
        self.space, self.architecture = space, architecture
        self.tied: dict[int, Any] = {}

    def visit(self, node: Any, place: Place, trail: dict[str, Any]) -> list[Any]:
        """The values that a node gives to the place where it stands: one, none (when) or several (repeat)."""
        if isinstance(node, Layer):
            place = place.named(node.name)
            call = Call(node.fn, [], {}, str(place), {**trail, **self._decided(node)})
            for keyword, value, at in arguments(node, place):
                given = self.visit(value, at, trail)
                if keyword is None:
                    call.args += given
                elif given:
                    call.kwargs[keyword] = given[0]
            return [call]
        if isinstance(node, Switch):
            selected = self._value(node.selector, place)
            inner = {**trail, **self._decided(node.selector)}
            return self.visit(node.options[selected], place.named(node.name).part(str(selected)), inner)
        if isinstance(node, When):
            if not self._value(node.condition, place):
                return []
            return self.visit(node.body, place.named(node.name), {**trail, **self._decided(node.condition)})
        if isinstance(node, Repeat):
            times = self._value(node.times, place)
            place = place.named(node.name)
            inner = {**trail, **self._decided(node.times)}
            bodies = (self.visit(b, place.part(str(i)), inner) for i, b in enumerate(node.bodies[:times]))
            return [value for given in bodies for value in given]
        if isinstance(node, Tied):
            if id(node) not in self.tied:
                self.tied[id(node)] = self.visit(node.body, place.named(node.name), trail)
            return list(self.tied[id(node)])
        if isinstance(node, Decision | Arithmetic):
            return [self._value(node, place)]
        if isinstance(node, list | tuple):
            items = [
                value for i, item in enumerate(node) for value in self.visit(item, place.argument(str(i)), trail)
            ]
            return [_like(node, items)]
        if isinstance(node, dict):
            made = {k: self.visit(item, place.argument(str(k)), trail) for k, item in node.items()}
            return [{k: given[0] for k, given in made.items() if given}]
        return [node]

    def _value(self, node: Any, place: Place) -> Any:
        try:
            return compile_value(node, self.space.address_of)(self.architecture)
        except KeyError as error:
            raise BuildError(f"{place}: the architecture has no value for the decision {error}") from None
        except (TypeError, ValueError, ArithmeticError) as error:
            raise BuildError(f"{place}: {node!r} cannot be worked out: {error}; {self.architecture!r}") from error

    def _decided(self, node: Any) -> dict[str, Any]:
        """The decisions that stand in a node itself, not inside a part that is built from it."""
        if isinstance(node, Layer):
            parts = [*node.args, *node.kwargs.values()]
            found = [d for part in parts if isinstance(part, Decision | Arithmetic) for d in decisions_of(part)]
        else:
            found = decisions_of(node)
        addresses = [self.space.address_of(decision) for decision in found]
        return {a: self.architecture[a] for a in addresses if a in self.architecture}


def _like(node: list[Any] | tuple[Any, ...], items: list[Any]) -> Any:
    if isinstance(node, tuple):
        return type(node)(*items) if hasattr(node, "_fields") else tuple(items)
    return items
