"""The user's constraints on architectures and canonical form of them, with errors that name the function."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from archwright.errors import SpaceError
from archwright.spaces.architecture import Architecture

__all__ = ["SpaceConstraints", "failures_told"]

_TELL: ContextVar[Callable[[str, str], None] | None] = ContextVar("failures_told", default=None)


class SpaceConstraints:
    """The constraints and the canonical form of a space.

    Args:
        constraints: Predicates on an architecture.
        canonicalize: From an architecture to anything hashable; None means the architecture itself.

    Raises:
        SpaceError: When one of them cannot be called.
    """

    def __init__(
        self,
        constraints: Iterable[Callable[[Architecture], bool]],
        canonicalize: Callable[[Architecture], Hashable] | None,
    ) -> None:
        self._constraints, self._canonicalize = tuple(constraints), canonicalize
        for function in self._constraints if canonicalize is None else (*self._constraints, canonicalize):
            if not callable(function):
                raise SpaceError(f"expected a function of an architecture, got {function!r}")
        self.names = [_name_of(constraint) for constraint in self._constraints]

    def allow(self, architecture: Architecture) -> bool:
        """True if every constraint holds.

        Raises:
            SpaceError: When one fails.
        """
        return not self._constraints or self.broken(architecture) is None

    def broken(self, architecture: Architecture) -> str | None:
        """The name of the first constraint that does not hold, or None.

        Raises:
            SpaceError: When one fails.
        """
        for name, constraint in zip(self.names, self._constraints, strict=True):
            try:
                if not constraint(architecture):
                    return name
            except (Exception, SystemExit) as error:
                _failed(f"constraint {name}", architecture, error, "refused")
                return name
        return None

    def canonical(self, architecture: Architecture) -> Hashable:
        """Key that is equal for two spellings of one network, computed once per architecture object.

        Raises:
            SpaceError: When the function fails, or gives what cannot be hashed.
        """
        if self._canonicalize is None:
            return architecture
        known = architecture._canonical
        if known is not None and known[0] is self:
            return known[1]
        try:
            canonical = self._canonicalize(architecture)
            hash(canonical)
        except (Exception, SystemExit) as error:
            what = f"canonical form {_name_of(self._canonicalize)}"
            _failed(what, architecture, error, "taken for a network of its own")
            canonical = architecture
        architecture._canonical = self, canonical
        return canonical

    def allowed(self, architectures: Iterable[Architecture], most: int) -> Iterator[Architecture]:
        """Yield those that keep every constraint.

        Raises:
            SpaceError: When the constraints refuse `most` in a row.
        """
        refused = 0
        for architecture in architectures:
            if self.allow(architecture):
                refused = 0
                yield architecture
            elif (refused := refused + 1) >= most:
                raise SpaceError(
                    f"the constraints refused {most:,} architectures in a row while the space was listed; loosen "
                    "them, or state them as decisions"
                )

    def distinct(self, architectures: Iterable[Architecture]) -> Iterator[Architecture]:
        """Yield each canonical form once.

        Args:
            architectures: Different ones.

        Raises:
            SpaceError: When the canonical form fails.
        """
        seen: set[Hashable] = set()
        for architecture in architectures:
            if self._canonicalize is not None:
                if (canonical := self.canonical(architecture)) in seen:
                    continue
                seen.add(canonical)
            yield architecture


@contextmanager
def failures_told(tell: Callable[[str], None]) -> Iterator[None]:
    """While a block runs, a function of the user that fails costs the architecture and not the search.

    An architecture on which a constraint fails is refused, one whose canonical form fails is a network of its own.

    Args:
        tell: Told of each function's first failure.
    """
    told: set[str] = set()

    def once(what: str, text: str) -> None:
        if what not in told:
            told.add(what)
            tell(text)

    token = _TELL.set(once)
    try:
        yield
    finally:
        _TELL.reset(token)


def _failed(what: str, architecture: Architecture, error: BaseException, taken: str) -> None:
    """Tell of a failure where somebody listens, otherwise raise it."""
    text = (
        f"the {what} failed on {architecture!r}: {type(error).__name__}: {error}; a decision may be "
        "inactive, so use architecture.get(address)"
    )
    if (tell := _TELL.get()) is None:
        raise SpaceError(text) from error
    tell(what, f"{text}; until that is mended, an architecture on which it fails is {taken}")


def _name_of(function: Callable[..., Any]) -> str:
    return getattr(function, "__name__", None) or type(function).__name__
