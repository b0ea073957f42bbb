"""What the rules of a search did."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING

from archwright.errors import SpaceError
from archwright.spaces import Architecture, Space
from archwright.spaces.rules import BoundRules, Rule, bind_rules, parse_rules

if TYPE_CHECKING:
    from archwright.experiments import Run

__all__ = ["RuleEffect", "rule_effects"]

_DRAWN = 1_000


@dataclass(frozen=True, slots=True)
class RuleEffect:
    """What one rule did.

    Args:
        rule: Its line.
        effect: In words, with shares.
    """

    rule: str
    effect: str


def rule_effects(run: Run, space: Space | None) -> list[RuleEffect]:
    """What each rule did: measured on 1,000 random architectures of the space without rules, and on the trials.

    Args:
        run: The run.
        space: Its space, with or without the rules; None, or another one, leaves the shares out.
    """
    rules = parse_rules(run.config.rules)
    if not rules:
        return []
    drawn: list[Architecture] = []
    try:
        if space is not None:
            free = space.free_of_rules()
            bound, random = bind_rules(rules, free.decisions), Random(0)
            drawn = [free.sample(random) for _ in range(_DRAWN)]
    except SpaceError:
        drawn = []
    if not drawn:
        return [RuleEffect(str(rule), "the space is not at hand") for rule in rules]
    tried = [trial.candidate.architecture for trial in run.trials]
    broken = {
        rule: {i for i, architecture in enumerate(drawn) if not holds(architecture)}
        for rule, holds in bound.predicates.items()
    }
    return [
        RuleEffect(
            str(rule),
            _refused(rule, broken) if rule in broken else _biased(rule, bound, drawn, tried),
        )
        for rule in rules
    ]


def _refused(rule: Rule, broken: dict[Rule, set[int]]) -> str:
    others = set[int]().union(*(found for other, found in broken.items() if other != rule))
    alone = f", {len(broken[rule] - others) / _DRAWN:.1%} by no other rule" if others else ""
    return f"refuses {len(broken[rule]) / _DRAWN:.1%} of random architectures{alone}"


def _biased(rule: Rule, bound: BoundRules, drawn: list[Architecture], tried: list[Architecture]) -> str:
    told = []
    for address in bind_rules([rule], bound.decisions).weights:
        named = [f"{option}" for option in rule.options]
        before, after = (
            [str(one[address]) for one in architectures if address in one] for architectures in (drawn, tried)
        )
        shares = [
            f"{option} {_share(option, before)} of random architectures, {_share(option, after)} of the trials"
            for option in named
        ]
        told.append(f"{address}: {', '.join(shares)}")
    return "; ".join(told)


def _share(option: str, values: list[str]) -> str:
    return f"{values.count(option) / len(values):.1%}" if values else "none"
