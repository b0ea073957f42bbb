"""Two checkouts of this repository, paired: the same searches on the nine data sets of NAS-Bench-Graph.

For each strategy, data set and seed both checkouts search the same table in a process of their own, in turn. A line of
JSON is written for each as soon as it is finished; called again, the script goes on with what is missing. Printed are
how many searches proposed the same architectures in the same order; the mean paired difference of the validation regret
after all trials (this checkout less the other, in percentage points) with its standard error; and the ratio of the
processor time of an ask, the geometric mean over the pairs, with its standard error.

Usage: OMP_NUM_THREADS=1 python benches/bayesian_paired.py OTHER_CHECKOUT [--strategies bayesian forest bananas]
           [--seeds 3] [--trials 150] [--datasets cora ...] [--out paired.jsonl]
"""

from __future__ import annotations

import argparse
import functools
import hashlib
import json
import math
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import IO, Any

DATASETS = ("cora", "citeseer", "pubmed", "cs", "physics", "photo", "computers", "arxiv", "proteins")
HERE = Path(__file__).resolve().parents[1]

Cell = tuple[str, str, int, int]
"""Data set, strategy, seed and trials."""


@functools.cache
def table_of(dataset: str) -> Any:
    """A table, loaded once."""
    from archwright.benchmarks import nasbench_graph

    return nasbench_graph(dataset)


def search(dataset: str, name: str, seed: int, trials: int) -> dict[str, Any]:
    """What a search proposed (as a digest), its regret in percentage points, and seconds an ask.

    Uses nothing but what every version has, so that older checkouts can run it.
    """
    from archwright.strategies import make_strategy
    from archwright.trials import Measurement, Trial, TrialState

    table = table_of(dataset)
    objective = table.objectives[0]
    values = table.values([objective.name])[:, 0]
    strategy = make_strategy(name, table.space, [objective], seed)
    digest, best, seconds = hashlib.sha256(), math.inf, 0.0
    for number in range(trials):
        begin = time.process_time()
        candidate = strategy.ask()
        seconds += time.process_time() - begin
        value = float(values[table.positions[table.space.canonical(candidate.architecture)]])
        best = min(best, objective.loss(value))
        digest.update(json.dumps([candidate.architecture.to_json(), candidate.parent]).encode())
        measurement = Measurement({objective.name: value})
        strategy.tell(Trial(number, candidate, TrialState.COMPLETED, measurement))
    regret = 100 * (best - min(map(objective.loss, values.tolist())))
    return {"proposals": digest.hexdigest(), "regret": regret, "ask": seconds / trials}


class Checkout:
    """A process that searches with the code of one checkout."""

    def __init__(self, folder: Path) -> None:
        command = [sys.executable, __file__, "--serve", str(folder / "src")]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def run(self, cell: Cell) -> dict[str, Any]:
        """Search there."""
        source, target = self.process.stdin, self.process.stdout
        assert source is not None
        assert target is not None
        source.write(json.dumps(cell) + "\n")
        source.flush()
        found: dict[str, Any] = json.loads(target.readline())
        return found


def serve(folder: str, source: IO[str]) -> None:
    """Search for each line that comes; a short one goes before the first of its kind, since it imports and lists."""
    sys.path.insert(0, folder)
    import archwright

    assert archwright.__file__.startswith(folder), f"{archwright.__file__} is not of {folder}"
    warm: set[tuple[str, str]] = set()
    for line in source:
        dataset, name, seed, trials = json.loads(line)
        if (dataset, name) not in warm:
            search(dataset, name, seed, 15)
            warm.add((dataset, name))
        print(json.dumps(search(dataset, name, seed, trials)), flush=True)


def pairs(options: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """All pairs, those of the file first."""
    out = Path(options.out)
    lines = [json.loads(line) for line in out.read_text().splitlines()] if out.exists() else []
    done = {tuple(line["cell"]): line for line in lines}
    cells = product(options.datasets, options.strategies, range(options.seeds), [options.trials])
    checkouts: list[Checkout] = []
    for i, (dataset, name, seed, trials) in enumerate(cells):
        cell = (dataset, name, seed, trials)
        if cell not in done:
            checkouts = checkouts or [Checkout(HERE), Checkout(options.other.resolve())]
            first = i % 2  # in turn, so that neither is always on a warmer machine
            found = {first: checkouts[first].run(cell), 1 - first: checkouts[1 - first].run(cell)}
            done[cell] = {"cell": cell, "here": found[0], "there": found[1]}
            with out.open("a") as file:
                file.write(json.dumps(done[cell]) + "\n")
            same = found[0]["proposals"] == found[1]["proposals"]
            print(f"{dataset} {name} {seed}: {'the same' if same else 'other'} proposals", flush=True)
        yield done[cell]
    for checkout in checkouts:
        assert checkout.process.stdin is not None
        checkout.process.stdin.close()
        checkout.process.wait()


def error(values: list[float]) -> float:
    """The standard error of the mean."""
    return statistics.stdev(values) / math.sqrt(len(values)) if len(values) > 1 else math.nan


def main() -> None:
    """Search, compare and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("other", type=Path, nargs="?")
    parser.add_argument("--strategies", nargs="+", default=["bayesian", "forest", "bananas"])
    parser.add_argument("--datasets", nargs="+", default=DATASETS)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--trials", type=int, default=150)
    parser.add_argument("--out", default="paired.jsonl")
    options = parser.parse_args()
    if options.other is None:
        print("nothing to compare with; name another checkout of the repository")
        return
    found = list(pairs(options))
    for name in options.strategies:
        mine = [pair for pair in found if pair["cell"][1] == name]
        same = sum(pair["here"]["proposals"] == pair["there"]["proposals"] for pair in mine)
        worse = [pair["here"]["regret"] - pair["there"]["regret"] for pair in mine]
        ratios = [math.log(pair["here"]["ask"] / pair["there"]["ask"]) for pair in mine]
        ratio = math.exp(statistics.mean(ratios))
        print(
            f"{name}: {same} of {len(mine)} searches propose the same; regret {statistics.mean(worse):+.4f} ± "
            f"{error(worse):.4f}; an ask takes {ratio:.3f} ± {ratio * error(ratios):.3f} of the other's time, "
            f"{1000 * statistics.mean(pair['here']['ask'] for pair in mine):.2f} ms"
        )


if __name__ == "__main__":
    serve(sys.argv[2], sys.stdin) if sys.argv[1:2] == ["--serve"] else main()
