"""Asynchronous successive halving."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal

from archwright.errors import UsageError
from archwright.objectives import Objective
from archwright.spaces import SearchSpace
from archwright.strategies.multi_fidelity.brackets import Bracket, Promoting, Stopping
from archwright.strategies.multi_fidelity.engine import MultiFidelity
from archwright.strategies.multi_fidelity.levels import bracket_size, rung_levels
from archwright.strategies.randomness import random_for
from archwright.trials import Candidate

__all__ = ["ASHA", "promotable"]


class ASHA(MultiFidelity):
    """Asynchronous successive halving: no worker ever waits for a rung to fill.

    Li et al. 2020, arXiv:1810.05934. *Promotion*: whoever asks for work looks through the rungs from the top; the best
    that is in the top 1/eta of its rung and has not gone on yet goes on; where there is none, a new configuration
    begins. *Stopping*: a configuration goes on at once if it ends in the top 1/eta of what is in its rung then, and
    never if not. Rung i has the resource r·eta^i, the last one R. Both have one mechanism: in the stopping form, too, a
    rung is a trial that continues its parent, and not a verdict on a longer one. So every rung is one durable record,
    what is best is found by one rule, and the decision needs nothing but what strategies are told.

    Args:
        space: What to search.
        objectives: What is optimised, and the limits.
        form: "promotion", or "stopping", which leaves no checkpoint waiting.
        rule: How many of n may go on by promotion: "floor", ⌊n / eta⌋ as in the paper, so none of fewer than eta; or
            "quantile", those up to the quantile 1/eta of at least two values as in Syne Tune, which are ⌈n / eta⌉. In
            the stopping form it is always ⌈n / eta⌉, of one value too.
        brackets: With several, bracket s begins at rung s, and each new configuration draws its bracket in proportion
            to the sizes of Hyperband's. One usually wins.
        checkpoints: How many that wait in a rung keep their checkpoints, the best; one promoted later begins anew.
        options: Of `MultiFidelity`.

    Raises:
        UsageError: When an option is out of range, or the fidelity is no range.
    """

    def __init__(
        self,
        space: SearchSpace[Any],
        objectives: Sequence[Objective],
        *,
        form: Literal["promotion", "stopping"] = "promotion",
        rule: Literal["floor", "quantile"] = "floor",
        brackets: int = 1,
        checkpoints: int = 100,
        **options: Any,
    ) -> None:
        super().__init__(space, objectives, **options)
        self.levels = [self.fidelity.at(level) for level in rung_levels(*self.ends, self.eta)]
        if not 1 <= brackets <= len(self.levels):
            raise UsageError(
                f"ASHA: expected brackets from 1 to {len(self.levels)}, the rungs, got {brackets}"
            )
        if checkpoints < 0:
            raise UsageError(f"ASHA: expected checkpoints >= 0, got {checkpoints}")
        self.form, self.allowed, self.checkpoints = form, promotable(rule, self.eta), checkpoints
        most = len(self.levels) - 1
        self.weights = [bracket_size(most - s, most, self.eta) for s in range(brackets)]

    def open_bracket(self, number: int) -> Bracket:
        """Bracket s begins at rung s."""
        levels = self.levels[number:]
        if self.form == "stopping":
            return Stopping(levels, lambda n: -(-n // self.eta))
        return Promoting(levels, self.allowed, self.checkpoints)

    def ask(self, running: Sequence[Candidate] = ()) -> Candidate | None:
        """Whoever may go on, from the top; else a new configuration. See `Strategy.ask`."""
        for number, bracket in self.brackets.items():
            if taken := bracket.take():
                return self._further(number, *taken)
        if self._is_final:
            return None
        (number,) = random_for(self.seed, self._asked).choices(range(len(self.weights)), self.weights)
        return self._new(number, self.brackets.get(number) or self.open_bracket(number), running)


def promotable(rule: Literal["floor", "quantile"], eta: int) -> Callable[[int, int], int]:
    """From a rung and the number of its entries to how many of them may go on by promotion. See `ASHA`."""
    if rule == "floor":
        return lambda _, n: n // eta
    return lambda _, n: -(-n // eta) if n > 1 else 0
