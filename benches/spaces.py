"""Samples, mutations and encodings a second in one thread, on 20 decisions with 5 options.

Each figure is the median over rounds, so that a moment in which the machine was busy does not count.

Usage: python benches/spaces.py [--calls 5000] [--rounds 15]
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from random import Random

from archwright.spaces import Architecture
from archwright.testing.toy_spaces import flat

TARGETS = {"samples": 20_000, "mutations": 20_000, "encodings": 50_000}


def rate(call: Callable[[Architecture], object], arguments: list[Architecture], rounds: int) -> float:
    """Calls a second."""
    rates = []
    for _ in range(rounds):
        begin = time.perf_counter()
        for argument in arguments:
            call(argument)
        rates.append(len(arguments) / (time.perf_counter() - begin))
    return statistics.median(rates)


def main() -> None:
    """Measure the three."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=5_000)
    parser.add_argument("--rounds", type=int, default=15)
    wanted = parser.parse_args()
    space, random = flat(decisions=20, options=5), Random(0)
    architectures = [space.sample(random) for _ in range(wanted.calls)]
    measured = {
        "samples": rate(lambda _: space.sample(random), architectures, wanted.rounds),
        "mutations": rate(lambda a: space.mutate(a, random), architectures, wanted.rounds),
        "encodings": rate(space.encode, architectures, wanted.rounds),
    }
    for what, value in measured.items():
        print(
            f"{what:<10} {value:>9,.0f}/s   target {TARGETS[what]:>6,}/s   ratio {value / TARGETS[what]:.2f}"
        )


if __name__ == "__main__":
    main()
