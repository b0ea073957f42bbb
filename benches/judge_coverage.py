"""Whether the 95 % intervals of `archwright judge` cover the true correlation, and how wide they are.

The truth is a table of NAS-Bench-Graph: the correlation of a cheap score with the accuracy over all its networks. Of
each table many random samples are drawn, as `judge` trains one, and the share of the intervals that hold the truth is
counted; the width is divided by that of Fisher's interval, tanh(artanh(r) ± 1.96 / √(n - 3)), of the same sample.
Scores: parameters, latency, the accuracy on test data, and two surrogates that learned from 40 other networks.

A line is written for each finished cell, and what is there is not done again.

Usage: python benches/judge_coverage.py [--tables cora,photo] [--sizes 10,20,50] [--resamples 1000] [--out FILE]
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from archwright.benchmarks import Table, nasbench_graph, networks_of
from archwright.surrogates import (
    kendall,
    kendall_interval,
    make_surrogate,
    spearman,
    spearman_interval,
)

TABLES = "cora,citeseer,pubmed,cs,physics,photo,computers,arxiv,proteins"
LEARNED = 40
COVERED, WIDEST = (0.90, 0.99), 1.3
MEASURES: dict[str, tuple[Callable[..., float], Callable[..., tuple[float, float]]]] = {
    "spearman": (spearman, spearman_interval),
    "kendall": (kendall, kendall_interval),
}


def scores_of(table: Table) -> Iterator[tuple[str, NDArray[np.float64], NDArray[np.float64]]]:
    """Name, score and accuracy of the networks of a table, by each cheap score."""
    first, other = table.objectives[0].name, str(table.test)
    accuracy, test, latency, params = table.values([first, other, "latency", "params"]).T
    yield from (
        ("params", params, accuracy),
        ("latency", latency, accuracy),
        ("test", test, accuracy),
    )
    networks, positions = networks_of(table)
    order = np.random.default_rng(0).permutation(len(networks))
    learned, rest = order[:LEARNED], order[LEARNED:]
    for name in ("gp", "forest"):
        surrogate = make_surrogate(name, table.space)
        surrogate.fit([networks[i] for i in learned], accuracy[positions[learned]])
        yield name, surrogate.predict([networks[i] for i in rest])[0], accuracy[positions[rest]]


def covered(
    score: NDArray[np.float64], truth: NDArray[np.float64], measure: str, size: int, resamples: int
) -> dict[str, float]:
    """How often the intervals of random samples hold the true correlation, and their mean width beside Fisher's."""
    correlate, interval = MEASURES[measure]
    true = correlate(score, truth)
    hits, ratios = 0, []
    for seed in range(resamples):
        chosen = np.random.default_rng((seed, size)).choice(len(truth), size, replace=False)
        found = correlate(score[chosen], truth[chosen])
        low, high = interval(score[chosen], truth[chosen])
        hits += low <= true <= high
        if abs(found) < 1 - 1e-9:  # Fisher's has no width there
            half = 1.96 / np.sqrt(size - 3)
            fisher = np.tanh(np.arctanh(found) + half) - np.tanh(np.arctanh(found) - half)
            ratios.append((high - low) / fisher)
    return {"true": true, "coverage": hits / resamples, "width": float(np.mean(ratios))}


def main() -> None:
    """Fill the cells, then say which miss the target."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tables", default=TABLES)
    parser.add_argument("--sizes", default="10,20,50")
    parser.add_argument("--resamples", type=int, default=1000)
    parser.add_argument("--out", type=Path, default=Path("bench/judge_coverage.jsonl"))
    wanted = parser.parse_args()
    wanted.out.parent.mkdir(parents=True, exist_ok=True)
    done = [json.loads(line) for line in wanted.out.read_text().splitlines()] if wanted.out.exists() else []
    known = {(c["table"], c["score"], c["measure"], c["size"], c["resamples"]): c for c in done}
    cells = []
    for name in wanted.tables.split(","):
        table = nasbench_graph(name)
        for score, values, truth in scores_of(table):
            for measure in MEASURES:
                for size in map(int, wanted.sizes.split(",")):
                    key = (name, score, measure, size, wanted.resamples)
                    if key not in known:
                        cell = dict(zip(("table", "score", "measure", "size", "resamples"), key, strict=True))
                        known[key] = {**cell, **covered(values, truth, measure, size, wanted.resamples)}
                        with wanted.out.open("a") as file:
                            file.write(json.dumps(known[key]) + "\n")
                    cells.append(known[key])
    for measure in MEASURES:
        own = [c for c in cells if c["measure"] == measure]
        shares, widths = [c["coverage"] for c in own], [c["width"] for c in own]
        held = [c for c in own if COVERED[0] <= c["coverage"] <= COVERED[1] and c["width"] <= WIDEST]
        print(
            f"{measure:<9} covers in {100 * min(shares):.1f} to {100 * max(shares):.1f} %, mean "
            f"{100 * np.mean(shares):.1f} % (target 90 to 99); {min(widths):.2f} to {max(widths):.2f} times as wide as "
            f"Fisher's (target 1.3 at most); {len(held)} of {len(own)} cells hold both"
        )
        for c in own:
            if c not in held:
                where = f"{c['table']} {c['score']} n={c['size']}"
                print(f"  missed: {where}: true {c['true']:.2f}, covered {c['coverage']:.3f}")


if __name__ == "__main__":
    main()
