"""A search space without decisions: strings."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from functools import cached_property
from random import Random
from typing import Any

from archwright.errors import SpaceError

__all__ = ["StringSpace"]


class StringSpace:
    """The strings of 1 to `longest` letters; one that is read backwards is the same.

    A `SearchSpace` whose points are no architectures, to see which strategies do without decisions.

    Args:
        letters: The letters.
        longest: The most letters.
    """

    def __init__(self, letters: str = "ab", longest: int = 4) -> None:
        self.letters, self.longest = letters, longest

    @property
    def size_bound(self) -> int:
        """How many strings there are."""
        return sum(len(self.letters) ** length for length in range(1, self.longest + 1))

    @cached_property
    def size(self) -> int:
        """How many there are but for reading backwards."""
        return sum(1 for _ in self)

    def __iter__(self) -> Iterator[str]:
        """All, the short ones first."""
        for length in range(1, self.longest + 1):
            for letters in itertools.product(self.letters, repeat=length):
                string = "".join(letters)
                if string == self.canonical(string):
                    yield string

    def contains(self, string: str) -> bool:
        """Whether it has few enough letters, and no others."""
        return 1 <= len(string) <= self.longest and set(string) <= set(self.letters)

    def sample(self, random: Random) -> str:
        """Any length, any letters."""
        return "".join(random.choices(self.letters, k=random.randint(1, self.longest)))

    def mutate(self, string: str, random: Random) -> str:
        """One of the neighbours."""
        return random.choice(self.neighbors(string))

    def crossover(self, first: str, second: str, random: Random) -> str:
        """The beginning of the first and the end of the second."""
        cut = random.randint(0, min(len(first), len(second)))
        return (first[:cut] + second[cut:])[: self.longest]

    def neighbors(self, string: str) -> list[str]:
        """One letter changed, put in or taken out."""
        found = [string[:i] + letter + string[i + 1 :] for i in range(len(string)) for letter in self.letters]
        found += [string[:i] + letter + string[i:] for i in range(len(string) + 1) for letter in self.letters]
        found += [string[:i] + string[i + 1 :] for i in range(len(string))]
        by_form = {self.canonical(other): other for other in found if self.contains(other)}
        by_form.pop(self.canonical(string), None)
        return list(by_form.values())

    def canonical(self, string: str) -> str:
        """The first of the two ways to read it."""
        return min(string, string[::-1])

    def to_json(self, string: str) -> str:
        """Itself."""
        return string

    def from_json(self, data: Any) -> str:
        """The inverse of `to_json`.

        Raises:
            SpaceError: When it is no such string.
        """
        if not isinstance(data, str) or not self.contains(data):
            raise SpaceError(f"expected 1 to {self.longest} of the letters {self.letters!r}, got {data!r}")
        return data
