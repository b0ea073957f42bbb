"""What a rule of a grammar makes of its parts, and how types flow through them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import Any

from archwright.errors import SpaceError
from archwright.spaces.expression import Expression
from archwright.spaces.nodes import DeferredCall

__all__ = ["NEUTRAL", "Chain", "Function", "Leaf", "Parallel", "Type", "as_function"]

Type = Any
"""What is known of a tensor where a symbol stands, such as its shape: anything hashable. None where nothing is."""

NEUTRAL: Hashable = ("chain",)
"""The canonical form of what passes its input on."""


class Function(ABC):
    """What a rule does: it passes a type to each part in turn, and builds an expression from the parts' expressions.

    Between two parts all that it knows is its state, which must be hashable; the fewer states there are, the quicker
    derivations are counted.
    """

    def begin(self, given: Type) -> Any:
        """The state before the first part; None where the rule does not apply to the type that it is given."""
        return given

    @abstractmethod
    def input(self, state: Any, position: int) -> Type:
        """The type that a part is given."""

    @abstractmethod
    def after(self, state: Any, position: int, output: Type) -> Any:
        """The state behind a part that gives a type; None where it may not give that."""

    def index(self, types: Sequence[Type]) -> Any:
        """The types that a part can give, in a form in which `fitting` finds some quickly."""
        return types

    def fitting(self, state: Any, position: int, index: Any) -> Iterable[Type]:
        """Those types of an index, in order, behind which `after` gives a state; more do no harm but take time."""
        types: Sequence[Type] = index
        return types

    @abstractmethod
    def output(self, state: Any) -> Type:
        """The type that the whole gives, from the state behind the last part."""

    @abstractmethod
    def build(self, given: Type, parts: Sequence[Any], types: Sequence[Type]) -> Any:
        """The expression of the whole.

        Args:
            given: The type that the rule is given.
            parts: The expressions of its parts.
            types: The types that they give.
        """

    def __repr__(self) -> str:
        """The same in every process, and another for a function that does something else, as far as texts tell."""
        return f"{type(self).__name__}({', '.join(f'{k}={_shown(v)}' for k, v in vars(self).items())})"

    def canonical(self, name: str, parts: Sequence[Hashable]) -> Hashable:
        """Key that is equal for two spellings of one network.

        Args:
            name: The rule's.
            parts: The keys of its parts.
        """
        return (name, *parts)


def _shown(value: Any) -> str:
    text = getattr(value, "__qualname__", None) or repr(value)
    return type(value).__qualname__ if " at 0x" in text else text


class Leaf(Function):
    """A terminal: a layer.

    Args:
        make: The expression, or a function from the type that it is given to one.
        output: From the type that it is given to the one it gives, or to None where it cannot take it; without it
            the type stays.
        is_identity: Whether it passes its input on, so that a chain goes without it.
    """

    def __init__(
        self, make: Any, output: Callable[[Any], Type] | None = None, *, is_identity: bool = False
    ) -> None:
        self.make, self.gives, self.is_identity = make, output, is_identity

    def begin(self, given: Type) -> Any:
        """The type that it gives, in a tuple, since None is a type."""
        if self.gives is None:
            return (given,)
        found = self.gives(given)
        return None if found is None else (found,)

    def input(self, state: Any, position: int) -> Type:
        """It has no parts."""
        raise AssertionError("a leaf has no parts")

    def after(self, state: Any, position: int, output: Type) -> Any:
        """It has no parts."""
        raise AssertionError("a leaf has no parts")

    def output(self, state: Any) -> Type:
        """What `begin` found."""
        return state[0]

    def build(self, given: Type, parts: Sequence[Any], types: Sequence[Type]) -> Any:
        """The layer."""
        return self.make if isinstance(self.make, Expression) else self.make(given)

    def canonical(self, name: str, parts: Sequence[Hashable]) -> Hashable:
        """Its name."""
        return NEUTRAL if self.is_identity else name


class Chain(Function):
    """Parts in series: each is given what the one before it gives.

    Chains in chains are one chain, and identities are left out, in the network and in its canonical form.

    Args:
        container: The class of what is built, such as `nn.Sequential`: called with the parts.
        identity: The class of what passes its input on, such as `nn.Identity`.
    """

    def __init__(self, container: Callable[..., Any], identity: Callable[..., Any]) -> None:
        self.container, self.identity = container, identity

    def begin(self, given: Type) -> Any:
        """The type, in a tuple."""
        return (given,)

    def input(self, state: Any, position: int) -> Type:
        """What came last."""
        return state[0]

    def after(self, state: Any, position: int, output: Type) -> Any:
        """What came last."""
        return (output,)

    def output(self, state: Any) -> Type:
        """What came last."""
        return state[0]

    def build(self, given: Type, parts: Sequence[Any], types: Sequence[Type]) -> Any:
        """The container with the parts; a single one is itself."""
        flat: list[Any] = []
        for part in parts:
            called = part.fn if isinstance(part, DeferredCall) else None
            if called is self.container:
                flat += part.args
            elif called is not self.identity:
                flat.append(part)
        if not flat:
            return DeferredCall(self.identity)
        return flat[0] if len(flat) == 1 else DeferredCall(self.container, *flat)

    def canonical(self, name: str, parts: Sequence[Hashable]) -> Hashable:
        """The parts' keys in one row."""
        flat: list[Hashable] = []
        for part in parts:
            flat += part[1:] if isinstance(part, tuple) and part[:1] == NEUTRAL else [part]
        return flat[0] if len(flat) == 1 else ("chain", *flat)


class Parallel(Function):
    """Parts side by side: each is given what the whole is given, and all must give one type, which the whole gives.

    Args:
        make: From the parts' expressions to that of the whole.
        commutes: Whether the order of the parts makes no difference, as for a sum.
    """

    def __init__(self, make: Callable[..., Any], *, commutes: bool = False) -> None:
        self.make, self.commutes = make, commutes

    def begin(self, given: Type) -> Any:
        """What it is given; nothing is known of what it gives."""
        return given, ()

    def input(self, state: Any, position: int) -> Type:
        """What the whole is given."""
        return state[0]

    def after(self, state: Any, position: int, output: Type) -> Any:
        """What it gives, once the first part has said it."""
        given, known = state
        return (given, (output,)) if not known or known[0] == output else None

    def output(self, state: Any) -> Type:
        """What the parts give."""
        given, known = state
        return known[0] if known else given

    def build(self, given: Type, parts: Sequence[Any], types: Sequence[Type]) -> Any:
        """What `make` makes of the parts."""
        return self.make(*parts)

    def canonical(self, name: str, parts: Sequence[Hashable]) -> Hashable:
        """The parts' keys, sorted where their order makes no difference."""
        return (name, *(sorted(parts, key=repr) if self.commutes else parts))


class _Called:
    """Defers the call of a class with the parts as arguments."""

    def __init__(self, fn: Callable[..., Any]) -> None:
        self.fn = fn

    def __repr__(self) -> str:
        return _shown(self.fn)

    def __call__(self, *parts: Any) -> DeferredCall:
        return DeferredCall(self.fn, *parts)


def as_function(name: str, meaning: Any, is_leaf: bool) -> Function:
    """What a name of a grammar's text means.

    Args:
        name: It, for the error's text.
        meaning: A `Function`; an expression, for a leaf; a class, which is called with the parts when the network is
            built; or a function from the parts' expressions (of a leaf: from its type) to an expression.
        is_leaf: Whether it stands without parts.

    Raises:
        SpaceError: When it is none of these.
    """
    if isinstance(meaning, Function):
        return meaning
    if isinstance(meaning, type) and not issubclass(meaning, Expression):
        return Leaf(DeferredCall(meaning)) if is_leaf else Parallel(_Called(meaning))
    if isinstance(meaning, Expression) and not is_leaf:
        raise SpaceError(f"the grammar gives {name!r} parts, but it is a layer: give a class or a function")
    if is_leaf and (isinstance(meaning, Expression) or callable(meaning)):
        return Leaf(meaning)
    if callable(meaning):
        return Parallel(meaning)
    raise SpaceError(
        f"the grammar's {name!r}: expected an expression such as aw.layer(...), a class or a function, got {meaning!r}"
    )
