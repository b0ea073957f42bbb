"""How good forecasts of a search are: what was told before it, and after a part of its trials, over what it took.

Each cell is a real search: a task, a space, a strategy and a seed. Before it `aw.profile` tells what so many trials
take. Afterwards the rest of the search is forecast as it would have been after a fifth of the trials, and after half;
beside it stands the plain rule, the pace so far, times what is left. Prints for each of these the geometric mean of the
ratio of what was told to what it took, with its standard error over the searches; the mean factor by which it was off;
how often the range held what came (90 % are promised); how wide the range was, as a share of what came. The same trials
in an order drawn at random say how much of that is due to a pace that changes, the machine's or the strategy's.
A line for each finished cell goes into a JSONL file, and what is in there already is not run again.

Usage: python benches/forecast.py [--seeds 10] [--trials 40] [--epochs 2] [--tasks digits mnist1d] [--out FILE]
"""

from __future__ import annotations

import argparse
import itertools
import json
import math
import random
import statistics
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import archwright as aw
from archwright.experiments.remaining import remaining
from archwright.trials import Range, Trial, TrialState

CASES = (("digits", "chain"), ("digits", "mlp"), ("mnist1d", "conv1d"))
STRATEGIES = ("random", "evolution")
SHARES = (0.2, 0.5)


def told(kind: str, known: Range, took: float, pace: float | None = None) -> dict[str, Any]:
    """One comparison of what was told with what it took."""
    return {
        "kind": kind,
        "low": known.low,
        "middle": known.middle,
        "high": known.high,
        "took": took,
        "pace": pace,
    }


def after(trials: tuple[Trial, ...], share: float, epochs: int) -> dict[str, Any]:
    """The forecast that would have been made when a share of the trials had ended, beside what then came."""
    count = round(share * len(trials))
    seen = trials[:count]
    now, began = max(t.finished or 0.0 for t in seen), min(t.started for t in trials)
    took = max(t.finished or 0.0 for t in trials) - now
    found = remaining(seen, now=now, workers=1, left=len(trials) - count, epochs=epochs)
    assert found is not None
    return told(f"after {share:.0%}", found.seconds, took, (now - began) / count * (len(trials) - count))


def shuffled(trials: tuple[Trial, ...], share: float, epochs: int, seed: int) -> dict[str, Any]:
    """The same had the trials come in another order, one after the other."""
    order = random.Random(seed).sample([t.seconds or 0.0 for t in trials], len(trials))
    ends = list(itertools.accumulate(order))
    made = tuple(
        replace(trial, started=1.0 + end - took, finished=1.0 + end)
        for trial, took, end in zip(trials, order, ends, strict=True)
    )
    found = after(made, share, epochs)
    return {**found, "kind": f"{found['kind']}, shuffled", "pace": None}


def cell(task: str, space: str, strategy: str, seed: int, trials: int, epochs: int) -> dict[str, Any]:
    """One search, and what was told of it."""
    budget, recipe = aw.Budget(trials=trials), aw.Recipe(epochs=epochs, seed=seed)
    begun = time.perf_counter()
    before = aw.profile(space, task, budget=budget, recipe=recipe, seed=seed, accelerator="cpu")
    profiling = time.perf_counter() - begun
    with tempfile.TemporaryDirectory() as folder:
        result = aw.search(
            space,
            task,
            strategy=strategy,
            budget=budget,
            recipe=recipe,
            seed=seed,
            retrain=0,
            accelerator="cpu",
            progress=False,
            out=Path(folder) / "run",
        )
    ended = tuple(t for t in result.run.trials if t.state is not TrialState.RUNNING)
    took = max(t.finished or 0.0 for t in ended) - min(t.started for t in ended)
    comparisons = [told("before", before.purchases[0].forecast.seconds, took)]
    comparisons += [after(ended, share, epochs) for share in SHARES]
    comparisons += [shuffled(ended, share, epochs, seed) for share in SHARES]
    return {"task": task, "space": space, "strategy": strategy, "seed": seed, "trials": trials, "epochs": epochs,
            "profiling": profiling, "took": took, "told": comparisons}  # fmt: skip


def summary(lines: list[dict[str, Any]]) -> None:
    """Print what all cells say together."""
    print(f"{'':<22} {'told / took':>16} {'off by':>8} {'in range':>9} {'width':>7} {'searches':>9}")
    by_kind: dict[str, list[dict[str, Any]]] = {}
    for line in lines:
        for one in line["told"]:
            by_kind.setdefault(one["kind"], []).append(one)
    for kind, found in by_kind.items():
        held = sum(one["low"] <= one["took"] <= one["high"] for one in found) / len(found)
        width = statistics.median((one["high"] - one["low"]) / one["took"] for one in found)
        row(kind, [math.log(one["middle"] / one["took"]) for one in found], f"{held:>9.0%} {width:>7.2f}")
        paces = [math.log(one["pace"] / one["took"]) for one in found if one["pace"]]
        if paces:
            row(f"{kind}, by the pace", paces, " " * 17)
    spent = statistics.median(line["profiling"] / line["took"] for line in lines)
    print(f"a profile takes {spent:.0%} of a search's time (median)")


def row(name: str, logs: list[float], more: str) -> None:
    """A line: geometric mean of a ratio with its standard error, and the mean factor by which it is off."""
    mean, off = math.exp(statistics.mean(logs)), math.exp(statistics.mean(map(abs, logs)))
    error = mean * statistics.stdev(logs) / math.sqrt(len(logs)) if len(logs) > 1 else math.nan
    print(f"{name:<22} {mean:>9.3f} ± {error:.3f} {off:>8.2f} {more} {len(logs):>9}")


def main() -> None:
    """Run the cells that are missing, then sum up."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--trials", type=int, default=40)
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--tasks", nargs="+", default=sorted({task for task, _ in CASES}))
    parser.add_argument("--out", type=Path, default=Path("bench/forecast.jsonl"))
    wanted = parser.parse_args()
    wanted.out.parent.mkdir(parents=True, exist_ok=True)
    lines = [json.loads(text) for text in wanted.out.read_text().splitlines()] if wanted.out.exists() else []
    names = ("task", "space", "strategy", "seed", "trials", "epochs")
    done = {tuple(line[name] for name in names) for line in lines}
    for seed, (task, space), strategy in itertools.product(range(wanted.seeds), CASES, STRATEGIES):
        key = (task, space, strategy, seed, wanted.trials, wanted.epochs)
        if task not in wanted.tasks or key in done:
            continue
        lines.append(cell(task, space, strategy, seed, wanted.trials, wanted.epochs))
        with wanted.out.open("a") as file:
            file.write(json.dumps(lines[-1]) + "\n")
        print(f"{task} {space} {strategy} seed {seed}: {lines[-1]['took']:.1f} s", flush=True)
    summary([line for line in lines if (line["trials"], line["epochs"]) == (wanted.trials, wanted.epochs)])


if __name__ == "__main__":
    main()
