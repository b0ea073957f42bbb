"""The main job beside what else a user would take, on the same rows, by one scorer, in seconds of processor time.

Each cell, a data set, a contestant, seconds and a seed, runs in a process of its own in one thread, whose clocks count
its processor time. A line of JSON is written for each finished cell; called again, the script goes on with what is
missing. Printed are means and standard errors, differences paired by seed, how often the network that is delivered is
no worse than the hand-made one, how many statements "better with p >= .9" hold on test data, and how the seconds were
kept. The default search was chosen on the data of `--choosing`; those of `--judging` judge it.

Usage: python benches/main_job.py [--small | --choosing | --judging] [--data NAME...] [--seconds S] [--seeds 3]
           [--first-seed 0] [--contestants NAME...] [--out main_job.jsonl]
"""

from __future__ import annotations

import argparse
import json
import math
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from main_job_data import DATA, JUDGING, TABLES

OURS, BASE = "archwright", "hand_made"
PICTURES, SHORT = ("archwright", "hand_made", "optuna", "autokeras"), ("archwright", "hand_made", "optuna")
ROWS = (*SHORT, "sklearn_mlp", "hist_gradient_boosting", "linear")
SECONDS = {
    "digits": 40.0,
    "mnist_5000": 80.0,
    "ItalyPowerDemand": 20.0,
    "concrete": 30.0,
    "segment": 40.0,
    "diabetes": 20.0,
}
SURE = 0.9

Line = dict[str, Any]


def run_cell(data: str, contestant: str, seconds: float, seed: int) -> Line:
    """One cell, in this process."""
    import torch

    from main_job_contestants import CONTESTANTS, count_processor_time

    torch.set_num_threads(1)
    task = DATA[data](seed)
    before = time.process_time()
    clock = time.process_time
    time.process_time = lambda: clock() - before
    count_processor_time()
    found = CONTESTANTS[contestant](task, seconds, seed)
    return {
        "cell": [data, contestant, seconds, seed],
        "metric": task.metric,
        "took": time.process_time(),
        **(found or {}),
    }


def started(cell: Sequence[Any], limit: float) -> Line:
    """One cell, in a process of its own."""
    threads = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
    command = [sys.executable, "-W", "ignore", __file__, "--cell", json.dumps(cell)]
    ended = subprocess.run(
        command, env={**os.environ, **threads}, capture_output=True, text=True, timeout=limit, check=False
    )
    if ended.returncode:
        return {"cell": list(cell), "error": ended.stderr.strip().splitlines()[-1:]}
    line: Line = json.loads(ended.stdout.splitlines()[-1])
    return line


def mean_and_error(values: Sequence[float]) -> tuple[float, float]:
    """Mean, and standard error of it."""
    error = statistics.stdev(values) / math.sqrt(len(values)) if len(values) > 1 else math.nan
    return statistics.mean(values), error


def compared(lines: Sequence[Line]) -> None:
    """Print scores of each data set, and by how much the first contestant is ahead of the others, by seed."""
    for data, seconds in dict.fromkeys((line["cell"][0], line["cell"][2]) for line in lines):
        here = [line for line in lines if (line["cell"][0], line["cell"][2]) == (data, seconds)]
        ours = {line["cell"][3]: line["test"] for line in here if line["cell"][1] == OURS and "test" in line}
        print(f"\n{data}, {seconds:g} s ({here[0].get('metric', '')})")
        for name in dict.fromkeys(line["cell"][1] for line in here):
            theirs = {line["cell"][3]: line for line in here if line["cell"][1] == name and "test" in line}
            if not theirs:
                continue
            mean, error = mean_and_error([line["test"] for line in theirs.values()])
            text = f"  {name:24} {mean:.4f} ± {error:.4f}  (n={len(theirs)})"
            params = [line["params"] for line in theirs.values() if "params" in line]
            text += f"  {statistics.mean(params):>9,.0f} parameters" if params else " " * 22
            if name != OURS and (common := sorted(ours.keys() & theirs.keys())):
                ahead, of = mean_and_error([ours[seed] - theirs[seed]["test"] for seed in common])
                text += f"  {OURS} is ahead by {ahead:+.4f} ± {of:.4f}"
            print(text)


def judged(lines: Sequence[Line]) -> None:
    """Print what the main job promises, over all data."""
    ours = [line for line in lines if line["cell"][1] == OURS and line.get("baseline_test") is not None]
    if not ours:
        return
    by_validation = [line["difference"] is None or line["difference"] >= 0 for line in ours]
    print(f"\nno worse than the hand-made network by validation: {sum(by_validation)} of {len(ours)}")
    groups: dict[Any, list[float]] = {}
    for line in ours:
        groups.setdefault((line["cell"][0], line["cell"][2]), []).append(line["test"] - line["baseline_test"])
    held = [mean_and_error(ahead) for ahead in groups.values()]
    within = [mean >= -2 * (0.0 if math.isnan(error) else error) for mean, error in held]
    print(f"no worse by test, within 2 standard errors: {sum(within)} of {len(within)} data sets")
    sure = [line for line in ours if (line.get("probability") or 0) >= SURE]
    true = sum(line["test"] > line["baseline_test"] for line in sure)
    print(f"better than it with p >= {SURE}: said {len(sure)} times, true on test data {true} times")
    kept = [abs(line["took"] - line["cell"][2]) <= max(0.1 * line["cell"][2], 10) for line in ours]
    announced = [any("takes longer" in text or "will take" in text for text in line["log"]) for line in ours]
    late = sum(not good and not told for good, told in zip(kept, announced, strict=True))
    print(f"seconds kept to 10 % or 10 s: {sum(kept)} of {len(ours)}; {late} missed without notice")
    print(f"seconds taken over those given: {statistics.mean(n['took'] / n['cell'][2] for n in ours):.2f}")


def cells_of(options: argparse.Namespace) -> list[tuple[str, str, float, int]]:
    """All cells that were asked for."""
    small = options.small
    seconds: Mapping[str, float] = JUDGING if options.judging else SECONDS
    names = options.data or (["ItalyPowerDemand", "segment"] if small else [*seconds])
    seeds = 1 if small else options.seeds
    found = []
    for seed in range(options.first_seed, options.first_seed + seeds):
        for data in names:
            usual = (
                ROWS if data in TABLES else SHORT if data not in ("fashion_10000", "mnist_5000") else PICTURES
            )
            given = options.seconds or (15.0 if small else {**JUDGING, **SECONDS}[data])
            found += [(data, name, given, seed) for name in options.contestants or usual]
    return found


def main() -> None:
    """Run the cells that are missing and print all."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--cell", help=argparse.SUPPRESS)
    form = parser.add_mutually_exclusive_group()
    form.add_argument(
        "--small", action="store_true", help="two data sets, one seed, 15 seconds: under five minutes"
    )
    form.add_argument(
        "--choosing", action="store_true", help="the data that the default was chosen on, as without"
    )
    form.add_argument("--judging", action="store_true", help="the data that judge; takes days on one core")
    parser.add_argument("--data", nargs="+", choices=[*DATA], metavar="NAME", help=", ".join(DATA))
    parser.add_argument(
        "--seconds", type=float, help="of processor time, instead of the usual ones of each data set"
    )
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--contestants", nargs="+", metavar="NAME")
    parser.add_argument("--out", type=Path, default=Path("main_job.jsonl"))
    options = parser.parse_args()
    if options.cell:
        print(json.dumps(run_cell(*json.loads(options.cell))))
        return
    done: dict[tuple[Any, ...], Line] = {}
    if options.out.exists():
        done = {tuple(line["cell"]): line for line in map(json.loads, options.out.read_text().splitlines())}
    wanted = cells_of(options)
    for cell in wanted:
        if cell not in done:
            line = done[cell] = started(cell, 20 * cell[2] + 600)
            scored = f"{line['test']:.4f}" if "test" in line else "not for these data, or not installed"
            told = line.get("error") or scored
            print(*cell, told, flush=True)
            with options.out.open("a", encoding="utf-8") as out:
                out.write(json.dumps(line) + "\n")
    lines = [done[cell] for cell in wanted]
    compared(lines)
    judged(lines)


if __name__ == "__main__":
    main()
