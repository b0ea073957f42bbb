"""The nodes of an expression beside decisions: deferred calls, switches, optional parts, repeats, tied weights."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from archwright.errors import SpaceError
from archwright.spaces.decision import UNSET
from archwright.spaces.decisions import Categorical, Decision
from archwright.spaces.expression import (
    Expression,
    compile_value,
    error_prefix,
    holds_expression,
    is_numeric,
    whole,
)
from archwright.spaces.values import possible_values

__all__ = [
    "DeferredCall",
    "Generated",
    "Repeat",
    "Switch",
    "Tied",
    "When",
    "choice",
    "generated",
    "layer",
    "repeat",
    "switch",
    "tied",
    "when",
]


class DeferredCall(Expression):
    """Defer the call `fn(*args, **kwargs)` until an architecture is known. It is made anew at each place.

    Args:
        fn: Any callable: a class of torch or timm, your own class, a function that returns a module.
        args: Arguments; expressions may stand anywhere in them, in nested lists, tuples and dicts too.
        name: Its part of the addresses below it. To pass an argument called `name`, use `functools.partial`.
        kwargs: Keyword arguments.

    Raises:
        SpaceError: When fn cannot be called.
    """

    __slots__ = ("args", "fn", "kwargs")
    kind = "call"

    def __init__(self, fn: Callable[..., Any], /, *args: Any, name: str | None = None, **kwargs: Any) -> None:
        super().__init__(name)
        if isinstance(fn, Expression) or not callable(fn):
            raise SpaceError(
                f"{error_prefix('layer', name)}: expected a class or function to call, got {fn!r}; to choose between "
                "classes use aw.choice({'a': aw.layer(A), 'b': aw.layer(B)})"
            )
        self.fn, self.args = fn, args
        self.kwargs: Mapping[str, Any] = kwargs

    def children(self) -> Iterator[Any]:
        """The arguments."""
        yield from self.args
        yield from self.kwargs.values()

    def __repr__(self) -> str:
        shown = [repr(a) for a in self.args] + [f"{k}={v!r}" for k, v in self.kwargs.items()]
        return f"{getattr(self.fn, '__name__', self.fn)}({', '.join(shown)})"


Layer = DeferredCall  # the name that pickles of older spaces know


class Generated(DeferredCall):
    """A part that a function writes once the decisions in its arguments are made, such as the wiring of a random graph.

    `fn(*args, **kwargs)` returns an expression without decisions, or a plain value, which then stands here. It is
    called whenever an architecture is resolved, so equal arguments must give equal parts: what is random takes its seed
    from a decision. Networks, source, drawings and `Space.graph` see the calls in what it wrote. There is no supernet
    of it, since the calls are not known before the decisions are.

    Args:
        fn: A function of a module.
        args: Arguments; decisions and what is worked out from them may stand anywhere in them.
        name: Its part of the addresses below it.
        kwargs: Keyword arguments.

    Raises:
        SpaceError: When fn cannot be called.
    """

    __slots__ = ()
    kind = "generated"


class Switch(Expression):
    """Select by a decision: the option at its value, and only decisions inside that option are active.

    Args:
        selector: A decision, or an expression with finitely many values.
        options: Value to expression (or plain value); every value the decision can take must be there.
        name: Its part of the addresses of the decisions inside the options.

    Raises:
        SpaceError: When a value has no option, an option no value, or the values are infinitely many.
    """

    __slots__ = ("options", "selector")
    kind = "switch"

    def __init__(self, selector: Expression, options: Mapping[Any, Any], *, name: str | None = None) -> None:
        super().__init__(name)
        if not isinstance(selector, Expression):
            raise self.error(f"expected a decision, got {selector!r}; make one with aw.categorical([...])")
        if not isinstance(options, Mapping):
            raise self.error(f"expected a dict of value to option, got {options!r}; write {{value: option}}")
        own = {value: value for value in possible_values(selector, error_prefix("switch", name))}
        if missing := [value for value in own if value not in options]:
            raise self.error(
                f"no option for the value{'s' * (len(missing) > 1)} {', '.join(map(repr, missing))} of {selector!r}; "
                f"add {'them' if len(missing) > 1 else 'it'}"
            )
        if unknown := [value for value in options if value not in own]:
            raise self.error(
                f"{', '.join(map(repr, unknown))} is never taken by {selector!r}; remove it, or add the label"
            )
        self.selector = selector
        self.options: Mapping[Any, Any] = {own[value]: option for value, option in options.items()}

    def children(self) -> Iterator[Any]:
        """The selector, then the options."""
        yield self.selector
        yield from self.options.values()

    @property
    def numeric(self) -> bool:
        """True if every option is a number."""
        return all(map(is_numeric, self.options.values()))

    def compile(self, key: Callable[[Any], Any]) -> Callable[[Mapping[Any, Any]], Any]:
        """The selected option's value."""
        select = compile_value(self.selector, key)
        options = {label: compile_value(option, key) for label, option in self.options.items()}
        return lambda values: options[select(values)](values)

    def __repr__(self) -> str:
        return f"switch({self.selector!r}, {self.options!r})"


class When(Expression):
    """A part that is there only where a condition holds: else its list, dict or call goes without.

    Args:
        condition: A boolean decision, a comparison, or `subset.has(item)`.
        body: What is present or absent.
        name: Its part of the addresses below it.

    Raises:
        SpaceError: When the condition can take other values than true and false.
    """

    __slots__ = ("body", "condition")
    kind = "when"

    def __init__(self, condition: Expression, body: Any, *, name: str | None = None) -> None:
        super().__init__(name)
        if not isinstance(condition, Expression):
            raise self.error(
                f"expected a boolean decision or a comparison, got {condition!r} (`==` compares identity and gives a "
                "plain bool; write decision.equals(value))"
            )
        odd = [v for v in possible_values(condition, error_prefix("when", name)) if not isinstance(v, bool)]
        if odd:
            raise self.error(
                f"expected a condition that is true or false, but {condition!r} can be {odd[0]!r}; use aw.boolean(), "
                "a comparison, or .equals(value)"
            )
        self.condition, self.body = condition, body

    def children(self) -> Iterator[Any]:
        """The condition and the body."""
        yield self.condition
        yield self.body

    def __repr__(self) -> str:
        return f"when({self.condition!r}, {self.body!r})"


class Repeat(Expression):
    """A body several times over, spliced into the list of arguments where it stands.

    Args:
        body: A function of the position (from 0) that returns an expression, so that each position decides
            for itself; or one expression, whose decisions all positions then share (its layers are still
            separate).
        times: A whole number or an expression with finitely many values, each >= 0.
        name: Its part of the addresses: position 2 of `blocks` is `blocks.2`.

    Attributes:
        bodies: One body per position.
        fewest: How many of them there always are.

    Raises:
        SpaceError: When times is or can be negative, no whole number, or has infinitely many values.
    """

    __slots__ = ("bodies", "fewest", "times")
    kind = "repeat"

    def __init__(self, body: Any, times: Any, *, name: str | None = None) -> None:
        super().__init__(name)
        is_decided = isinstance(times, Expression)
        counts = []
        for value in possible_values(times, error_prefix("repeat", name)) if is_decided else [times]:
            count = whole(value)
            if count is None or count < 0:
                cure = f" from {times!r}; use aw.integer(low, high)" if is_decided else ""
                raise self.error(f"expected times to be a whole number >= 0, got {value!r}{cure}")
            counts.append(count)
        self.times, self.fewest = times if is_decided else counts[0], min(counts)
        is_function = not isinstance(body, Expression) and callable(body)
        self.bodies = tuple(body(i) if is_function else body for i in range(max(counts)))
        for i, made in enumerate(self.bodies):
            if is_function and made is None:
                raise self.error(
                    f"the function {getattr(body, '__name__', repr(body))} returned None for position {i}; return an "
                    "expression, such as aw.layer(...)"
                )

    def children(self) -> Iterator[Any]:
        """The number of times, then one body per position."""
        yield self.times
        yield from self.bodies

    def __repr__(self) -> str:
        return f"repeat({self.bodies[0] if self.bodies else None!r}, times={self.times!r})"


class Tied(Expression):
    """Share weights: one object wherever this node stands (otherwise a layer is made anew at each place)."""

    __slots__ = ("body",)
    kind = "tied"

    def __init__(self, body: Expression, *, name: str | None = None) -> None:
        super().__init__(name)
        if not isinstance(body, Expression):
            raise self.error(f"expected an expression such as aw.layer(...), got {body!r}")
        self.body = body

    def children(self) -> Iterator[Any]:
        """The body."""
        yield self.body

    def __repr__(self) -> str:
        return f"tied({self.body!r})"


generated = Generated
"""A part that a function writes once decisions are made. See `Generated`."""
layer = DeferredCall
"""Defer a call. See `DeferredCall`."""
switch = Switch
"""Select by a decision. See `Switch`."""
when = When
"""A part that is there only where a condition holds. See `When`."""
repeat = Repeat
"""A body several times over. See `Repeat`."""
tied = Tied
"""Share weights. See `Tied`."""


def choice(
    *options: Any, name: str | None = None, default: Any = UNSET, prior: Any = None
) -> Decision | Switch:
    """Choose one of several options: a decision and the switch on it at once.

    Args:
        options: One mapping of label to option, or the options themselves. Plain values become their own
            labels (`choice(3, 5)`); layers are labelled by their class where these differ, else by position.
        name: The decision's address, or the last part of it.
        default: The label that `Space.default` takes; the first when left out.
        prior: Weights of the options, in order or by label, that sampling follows; None means equal ones.

    Raises:
        SpaceError: When there are no options, or they are given as one list; when the default is no label, or the
            prior does not fit the labels.
    """
    if not options or (len(options) == 1 and isinstance(options[0], Mapping) and not options[0]):
        raise SpaceError(
            f"{error_prefix('choice', name)}: expected at least one option, got none; list what may be chosen"
        )
    if len(options) == 1 and isinstance(options[0], Mapping):
        return _choice(options[0], options[0].values(), name, default, prior)
    if len(options) == 1 and isinstance(options[0], list | tuple | set | frozenset):
        raise SpaceError(
            f"{error_prefix('choice', name)}: expected the options one by one, got {options[0]!r} as the only one; "
            "write aw.choice(*options), or aw.choice({'label': option, ...})"
        )
    if not any(holds_expression(option) or callable(option) for option in options):
        return Categorical(options, name=name, default=default, prior=prior)
    labels: list[Any] = [_label_of(option) for option in options]
    if None in labels or len(set(labels)) < len(labels):
        labels = list(range(len(options)))
    return _choice(labels, options, name, default, prior)


def _choice(
    labels: Iterable[Any], options: Iterable[Any], name: str | None, default: Any, prior: Any
) -> Switch:
    decision = Categorical(labels, name=name, default=default, prior=prior)
    return Switch(decision, dict(zip(decision.labels, options, strict=True)), name=name)


def _label_of(option: Any) -> str | None:
    """The name of the class or function that an option is or calls, where it has one of its own."""
    called = option.fn if isinstance(option, DeferredCall) else option
    found = getattr(called, "__name__", None)
    return found if isinstance(found, str) and found.isidentifier() else None
