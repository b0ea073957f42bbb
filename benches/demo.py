"""Whether the demo keeps its promise: a network found in two minutes beside the one made by hand, over seeds.

Each seed is the command of `make demo` with that seed, from its start to the report. Printed are the test accuracies of
the network that is delivered and of the hand-made one, trained in the same run by the same recipe, their parameters,
and in the end the mean of the paired differences with its standard error. Where a run delivers the hand-made network,
its difference is 0. For an idle machine: two minutes are wall time, and what else runs takes trials away. A line of
JSON is written for each finished run; called again, the script goes on with what is missing.

Usage: python benches/demo.py [--seeds 5] [--out demo.jsonl]
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

WORDS = ("search", "mnist1d", "--limit", "params<=50000", "--minutes", "2")
"""As in the Makefile."""


def measured(seed: int) -> dict[str, Any]:
    """What a run with a seed delivered, beside the hand-made network."""
    with tempfile.TemporaryDirectory() as folder:
        words = [*WORDS, "--seed", str(seed), "--out", f"{folder}/run", "--json"]
        began = time.time()
        ran = subprocess.run(
            [sys.executable, "-m", "archwright", *words], stdout=subprocess.PIPE, text=True, check=True
        )
        took = time.time() - began
    told = json.loads(ran.stdout)
    found, base, choice = told["best"], told["baseline"], told["choice"]
    sure = {one["name"]: one["probability"] for one in choice["comparisons"]}
    return {
        "seed": seed,
        "name": choice["name"],
        "accuracy": told["test"]["accuracy"],
        "params": found["metrics"]["params"],
        "hand_made": base["test"]["accuracy"],
        "hand_made_params": base["metrics"]["params"],
        "probability": sure.get("the hand-made network"),
        "trials": len(told["trials"]),
        "seconds": took,
    }


def main() -> None:
    """Run what is missing, then print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--out", type=Path, default=Path("demo.jsonl"))
    given = parser.parse_args()
    lines = given.out.read_text().splitlines() if given.out.exists() else []
    rows = {row["seed"]: row for row in map(json.loads, lines)}
    print(f"{'seed':>4}{'test accuracy':>15}{'params':>9}{'hand-made':>11}{'params':>9}{'trials':>8}{'s':>6}")
    for seed in range(given.seeds):
        if seed not in rows:
            rows[seed] = measured(seed)
            with given.out.open("a") as file:
                file.write(json.dumps(rows[seed]) + "\n")
        row = rows[seed]
        print(
            f"{seed:>4}{row['accuracy']:>15.4f}{row['params']:>9,.0f}{row['hand_made']:>11.4f}"
            f"{row['hand_made_params']:>9,.0f}{row['trials']:>8}{row['seconds']:>6.0f}  {row['name']}",
            flush=True,
        )
    kept = [rows[seed] for seed in range(given.seeds)]
    gains = [100 * (row["accuracy"] - row["hand_made"]) for row in kept]
    error = statistics.stdev(gains) / math.sqrt(len(gains)) if len(gains) > 1 else math.nan
    shares = [row["params"] / row["hand_made_params"] for row in kept]
    print(
        f"paired difference: {statistics.mean(gains):+.2f} ± {error:.2f} points of test accuracy (target: above 0); "
        f"{statistics.mean(shares):.2f} of the hand-made network's parameters (target: below 1 in each run: "
        f"{sum(share < 1 for share in shares)} of {len(shares)})"
    )


if __name__ == "__main__":
    main()
