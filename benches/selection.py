"""How long the ten best combinations of a network's alternatives take, and whether each keeps its limits.

Random libraries: each alternative costs a share of its block's parameters and operations, and the more it saves the
more it loses, with a spread of four. Printed are, for each size and front of limits, the median and the longest of the
processor seconds for ten proposals, and how many of all proposals were over a limit. Target: under 1 second, none over.

Usage: OMP_NUM_THREADS=1 python benches/selection.py [--libraries 5] [--blocks 20 30] [--alternatives 8 10]
"""

from __future__ import annotations

import argparse
import statistics
import time

import numpy as np

from archwright.objectives import Objective
from archwright.strategies.selection import Exchanges

SHARES = (0.75, 0.5, 0.35, 0.25, 0.15)


def library(blocks: int, alternatives: int, seed: int) -> Exchanges:
    """A network of so many blocks, the own one of each among its alternatives."""
    drawn = np.random.default_rng(seed)
    base = {"loss": 0.3, "params": 1e6, "flops": 5e7}
    effects: dict[str, dict[str, dict[str, float]]] = {}
    for block in range(blocks):
        effects[f"block{block}"] = {"own": base}
        for one in range(alternatives - 1):
            saved, other = drawn.uniform(0, 1), drawn.uniform(0.5, 1)
            effects[f"block{block}"][f"alternative{one}"] = {
                "loss": base["loss"] + 0.05 * saved**2 * drawn.uniform(0.5, 2),
                "params": float(base["params"] - round(saved * base["params"] / blocks)),
                "flops": float(base["flops"] - round(saved * other * base["flops"] / blocks)),
            }
    return Exchanges(base, effects)


def main() -> None:
    """Print a line for each size and number of limits."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--libraries", type=int, default=5)
    parser.add_argument("--blocks", type=int, nargs="+", default=[20, 30])
    parser.add_argument("--alternatives", type=int, nargs="+", default=[8, 10])
    options = parser.parse_args()
    for blocks, alternatives in zip(options.blocks, options.alternatives, strict=True):
        for names in (("params",), ("params", "flops")):
            seconds, over, count = [], 0, 0
            for seed in range(options.libraries):
                known = library(blocks, alternatives, seed)
                for share in SHARES:
                    # Operations are saved less than parameters, so their limit is looser.
                    shares = {"params": share, "flops": 0.3 + 0.7 * share}
                    limits = [Objective(n, limit=shares[n] * known.base[n], optimize=False) for n in names]
                    begin = time.process_time()
                    found = known.propose(Objective("loss"), limits, 10)
                    seconds.append(time.process_time() - begin)
                    count += len(found)
                    over += sum(
                        any(one.violation(known.estimate(c, one.name)) for one in limits) for c in found
                    )
            print(
                f"{blocks} blocks x {alternatives} alternatives, limits on {' and '.join(names)}: median "
                f"{statistics.median(seconds):.2f} s, longest {max(seconds):.2f} s, {over} of {count} over a limit",
                flush=True,
            )


if __name__ == "__main__":
    main()
