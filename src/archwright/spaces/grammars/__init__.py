"""Spaces from context-free grammars, recursive ones too.

- `Grammar`: the rules, from text or from `Rule` objects; `derive` makes a part of a space of them, `unroll` nested
  choices, of which a supernet can be made.
- `Chain`, `Parallel`, `Leaf`, `Function`: what a rule does with its parts.
- `Language`: what is derived up to a depth: exact counts, numbers, draws.
- `CanonicalDerivation`: one candidate for equal networks.
"""

from archwright.spaces.grammars.decision import CanonicalDerivation, DerivationDecision, Derived
from archwright.spaces.grammars.derivation import Derivation, Rule
from archwright.spaces.grammars.function import NEUTRAL, Chain, Function, Leaf, Parallel, Type, as_function
from archwright.spaces.grammars.grammar import Grammar
from archwright.spaces.grammars.language import Language

__all__ = [
    "NEUTRAL",
    "CanonicalDerivation",
    "Chain",
    "Derivation",
    "DerivationDecision",
    "Derived",
    "Function",
    "Grammar",
    "Language",
    "Leaf",
    "Parallel",
    "Rule",
    "Type",
    "as_function",
]
