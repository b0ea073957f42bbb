"""A user's knowledge of a space as symbolic rules: what is required or forbidden, and which options are likelier."""

from __future__ import annotations

import ast
import contextlib
import copy
import functools
import json
import operator
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from random import Random
from typing import Any

from archwright.errors import SpaceError, did_you_mean
from archwright.spaces.architecture import Architecture
from archwright.spaces.decision import Decision
from archwright.spaces.priors import Weights

__all__ = ["BoundRules", "Rule", "bind_rules", "parse_rules"]

_KINDS = ("require", "forbid", "weight")
_WORD = re.compile(r"'[^']*'|\"[^\"]*\"|`[^`]+`|[A-Za-z_]\w*(?:\.(?:\w+|\*))*")
_PLAIN = {"and", "or", "not", "in", "True", "False", "None"}
_LARGEST = 10_000
_COMPARED: dict[type[ast.cmpop], Callable[[Any, Any], Any]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.In: lambda value, values: value in values,
    ast.NotIn: lambda value, values: value not in values,
}
_JOINED: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
}
# fmt: off
_KNOWN = (
    ast.BoolOp, ast.boolop, ast.UnaryOp, ast.Not, ast.USub, ast.Compare, ast.Name, ast.expr_context, ast.Constant,
    ast.List, ast.Tuple, ast.BinOp,
)
# fmt: on
_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "sum": sum,
    "min": min,
    "max": max,
    "len": len,
    "count": lambda values, value: sum(one == value for one in values),
}


class _Inactive(Exception):  # noqa: N818 - a signal, no error
    """A rule speaks of a decision that an architecture does not have."""


class _All(tuple[Any, ...]):
    """The values of all active decisions that a pattern names."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One line of a file of rules.

    Args:
        kind: "require", "forbid" or "weight".
        body: What follows it.
    """

    kind: str
    body: str

    def __str__(self) -> str:
        return f"{self.kind} {self.body}"

    @property
    def options(self) -> dict[str, str]:
        """Option to weight, as they are written; of a rule of the kind "weight"."""
        return dict(re.findall(r"(\S+?)=(\S+)", self.body.partition(" ")[2]))


def parse_rules(lines: Iterable[str]) -> tuple[Rule, ...]:
    """Read rules, one a line; `#` begins a comment.

    - `require EXPRESSION`, `forbid EXPRESSION`: a condition on decisions by their addresses, with comparisons, `and`,
      `or`, `not`, `in`, arithmetic, and `sum`, `min`, `max`, `len`, `count(values, value)`. A pattern such as
      `layers.*.width` stands for the values of all decisions that it names; compared, each of them must fulfil the
      comparison. A rule that speaks of a decision that is not active says nothing.
    - `weight PATTERN OPTION=NUMBER ...`: how likely options are, beside 1 for those that are not named.

    Raises:
        SpaceError: When a line is neither.
    """
    found = []
    for line in lines:
        text = re.sub(r"(^|\s)#.*", "", line).strip()
        kind, _, body = text.partition(" ")
        if not text:
            continue
        if kind not in _KINDS or not body.strip():
            raise SpaceError(
                f"expected a rule 'require EXPRESSION', 'forbid EXPRESSION' or 'weight ADDRESS OPTION=NUMBER ...', got "
                f"{text!r}.{did_you_mean(kind, _KINDS)}"
            )
        found.append(Rule(kind, body.strip()))
    return tuple(found)


@dataclass(frozen=True, slots=True)
class BoundRules:
    """Rules on the decisions of one space.

    Args:
        decisions: Those of the space, by address.
        predicates: Rule to what must hold, of those that require or forbid.
        weights: Address to the weights of the values.
    """

    decisions: Mapping[str, Decision]
    predicates: Mapping[Rule, Callable[[Architecture], bool]]
    weights: Mapping[str, Weights]

    def weigh(self, decisions: Mapping[str, Decision]) -> dict[str, Decision]:
        """The decisions, those with weights drawn and mutated by them."""
        return {
            address: _weighed(decision, self.weights[address]) if address in self.weights else decision
            for address, decision in decisions.items()
        }


def bind_rules(rules: Sequence[Rule], decisions: Mapping[str, Decision]) -> BoundRules:
    """Find the decisions that rules speak of.

    Raises:
        SpaceError: When there is none of a name, or an expression or a weight cannot be read.
    """
    predicates: dict[Rule, Callable[[Architecture], bool]] = {}
    weights: dict[str, Weights] = {}
    for rule in rules:
        if rule.kind == "weight":
            for address, made in _weights(rule, decisions).items():
                if address in weights:  # several rules multiply
                    both = zip(made.weights, weights[address].weights, strict=True)
                    made = _made_weights(rule, made.values, [a * b for a, b in both])
                weights[address] = made
        else:
            predicates[rule] = _Predicate(rule, decisions)
    return BoundRules(decisions, predicates, weights)


def _matched(rule: Rule, pattern: str, decisions: Mapping[str, Decision]) -> list[str]:
    found = [address for address in decisions if fnmatchcase(address, pattern.strip("`"))]
    if not found:
        raise SpaceError(
            f"the rule {str(rule)!r}: no decision has the address {pattern!r}.{did_you_mean(pattern, decisions)}"
        )
    return found


class _Predicate:
    """What a rule requires of an architecture."""

    def __init__(self, rule: Rule, decisions: Mapping[str, Decision]) -> None:
        self.rule = rule
        self.__name__ = str(rule)
        names: dict[str, str] = {}

        def placed(match: re.Match[str]) -> str:
            word = match[0]
            if word[0] in "'\"" or word in _PLAIN or rule.body[match.end() :].lstrip().startswith("("):
                return word
            return names.setdefault(word, f"_{len(names)}")

        try:
            text = _WORD.sub(placed, rule.body)
            self._tree = ast.parse(text, mode="eval").body
            self._check(self._tree)
        except SyntaxError as error:
            raise SpaceError(
                f"the rule {str(rule)!r} cannot be read: {error.msg}; expected a condition on "
                "decisions, such as 'kernel == 3' or 'layers.*.width <= 64'"
            ) from None
        self._read = {
            name: (tuple(_matched(rule, word, decisions)), "*" in word) for word, name in names.items()
        }

    def _check(self, tree: ast.expr) -> None:
        for node in ast.walk(tree):
            known = isinstance(node, _KNOWN) or type(node) in _COMPARED or type(node) in _JOINED
            known = known or (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Name)
                and node.func.id in _FUNCTIONS
                and not node.keywords
            )
            if not known:
                raise SpaceError(
                    f"the rule {str(self.rule)!r} cannot be read: expected comparisons, and, or, not, in, arithmetic "
                    f"and {', '.join(_FUNCTIONS)}, got {ast.unparse(node)!r}"
                )

    def __call__(self, architecture: Architecture) -> bool:
        try:
            met = bool(self._value(self._tree, architecture))
        except _Inactive:
            return True
        except TypeError as error:
            raise SpaceError(
                f"the rule {str(self.rule)!r} does not fit {architecture!r}: {error}; compare "
                "numbers with numbers, and names with names"
            ) from None
        return met == (self.rule.kind == "require")

    def _value(self, node: ast.expr, architecture: Architecture) -> Any:
        value = functools.partial(self._value, architecture=architecture)
        match node:
            case ast.Constant():
                return node.value
            case ast.Name():
                return self._decided(node.id, architecture)
            case ast.List() | ast.Tuple():
                return [value(one) for one in node.elts]
            case ast.BoolOp():
                return (all if isinstance(node.op, ast.And) else any)(value(one) for one in node.values)
            case ast.UnaryOp():
                return not value(node.operand) if isinstance(node.op, ast.Not) else -value(node.operand)
            case ast.BinOp():
                return _JOINED[type(node.op)](value(node.left), value(node.right))
            case ast.Call(func=ast.Name(id=name)):
                return _FUNCTIONS[name](*map(value, node.args))
            case ast.Compare():
                sides = [value(one) for one in (node.left, *node.comparators)]
                return all(
                    _compare(_COMPARED[type(op)], left, right)
                    for op, left, right in zip(node.ops, sides, sides[1:], strict=False)
                )
        raise AssertionError(node)  # refused by `_check`

    def _decided(self, name: str, architecture: Architecture) -> Any:
        addresses, is_pattern = self._read[name]
        values = _All(architecture[address] for address in addresses if address in architecture)
        if not values:
            raise _Inactive
        return values if is_pattern else values[0]


def _compare(function: Callable[[Any, Any], Any], left: Any, right: Any) -> bool:
    lefts = left if isinstance(left, _All) else (left,)
    rights = right if isinstance(right, _All) else (right,)
    return all(function(a, b) for a in lefts for b in rights)


def _weights(rule: Rule, decisions: Mapping[str, Decision]) -> dict[str, Weights]:
    pattern, _, rest = rule.body.partition(" ")
    given = rule.options
    if not given or re.sub(r"\S+?=\S+", "", rest).strip():
        raise SpaceError(
            f"the rule {str(rule)!r}: expected OPTION=NUMBER ... after the address, such as conv=3"
        )
    found = {}
    for address in _matched(rule, pattern, decisions):
        decision = decisions[address]
        if decision.several or decision.size > _LARGEST:
            raise SpaceError(
                f"the rule {str(rule)!r}: weights are for options, and {address!r} is {decision!r}; give its decision "
                "a prior where the space is written"
            )
        if decision.held:
            continue
        values = list(decision.values())
        numbers = {_meant(rule, decision, text): _number(rule, weight) for text, weight in given.items()}
        found[address] = _made_weights(rule, values, [numbers.get(value, 1.0) for value in values])
    return found


def _made_weights(rule: Rule, values: Sequence[Any], weights: Sequence[float]) -> Weights:
    try:
        return Weights(values, weights)
    except ValueError as error:
        raise SpaceError(f"the rule {str(rule)!r}: {error}; change the numbers") from None


def _meant(rule: Rule, decision: Decision, text: str) -> Any:
    readings = [text]
    with contextlib.suppress(ValueError):
        readings.append(json.loads(text.lower() if text in ("True", "False") else text))
    for reading in readings:
        if decision.contains(reading):
            return decision.coerce(reading)
    known = [str(value) for value in decision.values()]
    raise SpaceError(
        f"the rule {str(rule)!r}: {text!r} is no option of the decision.{did_you_mean(text, known)}"
    )


def _number(rule: Rule, text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise SpaceError(
            f"the rule {str(rule)!r}: expected a number for a weight, such as 3, got {text!r}"
        ) from None


class _Weighed(Decision):
    """A decision that is mutated in proportion to weights, as it is drawn."""

    __slots__ = ()

    def mutate(self, value: Any, random: Random) -> Any:
        assert isinstance(self.prior, Weights)
        likely = {
            v: w for v, w in zip(self.prior.values, self.prior.weights, strict=True) if w and v != value
        }
        if not likely:
            return super().mutate(value, random)  # type: ignore[safe-super]  # the kind's own
        return Weights(list(likely), list(likely.values())).sample(random)


@functools.cache
def _weighed_kind(kind: Any) -> type[Decision]:
    return kind if issubclass(kind, _Weighed) else type(kind.__name__, (_Weighed, kind), {"__slots__": ()})


def _weighed(decision: Decision, weights: Weights) -> Decision:
    made = copy.copy(decision)
    made.prior = weights
    kind: Any = type(decision)
    made.__class__ = _weighed_kind(kind)
    return made
