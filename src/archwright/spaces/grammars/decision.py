"""A derivation as one decision, and the expression that stands for it."""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from random import Random
from typing import Any
from zlib import crc32

from archwright.errors import SpaceError, did_you_mean
from archwright.spaces.decision import UNSET, Decision, Relaxed
from archwright.spaces.grammars.derivation import Derivation, Rule
from archwright.spaces.grammars.language import Language
from archwright.spaces.grammars.variation import CROSSOVERS, mutate_subtree, neighbors
from archwright.spaces.nodes import Generated
from archwright.spaces.priors import Prior

__all__ = ["CanonicalDerivation", "DerivationDecision", "Derived"]

_PAIRS = 64
_MANY = math.log1p(1000)
_DRAWS, _LABELS = 200, 1000
_BITS, _SCALE = 30, 2.0**-50


class RuleWeights(Prior):
    """Each rule in proportion to its weight.

    Args:
        language: What is derived.
    """

    def __init__(self, language: Language) -> None:
        self.language = language

    def sample(self, random: Random) -> str:
        """The text of a derivation."""
        return str(self.language.sample(random))

    def density(self, value: Any, place: float) -> float:
        """The product of its rules' chances."""
        return self.language.probability(self.language.read(value))

    def describe(self) -> dict[str, float]:
        """Rule to weight."""
        return {f"{rule.symbol}.{rule.name}": rule.weight for rule in self.language.all_rules()}


class DerivationDecision(Decision):
    """A decision for one derivation of a grammar; its value is the derivation's text.

    Args:
        language: What may be derived.
        name: Its address, or the last part of it.
        default: What it takes in `Space.default`; the smallest derivation when left out.
        crossover: A key of `CROSSOVERS`.
        mutation: From the language, a derivation of it and a source of chance to another derivation of it.

    Raises:
        SpaceError: When the default is none of the language, or the crossover is unknown.
    """

    __slots__ = ("_size", "crosses", "language", "mutates")

    def __init__(
        self,
        language: Language,
        *,
        name: str | None = None,
        default: Any = UNSET,
        crossover: str = "alignment",
        mutation: Callable[[Language, Derivation, Random], Derivation] = mutate_subtree,
    ) -> None:
        super().__init__(name)
        if crossover not in CROSSOVERS:
            raise self.error(f"no crossover {crossover!r}.{did_you_mean(crossover, CROSSOVERS)}")
        self.language, self.crosses, self.mutates = language, crossover, mutation
        self._size: float | None = None
        self.expect(default)
        self.prior = RuleWeights(language)

    def __getstate__(self) -> dict[str, Any]:
        kept = (
            "name",
            "held",
            "_default",
            "language",
            "crosses",
            "mutates",
            "_size",
        )  # not what would have to be counted
        return {name: getattr(self, name) for name in kept}

    def __setstate__(self, state: Mapping[str, Any]) -> None:
        self.mutates = mutate_subtree  # of pickles that know no other
        for name, value in state.items():
            setattr(self, name, value)
        self.prior = RuleWeights(self.language)

    @property
    def size(self) -> float:
        """How many derivations there are, exactly."""
        return self.language.size if self._size is None else self._size

    @size.setter
    def size(self, size: float) -> None:
        self._size = size

    @property
    def varies(self) -> bool:
        """True if it has a second value, without counting them all."""
        if self._size is not None:
            return self._size > 1
        symbol, given, depth = self.language.symbol, self.language.given, self.language.depth
        return depth > 1 or len(self.language.rules(symbol, given, depth)) > 1

    @property
    def columns(self) -> int:  # type: ignore[override]  # from the count
        """Counts of rules, of pairs of rules, and the digits of a derivation's number."""
        return len(self.language.all_rules()) + _PAIRS + self.digits

    @property
    def digits(self) -> int:
        """How many of the columns hold a derivation's number: the last ones."""
        return -(-max(1, (self.language.size - 1).bit_length()) // _BITS)

    @property
    def numeric(self) -> bool:
        """A derivation is no number."""
        return False

    def read(self, value: Any) -> Derivation:
        """The derivation of a value."""
        return self.language.read(value)

    def coerce(self, value: Any) -> str:
        """The derivation's text as this decision prints it."""
        if isinstance(value, Derivation):
            value = str(value)
        if not isinstance(value, str):
            raise ValueError(f"expected the text of a derivation, got {value!r}")
        try:
            return str(self.read(value))
        except SpaceError as error:
            raise ValueError(str(error)) from None

    def make_prior(self, prior: Any) -> Prior:
        """The weights stand in the grammar."""
        raise ValueError("a derivation takes no prior; write weights behind the rules: conv [2]")

    def default(self) -> str:
        """The default that was given; else the smallest derivation."""
        if self._default is not UNSET:
            return str(self._default)
        language = self.language
        found = language.smallest(language.symbol, language.given, language.depth, None)
        assert found is not None
        return str(found)

    def uniform(self, random: Random) -> str:
        """A derivation, each equally likely: nearly always one of nearly the full depth."""
        return str(self.language.unrank(random.randrange(self.language.size)))

    def values(self) -> Iterator[str]:
        """All derivations."""
        return map(str, self.language)

    def relaxed(self) -> Relaxed:
        """The derivations, where they are few.

        Raises:
            SpaceError: When there are more than 1,000.
        """
        if self.size > _LABELS:
            raise SpaceError(
                f"{self.name!r}: more than {_LABELS:,} derivations cannot be weighed one by one, as a controller does; "
                "unroll the grammar (Grammar.unroll, or the space's option unrolled=True) where shapes allow it"
            )
        return Relaxed(tuple(self.values()))

    def covering(self) -> Relaxed:
        """Derivations that between them hold the rules, as far as 200 draws and what is next to these find them."""
        random, rules = Random(0), set[Rule]()
        found: list[Derivation] = []

        def look(made: Derivation) -> None:
            if new := made.rules() - rules:
                rules.update(new)
                found.append(made)

        for _ in range(_DRAWS):
            look(self.language.sample(random))
        for known in found:  # grows on the way
            for made in neighbors(self.language, known):
                look(made)
        return Relaxed(tuple(map(str, found)))

    def neighbors(self, value: Any) -> list[str]:
        """What differs in one rule. See `archwright.spaces.grammars.variation.neighbors`."""
        own = self.read(value)
        found = dict.fromkeys(made for made in neighbors(self.language, own) if made != own)
        return list(map(self.language.text, found))

    def mutate(self, value: Any, random: Random) -> str:
        """What `mutation` makes of it; without one a random part is grown anew."""
        return self.language.text(self.mutates(self.language, self.read(value), random))

    def crossover(self, first: Any, second: Any, random: Random) -> str:
        """A child of both."""
        cross = CROSSOVERS[self.crosses]
        return self.language.text(cross(self.language, self.read(first), self.read(second), random))

    def encode(self, value: Any) -> Sequence[float]:
        """Counts of rules and of pairs of a rule and a part's rule, on a logarithmic scale; then the number.

        The counts are the first two steps of Weisfeiler and Lehman on the derivation's tree, where a rule is of one
        level of the grammar's hierarchy: the hierarchical kernel of Schrodi et al. 2023, arXiv:2211.01842. The number's
        digits are so small that distances do not feel them, and make the code unique.
        """
        derivation = self.read(value)
        rules = {rule: place for place, rule in enumerate(self.language.all_rules())}
        counts = [0] * (len(rules) + _PAIRS)

        def count(made: Derivation) -> None:
            counts[rules[made.rule]] += 1
            for position, part in enumerate(made.parts):
                pair = f"{made.rule.symbol}.{made.rule.name}.{position} {part.rule.symbol}.{part.rule.name}"
                counts[len(rules) + crc32(pair.encode()) % _PAIRS] += 1
                count(part)

        count(derivation)
        number = self.language.rank(derivation)
        digits = [(number >> (_BITS * place)) % 2**_BITS for place in range(self.digits)]
        return [min(1.0, math.log1p(n) / _MANY) for n in counts] + [digit * _SCALE for digit in digits]

    def decode(self, numbers: Sequence[float]) -> str:
        """The derivation with the number whose digits stand last; digits that there are not are cut off."""
        number = 0
        for place, digit in enumerate(numbers[len(numbers) - self.digits :]):
            number += min(max(round(digit / _SCALE), 0), 2**_BITS - 1) << (_BITS * place)
        return str(self.language.unrank(min(number, self.language.size - 1)))

    def describe(self) -> dict[str, Any]:
        """Kind, start, depth and rules."""
        language = self.language
        given = {} if language.given is None else {"given": str(language.given)}
        return {
            "kind": "derivation",
            "symbol": language.symbol,
            "depth": language.depth,
            **given,
            "rules": list(map(str, language.all_rules())),
            "functions": [repr(rule.function) for rule in language.all_rules()],
            **{key: value for key, value in self.expected().items() if key != "prior"},
        }

    def __repr__(self) -> str:
        return f"a derivation of {self.language.symbol!r} of depth up to {self.language.depth}"


class _Builder:
    """Writes what a derivation builds.

    Args:
        language: What may be derived.
    """

    __name__ = "derived"

    def __init__(self, language: Language) -> None:
        self.language = language

    def __call__(self, derivation: str) -> Any:
        return self.language.read(derivation).build(self.language.given)


class Derived(Generated):
    """What a decision's derivation builds, as an expression.

    Args:
        decision: The decision.
        name: Its part of the addresses.
    """

    __slots__ = ()

    def __init__(self, decision: DerivationDecision, *, name: str | None = None) -> None:
        super().__init__(_Builder(decision.language), decision, name=name)

    @property
    def decision(self) -> DerivationDecision:
        """The decision."""
        found: DerivationDecision = self.args[0]
        return found


class CanonicalDerivation:
    """The canonical form of a space whose network is derived, for `Space(canonicalize=...)`.

    Two architectures with equal other decisions and equal networks are one, as far as the grammar's functions tell:
    chains in chains, identities and the order of a sum make no difference.

    Args:
        derived: The expression.
        address: Its decision's address.
    """

    def __init__(self, derived: Derived, address: str = "derivation") -> None:
        self.derived, self.address = derived, address

    def __call__(self, architecture: Mapping[str, Any]) -> Hashable:
        """Key that is equal for two spellings of one network."""
        rest = tuple(sorted((a, repr(v)) for a, v in architecture.items() if a != self.address))
        return (self.derived.decision.read(architecture[self.address]).canonical(), *rest)
