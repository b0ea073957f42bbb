"""One point of a search space."""

from __future__ import annotations

from collections.abc import Hashable, ItemsView, Iterator, KeysView, Mapping, ValuesView
from typing import Any

from archwright.errors import SpaceError

__all__ = ["Architecture"]


class Architecture(Mapping[str, Any]):
    """The active decisions of one network: address to value. Immutable and hashable.

    Two architectures are equal when the same decisions are active with the same values. Only the space says
    which decisions are active, so make one by `Space.architecture`, `Space.sample` and their like.

    Args:
        values: Address to value; lists become tuples.
    """

    __slots__ = ("_canonical", "_hash", "_values")

    def __init__(self, values: Mapping[str, Any]) -> None:
        self._values = {address: _frozen(value) for address, value in values.items()}
        self._hash: int | None = None
        self._canonical: tuple[object, Hashable] | None = None

    @classmethod
    def _adopt(cls, values: dict[str, Any]) -> Architecture:
        """Without a copy, for the space's hot paths: the dict must not be kept by the caller."""
        made = cls.__new__(cls)
        made._values = values
        made._hash = None
        made._canonical = None
        return made

    def __getitem__(self, address: str) -> Any:
        return self._values[address]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __contains__(self, address: object) -> bool:
        return address in self._values

    def keys(self) -> KeysView[str]:
        """The addresses."""
        return self._values.keys()

    def values(self) -> ValuesView[Any]:
        """The values."""
        return self._values.values()

    def items(self) -> ItemsView[str, Any]:
        """Pairs of address and value."""
        return self._values.items()

    def __eq__(self, other: object) -> bool:
        return self._values == other._values if isinstance(other, Architecture) else NotImplemented

    def __hash__(self) -> int:
        if self._hash is None:
            self._hash = hash(frozenset(self._values.items()))
        return self._hash

    def __reduce__(self) -> tuple[Any, ...]:
        return (Architecture, (self._values,))

    def __repr__(self) -> str:
        return f"Architecture({', '.join(f'{address}={value!r}' for address, value in self._values.items())})"

    def to_json(self) -> dict[str, Any]:
        """A dict of JSON's own types; subsets become lists."""
        return {a: list(v) if isinstance(v, tuple) else v for a, v in self._values.items()}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Architecture:
        """The inverse of `to_json`. `Space.architecture` says whether a space has such an architecture.

        Raises:
            SpaceError: When the data is no dict of addresses to strings, numbers, booleans, None or lists of
                these.
        """
        if not isinstance(data, Mapping):
            raise SpaceError(f"expected an architecture as a dict of address to value, got {data!r}")
        if _PLAIN.issuperset(map(type, data.values())) and _TEXT.issuperset(map(type, data)):
            return cls._adopt(dict(data))
        for address, value in data.items():
            items = value if isinstance(value, list | tuple) else [value]
            if not isinstance(address, str) or not _PLAIN.issuperset(map(type, items)):
                raise SpaceError(
                    "expected an address and a string, number, boolean, None or a list of these, got "
                    f"{address!r}: {value!r}"
                )
        return cls(data)


_PLAIN = {str, int, float, bool, type(None)}
_TEXT = {str}


def _frozen(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value
