"""What uses decisions: deferred calls, switches, optional parts, repeats, tied weights, and `choice`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from archwright.errors import SpaceError
from archwright.spaces.decisions import Categorical, Decision
from archwright.spaces.expression import Expression, caller, children_of, compile_value
from archwright.spaces.values import possible_values

__all__ = [
    "Layer",
    "Repeat",
    "Switch",
    "Tied",
    "When",
    "choice",
    "layer",
    "repeat",
    "switch",
    "tied",
    "when",
]


class Layer(Expression):
    """A deferred call, evaluated anew at each place where it stands. See `layer`."""

    __slots__ = ("args", "fn", "kwargs")

    def __init__(
        self, fn: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any], name: str | None = None
    ) -> None:
        super().__init__(name)
        if isinstance(fn, Expression) or not callable(fn):
            raise SpaceError(
                f"{caller()}: layer: expected a class or function to call, got {fn!r}; to choose between "
                "classes use aw.choice({'a': aw.layer(A), 'b': aw.layer(B)})"
            )
        self.fn, self.args = fn, args
        self.kwargs: Mapping[str, Any] = dict(kwargs)

    def children(self) -> Iterator[Any]:
        """The arguments."""
        yield from self.args
        yield from self.kwargs.values()

    def __repr__(self) -> str:
        shown = [repr(a) for a in self.args] + [f"{k}={v!r}" for k, v in self.kwargs.items()]
        return f"{getattr(self.fn, '__name__', self.fn)}({', '.join(shown)})"


class Switch(Expression):
    """The option that an expression's value selects. See `switch`."""

    __slots__ = ("options", "selector")

    def __init__(self, selector: Expression, options: Mapping[Any, Any], name: str | None = None) -> None:
        super().__init__(name)
        self.selector = selector
        self.options: Mapping[Any, Any] = dict(options)

    def children(self) -> Iterator[Any]:
        """The selector, then the options."""
        yield self.selector
        yield from self.options.values()

    def compile(self, key: Callable[[Any], Any]) -> Callable[[Mapping[Any, Any]], Any]:
        """The selected option's value."""
        select = compile_value(self.selector, key)
        options = {label: compile_value(option, key) for label, option in self.options.items()}
        return lambda values: options[select(values)](values)

    def __repr__(self) -> str:
        return f"switch({self.selector!r}, {self.options!r})"


class When(Expression):
    """A part that is present or absent. See `when`."""

    __slots__ = ("body", "condition")

    def __init__(self, condition: Expression, body: Any, name: str | None = None) -> None:
        super().__init__(name)
        self.condition, self.body = condition, body

    def children(self) -> Iterator[Any]:
        """The condition and the body."""
        yield self.condition
        yield self.body

    def __repr__(self) -> str:
        return f"when({self.condition!r}, {self.body!r})"


class Repeat(Expression):
    """Bodies spliced into a list of arguments. See `repeat`."""

    __slots__ = ("bodies", "fewest", "times")

    def __init__(self, bodies: tuple[Any, ...], times: Any, fewest: int, name: str | None = None) -> None:
        super().__init__(name)
        self.bodies, self.times, self.fewest = bodies, times, fewest

    def children(self) -> Iterator[Any]:
        """The number of times, then one body a position."""
        yield self.times
        yield from self.bodies

    def __repr__(self) -> str:
        return f"repeat({self.bodies[0] if self.bodies else None!r}, times={self.times!r})"


class Tied(Expression):
    """One object, and so one set of weights, at every place where it stands. See `tied`."""

    __slots__ = ("body",)

    def __init__(self, body: Expression, name: str | None = None) -> None:
        super().__init__(name)
        self.body = body

    def children(self) -> Iterator[Any]:
        """The body."""
        yield self.body

    def __repr__(self) -> str:
        return f"tied({self.body!r})"


def layer(fn: Callable[..., Any], *args: Any, name: str | None = None, **kwargs: Any) -> Layer:
    """Defer the call `fn(*args, **kwargs)` until an architecture is known.

    Args:
        fn: Any callable: a class of torch or timm, your own class, a function that returns a module.
        args: Arguments; expressions may stand anywhere in them, in nested lists, tuples and dicts too.
        name: Its part of the addresses below it. To pass an argument called `name`, use `functools.partial`.
        kwargs: Keyword arguments.

    Raises:
        SpaceError: When fn cannot be called.
    """
    return Layer(fn, args, kwargs, name)


def switch(decision: Expression, options: Mapping[Any, Any], *, name: str | None = None) -> Switch:
    """Select by a decision: the option at its value, and only decisions inside that option are active.

    Args:
        decision: A decision, or an expression with finitely many values.
        options: Value to expression (or plain value); every value the decision can take must be there.
        name: Its part of the addresses of the decisions inside the options.

    Raises:
        SpaceError: When a value has no option, or an option no value.
    """
    told = f"{caller()}: switch{f' {name!r}' if name else ''}"
    if not isinstance(decision, Expression):
        raise SpaceError(f"{told}: expected a decision, got {decision!r}; make one with aw.categorical([...])")
    values = possible_values(decision, told)
    if missing := [v for v in values if v not in options]:
        raise SpaceError(
            f"{told}: no option for the value{'s' * (len(missing) > 1)} {', '.join(map(repr, missing))} of "
            f"{decision!r}; add {'them' if len(missing) > 1 else 'it'}"
        )
    if unknown := [v for v in options if v not in values]:
        raise SpaceError(
            f"{told}: {', '.join(map(repr, unknown))} is never taken by {decision!r}; remove it, or add the label"
        )
    return Switch(decision, options, name)


def when(condition: Expression, body: Any, *, name: str | None = None) -> When:
    """A part that is there only where a condition holds: it vanishes from the list, dict or call it stands in.

    Args:
        condition: A boolean decision, a comparison, or `subset.has(item)`.
        body: What is present or absent.
        name: Its part of the addresses below it.

    Raises:
        SpaceError: When the condition can take other values than true and false.
    """
    told = f"{caller()}: when{f' {name!r}' if name else ''}"
    if not isinstance(condition, Expression):
        raise SpaceError(f"{told}: expected a boolean decision or a comparison, got {condition!r}")
    if odd := [v for v in possible_values(condition, told) if not isinstance(v, bool)]:
        raise SpaceError(
            f"{told}: expected a condition that is true or false, but {condition!r} can be {odd[0]!r}; "
            "use aw.boolean(), a comparison, or .equals(value)"
        )
    return When(condition, body, name)


def repeat(body: Any, times: Any, *, name: str | None = None) -> Repeat:
    """A body several times over, spliced into the list of arguments where it stands.

    Args:
        body: A function of the position (from 0) that returns an expression, so that each position decides for
            itself; or one expression, whose decisions all positions then share (its layers are still separate).
        times: A whole number or an expression with finitely many values, each >= 0.
        name: Its part of the addresses: position 2 of `blocks` is `blocks.2`.

    Raises:
        SpaceError: When times is or can be negative, no whole number, or has infinitely many values.
    """
    told = f"{caller()}: repeat{f' {name!r}' if name else ''}"
    values = possible_values(times, told) if isinstance(times, Expression) else [times]
    for value in values:
        if not isinstance(value, int) or isinstance(value, bool) or value < 0:
            raise SpaceError(
                f"{told}: expected times to be a whole number >= 0, got {value!r}"
                + (f" from {times!r}; use aw.integer(low, high)" if isinstance(times, Expression) else "")
            )
    most = max(values)
    made = not isinstance(body, Expression) and callable(body)
    bodies = tuple(body(i) if made else body for i in range(most))
    return Repeat(bodies, times, min(values), name)


def tied(body: Expression, *, name: str | None = None) -> Tied:
    """Share weights: one object wherever this node stands (a layer is otherwise evaluated anew at each place)."""
    if not isinstance(body, Expression):
        raise SpaceError(f"{caller()}: tied: expected an expression such as aw.layer(...), got {body!r}")
    return Tied(body, name)


def choice(*options: Any, name: str | None = None) -> Decision | Switch:
    """Choose one of several options: a decision and the switch on it at once.

    Args:
        options: One mapping of label to option, or the options themselves. Plain values become their own
            labels (`choice(3, 5)`); layers are labelled by their class where these differ, else by position.
        name: The decision's address, or the last part of it.

    Raises:
        SpaceError: When there are no options.
    """
    if len(options) == 1 and isinstance(options[0], Mapping):
        labelled = dict(options[0])
        if not labelled:
            raise SpaceError(f"{caller()}: choice{f' {name!r}' if name else ''}: expected options, got an empty dict")
        return Switch(Categorical(labelled, name), labelled, name)
    if not any(_holds_expression(option) or callable(option) for option in options):
        return Categorical(options, name)
    labels: list[Any] = [getattr(o.fn, "__name__", None) if isinstance(o, Layer) else None for o in options]
    if None in labels or len(set(labels)) < len(labels):
        labels = list(range(len(options)))
    return Switch(Categorical(labels, name), dict(zip(labels, options, strict=True)), name)


def _holds_expression(value: Any) -> bool:
    return isinstance(value, Expression) or any(_holds_expression(child) for child in children_of(value))
