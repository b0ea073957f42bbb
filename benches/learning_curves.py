"""How far models of learning curves can be trusted, and what a pruner by them saves, on recorded curves.

Forecasts: for each set, seed and model, 50 curves are known and 20 others are extrapolated from a tenth, a fifth and
two fifths of their points to the last. Printed are the root mean squared error beside that of the last value, the share
of curves within the central 90 % of the forecast, and the mean probability that the forecast gave to less than what
came (.5 is right); mean ± standard error over the seeds.

Replays: searches of 50 networks of a set in random order, one after another, under a pruner. Printed are the share of
the epochs saved and the loss: by how much the best of those that were completed falls short of the best of all 50, in
points; mean ± standard error over the seeds. 10 seeds replay 500 curves. The target is 40 % at a loss of at most .1.

A line of JSON is written for each finished cell; called again, the script goes on with what is missing.

Usage: OMP_NUM_THREADS=1 python benches/learning_curves.py [--sets mnist1d-curves scan-vlm lcdb] [--models ...]
           [--pruners ...] [--seeds 10] [--out learning_curves.jsonl]
"""

from __future__ import annotations

import argparse
import json
import time
import warnings
from collections.abc import Callable, Iterator
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from archwright.objectives import Direction, Objective
from archwright.spaces import Architecture
from archwright.strategies.pruners import PRUNERS, Observed
from archwright.surrogates.curves import CURVE_MODELS, Curve
from archwright.trials import Candidate, Fidelity, Report, Trial, TrialState, Verdict
from curve_sets import SETS, curve_set

KNOWN, TESTED, NETWORKS = 50, 20, 50
SHARES = (0.1, 0.2, 0.4)
ACCURACY = [Objective("accuracy", Direction.MAXIMIZE)]
JUDGEMENTS = 10
"""A curve is judged at each tenth of its points, from the second tenth on."""

Cell = tuple[str, str, str, int]
"""Kind, set, model or pruner, and seed."""

curves_of = cache(curve_set)


def forecasts(name: str, model: str, seed: int) -> dict[str, Any]:
    """Errors and probabilities by share of the points."""
    curves = curves_of(name) or []
    order = np.random.default_rng(seed).permutation(len(curves))
    known = [curves[i] for i in order[:KNOWN]]
    tested = [curves[i] for i in order[KNOWN:][:TESTED]]
    made: dict[str, Any] = {}
    extrapolates = CURVE_MODELS.make(model)
    for share in SHARES:
        found = []
        for curve in tested:
            points = max(2, round(share * len(curve.epochs)))
            end, last = curve.epochs[-1], float(curve.values[-1])
            seen = Curve(curve.epochs[:points], curve.values[:points], curve.architecture)
            begin = time.perf_counter()
            forecast = extrapolates.forecast(seen, end, known)
            seconds = time.perf_counter() - begin
            if forecast is not None:
                below = 1.0 - forecast.probability_above(last)
                found.append([forecast.mean - last, float(seen.values[-1]) - last, below, seconds])
        made[str(share)] = found
    return made


def replay(name: str, pruner: str, seed: int) -> dict[str, Any]:
    """Epochs spent and what was found, of all and under a pruner."""
    curves = curves_of(name) or []
    order = np.random.default_rng(1000 + seed).permutation(len(curves))[:NETWORKS]
    points = len(curves[0].epochs)
    interval = max(1, points // JUDGEMENTS)
    kind, _, model = pruner.partition(":")
    options: dict[str, Any] = {}
    if kind == "learning_curve":
        options = {
            "model": model,
            "minimum_epochs": max(2, 2 * interval),
            "interval": interval,
            "epochs": points,
        }
    judge = PRUNERS.make(kind, ACCURACY, options=options)
    others: list[Observed] = []
    spent, best, seconds = 0, -np.inf, time.perf_counter()
    for number, which in enumerate(order):
        curve = curves[which]
        candidate = Candidate(Architecture(dict(curve.architecture)), Fidelity(points))
        reports: list[Report] = []
        state = TrialState.COMPLETED
        for epoch, value in enumerate(curve.values.tolist(), 1):
            reports.append(Report(epoch, {"accuracy": value, "epoch": epoch}))
            if epoch < points and judge.judge(Trial(number, candidate), reports, others) is Verdict.STOP:
                state = TrialState.PRUNED
                break
        if state is TrialState.COMPLETED:
            best = max(best, curve.values[-1])
        spent += len(reports)
        others.append((Trial(number, candidate, state), reports))
    top = max(float(curves[i].values[-1]) for i in order)
    return {
        "saved": 1.0 - spent / (points * len(order)),
        "loss": 100.0 * (top - best),
        "seconds": time.perf_counter() - seconds,
    }


def cells(options: argparse.Namespace) -> Iterator[tuple[Cell, dict[str, Any]]]:
    """All cells, those of the file first."""
    out = Path(options.out)
    lines = [json.loads(line) for line in out.read_text().splitlines()] if out.exists() else []
    done: dict[Cell, dict[str, Any]] = {tuple(line["cell"]): line["found"] for line in lines}
    kinds: list[tuple[str, Callable[..., dict[str, Any]], list[str], tuple[str, ...]]] = [
        ("replay", replay, options.pruners, tuple(name for name in options.sets if name != "lcdb")),
        ("forecast", forecasts, options.models, tuple(options.sets)),
    ]
    for kind, work, names, sets in kinds:
        for seed, name, who in product(range(options.seeds), sets, names):
            cell = (kind, name, who, seed)
            if cell not in done:
                if curves_of(name) is None:
                    continue
                done[cell] = work(name, who, seed)
                with out.open("a") as file:
                    file.write(json.dumps({"cell": cell, "found": done[cell]}) + "\n")
            yield cell, done[cell]


def spread(values: list[float]) -> str:
    """Mean ± standard error."""
    error = np.std(values, ddof=1) / len(values) ** 0.5 if len(values) > 1 else np.nan
    return f"{np.mean(values):.3f} ± {error:.3f}"


def tell(found: dict[Cell, dict[str, Any]]) -> None:
    """Print both tables."""
    print("set, pruner, searches: epochs saved, loss in points, seconds a search")
    for name, who in sorted({(n, w) for kind, n, w, _ in found if kind == "replay"}):
        mine = [value for cell, value in found.items() if cell[:3] == ("replay", name, who)]
        saved, loss, seconds = ([one[key] for one in mine] for key in ("saved", "loss", "seconds"))
        print(f"{name}, {who}, {len(mine)}: {spread(saved)}, {spread(loss)}, {np.mean(seconds):.1f}")
    print("\nset, model, share: error, of the last value, in points; within 90 %; mean probability; seconds")
    for name, who in sorted({(n, w) for kind, n, w, _ in found if kind == "forecast"}):
        for share in map(str, SHARES):
            rows = [
                np.array(value[share])
                for cell, value in found.items()
                if cell[:3] == ("forecast", name, who) and value[share]
            ]
            if not rows:
                print(f"{name}, {who}, {share}: too little to tell from")
                continue
            errors, lasts = ([100.0 * float(np.sqrt(np.mean(r[:, i] ** 2))) for r in rows] for i in (0, 1))
            inside = [float(np.mean((r[:, 2] > 0.05) & (r[:, 2] < 0.95))) for r in rows]
            below = [float(r[:, 2].mean()) for r in rows]
            took = np.mean([r[:, 3].mean() for r in rows])
            measured = "; ".join([f"{spread(errors)}, {spread(lasts)}", spread(inside), spread(below)])
            print(f"{name}, {who}, {share}: {measured}; {took:.3f}")


def main() -> None:
    """Measure what is missing, then print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    pruners = ["median", *(f"learning_curve:{model}" for model in CURVE_MODELS)]
    parser.add_argument("--sets", nargs="+", default=list(SETS), choices=SETS)
    parser.add_argument("--models", nargs="*", default=list(CURVE_MODELS))
    parser.add_argument("--pruners", nargs="*", default=pruners)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--out", default="learning_curves.jsonl")
    warnings.simplefilter("ignore")
    tell(dict(cells(parser.parse_args())))


if __name__ == "__main__":
    main()
