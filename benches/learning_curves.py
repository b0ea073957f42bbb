"""How far models of learning curves can be trusted, and what a pruner by them saves, on recorded curves and for real.

Forecasts: for each set, seed and model, 50 curves are known, or as many as are left, and 20 others are extrapolated
from 4, 10 and 20 points to the last. Printed are the root mean squared error beside that of the last value, the share
of curves within the central 50, 80 and 90 % of the forecast, and the mean probability that the forecast gave to less
than what came (.5 is right); mean ± standard error over the seeds.

Replays: searches of 50 networks of a set in random order, one after another, under a pruner. Printed are the share of
the epochs saved and the loss: by how much the best of those that were completed falls short of the best of all 50, in
points; mean ± standard error over the seeds. The target is 40 % at a loss of at most .1, told to .03.

Both look at one half of each set alone, by default "judge"; what was chosen was chosen on the half "choose".

Real searches (`--real`): random search on MNIST-1D with the space `conv1d`, by `--size` of 20 networks x 20 epochs on
half of the data, without and with a pruner, which propose the same networks for the same seed. Printed are the share of
epochs saved and the paired difference of the incumbents' validation accuracy, with less without, in points.

A line of JSON is written for each finished cell; called again, the script goes on with what is missing.

Usage: OMP_NUM_THREADS=1 python benches/learning_curves.py [--sets mnist1d-curves scan-vlm lcdb] [--half judge]
           [--models ...] [--pruners ...] [--replays 500] [--seeds 10] [--real] [--size 20x20x0.5]
           [--out learning_curves.jsonl]
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

import archwright as aw
from archwright.objectives import Direction, Objective
from archwright.spaces import Architecture
from archwright.strategies.pruners import PRUNERS, LearningCurvePruner, Observed, Pruner
from archwright.surrogates.curves import CURVE_MODELS, Curve, CurveModel, Forecast, ParametricCurves
from archwright.trials import Candidate, Fidelity, Report, Trial, TrialState, Verdict
from curve_sets import HALVES, SETS, curve_half

KNOWN, TESTED, NETWORKS = 50, 20, 50
POINTS, LEVELS = (4, 10, 20), (0.5, 0.8, 0.9)
ACCURACY = [Objective("accuracy", Direction.MAXIMIZE)]
JUDGEMENTS, MINIMUM_EPOCHS = 10, 4
"""A curve is judged at each tenth of its points, from the second tenth on, and not before the pruner's own minimum."""

Cell = tuple[str, str, str, str, int]
"""Kind, set, half (of a real search its size), model or pruner, and seed."""

curves_of = cache(curve_half)


class Remembered(CurveModel):
    """A model that extrapolates each curve alone, asked once for each beginning of one."""

    def __init__(self, model: CurveModel) -> None:
        self.model = model
        self.made: dict[tuple[bytes, float], Forecast | None] = {}

    def forecast(self, curve: Curve, epoch: float, others: Sequence[Curve] = ()) -> Forecast | None:
        """See `CurveModel.forecast`."""
        key = (curve.values.tobytes(), epoch)
        if key not in self.made:
            self.made[key] = self.model.forecast(curve, epoch)
        return self.made[key]


@cache
def remembered(name: str) -> Remembered:
    """One for all replays."""
    return Remembered(CURVE_MODELS.make(name))


def forecasts(name: str, half: str, model: str, seed: int) -> dict[str, Any]:
    """Errors and probabilities by number of points."""
    curves = curves_of(name, half) or []
    known_count = min(KNOWN, len(curves) - TESTED)
    order = np.random.default_rng(seed).permutation(len(curves))
    known = [curves[i] for i in order[:known_count]]
    tested = [curves[i] for i in order[known_count:][:TESTED]]
    made: dict[str, Any] = {}
    extrapolates = remembered(model) if model == "parametric" else CURVE_MODELS.make(model)
    for points in POINTS:
        found = []
        for curve in tested:
            if points >= len(curve.epochs):
                continue
            end, last = curve.epochs[-1], float(curve.values[-1])
            seen = Curve(curve.epochs[:points], curve.values[:points], curve.architecture)
            forecast = extrapolates.forecast(seen, end, known)
            if forecast is not None:
                below = 1.0 - forecast.probability_above(last)
                found.append([forecast.mean - last, float(seen.values[-1]) - last, below])
        made[str(points)] = found
    return made


def replay(name: str, half: str, pruner: str, seed: int) -> dict[str, Any]:
    """Epochs spent and what was found, of all and under a pruner."""
    curves = curves_of(name, half) or []
    order = np.random.default_rng(1000 + seed).permutation(len(curves))[:NETWORKS]
    points = len(curves[0].epochs)
    judge = judging(pruner, points)
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


def judging(name: str, points: int) -> Pruner:
    """The pruner for curves of so many epochs; "learning_curve" alone has its default model."""
    kind, _, model = name.partition(":")
    if kind != "learning_curve":
        return PRUNERS.make(kind, ACCURACY)
    interval = max(1, points // JUDGEMENTS)
    minimum = max(MINIMUM_EPOCHS, 2 * interval)
    options: dict[str, Any] = {"minimum_epochs": minimum, "interval": interval, "epochs": points}
    judge = PRUNERS.make(kind, ACCURACY, options={**options, "model": model} if model else options)
    if isinstance(judge, LearningCurvePruner) and isinstance(judge.model, ParametricCurves):
        judge.model = remembered("parametric")
    return judge


def real(task: str, size: str, pruner: str, seed: int) -> dict[str, Any]:
    """Epochs trained and the incumbent's accuracy of a real search; its size is "TRIALSxEPOCHSxDATA"."""
    kind, _, model = pruner.partition(":")
    networks, epochs, data = size.split("x")
    interval = max(1, int(epochs) // JUDGEMENTS)
    begin = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        result = aw.search(
            "conv1d",
            task,
            strategy="random",
            budget=aw.Budget(trials=int(networks)),
            recipe=aw.Recipe(epochs=int(epochs), seed=seed),
            fidelity=aw.Fidelity(data_fraction=float(data)),
            pruner=None if kind == "none" else kind,
            pruner_options={"interval": interval, **({"model": model} if model else {})}
            if kind == "learning_curve"
            else None,
            retrain=0,
            baseline=False,
            seed=seed,
            accelerator="cpu",
            out=Path(folder) / "run",
            progress=False,
        )
    trials = result.run.trials
    curves = [trial.measurement.curve for trial in trials if trial.measurement is not None]
    return {
        "epochs": sum(map(len, curves)),
        "best": result.best.metrics["accuracy"],
        "pruned": sum(trial.state is TrialState.PRUNED for trial in trials),
        "seconds": time.perf_counter() - begin,
    }


def planned(options: argparse.Namespace) -> Iterator[tuple[Callable[..., dict[str, Any]], Cell]]:
    """What is to be measured, and by which function."""
    if options.real:
        for seed, who in product(range(options.seeds), ("none", *options.pruners)):
            yield real, ("real", "mnist1d", options.size, who, seed)
        return
    sets = [name for name in options.sets if curves_of(name, options.half) is not None]
    for name, who, seed in product(sets, options.pruners, range(options.start, options.replays)):
        if name != "lcdb":  # each of its curves is a learner on a data set of its own
            yield replay, ("replay", name, options.half, who, seed)
    for name, who, seed in product(sets, options.models, range(options.seeds)):
        yield forecasts, ("forecast", name, options.half, who, seed)


def cells(options: argparse.Namespace) -> dict[Cell, dict[str, Any]]:
    """What was asked for, measured where the file does not have it."""
    out = Path(options.out)
    lines = [json.loads(line) for line in out.read_text().splitlines()] if out.exists() else []
    done: dict[Cell, dict[str, Any]] = {tuple(line["cell"]): line["found"] for line in lines}
    asked = {}
    for work, cell in planned(options):
        if cell not in done:
            done[cell] = work(*cell[1:])
            with out.open("a") as file:
                file.write(json.dumps({"cell": cell, "found": done[cell]}) + "\n")
        asked[cell] = done[cell]
    return asked


def spread(values: Sequence[float], digits: int = 3) -> str:
    """Mean ± standard error."""
    error = np.std(values, ddof=1) / len(values) ** 0.5 if len(values) > 1 else np.nan
    return f"{np.mean(values):.{digits}f} ± {error:.{digits}f}"


def tell(found: dict[Cell, dict[str, Any]]) -> None:
    """Print the tables."""
    groups: dict[Cell, list[dict[str, Any]]] = {}
    for cell, value in found.items():
        groups.setdefault((*cell[:4], 0), []).append(value)
    for (kind, name, half, who, _), mine in groups.items():
        where = f"{kind} {name} {half} {who}, {len(mine)} seeds".replace("  ", " ")
        if kind == "replay":
            saved, loss, seconds = ([one[key] for one in mine] for key in ("saved", "loss", "seconds"))
            print(
                f"{where}: saved {spread(saved)}, loss {spread(loss)} points, {np.mean(seconds):.1f} s a search"
            )
        if kind == "real" and who != "none":
            pairs = [
                (found[("real", name, half, "none", cell[4])], value)
                for cell, value in found.items()
                if cell[:4] == (kind, name, half, who) and ("real", name, half, "none", cell[4]) in found
            ]
            saved = [1.0 - one["epochs"] / none["epochs"] for none, one in pairs]
            gained = [100.0 * (one["best"] - none["best"]) for none, one in pairs]
            print(f"{where}: saved {spread(saved)}, incumbent {spread(gained)} points")
        if kind == "forecast":
            tell_forecasts(where, mine)


def tell_forecasts(where: str, mine: Sequence[dict[str, Any]]) -> None:
    """Print a line for each number of points."""
    for points in map(str, POINTS):
        rows = [np.array(value[points]) for value in mine if value[points]]
        if not rows:
            continue
        errors, lasts = ([100.0 * float(np.sqrt(np.mean(r[:, i] ** 2))) for r in rows] for i in (0, 1))
        inside = [
            spread([float(np.mean(np.abs(r[:, 2] - 0.5) < level / 2)) for r in rows], 2) for level in LEVELS
        ]
        below = spread([float(r[:, 2].mean()) for r in rows], 2)
        print(
            f"{where}, {points} points: error {spread(errors, 1)}, of the last value {spread(lasts, 1)}; within 50, "
            f"80, 90 %: {', '.join(inside)}; below {below}"
        )


def main() -> None:
    """Measure what is missing, then print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sets", nargs="+", default=list(SETS), choices=SETS)
    parser.add_argument("--half", default="judge", choices=HALVES)
    parser.add_argument("--models", nargs="*", default=list(CURVE_MODELS))
    parser.add_argument("--pruners", nargs="*", default=["learning_curve", "median"])
    parser.add_argument("--replays", type=int, default=500, help="searches replayed, of each set and pruner")
    parser.add_argument(
        "--start", type=int, default=0, help="the first of them, so that processes share the work"
    )
    parser.add_argument("--seeds", type=int, default=10, help="of forecasts and of real searches")
    parser.add_argument("--real", action="store_true", help="search for real instead")
    parser.add_argument("--size", default="20x20x0.5", help="networks x epochs x share of the data of --real")
    parser.add_argument("--out", default="learning_curves.jsonl")
    warnings.simplefilter("ignore")
    tell(cells(parser.parse_args()))


if __name__ == "__main__":
    main()
