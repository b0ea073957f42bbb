"""Ask and tell a second of each strategy in one thread, on 20 decisions with 5 options, and the cost of its state.

The rate is the median over blocks of 500 trials; that of the last tenth beside that of the second tells whether the
length of the history matters (the first tenth holds the random beginning of an evolution).

Usage: python benches/strategies.py [--trials 20000] [--state-trials 100000]
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Sequence
from typing import Any

from archwright.objectives import Direction, Objective
from archwright.strategies import Strategy, make_strategy
from archwright.testing.toy_spaces import flat
from archwright.trials import Measurement, Trial, TrialState

BLOCK = 500
TARGET = 10_000
SCORE = Objective("score", Direction.MAXIMIZE)
COST = Objective("cost", Direction.MINIMIZE)
CASES: list[tuple[str, str, Sequence[Objective], dict[str, Any]]] = [
    ("evolution", "evolution", [SCORE], {}),
    (
        "evolution, population 1,000",
        "evolution",
        [SCORE],
        {"population_size": 1000, "tournament_size": 10},
    ),
    ("evolution, crossover 0.5", "evolution", [SCORE], {"crossover": 0.5}),
    ("evolution, 2 objectives", "evolution", [SCORE, COST], {}),
    ("mu_plus_lambda", "mu_plus_lambda", [SCORE], {}),
    ("nsga2, 2 objectives", "nsga2", [SCORE, COST], {}),
    ("local", "local", [SCORE], {}),
    ("random", "random", [SCORE], {}),
    ("grid", "grid", [SCORE], {}),
]


def run(strategy: Strategy, trials: int) -> list[float]:
    """Ask and tell so many trials; trials a second in each block, without the time of the toy's score."""
    rates = []
    for first in range(0, trials, BLOCK):
        spent = 0.0
        for number in range(first, min(first + BLOCK, trials)):
            begin = time.perf_counter()
            candidate = strategy.ask()
            spent += time.perf_counter() - begin
            values = list(candidate.architecture.values())
            measured = Measurement({"score": sum(values), "cost": values[0] * values[1]})
            trial = Trial(number, candidate, TrialState.COMPLETED, measured)
            begin = time.perf_counter()
            strategy.tell(trial)
            spent += time.perf_counter() - begin
        rates.append(BLOCK / spent)
    return rates


def main() -> None:
    """Measure the rates, then the state."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=20_000)
    parser.add_argument("--state-trials", type=int, default=100_000)
    wanted = parser.parse_args()
    space = flat(decisions=20, options=5)
    for told, name, objectives, options in CASES:
        rates = run(make_strategy(name, space, objectives, **options), wanted.trials)
        tenth = max(1, len(rates) // 10)
        early, late = statistics.median(rates[tenth : 2 * tenth]), statistics.median(rates[-tenth:])
        target = f"   target {TARGET:,}/s" if told in ("evolution", "local", "random") else ""
        print(
            f"{told:<28} {statistics.median(rates):>8,.0f}/s   last tenth beside second {late / early:.2f}{target}"
        )
    strategy = make_strategy("evolution", space, [SCORE])
    run(strategy, wanted.state_trials)
    begin = time.perf_counter()
    state = strategy.state_dict()
    taken = time.perf_counter()
    text = json.dumps(state)
    written = time.perf_counter()
    make_strategy("evolution", space, [SCORE]).load_state_dict(json.loads(text))
    loaded = time.perf_counter()
    print(
        f"state of evolution after {wanted.state_trials:,} trials: taken in {taken - begin:.3f} s, as JSON "
        f"{len(text) / 1e6:.1f} MB in {written - taken:.2f} s, read and loaded in {loaded - written:.2f} s"
    )


if __name__ == "__main__":
    main()
