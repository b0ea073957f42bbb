"""A module that is searched: decided once for all its places in a network, and rejected where it cannot be trained."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

from torch import nn

from archwright.errors import SpaceError
from archwright.spaces import Architecture, Space
from archwright.spaces.expression import Expression

__all__ = ["Profile", "SearchedModule"]

_REMEMBERED = 100_000


@dataclass(frozen=True, slots=True)
class Profile:
    """What a module does on fixed inputs, before training.

    Args:
        finite: Whether outputs and slopes are finite.
        varies: Whether the output depends on the input.
        key: Equal for two modules that compute the same.
    """

    finite: bool
    varies: bool
    key: Hashable


class SearchedModule(ABC):
    """What is decided about a module, wherever a network uses it.

    Give `constraints` and `canonicalize` to the space, so that what cannot be trained is rejected and none is tried
    twice.
    """

    name: str
    """Begins the addresses."""
    root: ClassVar[str]
    """The part of an address behind the name that every architecture decides."""
    channels: ClassVar[int] = 1
    """With how many channels it is looked at."""

    @abstractmethod
    def layer(self, channels: Any) -> Expression:
        """The module at one place of a network. What is learned is learned there; what is decided, for all places.

        Args:
            channels: Of its input, along axis 1, an expression or a number.
        """

    @abstractmethod
    def look(self, module: nn.Module) -> Profile:
        """What a module of the space does on fixed inputs.

        Args:
            module: May be changed.
        """

    @property
    def constraints(self) -> tuple[Callable[[Architecture], bool], ...]:
        """What a space is given as its constraints: outputs and slopes are finite; the output is not constant."""
        return (self.is_finite, self.varies)

    def is_finite(self, architecture: Architecture) -> bool:
        """Whether outputs and slopes are finite."""
        return self.profile(architecture).finite

    def varies(self, architecture: Architecture) -> bool:
        """Whether the output is not constant."""
        return self.profile(architecture).varies

    def canonicalize(self, architecture: Architecture) -> Hashable:
        """What a space is given as its canonical form: equal for two spellings of one module in one network."""
        values, rest = self._divided(architecture)
        return frozenset(rest.items()), self._profile(values).key

    def profile(self, architecture: Architecture) -> Profile:
        """What the module of a network does before training.

        Args:
            architecture: Of a space in which it is used.

        Raises:
            SpaceError: When it decides no such module.
        """
        return self._profile(self._divided(architecture)[0])

    def build(self, architecture: Architecture, channels: int | None = None) -> nn.Module:
        """The module alone.

        Args:
            architecture: Of a space in which it is used.
            channels: Of its input; None takes as many as it is looked at with.
        """
        values, _ = self._divided(architecture)
        space = self.space if channels is None else Space(self.layer(channels), name=self.name)
        return space.build(space.validate(values))

    @cached_property
    def space(self) -> Space:
        """The modules by themselves, nothing rejected."""
        return Space(self.layer(self.channels), name=self.name)

    @cached_property
    def _profiles(self) -> dict[Hashable, Profile]:
        return {}

    def _profile(self, values: Mapping[str, Any]) -> Profile:
        key = frozenset(values.items())
        if key not in self._profiles:
            if len(self._profiles) >= _REMEMBERED:
                self._profiles.clear()
            self._profiles[key] = self.look(self.space.build(self.space.validate(values)))
        return self._profiles[key]

    def _divided(self, architecture: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
        """The module's own decisions by their own names, and all others."""
        root = f"{self.name}.{self.root}"
        found = next((a for a in architecture if a == root or a.endswith(f".{root}")), None)
        if found is None:
            raise SpaceError(f"expected an architecture that decides {root!r}, got {architecture!r}")
        start = found.removesuffix(root)
        own: dict[str, Any] = {}
        rest: dict[str, Any] = {}
        for address, value in architecture.items():
            name = address.removeprefix(start)
            (own if name in self.space.decisions else rest)[name] = value
        return own, rest

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name not in ("_profiles", "space")}
