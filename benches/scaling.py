"""Whether strategies keep simulated workers busy, their own time counted: 64 with 10 s trials, 1,000 with 60 s trials.

Each strategy searches NAS-Bench-Graph on cora in simulated time; its ask and tell count with the processor time that
they take here, one after another, while free workers and reports wait. Strategies of several fidelities search learning
curves over the same networks, drawn around the table's accuracies (27 epochs; the shortest trial, of one epoch, takes
as long as the others' whole one). Durations are lognormal around 10 or 60 s with sigma .3. Printed are the efficiency
(the share of the workers' time that went into results) beside its target, 95 %, the candidates begun in a second of
simulated time, the processor time of an ask with its tell, and the longest single one. `--forms` tells efficiency and
time to the best 1 % of asynchronous and synchronous forms by the number of workers instead, over seeds.

A line of JSON is written for each finished cell; called again, the script goes on with what is missing.

Usage: OMP_NUM_THREADS=1 python benches/scaling.py [--strategies ...] [--forms] [--seeds 5] [--out scaling.jsonl]
"""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import numpy as np

from archwright.benchmarks import (
    Cluster,
    ClusterRun,
    DurationLaw,
    Table,
    Truth,
    nasbench_graph,
    simulate_cluster,
)
from archwright.estimators import CurveRow

EPOCHS = 27
SIGMA = 0.3
SINGLE = (
    "random", "evolution", "mu_plus_lambda", "nsga2", "local", "hill_climbing", "grid", "bayesian", "forest",
    "bananas", "botorch", "ehvi", "optuna", "reinforce", "ppo",
)  # fmt: skip
SEVERAL = ("asha", "pasha", "hyperband", "bohb", "priorband", "successive_halving", "progressive_hurdles")
CELLS = ((64, 10.0, 400.0), (1000, 60.0, 330.0))
"""Workers, seconds of a trial, seconds of the search: some 2,500 and 5,000 trials."""
FORMS = ("random", "evolution", "local", "asha", "hyperband", "successive_halving")
SIZES = (1, 8, 64, 1000)
TRIALS, SCORE_SHARE = 4_000, 0.01


def curves_of(table: Table) -> Table:
    """Learning curves over a table's networks, which end at its accuracies; how fast each rises is drawn."""
    rows: dict[Any, CurveRow] = {}
    for key, row in table.rows.items():
        random, final = Random(repr(key)), row.mean().metrics["accuracy"]
        rate, start = random.lognormvariate(-1.5, 0.4), final * random.uniform(0.3, 0.6)
        values = tuple(
            final - (final - start) * math.exp(-rate * epoch) + random.gauss(0.0, 0.004) * (epoch < EPOCHS)
            for epoch in range(1, EPOCHS + 1)
        )
        rows[key] = CurveRow({"accuracy": values})
    return Table.of_curves("cora-curves", table.space, rows, table.objectives[:1])


def cells(options: argparse.Namespace) -> Iterator[tuple[str, int, float, bool, int]]:
    """Strategy, workers, seconds of a trial, whether in batches, seed."""
    if not options.forms:
        yield from ((name, n, t, False, 0) for name in options.strategies for n, t, _ in CELLS)
        return
    for seed in range(options.seeds):
        for name in options.strategies:
            yield from ((name, n, 60.0, synchronous, seed) for synchronous in (False, True) for n in SIZES)


def search(
    cell: tuple[str, int, float, bool, int], tables: tuple[Table, Table], *, forms: bool
) -> ClusterRun:
    """One search."""
    name, workers, seconds, synchronous, seed = cell
    table = tables[name in SEVERAL]
    count = 2 if name in ("nsga2", "ehvi") else 1
    cluster = Cluster(
        workers=workers, synchronous=synchronous, asking=0.0 if forms else "measured", seed=seed
    )
    # Trials of the lowest rung take so long, so whole ones so many times as long.
    law = DurationLaw("lognormal", (seconds * (EPOCHS if table.curves and not forms else 1), SIGMA))
    until = next((end for n, _, end in CELLS if n == workers), None)
    end: dict[str, Any] = {"trials": TRIALS} if forms else {"seconds": until}
    return simulate_cluster(Truth(table, table.objectives[:count]), name, seed, cluster, durations=law, **end)


def tell(found: dict[tuple[Any, ...], dict[str, Any]]) -> None:
    """Print how busy the workers were."""
    print(
        "strategy, workers: efficiency (target .95), candidates a second, ms of an ask with its tell, longest"
    )
    for (name, workers, *_), line in found.items():
        time, asked = line["time"], line["asked"]
        print(
            f"{name}, {workers}: {time['useful'] / time['total']:.4f}, {asked['asks'] / line['seconds']:.1f}, "
            f"{1e3 * asked['seconds'] / max(1, asked['asks']):.2f}, {1e3 * asked['longest']:.0f}"
        )


def tell_forms(found: dict[tuple[Any, ...], dict[str, Any]], truth: Truth) -> None:
    """Print efficiency, and time to the best 1 %, of each form."""
    values = np.sort(truth.values[truth.allowed, 0])[::-1]
    score = values[math.floor(SCORE_SHARE * len(values)) - 1]
    groups: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
    for (name, workers, _, synchronous, _), line in found.items():
        groups.setdefault((name, synchronous, workers), []).append(line)
    print(
        f"strategy, form, workers: efficiency in %, seconds to {score:.4f}, seconds to the end of {TRIALS} trials"
    )
    for (name, synchronous, workers), lines in sorted(groups.items()):
        times = [next((at for at, found in line["steps"] if found >= score), math.nan) for line in lines]
        columns = ([100 * line["time"]["useful"] / line["time"]["total"] for line in lines], times)
        columns = (*columns, [line["seconds"] for line in lines])
        told = [f"{np.mean(c):.1f} ± {np.std(c, ddof=1) / len(c) ** 0.5:.1f}" for c in columns if len(c) > 1]
        print(f"{name}, {'batches' if synchronous else 'asynchronous'}, {workers}: {', '.join(told)}")


def main() -> None:
    """Simulate what is missing, then print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--strategies", nargs="+", choices=[*SINGLE, *SEVERAL])
    parser.add_argument(
        "--forms", action="store_true", help="efficiency of both forms by the number of workers"
    )
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--out", type=Path, default=Path("scaling.jsonl"))
    options = parser.parse_args()
    options.strategies = options.strategies or (FORMS if options.forms else [*SINGLE, *SEVERAL])
    graphs = nasbench_graph("cora")
    tables = graphs, curves_of(graphs)
    lines = options.out.read_text().splitlines() if options.out.exists() else []
    known = {tuple(json.loads(line)["cell"]): json.loads(line) for line in lines}
    found = {}
    for cell in cells(options):
        key = (*cell, options.forms)
        if key not in known:
            known[key] = {"cell": key, **search(cell, tables, forms=options.forms).to_json()}
            with options.out.open("a") as file:
                file.write(json.dumps(known[key]) + "\n")
        found[cell] = known[key]
        if not options.forms:
            tell({cell: found[cell]})
    if options.forms:
        tell_forms(found, Truth(tables[0], tables[0].objectives[:1]))
    else:
        tell(found)


if __name__ == "__main__":
    main()
